"""Measure what a timer's tick costs on this machine, with nothing of tracebin's in it.

The sampler has the kernel send the program a signal each millisecond.  Where the kernel is a virtual
machine's guest, to set the timer and to take its interrupt lead into the host twice, and what the
processor had learned of the program may be gone afterwards, which costs an interpreter more than compiled
code: no sampler by timer can be cheaper.  In step means at whole milliseconds of the clock, where
the kernel's own ticks are too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from statistics import median
from typing import Dict, List

import machine
from measure import pypy
from tick_loop import WAYS, Way

LOOP = Path(__file__).parent / "tick_loop.py"
KINDS = {"interpreted": ["--jit", "off"], "compiled": []}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    python = pypy()
    machine.describe(python, f"{rounds} rounds of a loop of some 60 ms, all ways in turn")
    costs = {kind: _costs_s(python, options, rounds) for kind, options in KINDS.items()}
    print(f"{'a tick each':16}" + "".join(f" {f'{kind}: share, us':>22}" for kind in KINDS))
    for way in WAYS[1:]:
        print(f"{way.name:16}" + "".join(f" {_cost(way, costs[kind]):>22}" for kind in KINDS), flush=True)


def _costs_s(python: str, options: List[str], rounds: int) -> Dict[str, List[float]]:
    made = subprocess.run([python, *options, str(LOOP), str(rounds)], check=True, stdout=subprocess.PIPE)
    found: Dict[str, List[float]] = json.loads(made.stdout)
    return found


def _cost(way: Way, costs: Dict[str, List[float]]) -> str:
    """Give the part of the loop's time that the ticks take, and how long each takes."""
    share = median(cost / base - 1 for cost, base in zip(costs[way.name], costs[WAYS[0].name]))
    # The timer counts time on the wall; the loop has the processor nearly all of it.
    each_us = f"{share / (1 + share) * way.period_ns / 1e3:.1f}" if way.period_ns else ""
    return f"{share:.1%} {each_us:>7}"


if __name__ == "__main__":
    main()
