"""Carry a program's output on, at once and unchanged, without ever blocking on one stream.

One poll loop serves every stream, so a reader who waits for stderr while stdout
is full gets it.  A stream whose reader is slow is not read any further: the
program then blocks where it would without us.  When a reader goes away, our
reading end is closed, and the program gets its EPIPE.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import stat
from typing import AbstractSet, Callable, Dict, Iterable, List, Optional

from tracebin.recorder.captured import Keeper

# A pipe holds 64 KiB unless asked for more: one read empties it.
CHUNK_BYTES = 1 << 16

# POSIX: a pipe that polls as writable takes this much without blocking.
ATOMIC_BYTES = 4096

GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Outlet:
    """One of our own streams, written to without blocking and without its other users noticing.

    O_NONBLOCK belongs to the open file, which the shell and others share.  So a
    pipe or terminal is opened anew through /proc, a socket gets MSG_DONTWAIT.
    Where the file's owner doesn't let us open it (after ``su``), writes are so
    small that they can't block once poll has said yes.
    """

    def __init__(self, fd: int) -> None:
        mode = os.fstat(fd).st_mode
        self.fd = fd
        self._socket: Optional[socket.socket] = None
        self._limit = ATOMIC_BYTES
        self._owned = False
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(fd))
            self.fd = self._socket.fileno()
        else:
            self._reopen(fd)
        # A named pipe without a reader may get another one before the next write.
        self.ends_with_its_reader = not stat.S_ISFIFO(mode) or _is_anonymous(fd)

    def _reopen(self, fd: int) -> None:
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        try:
            self.fd = os.open(f"/proc/self/fd/{fd}", flags)
        except OSError:
            return
        self._limit, self._owned = CHUNK_BYTES, True

    def write(self, data: memoryview) -> int:
        """Write what goes at once and return how much that was."""
        try:
            if self._socket is not None:
                return self._socket.send(data, socket.MSG_DONTWAIT)
            return os.write(self.fd, data[: self._limit])
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Close what was opened here; the stream itself stays open."""
        if self._socket is not None:
            self._socket.close()
        elif self._owned:
            os.close(self.fd)


class Pump:
    """One stream of the program on its way to one outlet of ours.

    ``allowance`` is how much may still be read: None while the program lives.
    """

    def __init__(self, source: int, outlet: Outlet, keeper: Keeper) -> None:
        os.set_blocking(source, False)
        self.source = source
        self.outlet = outlet
        self.keeper = keeper
        self.ended = False
        self.allowance: Optional[int] = None
        self._pending = memoryview(b"")

    def wants(self) -> Dict[int, int]:
        """Say which descriptors to poll, and for what."""
        if self.ended:
            return {}
        if self._pending:
            return {self.outlet.fd: select.POLLOUT}
        if self.allowance == 0:
            return {}
        watched = {self.outlet.fd: 0} if self.outlet.ends_with_its_reader else {}
        return {self.source: select.POLLIN, **watched}

    def serve(self, fd: int, events: int) -> None:
        """Do what became possible."""
        if fd != self.source and events & GONE:
            self.finish()
            return
        if fd == self.source:
            self._fill()
        self._drain()

    def settle(self) -> bool:
        """Move what moves at once; tell whether all that may be read has been written."""
        while not self.ended and not self._pending and self.allowance:
            self._fill()
            self._drain()
        return self.ended or not self._pending

    def finish(self) -> None:
        """Close our reading end: the writer's next write fails as it would without us."""
        if not self.ended:
            self.ended = True
            os.close(self.source)
            self.outlet.close()

    def _fill(self) -> None:
        limit = CHUNK_BYTES if self.allowance is None else min(CHUNK_BYTES, self.allowance)
        data = self._read(limit)
        if data == b"":
            self.finish()
        elif data is not None:
            self.keeper.add(data)
            self._pending = memoryview(data)
        if self.allowance is not None:
            self.allowance -= len(data) if data else self.allowance

    def _read(self, limit: int) -> Optional[bytes]:
        try:
            return os.read(self.source, limit)
        except BlockingIOError:
            return None
        except OSError as error:
            # How the master of a pty says that nobody has the terminal open.
            if error.errno == errno.EIO:
                return b""
            raise

    def _drain(self) -> None:
        if self.ended or not self._pending:
            return
        try:
            written = self.outlet.write(self._pending)
        except OSError:
            # Whatever it is (EPIPE, ECONNRESET, EIO), nobody reads there any more.
            self.finish()
        else:
            self._pending = self._pending[written:]


class Loop:
    """Poll pumps and other descriptors, and call whoever each one belongs to."""

    def __init__(self, pumps: Iterable[Pump]) -> None:
        self.pumps: List[Pump] = list(pumps)
        self.readable: Dict[int, Callable[[], None]] = {}
        self.writable: Dict[int, Callable[[], None]] = {}

    def step(self, timeout_ms: Optional[int] = None) -> None:
        """Wait for one round of events and serve them."""
        poll = select.poll()
        owners: Dict[int, Pump] = {}
        for pump in self.pumps:
            for fd, events in pump.wants().items():
                poll.register(fd, events)
                owners[fd] = pump
        for fd in self.readable:
            poll.register(fd, select.POLLIN)
        for fd in self.writable:
            poll.register(fd, select.POLLOUT)
        for fd, events in poll.poll(timeout_ms):
            if fd in owners:
                owners[fd].serve(fd, events)
            else:
                self._call(fd)

    def _call(self, fd: int) -> None:
        # An earlier event of the same round may have taken this one's owner away.
        called = self.readable.get(fd) or self.writable.get(fd)
        if called:
            called()

    def drain(self, given_up: Callable[[], bool]) -> None:
        """Carry on what the ended program left in its streams, one pipe's worth of each.

        More than that can only come from other processes that hold the stream;
        ``leave_behind`` serves those.
        """
        for pump in self.pumps:
            pump.allowance = CHUNK_BYTES
        while self._unsettled() and not given_up():
            self.step()

    def _unsettled(self) -> List[Pump]:
        return [pump for pump in self.pumps if not pump.settle()]


def leave_behind(pumps: List[Pump], mask: AbstractSet[int]) -> None:
    """Let a process of its own serve the streams that outlived the program.

    Processes the program left running may still write to them.  To wait for those
    would hang whoever waits for the program; to close their stream would kill them
    with EPIPE.  So what would have happened without us goes on happening: they
    write, and our reader reads, until the last of them is done.
    """
    if not pumps:
        return
    if os.fork() == 0:
        try:
            _serve_alone(pumps, mask)
        finally:
            os._exit(0)
    for pump in pumps:
        pump.finish()


def _serve_alone(pumps: List[Pump], mask: AbstractSet[int]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    close_all_but({fd for pump in pumps for fd in (pump.source, pump.outlet.fd)})
    loop = Loop(pumps)
    for pump in pumps:
        pump.allowance, pump.keeper = None, Keeper(0)
    while not all(pump.ended for pump in pumps):
        loop.step()


def close_all_but(kept: AbstractSet[int]) -> None:
    """Hold nothing open that others may wait to see closed."""
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            try:
                os.close(fd)
            except OSError as error:
                # The descriptor that listed the folder is gone by now.
                if error.errno != errno.EBADF:
                    raise


def _is_anonymous(fd: int) -> bool:
    return os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:")
