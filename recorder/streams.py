"""Decide how each of the program's output streams is to be seen, and set that up.

=================  =====================================================
what ours is       what the program gets
=================  =====================================================
pipe, socket       a pipe of ours; the bytes go on at once
regular file       the file itself; read back afterwards
terminal           a terminal of ours (see ``PseudoTerminal``)
other device       the device itself; nothing is kept
closed             a closed stream
=================  =====================================================

Where stdout and stderr are the same, the program gets one thing for both, so
that their order holds; what it wrote then counts as stdout.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import termios
from enum import Enum
from typing import Dict, List, Optional, Tuple, Union

from tracebin.recorder.captured import Captured, FileMark, Keeper, mark_file
from tracebin.recorder.relay import Outlet, Pump

OUTPUTS = (1, 2)
_OUTPUT_FLAGS = 1


class Kind(Enum):
    """What a stream is, as far as that matters to whoever wants to see it."""

    CLOSED = "closed"
    FILE = "file"
    PIPE = "pipe"
    TERMINAL = "terminal"
    OTHER = "other"


def kind_of(fd: int) -> Kind:
    """Tell what one of our own streams is."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError as error:
        if error.errno == errno.EBADF:
            return Kind.CLOSED
        raise
    if not os.get_inheritable(fd):
        # We were started without it, and something of ours has got its number.
        return Kind.CLOSED
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        return Kind.PIPE
    if stat.S_ISREG(mode):
        return Kind.FILE
    return Kind.TERMINAL if os.isatty(fd) else Kind.OTHER


def are_same(one: int, other: int) -> bool:
    """Tell whether two descriptors lead to one file, pipe, socket or terminal."""
    first, second = os.fstat(one), os.fstat(other)
    return (first.st_dev, first.st_ino, first.st_rdev) == (second.st_dev, second.st_ino, second.st_rdev)


class PseudoTerminal:
    """A terminal of ours in place of a real one, of the same settings and size.

    With ``processed`` it does all that a terminal does, and the real one must be in
    raw mode.  Without, it is for output only: bytes come through unchanged, and the
    real one makes CR LF of LF.
    """

    def __init__(self, real: int, *, processed: bool) -> None:
        self.real = real
        self.settings = termios.tcgetattr(real)
        self.master, self.slave = os.openpty()
        settings = termios.tcgetattr(real)
        if not processed:
            settings[_OUTPUT_FLAGS] &= ~termios.OPOST
        termios.tcsetattr(self.slave, termios.TCSANOW, settings)
        self.copy_size()

    def copy_size(self) -> None:
        """Give the real terminal's size to ours; the kernel tells the programs on it."""
        try:
            size = fcntl.ioctl(self.real, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        except OSError as error:
            # The real one has been hung up: it has no size any more.
            if error.errno != errno.EIO:
                raise
        else:
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)


class Streams:
    """The output streams of one program, set up before it starts.

    ``for_child`` maps 1 and 2 to what the program is to have there, None for what
    we have ourselves.
    """

    def __init__(self, keep_bytes: int, *, interactive: bool) -> None:
        self.for_child: Dict[int, Optional[int]] = {1: None, 2: None}
        self.terminals: List[Tuple[PseudoTerminal, Pump]] = []
        self.pumps: List[Pump] = []
        self._keep_bytes = keep_bytes
        self._interactive = interactive
        self._seen: Dict[int, Union[Keeper, FileMark]] = {}
        kinds = {fd: kind_of(fd) for fd in OUTPUTS}
        self._set_up(1, kinds[1])
        self.joined = Kind.CLOSED not in kinds.values() and are_same(*OUTPUTS) and 1 in self._seen
        if self.joined:
            self.for_child[2] = self.for_child[1]
        else:
            self._set_up(2, kinds[2])

    def close_childs_ends(self) -> None:
        """Close what only the program is to hold, so that its end can be seen."""
        for fd in {fd for fd in self.for_child.values() if fd is not None}:
            os.close(fd)

    def copy_sizes(self) -> bool:
        """Give the real terminals' sizes to ours; tell whether there are any."""
        open_ones = [terminal for terminal, pump in self.terminals if not pump.ended]
        for terminal in open_ones:
            terminal.copy_size()
        return bool(open_ones)

    def close(self) -> None:
        """Close all of our own ends."""
        for pump in self.pumps:
            pump.finish()

    def captured(self) -> Tuple[Captured, Captured]:
        """Return what is kept of stdout and of stderr."""
        stdout = self._captured(1)
        return stdout, (Captured() if self.joined else self._captured(2))

    def _captured(self, fd: int) -> Captured:
        seen = self._seen.get(fd)
        if seen is None:
            return Captured(seen=False)
        return seen.captured() if isinstance(seen, Keeper) else seen.read_back(self._keep_bytes)

    def _set_up(self, fd: int, kind: Kind) -> None:
        if kind is Kind.PIPE:
            source, self.for_child[fd] = _pipe_like(fd)
            self._relay(fd, source)
        elif kind is Kind.TERMINAL:
            terminal = PseudoTerminal(fd, processed=self._interactive and fd == 1)
            self.for_child[fd] = terminal.slave
            self.terminals.append((terminal, self._relay(fd, terminal.master)))
        elif kind is Kind.FILE:
            self._seen[fd] = mark_file(fd, appends=bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND))

    def _relay(self, fd: int, source: int) -> Pump:
        keeper = Keeper(self._keep_bytes)
        pump = Pump(source, Outlet(fd), keeper)
        self._seen[fd] = keeper
        self.pumps.append(pump)
        return pump


def _pipe_like(fd: int) -> Tuple[int, int]:
    """Open a pipe whose writing end blocks or not as the stream it stands for."""
    source, sink = os.pipe()
    os.set_blocking(sink, os.get_blocking(fd))
    return source, sink
