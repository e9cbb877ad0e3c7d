"""Measure what a timer's tick costs on this machine, with nothing of tracebin's in it.

The sampler has the kernel send the program a signal each millisecond.  Where the kernel is a virtual
machine's guest, to set the timer and to take its interrupt leads into the host twice, which can
take longer than all else that a sample costs: no sampler by timer can be cheaper.
"""

from __future__ import annotations

import argparse
import signal
import time
from statistics import median
from typing import List

import machine
from measure import pypy

PERIOD_S = 0.0001
TURNS = 20_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    machine.describe(pypy(), f"{rounds} rounds, a tick every {PERIOD_S * 1e6:.0f} us")
    costs = sorted(tick_costs_us(rounds))
    share = median(costs) / 1e3
    print(f"a tick: {median(costs):.1f} us of CPU time ({costs[0]:.1f} to {costs[-1]:.1f})")
    print(f"a tick each millisecond: {share:.1%} of the time")


def tick_costs_us(rounds: int) -> List[float]:
    """Give the CPU time that each tick added to a loop, in turn with and without a timer."""
    return [_cost_us(_loop_s(0), _loop_s(PERIOD_S)) for _ in range(rounds)]


def _cost_us(without_s: float, with_s: float) -> float:
    # The timer counts time on the wall; the loop has the processor nearly all of it.
    return (with_s - without_s) / (with_s / PERIOD_S) * 1e6


def _loop_s(period_s: float) -> float:
    """Give the CPU time of a loop, with a timer of that period; 0 for none."""
    signal.signal(signal.SIGALRM, lambda *_: None)  # 0.3 us of what is measured
    signal.setitimer(signal.ITIMER_REAL, period_s, period_s)
    started = time.process_time()
    for _ in range(TURNS):
        pass
    took = time.process_time() - started
    signal.setitimer(signal.ITIMER_REAL, 0)
    return took


if __name__ == "__main__":
    main()
