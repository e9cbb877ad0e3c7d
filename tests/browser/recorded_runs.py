"""Programs recorded for the browser's tests, and what their bundles say, read here."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Callable, Iterator

from tracebin.bundle import records as r
from tracebin.bundle.reader import read_bundle

STRUCTURE = """\
import os

class Tree:
    def __init__(self, size):
        self.size = size

    def leaf(self, n):
        total = 0
        for i in range(n * self.size):
            total += i % 7
        return total

    def branch(self):
        return self.leaf(1) + self.leaf(2)

def gather(parts):
    return [os.path.join("basket", str(part)) for part in parts]

def trunk():
    tree = Tree(200000)
    parts = [tree.branch() for _ in range(3)]
    return [gather(parts) for _ in range(300)]

trunk()
"""
HOT = """\
import gc

def step(n):
    return n * 3 % 7

def churn(kind, rounds):
    total = 0
    for i in range(rounds):
        total += step(i) if kind % 2 else len(str(i))
    return total

for kind in range(8):
    churn(kind, 1000000)
for _ in range(3):
    gc.collect()
"""
THREADS = """\
import threading

def inner(n):
    return n % 3

def work():
    for n in range(2000):
        inner(n)

threads = [threading.Thread(target=work) for _ in range(2)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""
# Spans in spans, calls by the thousand, and a child that works while its parent waits.
FAMILY = """\
import os
import tracebin

def tiny(n):
    return n % 7

def busy(rounds):
    for n in range(rounds):
        tiny(n)

def churn():
    return len([[n] * 10 for n in range(300000)])

with tracebin.span("outer"):
    with tracebin.span("inner"):
        busy(20000)
    busy(3000)
pid = os.fork()
if pid:
    os.waitpid(pid, 0)
else:
    churn()
"""
PROGRAMS = {
    "structure": (STRUCTURE, ["--calls", "exact"]),
    "hot": (HOT, []),
    "threads": (THREADS, ["--calls", "exact"]),
    "family": (FAMILY, ["--calls", "exact"]),
}


@dataclass(frozen=True)
class Call:
    """An exact call as the bundle has it."""

    thread: int
    start: int
    duration: int
    depth: int
    name: str
    module: str | None

    @property
    def end(self) -> int:
        return self.start + self.duration


@dataclass(frozen=True)
class Recorded:
    """A recorded run: its id on the server, and its bundle, read here."""

    run: str
    bundle: r.Bundle

    def calls(self) -> list[Call]:
        """The exact calls, in order of thread and start."""
        found = [call for chunk in self.bundle.calls for call in self._of(chunk)]
        return sorted(found, key=lambda call: (call.thread, call.start, call.depth))

    def _of(self, chunk: r.CallChunk) -> Iterator[Call]:
        columns = zip(accumulate(chunk.start), chunk.duration, chunk.depth, chunk.function)
        for start, duration, depth, number in columns:
            function = self.bundle.functions[number]
            module = self.bundle.files[function.file].module
            yield Call(chunk.thread, chunk.first_ns + start, duration, depth, function.qualname, module)

    def named(self, name: str) -> list[Call]:
        return [call for call in self.calls() if call.name == name]

    def inside(self, outer: Call) -> list[Call]:
        """A call and all it called."""
        within = (outer.start, outer.end)
        return [
            call
            for call in self.calls()
            if call.thread == outer.thread
            and call.depth >= outer.depth
            and within[0] <= call.start <= call.end <= within[1]
        ]


def record(pypy: str, folder: Path, name: str, upload: Callable[[Path], str]) -> Recorded:
    """Record a program of :data:`PROGRAMS` and store the bundle."""
    text, options = PROGRAMS[name]
    program, bundle = folder / f"{name}.py", folder / f"{name}.json.gz"
    program.write_text(text)
    tracebin = Path(sys.executable).with_name("tracebin")
    command = [tracebin, "run", "-q", *options, "--python", pypy, "-o", bundle, program]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return Recorded(upload(bundle), read_bundle(bundle))
