"""Have the kernel send a signal now and then."""

from __future__ import annotations

import sys

from .libc import Libc

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple


class Timer:
    """A timer of the kernel's that sends this process a signal by the clock on the wall.

    Unlike the timers of setitimer, exec and fork end it (timer_create(2)).
    """

    CLOCK_MONOTONIC = 1

    def __init__(self, number: int) -> None:
        self.libc = Libc()
        # struct sigevent: value, signal, SIGEV_SIGNAL (0), and room for the rest of the union.
        event = self.libc.memory(_bytes(0, 8) + _bytes(number, 4) + _bytes(0, 52))
        place = self.libc.memory(_bytes(0, 8))
        self.libc.call("timer_create", "iPP", self.CLOCK_MONOTONIC, event.buffer, place.buffer)
        self.calls: Dict[float, Tuple[Callable[[], int], Any]] = {}
        self.id = int.from_bytes(b"".join(place[i] for i in range(8)), sys.byteorder)

    def start(self, seconds: float) -> None:
        """Send the signal every ``seconds`` from now on; 0 sends none."""
        if seconds not in self.calls:
            self.calls[seconds] = self.prepared(seconds)
        self.calls[seconds][0]()

    def prepared(self, seconds: float) -> Tuple[Callable[[], int], Any]:
        """Give the call that sets it, and the memory that must live as long."""
        whole = int(seconds)
        nanoseconds = int((seconds - whole) * 1e9)
        period = _bytes(whole, 8) + _bytes(nanoseconds, 8)
        times = self.libc.memory(period * 2)
        return self.libc.prepared("timer_settime", "PiPP", self.id, 0, times.buffer, 0), times

    def delete(self) -> None:
        """Send it no more."""
        self.libc.call("timer_delete", "P", self.id)


def _bytes(number: int, size: int) -> bytes:
    return number.to_bytes(size, sys.byteorder)
