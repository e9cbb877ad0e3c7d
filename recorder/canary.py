"""Tell a signal sent to us alone from one sent to our whole process group.

The program is in our group: what ``timeout``, a shell's ``kill %1`` or a CI runner
sends to the group it has got by itself, and must not get again from us.  The
signal itself doesn't say.  So a third process sits in the group with every signal
blocked; what is pending there was sent to the group.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import NoReturn, Tuple

from tracebin.recorder.relay import close_all_but
from tracebin.recorder.signal_queue import SignalQueue

# Where the kernel isn't Linux itself (gVisor), nothing says that a kill() has reached the whole
# group: look for this long before saying that it was for us alone.
_LOOKS = 4
_LOOK_S = 0.001
# `timeout` sends to its child first and then to the group: that is one signal.
_SAME_S = 0.02
_ANSWER_MS = 1000


class Canary:
    """A process of our group that collects what the group is sent."""

    def __init__(self, queue: SignalQueue) -> None:
        asked, self._ask = os.pipe()
        self._answer, answer = os.pipe()
        self._queue = queue
        self._last: Tuple[int, float] = (0, 0.0)
        self._pid = os.fork()
        if self._pid == 0:
            _sit(queue, asked, answer)
        os.close(asked)
        os.close(answer)

    def has_got(self, number: int) -> bool:
        """Tell whether a signal that has just reached us was sent to the whole group."""
        _wait_for_kill()
        for _ in range(_LOOKS):
            if self._is_pending(number):
                self._forget(number)
                self._last = (number, time.monotonic())
                return True
            time.sleep(_LOOK_S)
        last, when = self._last
        return number == last and time.monotonic() - when < _SAME_S

    def close(self) -> None:
        """Let the process go."""
        os.close(self._ask)
        os.close(self._answer)
        os.waitpid(self._pid, 0)

    def _is_pending(self, number: int) -> bool:
        with open(f"/proc/{self._pid}/status", encoding="ascii") as file:
            pending = next((line.split()[1] for line in file if line.startswith("ShdPnd:")), "0")
        return bool(int(pending, 16) >> (number - 1) & 1)

    def _forget(self, number: int) -> None:
        """Clear what is pending there, and here what came to the group meanwhile.

        A second signal may arrive between our taking the first and the canary's: it has
        cleared both then, and ours would look as if sent to us alone.
        """
        answers = True
        while answers and self._is_pending(number):
            answers = self._clear()
            self._queue.drop(number)

    def _clear(self) -> bool:
        os.write(self._ask, b"?")
        poll = select.poll()
        poll.register(self._answer, select.POLLIN)
        # Whoever has stopped it alone keeps it from answering; then it can't forget.
        if not poll.poll(_ANSWER_MS):
            return False
        os.read(self._answer, 1)
        return True


def _wait_for_kill() -> None:
    """Wait until a kill() of the whole group has reached everybody in it.

    It reaches the members one after the other, on other cores while we run already,
    and holds the lock of the process table meanwhile, which setpgid(2) takes too.
    """
    with contextlib.suppress(OSError):  # a session's leader may not, but has waited
        os.setpgid(0, os.getpgrp())


def _sit(queue: SignalQueue, asked: int, answer: int) -> NoReturn:
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        close_all_but({queue.fd, asked, answer})
        # Ends when the launcher closes its end, or is killed.
        while os.read(asked, 1):
            queue.read()
            os.write(answer, b".")
    finally:
        os._exit(0)
