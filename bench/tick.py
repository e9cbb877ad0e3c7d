"""Measure what a timer's tick costs on this machine, with nothing of tracebin's in it.

The sampler has the kernel send the program a signal each millisecond.  Where the kernel is a virtual
machine's guest, to set the timer and to take its interrupt lead into the host twice, which can
take longer than all else that a sample costs: no sampler by timer can be cheaper.  In step
means at whole milliseconds of the clock, where the kernel's own ticks are too.
"""

from __future__ import annotations

import argparse
import ctypes
import signal
import threading
import time
from dataclasses import dataclass
from statistics import median
from typing import Dict, List, Sequence

import machine
from measure import pypy

CLOCK_MONOTONIC = 1
SIGEV_THREAD_ID = 4
TIMER_ABSTIME = 1
MS_NS = 1_000_000
TURNS = 3_000_000


@dataclass(frozen=True)
class Way:
    """A way to tick; a period of 0 is none."""

    name: str
    period_ns: int
    is_in_step: bool = False


WAYS = (
    Way("none", 0),
    Way("none, again", 0),
    Way("1 ms", MS_NS),
    Way("1 ms, in step", MS_NS, True),
    Way("4 ms", 4 * MS_NS),
    Way("4 ms, in step", 4 * MS_NS, True),
    Way("0.1 ms", MS_NS // 10),
)


class Timer:
    """A timer like the agent's; the signal's handler is the shortest function of the C library's."""

    def __init__(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        self.libc.signal(signal.SIGPROF, ctypes.cast(self.libc.getpid, ctypes.c_void_p))
        # struct sigevent: value; signal and kind, an int each; the thread's number in the kernel.
        kind = signal.SIGPROF | SIGEV_THREAD_ID << 32
        event = (ctypes.c_int64 * 8)(0, kind, threading.get_native_id())
        self.id = ctypes.c_void_p()
        self._must(self.libc.timer_create(CLOCK_MONOTONIC, event, ctypes.byref(self.id)))

    def start(self, way: Way) -> None:
        """Tick that way."""
        period_ns, flags = way.period_ns, TIMER_ABSTIME if way.is_in_step else 0
        first_ns = (time.monotonic_ns() // period_ns + 1) * period_ns if way.is_in_step else period_ns
        times = (ctypes.c_int64 * 4)(*divmod(period_ns, 1000 * MS_NS), *divmod(first_ns, 1000 * MS_NS))
        self._must(self.libc.timer_settime(self.id, flags, times, None))

    @staticmethod
    def _must(answer: int) -> None:
        if answer:
            raise OSError(ctypes.get_errno(), "the timer can't be set")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    rounds = parser.parse_args().rounds
    machine.describe(pypy(), f"{rounds} rounds of a loop that takes some 60 ms, all ways in turn")
    costs = _costs_s(rounds)
    print(f"{'a tick each':16} {'share':>7} {'a tick, us':>11}")
    for way in WAYS[1:]:
        share = median(cost / base - 1 for cost, base in zip(costs[way], costs[WAYS[0]]))
        print(f"{way.name:16} {share:7.1%} {_tick_us(way, share):>11}", flush=True)


def _costs_s(rounds: int) -> Dict[Way, List[float]]:
    """Give the CPU time of the loop in each round, for each way."""
    timer = Timer()
    found: Dict[Way, List[float]] = {way: [] for way in WAYS}
    for number in range(rounds):
        order: Sequence[Way] = WAYS if number % 2 == 0 else WAYS[::-1]
        for way in order:
            timer.start(way)
            found[way].append(_loop_s())
    timer.start(WAYS[0])
    return found


def _loop_s() -> float:
    started = time.process_time()
    for _ in range(TURNS):
        pass
    return time.process_time() - started


def _tick_us(way: Way, share: float) -> str:
    # The timer counts time on the wall; the loop has the processor nearly all of it.
    return f"{share / (1 + share) * way.period_ns / 1e3:.1f}" if way.period_ns else ""


if __name__ == "__main__":
    main()
