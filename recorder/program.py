"""Run the program so that it does not notice, and keep what it wrote.

Standard streams, signals, terminal, working directory, open files, stops and the
exit are what they would be without us; streams.py, child.py and
terminal_relay.py say how each is done.  Needs Linux.

What differs, and can be seen by who looks for it: the parent is another process;
a redirected socket is a pipe; on a terminal the session is another one.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Callable, Dict, List, NamedTuple, Optional, Union

from tracebin.recorder.captured import Captured
from tracebin.recorder.child import Command, DirectChild, Ended, Usage
from tracebin.recorder.relay import Loop, leave_behind
from tracebin.recorder.signal_queue import SignalQueue
from tracebin.recorder.streams import Streams
from tracebin.recorder.terminal_relay import SessionChild, is_interactive

KEEP_BYTES = 1 << 20

# Asked to end while the dead program's output waits for a slow reader, we do.
_TO_END = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


@dataclass(frozen=True)
class Finished:
    """A program that has run: ``status``, or the ``signal`` that killed it.

    Times are of the monotonic clock.  With ``joined``, stdout and stderr were one
    stream, and ``stdout`` has it.
    """

    pid: int
    status: Optional[int]
    signal: Optional[int]
    started_ns: int
    ended_ns: int
    started_utc: datetime
    stdout: Captured
    stderr: Captured
    joined: bool
    rusage: Usage


_FIRST_CHORE_MS = 20


class Chore(NamedTuple):
    """What is to be done now and then while the program runs."""

    do: Callable[[], None]
    every_ms: int


def run_program(
    argv: List[str], env: Dict[str, str], *, keep_bytes: int = KEEP_BYTES, chore: Optional[Chore] = None
) -> Finished:
    """Run a program to its end, whatever end that is, and return how it went.

    Signals meant for the program don't end us; they are passed on.  When the program
    is dead, what it wrote is carried on to the last byte; what processes it left
    running still write is served by a small process of ours that stays as long as
    they hold the stream.
    """
    queue = SignalQueue()
    try:
        return _Running(argv, env, keep_bytes, queue).finish(chore)
    finally:
        queue.close()


class _Running:
    """One program between its start and its end."""

    def __init__(self, argv: List[str], env: Dict[str, str], keep_bytes: int, queue: SignalQueue) -> None:
        interactive = is_interactive()
        self._queue = queue
        self._streams = Streams(keep_bytes, interactive=interactive)
        self._loop = Loop(self._streams.pumps)
        self._loop.readable[queue.fd] = self._on_signals
        self._ended: Optional[Ended] = None
        self._given_up = False
        self._started_utc = datetime.now(timezone.utc)
        try:
            self._child = self._start(argv, env, interactive)
        except BaseException:
            self._streams.close()
            raise
        finally:
            self._streams.close_childs_ends()

    def _start(
        self, argv: List[str], env: Dict[str, str], interactive: bool
    ) -> Union[DirectChild, SessionChild]:
        stdout, stderr = (self._streams.for_child[fd] for fd in (1, 2))
        if not interactive:
            return DirectChild(Command(argv, env, None, stdout, stderr), self._queue)
        terminal = self._streams.terminals[0][0]
        return SessionChild(Command(argv, env, terminal.slave, stdout, stderr), terminal, self._queue)

    def finish(self, chore: Optional[Chore]) -> Finished:
        """Serve the program until it has ended and all it wrote has gone on."""
        child = self._child
        try:
            ended = self._serve(child, chore)
            child.release()
            self._loop.drain(lambda: self._given_up)
        finally:
            child.close()
        leave_behind([pump for pump in self._streams.pumps if not pump.ended], self._queue.mask)
        stdout, stderr = self._streams.captured()
        return Finished(
            pid=child.pid,
            status=ended.status,
            signal=ended.signal,
            started_ns=child.started_ns,
            ended_ns=ended.ended_ns,
            started_utc=self._started_utc,
            stdout=stdout,
            stderr=stderr,
            joined=self._streams.joined,
            rusage=ended.usage,
        )

    def _serve(self, child: Union[DirectChild, SessionChild], chore: Optional[Chore]) -> Ended:
        if isinstance(child, SessionChild):
            child.attach(self._loop, self._on_changes)
        # Soon at first: much is written while a program starts.
        due, pause_ms = time.monotonic(), _FIRST_CHORE_MS
        while self._ended is None:
            waits = [child.look_again_ms(), pause_ms if chore else None]
            self._loop.step(min((wait for wait in waits if wait is not None), default=None))
            if chore and time.monotonic() >= due:
                chore.do()
                due = time.monotonic() + pause_ms / 1000
                pause_ms = min(2 * pause_ms, chore.every_ms)
        return self._ended

    def _on_signals(self) -> None:
        for arrived in self._queue.read():
            if self._ended is not None:
                self._given_up |= arrived.number in _TO_END
            elif arrived.number == signal.SIGCHLD:
                self._on_changes()
            else:
                if arrived.number == signal.SIGWINCH:
                    self._streams.copy_sizes()
                self._child.pass_on(arrived)

    def _on_changes(self) -> None:
        if self._ended is not None:
            return
        for change in self._child.changes():
            if isinstance(change, Ended):
                self._ended = change
            else:
                self._child.stopped(change.signal)
