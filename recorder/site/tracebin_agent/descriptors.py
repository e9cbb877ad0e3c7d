"""Keep the recorder's open files out of the program's way, and alive.

A program that closes all its files closes ours, and what it opens then gets their
numbers: PyPy's log would go into a file of the program's.  So ours have numbers that
programs rarely reach, beyond the limit of open files where that can be raised.
"""

from __future__ import annotations

import os
import sys

from .libc import Libc
from .seldom import seldom, when_needed

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple


class Descriptors:
    """The files of one process, by their numbers."""

    # Daemons close what lies below 1,024; a number much higher makes each fork copy a larger table.
    FIRST = 1024
    MOST = 16
    F_DUPFD_CLOEXEC = 1030
    RLIMIT_NOFILE = 7
    AT_ITS_END = os.O_WRONLY | os.O_APPEND
    # struct _IO_FILE of glibc with words of 64 bits, which no version has changed.
    FILE_CHAIN = 104
    FILE_NUMBER = 112
    STANDARD = ("stdin", "stdout", "stderr")

    @seldom
    def __init__(self) -> None:
        self.libc = Libc()
        self.limit = self.libc.array("P")(2, autofree=True)
        # Kept, as the program may replace what the module holds.
        self.fstat = os.fstat
        self.reopen = os.open
        self.close = os.close
        self.close_range = os.closerange
        # How each is opened again, and what file it is: path, flags, device, inode.
        self.paths: Dict[int, Tuple[str, int, int, int]] = {}
        self.log_stream = 0
        self.first = -1
        self.has_lost = False

    @when_needed
    def open(self, path: str) -> int:
        """Create a file, with a number out of the way.  Raises OSError."""
        low = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        high = self.lift(low)
        self.keep(high, path, self.AT_ITS_END)
        self.first = min(self.paths)
        return high

    @seldom
    def open_to_read(self, path: str) -> int:
        """Open a file that is there, with a number out of the way.  Raises OSError."""
        high = self.lift(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        self.keep(high, path, os.O_RDONLY)
        return high

    @when_needed
    def keep(self, number: int, path: str, flags: int) -> None:
        """Know a number from now on."""
        found = self.fstat(number)
        self.paths[number] = (path, flags, found.st_dev, found.st_ino)

    @when_needed
    def lift(self, low: int, number: Optional[int] = None) -> int:
        """Move a descriptor out of the way, or to ``number`` if that is free."""
        soft, first = self.make_room()
        try:
            high = self.libc.call("fcntl", "iii", low, self.F_DUPFD_CLOEXEC, number or first)
        except OSError:
            return low
        finally:
            self.set_limit(soft)
        self.close(low)
        return high

    @seldom
    def call_above(self, call: Any) -> None:
        """Call with all lower numbers taken, so that what it opens is out of the way.

        Where PyPy's sampler is asked for resident memory, it keeps /proc/PID/statm open, moves in it and
        reads it at each sample, whatever file that has become.  1,000 numbers take 1 ms.
        """
        soft, first = self.make_room()
        taken: List[int] = []
        try:
            number = 0
            while number < first:
                number = os.dup(self.first)
                taken.append(number)
            self.close(taken.pop())
            call()
        finally:
            self.close_taken(taken)
            self.set_limit(soft)

    @seldom
    def close_taken(self, numbers: List[int]) -> None:
        """Close these, at once where the program has none between them: no loop for PyPy to compile."""
        if numbers and numbers[-1] - numbers[0] + 1 == len(numbers):
            self.close_range(numbers[0], numbers[-1] + 1)
            return
        for number in numbers:
            self.close(number)

    @when_needed
    def make_room(self) -> Tuple[int, int]:
        """Raise the limit of open files to ours; give what it was, and our first number."""
        soft, hard = self.limits()
        first = min(self.FIRST, soft, max(hard - self.MOST, 0))
        if soft < first + self.MOST:
            self.set_limit(min(first + self.MOST, hard))
        return soft, first

    @when_needed
    def limits(self) -> Tuple[int, int]:
        """Give how many files may be open: now, and at the most."""
        self.libc.call("getrlimit", "iP", self.RLIMIT_NOFILE, self.limit.buffer)
        return self.limit[0], self.limit[1]

    @when_needed
    def set_limit(self, soft: int) -> None:
        """Set how many files may be open now."""
        if self.limits()[0] != soft:
            self.limit[0] = soft
            self.libc.call("setrlimit", "iP", self.RLIMIT_NOFILE, self.limit.buffer)

    @seldom
    def lift_log(self, path: str) -> None:
        """Move PyPy's log, which has the lowest number that was free.  Raises OSError.

        It is a FILE of the C library's that PyPy does not name to anybody.
        """
        if self.log_stream or sys.maxsize < 1 << 32:
            return
        wanted = os.stat(path)
        stream = self.libc.word(self.libc.address("_IO_list_all"))
        while stream:
            number = int.from_bytes(self.libc.read(stream + self.FILE_NUMBER, 4), "little")
            if self.is_at(number, wanted.st_dev, wanted.st_ino):
                self.renumber(stream, number, path)
                return
            stream = self.libc.word(stream + self.FILE_CHAIN)

    @seldom
    def renumber(self, stream: int, number: int, path: str) -> None:
        """Give a FILE another number, if it lies in memory as we know it."""
        if self.libc.call("fileno", "P", stream) & 0xFFFFFFFF != number:
            return
        copy = os.dup(number)
        high = self.lift(copy)
        if high == copy:
            self.close(copy)
            return
        self.libc.copy(high.to_bytes(4, "little"), stream + self.FILE_NUMBER)
        self.keep(high, path, self.AT_ITS_END)
        self.log_stream = stream
        self.close(number)
        if number < len(self.STANDARD):
            self.forget_standard(self.STANDARD[number])

    @seldom
    def forget_standard(self, name: str) -> None:
        """Have the program find a standard stream closed, as it was: PyPy has taken the log for it."""
        setattr(sys, name, None)
        setattr(sys, f"__{name}__", None)

    @seldom
    def close_all(self) -> None:
        """Close all that is still ours."""
        for number in self.paths:
            if self.owns(number):
                self.close(number)
        self.paths = {}

    def owns(self, number: int) -> bool:
        """Say whether a number was given for a file, and still leads to that."""
        found = self.paths.get(number)
        return found is not None and self.is_at(number, *found[2:])

    def is_at(self, number: int, device: int, inode: int) -> bool:
        """Say whether a number leads to this file."""
        try:
            found = self.fstat(number)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (device, inode)

    def mend(self) -> None:
        """Open again what the program has closed, under the same number if it is free."""
        for number, (path, flags, _, _) in self.paths.items():
            if not self.owns(number):
                self.has_lost = True
                self.open_again(number, path, flags)

    @seldom
    def open_again(self, number: int, path: str, flags: int) -> None:
        """Open a file where it was left; if that can't be, it stays closed."""
        try:
            low = self.reopen(path, flags | os.O_CLOEXEC)
        except OSError:
            return
        high = self.lift(low, number)
        if high != number:
            self.close(high)  # the program has something there now
