"""Have the kernel send a signal now and then."""

from __future__ import annotations

from .libc import Libc

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple


class Timer:
    """A timer of the kernel's that sends one thread a signal by the clock on the wall.

    Unlike the timers of setitimer, exec and fork end it (timer_create(2)).
    """

    CLOCK_MONOTONIC = 1
    SIGEV_THREAD_ID = 4

    def __init__(self, libc: Libc, number: int, thread: int) -> None:
        self.libc = libc
        # struct sigevent: value; signal and kind, an int each; the thread's number in the kernel; room.
        event = libc.words(0, number | self.SIGEV_THREAD_ID << 32, thread, 0, 0, 0, 0, 0)
        place = libc.words(0)
        libc.call("timer_create", "iPP", self.CLOCK_MONOTONIC, event.buffer, place.buffer)
        self.id = int(place[0])
        self.calls: Dict[float, Tuple[Callable[[], int], Any]] = {}

    def start(self, seconds: float) -> None:
        """Send the signal every ``seconds`` from now on; 0 sends none."""
        if seconds not in self.calls:
            self.calls[seconds] = self.prepared(seconds)
        self.calls[seconds][0]()

    def prepared(self, seconds: float) -> Tuple[Callable[[], int], Any]:
        """Give the call that sets it, and the memory that must live as long."""
        whole = int(seconds)
        nanoseconds = int((seconds - whole) * 1e9)
        times = self.libc.words(whole, nanoseconds, whole, nanoseconds)
        return self.libc.prepared("timer_settime", "PiPP", self.id, 0, times.buffer, 0), times

    def delete(self) -> None:
        """Send it no more."""
        self.libc.call("timer_delete", "P", self.id)
