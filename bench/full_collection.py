"""Measure what a recording makes of a full collection, in a program that holds little and one with more.

The agent's own objects are marked and swept with the program's, and PyPy's log tells of it.  The median and
the least of all ``gc.collect()`` of a run, as a median of several runs in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Dict, List, Tuple

import machine
from measure import pypy

from tracebin.recorder.launch import CATEGORIES

CALLS = 200
# So many lists; the n-th holds n times the one before it.
SIZES = {"nothing": 0, "lists": 1000}

PROGRAM = """\
import gc, json, sys, time
out, calls, lists = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
held = []
for n in range(lists):
    held = [held] * n

def collect_ms():
    before = time.perf_counter()
    gc.collect()
    return (time.perf_counter() - before) * 1e3

for _ in range(10):
    collect_ms()
with open(out, "w") as stream:
    json.dump([collect_ms() for _ in range(calls)], stream)
"""
Found = Dict[Tuple[str, str], List[List[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    python = pypy()
    machine.describe(python, f"{CALLS} collections in each of {rounds} runs in turn")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        _print(_found(python, Path(name), rounds))


def _found(python: str, folder: Path, rounds: int) -> Found:
    """Give the times of each way and size, a list for each round."""
    script = folder / "program.py"
    script.write_text(PROGRAM)
    found: Found = {}
    for number in range(rounds):
        ways = _ways(python, folder)
        for way in ways if number % 2 else reversed(list(ways)):
            for size, lists in SIZES.items():
                times = _times_ms(ways[way], script, folder / "times.json", lists)
                found.setdefault((size, way), []).append(times)
    return found


def _ways(python: str, folder: Path) -> Dict[str, Tuple[List[str], Dict[str, str]]]:
    """Give the beginning of each way's command, and its environment."""
    log = {"PYPYLOG": f"{','.join(CATEGORIES)}:{folder}/%d.log"}
    record = [
        sys.executable,
        "-m",
        "tracebin",
        "run",
        "--python",
        python,
        "-o",
        str(folder / "bundle.json.gz"),
    ]
    return {
        "plain": ([python], {}),
        "log alone": ([python], log),
        "recorded": (record, {}),
    }


def _times_ms(way: Tuple[List[str], Dict[str, str]], script: Path, out: Path, lists: int) -> List[float]:
    command, environment = way
    words = [*command, str(script), str(out), str(CALLS), str(lists)]
    subprocess.run(
        words,
        check=True,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    times: List[float] = json.loads(out.read_text())
    return times


def _print(found: Found) -> None:
    print(f"{'held':10} {'way':10} {'median ms':>9} {'least ms':>9} {'ratio':>6}")
    for (size, way), rounds in sorted(found.items()):
        base = median(median(times) for times in found[size, "plain"])
        found_ms = median(median(times) for times in rounds)
        print(f"{size:10} {way:10} {found_ms:9.3f} {min(map(min, rounds)):9.3f} {found_ms / base:6.2f}")


if __name__ == "__main__":
    main()
