"""Serve an empty data folder in a process of its own, with the public command."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List
from urllib.request import Request, urlopen

TRACEBIN = [sys.executable, "-m", "tracebin"]


@contextmanager
def served() -> Iterator[str]:
    """Give the address of a server that ends with the block, and its runs with it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as data:
        command = [*TRACEBIN, "serve", "--port", "0", "--data", data]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield _address(process)
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
