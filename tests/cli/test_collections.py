"""Minor collections: all are there, each once, and few are written one by one."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest

from tracebin.bundle.records import GC_KINDS

# PyPy's own hook tells of collections, of several at once where it comes late.
PROGRAM = """
import gc, os, subprocess, sys

counts = []

def writes():
    with open("/proc/self/io") as stream:
        return int(dict(line.split(": ") for line in stream)["syscw"])

def work():
    kept = []
    for number in range(3_000_000):
        kept = [kept and 1, object(), [number] * 20]

gc.hooks.on_gc_minor = lambda stats: counts.append(stats.count)
before = writes()
work()
print(sum(counts), writes() - before, flush=True)
"""
FORK = """
if os.fork() == 0:
    work()
    sys.exit()
os.wait()
"""


def minor_starts(found: Any) -> list[int]:
    """Give when the minor collections of the first process began."""
    starts: list[int] = []
    for chunk in found.of("gc"):
        if chunk.process == 0:
            times = accumulate(chunk.start[1:], initial=chunk.first_ns + chunk.start[0])
            starts += [time for time, kind in zip(times, chunk.kind) if GC_KINDS[kind] == "minor"]
    return starts


@pytest.mark.parametrize("end", ["", FORK, "subprocess.run(['true'])"])
def test_each_is_there_once_and_few_are_written_one_by_one(twice: Any, end: str) -> None:
    twice.write("prog.py", PROGRAM + end)
    counted, written = map(int, twice.recorded("--interval", "0", "prog.py").stdout.split())
    assert counted > 200
    assert written < counted / 2
    starts = minor_starts(twice.opened())
    assert starts == sorted(set(starts))
    # Besides, those before the hook was set and after the count.
    assert counted <= len(starts) < counted + 200


def test_nearly_all_are_there_where_the_program_is_killed(twice: Any) -> None:
    twice.write("prog.py", PROGRAM + "os.kill(os.getpid(), 9)\n")
    counted, _ = map(int, twice.recorded("--interval", "0", "prog.py").stdout.split())
    assert len(minor_starts(twice.opened())) > counted * 0.8
