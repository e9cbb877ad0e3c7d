"""Start the program's process, wait for it, and pass signals on to it.

``DirectChild`` is the program as a child of ours, in our own process group, as it
would be one of the shell's.  terminal_relay.py has the other way, for a program
that talks with a person.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Union

from tracebin.errors import ProgramNotStarted
from tracebin.recorder.canary import Canary
from tracebin.recorder.signal_queue import Arrived, SignalQueue, stop_this_process

# A terminal sends these to its whole foreground group: the program has its own.
FROM_TERMINAL = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGHUP, signal.SIGCONT})


@dataclass(frozen=True)
class Usage:
    """What the program and the children it waited for used, as the kernel counts it.

    ``max_rss_bytes`` is never below our own size at the start: Linux carries the
    mark of the process that forked over the exec.
    """

    user_s: float
    system_s: float
    max_rss_bytes: int


@dataclass(frozen=True)
class Stopped:
    """The program was stopped by this signal, and can be continued."""

    signal: int


@dataclass(frozen=True)
class Ended:
    """The program is dead: it left a status, or a signal killed it."""

    status: Optional[int]
    signal: Optional[int]
    ended_ns: int
    usage: Usage


Change = Union[Stopped, Ended]


@dataclass(frozen=True)
class Command:
    """What to start, and on which descriptors; None is what we have ourselves."""

    argv: List[str]
    env: Dict[str, str]
    stdin: Optional[int] = None
    stdout: Optional[int] = None
    stderr: Optional[int] = None


class DirectChild:
    """The program as our own child, in our process group and session."""

    def __init__(self, command: Command, queue: SignalQueue) -> None:
        self._canary = Canary(queue)
        self.started_ns = time.monotonic_ns()
        try:
            self.pid = spawn_quickly(command, queue) or spawn(command, queue.restore_in_child)
        except BaseException:
            self._canary.close()
            raise
        self._watched_by_a_shell = _has_terminal()

    def look_again_ms(self) -> Optional[int]:
        """Say when to look without an event: never."""
        return None

    def changes(self) -> List[Change]:
        """Return what has become of the program since the last time, without waiting."""
        change = wait_for(self.pid, os.WUNTRACED | os.WNOHANG)
        return [change] if change else []

    def pass_on(self, arrived: Arrived) -> None:
        """Give the program a signal that only we have got."""
        from_terminal = arrived.by_kernel and arrived.number in FROM_TERMINAL
        if not from_terminal and (arrived.by_kernel or not self._canary.has_got(arrived.number)):
            send(self.pid, arrived.number)

    def stopped(self, number: int) -> None:
        """Stop too where a shell may be waiting to see that; elsewhere nobody would continue us."""
        if self._watched_by_a_shell:
            stop_this_process(number, group=False)

    def release(self) -> None:
        """Let go of what held any of the ended program's streams: nothing did."""

    def close(self) -> None:
        """Let go of what served only while the program lived."""
        self._canary.close()


def spawn_quickly(command: Command, queue: SignalQueue) -> int:
    """Start the process as ``spawn`` does, without a copy of our memory's tables; 0 where that can't be done.

    The copy takes 1.3 ms of 25, which count as the program's.  PyPy 7.3 has no such function, and none can
    have the child ignore SIGCHLD.  glibc's has it ignore 32 and 33, which only glibc itself sends.
    """
    if not hasattr(os, "posix_spawnp") or queue.ignores_sigchld:
        return 0
    try:
        with contextlib.ExitStack() as opened:
            streams = [
                (os.POSIX_SPAWN_DUP2, _above_standard(fd, opened), number)
                for number, fd in enumerate((command.stdin, command.stdout, command.stderr))
                if fd is not None
            ]
            return os.posix_spawnp(
                command.argv[0],
                command.argv,
                command.env,
                file_actions=streams,
                setsigmask=queue.mask,
                # Python ignores them, for itself.
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
            )
    except (OSError, ValueError) as error:
        raise _not_started(command, error) from error


def _above_standard(fd: int, opened: contextlib.ExitStack) -> int:
    """Give a copy of a descriptor that none of the child's three streams takes the place of."""
    copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    opened.callback(os.close, copy)
    return copy


def spawn(command: Command, before_exec: Callable[[], None]) -> int:
    """Start the process and return its pid; whoever calls must wait for it."""
    try:
        process = subprocess.Popen(
            command.argv,
            env=command.env,
            stdin=command.stdin,
            stdout=command.stdout,
            stderr=command.stderr,
            # Whatever we were started with beyond 2 is the program's too; all of
            # ours is close-on-exec.
            close_fds=False,
            preexec_fn=before_exec,
        )
    except (OSError, ValueError) as error:
        raise _not_started(command, error) from error
    # We wait ourselves, for stops and resource usage; Popen must not try.
    process.returncode = 0
    return process.pid


def _not_started(command: Command, error: Exception) -> ProgramNotStarted:
    reason = getattr(error, "strerror", None) or str(error)
    return ProgramNotStarted(f"{command.argv[0]} can't be started: {reason}")


def wait_for(pid: int, flags: int) -> Optional[Change]:
    """Return the next thing that becomes of a child; None where WNOHANG has nothing."""
    found, status, used = os.wait4(pid, flags)
    if found == 0:
        return None
    if os.WIFSTOPPED(status):
        return Stopped(os.WSTOPSIG(status))
    # ru_maxrss is in KiB on Linux.
    usage = Usage(used.ru_utime, used.ru_stime, used.ru_maxrss * 1024)
    if os.WIFSIGNALED(status):
        return Ended(None, os.WTERMSIG(status), time.monotonic_ns(), usage)
    return Ended(os.WEXITSTATUS(status), None, time.monotonic_ns(), usage)


def send(pid: int, number: int) -> None:
    """Send a signal, as far as whoever sent it to us could have."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        # It has just ended, or runs as another user: the sender would hear that.
        return


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
