"""Have the kernel send a signal now and then."""

from __future__ import annotations

from .libc import Libc
from .seldom import seldom, when_needed

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
    TIMER_ABSTIME = 1
    S_NS = 1_000_000_000

    def __init__(self, libc: Libc, number: int, thread: int) -> None:
        self.libc = libc
        # struct sigevent: value; signal and kind, an int each; the thread's number in the kernel; room.
        event = libc.words(0, number | self.SIGEV_THREAD_ID << 32, thread, 0, 0, 0, 0, 0)
        place = libc.words(0)
        libc.call("timer_create", "iPP", self.CLOCK_MONOTONIC, event.buffer, place.buffer)
        self.id = int(place[0])
        self.calls: Dict[Tuple[float, int], Tuple[Callable[[], int], Any]] = {}

    @property
    def is_the_kernels(self) -> bool:
        """Say whether the number is the kernel's own: before 2.34 glibc gave the address of a struct."""
        return self.id < 1 << 31

    @when_needed
    def start(self, seconds: float) -> None:
        """Send the signal every ``seconds`` from now on; 0 sends none."""
        self.prepared(seconds, 0)[0]()

    @seldom
    def start_in_step(self, seconds: float, after_ns: int) -> None:
        """Send the signal whenever the clock shows a multiple of ``seconds``, after ``after_ns``.

        So do the ticks of Linux itself, since 6.4.  Those that fall together are one interrupt, and in a
        virtual machine ours cost 10 us then, else 44 (bench/tick.py, a kernel with 250 ticks a second).
        """
        self.in_step(seconds, after_ns)()

    @seldom
    def in_step(self, seconds: float, after_ns: int) -> Callable[[], int]:
        """Give the call that does that."""
        call, times = self.prepared(seconds, self.TIMER_ABSTIME)
        period_ns = int(seconds * self.S_NS)
        first_ns = (after_ns // period_ns + 1) * period_ns
        times[2], times[3] = first_ns // self.S_NS, first_ns % self.S_NS
        return call

    @seldom
    def set_in_step(self, seconds: float, after_ns: int) -> bytes:
        """Assemble the same call: what is past by then makes one signal at once, and keeps the step."""
        self.in_step(seconds, after_ns)
        _, times = self.prepared(seconds, self.TIMER_ABSTIME)
        return b"".join(
            (
                b"\xb8\xdf\x00\x00\x00",  # mov eax, 223: timer_settime
                b"\xbf" + self.id.to_bytes(4, "little"),  # mov edi, id
                b"\xbe" + self.TIMER_ABSTIME.to_bytes(4, "little"),  # mov esi, TIMER_ABSTIME
                b"\x48\xba" + int(times.buffer).to_bytes(8, "little"),  # mov rdx, times
                b"\x45\x31\xd2",  # xor r10d, r10d
                b"\x0f\x05",  # syscall
            )
        )

    @when_needed
    def prepared(self, seconds: float, flags: int) -> Tuple[Callable[[], int], Any]:
        """Give the call that sets it, and its memory: period and first time, each in s and ns."""
        if (seconds, flags) not in self.calls:
            whole = int(seconds)
            nanoseconds = int((seconds - whole) * self.S_NS)
            times = self.libc.words(whole, nanoseconds, whole, nanoseconds)
            call = self.libc.prepared("timer_settime", "PiPP", self.id, flags, times.buffer, 0)
            self.calls[seconds, flags] = call, times
        return self.calls[seconds, flags]

    @when_needed
    def delete(self) -> None:
        """Send it no more."""
        self.libc.call("timer_delete", "P", self.id)
