"""Loop while a timer ticks, and print the CPU time of each round in s: bench/tick.py runs it under PyPy."""

from __future__ import annotations

import ctypes
import json
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import Dict, List, Sequence

CLOCK_MONOTONIC = 1
SIGEV_THREAD_ID = 4
TIMER_ABSTIME = 1
MS_NS = 1_000_000
LOOP_S = 0.06


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


def costs_s(rounds: int) -> Dict[str, List[float]]:
    """Give the CPU time of the loop in each round, for each way."""
    timer = Timer()
    found: Dict[str, List[float]] = {way.name: [] for way in WAYS}
    turns = _turns()
    for number in range(rounds):
        order: Sequence[Way] = WAYS if number % 2 == 0 else WAYS[::-1]
        for way in order:
            timer.start(way)
            found[way.name].append(_loop_s(turns))
    timer.start(WAYS[0])
    return found


def _turns() -> int:
    """Give how many turns take as long as a round should, here."""
    turns = 1000
    while _loop_s(turns) < LOOP_S:
        turns *= 2
    return turns


def _loop_s(turns: int) -> float:
    started = time.process_time()
    total = 0
    for number in range(turns):
        total += number & 7
    return time.process_time() - started


if __name__ == "__main__":
    print(json.dumps(costs_s(int(sys.argv[1]))))
