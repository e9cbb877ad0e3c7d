"""Take signals in as events, with who sent them.

Python's own handlers don't say where a signal came from, and PyPy has no
``sigwaitinfo``; Linux's signalfd says it and fits into a poll loop.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
from typing import AbstractSet, FrozenSet, List, NamedTuple

# Left out: faults (they are this process's own), the terminal's stops for
# reading and writing in the background (they must stop us), and what can't be
# taken.  SIGPIPE and SIGXFSZ follow from what a process itself writes.
TAKEN: FrozenSet[int] = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGALRM,
        signal.SIGTERM,
        signal.SIGCHLD,
        signal.SIGCONT,
        signal.SIGTSTP,
        signal.SIGURG,
        signal.SIGWINCH,
        signal.SIGIO,
        signal.SIGPWR,
        *range(signal.SIGRTMIN, signal.SIGRTMAX + 1),
    }
)

# struct signalfd_siginfo of signalfd(2): number, errno, code, pid; 128 bytes in all.
_RECORD = struct.Struct("IiiI112x")
_SIGSET_BYTES = 128


class Arrived(NamedTuple):
    """One signal; ``by_kernel`` where no process sent it, such as a terminal's Ctrl-C."""

    number: int
    by_kernel: bool
    sender: int


class SignalQueue:
    """Hold the taken signals back from this process and hand them out as events.

    They are blocked, not handled: dispositions stay as they were inherited, and
    what is ignored is seen all the same.
    """

    def __init__(self) -> None:
        self.mask = frozenset(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, TAKEN))
        # With SIGCHLD ignored, a child's end would be lost before it was seen.
        self._sigchld = signal.getsignal(signal.SIGCHLD)
        if self.ignores_sigchld:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.fd = _signalfd(TAKEN)

    @property
    def ignores_sigchld(self) -> bool:
        """Say whether this process was started with SIGCHLD ignored."""
        return self._sigchld == signal.SIG_IGN

    def read(self) -> List[Arrived]:
        """Return what has arrived since the last time, without waiting."""
        try:
            data = os.read(self.fd, _RECORD.size * 64)
        except BlockingIOError:
            return []
        # si_code is positive where the kernel, zero or negative where a process sent it.
        return [Arrived(number, code > 0, pid) for number, _, code, pid in _RECORD.iter_unpack(data)]

    def drop(self, number: int) -> None:
        """Forget what of one signal has arrived and was not handed out yet."""
        fd = _signalfd({number})
        with contextlib.suppress(BlockingIOError):
            while os.read(fd, _RECORD.size * 64):
                pass
        os.close(fd)

    def restore_in_child(self) -> None:
        """Give a forked child what this process was started with."""
        if self.ignores_sigchld:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def close(self) -> None:
        """Drop what was not handed out, and let signals act again."""
        while self.read():
            pass
        os.close(self.fd)
        if self.ignores_sigchld:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)


def stop_this_process(number: int, *, group: bool) -> None:
    """Stop as the program has stopped, and return when somebody continues us.

    A shell with job control waits for us, not for the program; with ``group`` all
    that it started along with us stop too, as the terminal would have had it.
    """
    os.kill(0 if group else os.getpid(), number)
    if number in TAKEN:
        # Held back until here: we stop inside the first of these two calls.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})


def _signalfd(numbers: AbstractSet[int]) -> int:
    bits = bytearray(_SIGSET_BYTES)
    for number in numbers:
        bits[(number - 1) // 8] |= 1 << (number - 1) % 8
    libc = ctypes.CDLL(None, use_errno=True)
    sigset = (ctypes.c_char * _SIGSET_BYTES).from_buffer(bits)
    fd = int(libc.signalfd(-1, sigset, os.O_CLOEXEC | os.O_NONBLOCK))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd
