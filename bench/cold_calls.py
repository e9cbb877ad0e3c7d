"""Measure what the system calls of a sample cost, in caches that other work has cooled.

A sample comes after a millisecond in which the program has had the processor's caches to itself, so
that the kernel's code and data come from further away than where one call follows the other.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Callable, Dict, List

import machine
from measure import pypy

# Twice a second-level cache of today's processors, and what a stack takes in the sampler's file.
WORK_BYTES = 4 << 20
STACK = bytes(300)
ROW = bytes(32)
BLOCK = bytes(576)
TABLE = bytes(range(255, -1, -1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2000)
    rounds = parser.parse_args().rounds
    machine.describe(pypy(), f"{rounds} rounds, all calls in turn")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        cold, warm = _times(_calls(Path(folder)), rounds)
    print(f"{'medians, in us':42} {'cold':>6} {'warm':>6}")
    for name in cold:
        print(f"{name:42} {median(cold[name]) / 1e3:6.2f} {median(warm[name]) / 1e3:6.2f}")


def _calls(folder: Path) -> Dict[str, Callable[[], object]]:
    """Give what is called, by its name; what is first says what asking for the time takes."""
    samples, rows, blocks = (_new(folder / name) for name in ("samples", "rows", "blocks"))
    statm = os.open("/proc/self/statm", os.O_RDONLY)
    return {
        "nothing": lambda: None,
        "lseek": lambda: os.lseek(samples, 0, os.SEEK_CUR),
        "how much memory is resident": lambda: os.pread(statm, 64, 0),
        "a stack at the end of a file": lambda: os.write(samples, STACK),
        "a row of 32 bytes at the end of a file": lambda: os.write(rows, ROW),
        "sixteen rows at the end of a file": lambda: os.write(blocks, BLOCK),
    }


def _new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)


def _times(
    calls: Dict[str, Callable[[], object]], rounds: int
) -> tuple[Dict[str, List[int]], Dict[str, List[int]]]:
    """Give how long each call takes in ns: after other work, and right after it was made."""
    cold: Dict[str, List[int]] = {name: [] for name in calls}
    warm: Dict[str, List[int]] = {name: [] for name in calls}
    work = bytes(WORK_BYTES)
    for _ in range(rounds):
        for name, call in calls.items():
            work = work.translate(TABLE)
            cold[name].append(_took_ns(call))
            warm[name].append(_took_ns(call))
    return cold, warm


def _took_ns(call: Callable[[], object]) -> int:
    started = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - started


if __name__ == "__main__":
    main()
