"""Go on in a second process of our own: what is imported here needs no importing there.

A new interpreter would take 0.1 s for that, a fifth of what recording a short program costs.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import traceback
from typing import Callable, NoReturn, Optional, Tuple

from tracebin.recorder.relay import close_all_but

_BEYOND_STDIO = 3


def can_fork() -> bool:
    """Say whether nobody holds a lock here that would stay held there: there is one thread.

    PyPy is never asked: the reader needs settings of its collector, which it takes at its start.
    """
    return sys.implementation.name == "cpython" and len(os.listdir("/proc/self/task")) == 1


class Forked:
    """A process that does ``work`` in a session of its own, and exits with what that returns.

    Used as a Popen with three pipes is; ``returncode`` is None until the process was waited for.
    """

    def __init__(self, work: Callable[[], int]) -> None:
        (stdin, told), (said, stdout), (trouble, stderr) = _pipe(), _pipe(), _pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _become(work, (stdin, stdout, stderr))
        for fd in (stdin, stdout, stderr):
            os.close(fd)
        self.stdin = os.fdopen(told, "wb", 0)
        self.stdout = os.fdopen(said, "rb")
        self.stderr = os.fdopen(trouble, "rb")
        self.returncode: Optional[int] = None

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()
        # As Popen does, don't have a person wait who has pressed Ctrl-C: the next step is to kill.
        if self.returncode is None and kind is not KeyboardInterrupt:
            status = os.waitpid(self.pid, 0)[1]
            self.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def kill(self) -> None:
        """End it; leaving the block waits for that."""
        os.kill(self.pid, signal.SIGKILL)


def _pipe() -> Tuple[int, int]:
    """Make a pipe beyond the three descriptors that we may have been started without."""
    low = os.pipe()
    reading, writing = (fcntl.fcntl(fd, fcntl.F_DUPFD, _BEYOND_STDIO) for fd in low)
    # PyPy 7.3.11 has no F_DUPFD_CLOEXEC; nobody else starts a process meanwhile.
    for fd in low:
        os.close(fd)
    for fd in (reading, writing):
        os.set_inheritable(fd, False)
    return reading, writing


def _become(work: Callable[[], int], stdio: Tuple[int, int, int]) -> NoReturn:
    status = 1
    try:
        os.setsid()
        for number, fd in enumerate(stdio):
            os.dup2(fd, number)
        close_all_but({0, 1, 2})
        # The launcher's own stay as they are, with what they hold: that is the launcher's to write.
        sys.stdin, sys.stdout = os.fdopen(0, encoding="utf-8"), os.fdopen(1, "w", encoding="utf-8")
        status = work()
        sys.stdout.flush()
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else 1
    except BaseException:
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(status)
