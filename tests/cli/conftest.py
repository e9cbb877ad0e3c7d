"""Programs run twice: by PyPy alone, and by PyPy under ``tracebin run``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tracebin.bundle.compression import open_bundle
from tracebin.bundle.reader import BundleReader
from tracebin.bundle.records import Run

TRACEBIN = Path(sys.executable).with_name("tracebin")
PROGRAM = Path(__file__).resolve().parents[1] / "golden" / "program.py"
SECONDS = 120


@dataclass
class Opened:
    """A bundle read strictly: its run, and its elements by list."""

    run: Run
    lists: dict[str, list[Any]] = field(default_factory=dict)

    def of(self, key: str) -> list[Any]:
        return self.lists.get(key, [])

    def problems(self) -> set[str]:
        return {problem.kind for problem in self.of("problems")}


def open_strictly(path: Path) -> Opened:
    with open_bundle(path) as stream:
        elements = list(BundleReader(stream, strict=True))
    opened = Opened(elements[0].record)
    for element in elements[1:]:
        opened.lists.setdefault(element.key, []).append(element.record)
    return opened


class Twice:
    """Runs words under PyPy, plainly and recorded, in one folder and environment."""

    def __init__(self, folder: Path, pypy: str) -> None:
        self.folder = folder
        self.pypy = pypy
        self.bundle = folder / "out" / "run.json.gz"
        self.bundle.parent.mkdir()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TMPDIR": str(folder / "out"),
            # Not in HOME: there each test would have PyPy compile the agent anew.
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
        }

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return name

    def call(self, *argv: str, stdin: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            argv,
            cwd=self.folder,
            env={**self.environ, **environ},
            input=stdin,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )

    def tracebin(self, *words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        return self.call(str(TRACEBIN), *words, TRACEBIN_PYPY=self.pypy, **more)

    def recorded(self, *words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        return self.tracebin("run", "--quiet", "--output", str(self.bundle), *words, **more)

    def plain(self, *words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        return self.call(self.pypy, *words, TRACEBIN_PYPY=self.pypy, **more)

    def same(self, *words: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        """Run both; exit, stdout and stderr must be the same, byte for byte."""
        plain, recorded = self.plain(*words, **more), self.recorded(*words, **more)
        status = plain.returncode if plain.returncode >= 0 else 128 - plain.returncode
        assert (recorded.stdout, recorded.stderr) == (plain.stdout, plain.stderr)
        assert recorded.returncode == status
        return plain

    def opened(self) -> Opened:
        return open_strictly(self.bundle)


@pytest.fixture
def twice(tmp_path: Path, pypy: str) -> Twice:
    return Twice(tmp_path, pypy)


@pytest.fixture(scope="session")
def twice_in(tmp_path_factory: pytest.TempPathFactory, pypy: str) -> Callable[[str], Twice]:
    """Give a folder of a name to recordings that several tests share."""
    return lambda name: Twice(tmp_path_factory.mktemp(name), pypy)


@dataclass(frozen=True)
class Recording:
    """The golden program recorded with everything as it is by default."""

    done: subprocess.CompletedProcess[bytes]
    bundle: Path
    opened: Opened


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory, pypy: str) -> Recording:
    twice = Twice(tmp_path_factory.mktemp("recording"), pypy)
    done = twice.tracebin("run", "-o", str(twice.bundle), str(PROGRAM))
    return Recording(done, twice.bundle, twice.opened())
