from __future__ import annotations

import gzip
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tracebin.recorder.decoding import LocalDecoder
from tracebin.recorder.functions import Functions, KnownCode
from tracebin.recorder.jitlog import JitLog
from tracebin.recorder.sources import Files

LAUNCHER = Path(__file__).with_name("launcher.py")
KEEP_BYTES = 1000


class Launched:
    """The launcher in a process of its own, and what it left in its result file."""

    def __init__(self, folder: Path, python: str) -> None:
        self.result = folder / "result.json"
        self.python = python
        self.processes: list[subprocess.Popen[bytes]] = []

    def command(self, *argv: str, keep_bytes: int = KEEP_BYTES) -> list[str]:
        return [self.python, str(LAUNCHER), str(self.result), str(keep_bytes), *argv]

    def start(self, *argv: str, keep_bytes: int = KEEP_BYTES, **popen: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(self.command(*argv, keep_bytes=keep_bytes), **popen)
        self.processes.append(process)
        return process

    def run(self, *argv: str, **popen: Any) -> tuple[int, bytes, bytes]:
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
        out, err = (process := self.start(*argv, **popen)).communicate(timeout=60)
        return process.returncode, out or b"", err or b""

    def shell(self, line: str, *argv: str) -> subprocess.CompletedProcess[bytes]:
        """Run a line of bash in which LAUNCH stands for the launcher and the program."""
        line = line.replace("LAUNCH", shlex.join(self.command(*argv)))
        return subprocess.run(
            ["bash", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )

    @property
    def finished(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.result.read_text("utf-8"))
        return found


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Launched]:
    made = Launched(tmp_path, sys.executable)
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def python() -> Callable[[str], list[str]]:
    """Give the command that runs a piece of Python as the recorded program."""
    return lambda code: [sys.executable, "-u", "-c", code]


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """Make a named pipe, for processes to tell each other where they are."""
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


class ReadLog:
    """One log read, with the functions and files it names."""

    def __init__(self, data: bytes, known: list[KnownCode], stages: tuple[str, ...], cwd: str) -> None:
        self.files = Files(cwd, "/usr/lib/pypy")
        self.functions = Functions(self.files, LocalDecoder())
        self.functions.learn(known)
        self.log = JitLog(self.functions, keep_stages=stages)
        self.log.read(io.BytesIO(data))

    def stage(self, trace: int, name: str = "optimised") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(dict(self.log.traces[trace].stages)[name])
        return found


@pytest.fixture(scope="session")
def read_log() -> Callable[..., ReadLog]:
    """Give a reader of logs, written as text or bytes."""

    def read(
        log: str | bytes,
        known: list[KnownCode] | None = None,
        stages: tuple[str, ...] = ("optimised",),
        cwd: str = "/nowhere",
    ) -> ReadLog:
        data = log.encode("utf-8", "surrogateescape") if isinstance(log, str) else log
        return ReadLog(data, known or [], stages, cwd)

    return read


@pytest.fixture(scope="session")
def golden_data() -> Callable[[str], bytes]:
    """Give the bytes of a file under tests/golden, such as ``pypy3.9-7.3.11/run.log.gz``."""
    folder = Path(__file__).resolve().parents[1] / "golden"
    return lambda name: gzip.decompress((folder / name).read_bytes())
