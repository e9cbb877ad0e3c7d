"""tools/need.sh, on machines made of a few fake commands."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable

import pytest

NEED = Path(__file__).resolve().parents[2] / "tools" / "need.sh"
BASH = shutil.which("bash") or "/bin/bash"
# Both run what follows their own words and options; apt-get brings a PyPy when asked to install it.
SUDO = 'while [[ "$1" == -* ]]; do shift; done; exec "$@"'
APT_GET = 'echo "$*" >>"$0.log"; [[ "$*" != *" pypy3" ]] || cp "${0%/*}/a-pypy" "${0%/*}/pypy3"'

Need = Callable[..., "subprocess.CompletedProcess[str]"]


def add_command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!{BASH}\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """An empty machine: the folder is the whole path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def need(machine: Path) -> Need:
    def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BASH, NEED, *arguments],
            cwd=machine.parent,
            env={"PATH": str(machine), **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


@pytest.fixture
def debian(machine: Path) -> Path:
    """A machine whose apt-get has PyPy and nothing else."""
    for name in ("env", "cp"):
        (machine / name).symlink_to(shutil.which(name) or os.fspath(machine))
    add_command(machine, "sudo", SUDO)
    add_command(machine, "apt-get", APT_GET)
    add_command(machine, "a-pypy", "exit 0")
    return machine


@pytest.mark.parametrize("tool", ["venv", "pypy", "chromium", "node"])
def test_what_is_missing_is_named_in_one_sentence(tool: str, need: Need) -> None:
    done = need(tool)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith(str(NEED))]
    assert line.endswith(".")
    assert "install" in line


def test_everything_that_is_missing_is_named_at_once(need: Need) -> None:
    assert len(need("pypy", "chromium").stderr.splitlines()) == 2


def test_apt_is_asked_for_what_is_missing(need: Need, debian: Path) -> None:
    assert need("pypy").returncode == 0
    update, install = (debian / "apt-get.log").read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends pypy3")


def test_apt_is_not_asked_for_what_is_there(need: Need, debian: Path) -> None:
    add_command(debian, "pypy3", "exit 0")
    assert need("pypy").returncode == 0
    assert not (debian / "apt-get.log").exists()


def test_a_package_that_brings_nothing_usable_is_not_enough(need: Need, debian: Path) -> None:
    done = need("chromium")
    assert done.returncode == 1
    assert "No Chromium" in done.stderr


def test_a_named_pypy_goes_before_those_on_the_path(need: Need, debian: Path) -> None:
    add_command(debian, "pypy3", "exit 1")
    named = str(debian / "a-pypy")
    assert need("pypy", TRACEBIN_PYPY=named).returncode == 0
    assert need("--print-pypy", TRACEBIN_PYPY=named).stdout == f"{named}\n"
