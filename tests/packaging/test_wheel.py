"""The wheel holds what the checkout holds, and works where nothing else of it is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path
from typing import Iterable, Iterator
from urllib.request import urlopen

import pytest

SHIPPED_FOLDERS = ("analysis", "bundle", "recorder", "server", "static", "templates", "terminal")
D3 = "static/vendor/d3.js"
PROGRAM = "print(sum(i % 7 for i in range(300_000)))\n"


def run(*command: str | Path, cwd: Path, pypy: str | None = None) -> str:
    """Run a command that must succeed, without this checkout on its path; give its standard output."""
    environment = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    if pypy:
        environment["TRACEBIN_PYPY"] = pypy
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def sources(checkout: Path) -> list[str]:
    """The files a commit of this tree would hold, and the generated d3."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=checkout).split("\n")
    return [name for name in [*listed, D3] if name and (checkout / name).is_file()]


@pytest.fixture(scope="session")
def wheel(checkout: Path, sources: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy: an old build/ in the checkout would bring deleted modules back."""
    copy = tmp_path_factory.mktemp("copy")
    for name in sources:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(checkout / name, copy / name)
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", out, copy, cwd=out)
    (built,) = out.glob("*.whl")
    return built


def environment(folder: Path, requirement: str) -> Path:
    """Make a new environment that has the requirement, its dependencies and nothing else."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
    run(*pip, "install", "--quiet", "--no-compile", requirement, cwd=folder.parent)
    return folder / "bin"


@pytest.fixture(scope="session")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("light") / "venv", f"tracebin @ {wheel.as_uri()}")


@pytest.fixture(scope="session")
def full(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("full") / "venv", f"tracebin[server] @ {wheel.as_uri()}")


@pytest.fixture(scope="session")
def recording(light: Path, pypy: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle made by the light install."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "prog.py").write_text(PROGRAM)
    output = run(light / "tracebin", "run", "-o", "prog.json.gz", "prog.py", cwd=folder, pypy=pypy)
    assert output == "899997\n"
    return folder / "prog.json.gz"


def is_shipped(name: str) -> bool:
    """Say whether a file of the checkout belongs into the wheel; folders' READMEs are for developers."""
    folder, _, rest = name.partition("/")
    if not rest:
        return name.endswith(".py") or name == "py.typed"
    return folder in SHIPPED_FOLDERS and not name.endswith(".md")


def test_the_wheel_holds_exactly_the_package(wheel: Path, sources: list[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {f"tracebin/{name}" for name in sources if is_shipped(name)}


def test_the_wheel_carries_the_front_end(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.getinfo(f"tracebin/{D3}").file_size > 1_000


def test_the_light_install_records_and_shows(light: Path, recording: Path) -> None:
    assert json.loads(run(light / "tracebin", "show", "--json", recording, cwd=recording.parent))


def test_the_light_install_says_what_serving_needs(light: Path, tmp_path: Path) -> None:
    refused = subprocess.run(
        [light / "tracebin", "serve"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "tracebin[server]" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_full_install_serves_what_was_recorded(full: Path, recording: Path, tmp_path: Path) -> None:
    with serving(full, tmp_path) as address:
        page = run(full / "tracebin", "upload", recording, "--server", address, cwd=tmp_path).strip()
        assert page.startswith(f"{address}/runs/")
        static = re.search(r'"(/static/\w+/)main\.js"', fetch(page))
        assert static
        assert fetch(address + static[1] + D3.partition("/")[2])
        (listed,) = json.loads(fetch(f"{address}/api/v1/runs"))["runs"]
        assert listed["command"] == ["prog.py"]
        assert listed["traces"] > 0


@contextmanager
def serving(commands: Path, folder: Path) -> Iterator[str]:
    """Serve on a free port; the server says where as soon as it answers."""
    command = [commands / "tracebin", "serve", "--port", "0", "--data", folder / "data"]
    server = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        yield announced(server.stderr)
    finally:
        server.terminate()
        server.communicate()


def announced(lines: Iterable[str]) -> str:
    seen = []
    for line in lines:
        seen.append(line)
        if found := re.search(r"http://\S+", line):
            return found.group()
    raise AssertionError("".join(seen))


def fetch(url: str) -> str:
    with urlopen(url) as answer:
        return str(answer.read().decode())


def test_make_installs_every_extra(checkout: Path) -> None:
    settings = ConfigParser()
    settings.read(checkout / "setup.cfg")
    makefile = (checkout / "Makefile").read_text()
    assert f"EXTRAS := {','.join(settings['options.extras_require'])}\n" in makefile
