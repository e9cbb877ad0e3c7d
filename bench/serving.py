"""Serve an empty data folder in a process of its own, with the public command."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, List, Optional
from urllib.request import Request, urlopen

TRACEBIN = [sys.executable, "-m", "tracebin"]


@dataclass(frozen=True)
class Server:
    """A server that is running."""

    address: str
    pid: int

    @property
    def peak_bytes(self) -> int:
        """The most memory that was resident so far, as the kernel keeps it (VmHWM)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


@contextmanager
def served() -> Iterator[str]:
    """Give the address of a server that ends with the block, and its runs with it."""
    with serving() as server:
        yield server.address


@contextmanager
def serving(kept: Optional[Path] = None) -> Iterator[Server]:
    """Give a server that ends with the block, and its runs with it unless a folder for them is ``kept``."""
    with tempfile.TemporaryDirectory(prefix="bench-") as data:
        command = [*TRACEBIN, "serve", "--port", "0", "--data", str(kept or data)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield Server(_address(process), process.pid)
            finally:
                process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        words = [word for word in line.split() if word.startswith("http://")]
        if words:
            return words[0]
    raise SystemExit(f"the server did not start: {said}")


def send(address: str, bundle: Path) -> str:
    """Upload a bundle compressed with gzip, and give the run's id once it is stored."""
    request = Request(
        f"{address}/api/v1/runs",
        data=bundle.read_bytes(),
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
        method="POST",
    )
    with urlopen(request) as answer:
        return str(json.load(answer)["id"])


def get(address: str, path: str) -> Any:
    """Ask the API."""
    with urlopen(f"{address}/api/v1{path}") as answer:
        return json.load(answer)


def record(words: List[str], out: Path, *options: str) -> None:
    """Record a program into ``out`` with the public command; what it prints is thrown away."""
    command = [*TRACEBIN, "run", "--quiet", "-o", str(out), *options, *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
