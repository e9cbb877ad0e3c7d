"""Keep the beginning and the end of what a program wrote.

Pure but for ``read_back``, which reads what went to a file.  Knows nothing of
processes; how the bytes got here is relay.py's business.
"""

from __future__ import annotations

import base64
import codecs
import os
from collections import deque
from dataclasses import dataclass
from typing import Deque, Optional, Tuple

from tracebin.bundle.records import Stream


@dataclass(frozen=True)
class Captured:
    """The first and last bytes of one stream; ``seen`` is False where it could not be read."""

    head: bytes = b""
    tail: bytes = b""
    total: int = 0
    seen: bool = True

    @property
    def cut(self) -> int:
        """Count the bytes between head and tail that were not kept."""
        return self.total - len(self.head) - len(self.tail)

    def stream(self) -> Stream:
        """Return the bundle's form: text where the bytes are that, else base64."""
        head, tail = _at_whole_characters(self.head, self.tail) if self.cut else (self.head, self.tail)
        try:
            encoding, texts = "utf-8", self._decoded(head, tail)
        except UnicodeDecodeError:
            head, tail = self.head, self.tail
            encoding, texts = "base64", (_base64(head), _base64(tail))
        return Stream(encoding, texts[0], texts[1], self.total, self.total - len(head) - len(tail))

    def _decoded(self, head: bytes, tail: bytes) -> Tuple[str, str]:
        # Nothing is missing between them: the border may lie inside a character.
        if not self.cut:
            return (head + tail).decode("utf-8"), ""
        return head.decode("utf-8"), tail.decode("utf-8")


class Keeper:
    """Take a stream chunk by chunk and keep its two ends, in bounded memory."""

    def __init__(self, keep_bytes: int) -> None:
        self._keep_bytes = keep_bytes
        self._head = bytearray()
        self._tail: Deque[bytes] = deque()
        self._tail_bytes = 0
        self._total = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        self._total += len(chunk)
        room = self._keep_bytes - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if chunk:
            self._tail.append(chunk)
            self._tail_bytes += len(chunk)
            while self._tail and self._tail_bytes - len(self._tail[0]) >= self._keep_bytes:
                self._tail_bytes -= len(self._tail.popleft())

    def captured(self) -> Captured:
        """Return what is kept by now."""
        tail = b"".join(self._tail)
        return Captured(bytes(self._head), tail[max(0, len(tail) - self._keep_bytes) :], self._total)


@dataclass(frozen=True)
class FileMark:
    """A file the program writes to by itself, and where it stood before."""

    fd: int
    start: int
    appends: bool

    def read_back(self, keep_bytes: int) -> Captured:
        """Read the ends of what was written since; the program's own descriptor is not moved.

        A file shorter than it was has been truncated by the program: then all that
        is in it was written since.
        """
        size = os.fstat(self.fd).st_size
        start = self.start if size >= self.start else 0
        offset = size if self.appends else os.lseek(self.fd, 0, os.SEEK_CUR)
        end = min(size, offset) if offset >= start else size
        reader = _reopened(self.fd)
        if reader is None:
            return Captured(total=end - start, seen=False)
        try:
            return _ends_of(reader, start, end, keep_bytes)
        finally:
            os.close(reader)


def mark_file(fd: int, *, appends: bool) -> FileMark:
    """Remember where a file ends or stands before the program writes to it."""
    start = os.fstat(fd).st_size if appends else os.lseek(fd, 0, os.SEEK_CUR)
    return FileMark(fd, start, appends)


def _reopened(fd: int) -> Optional[int]:
    # A redirected stream can only be written to, and its file may be gone by
    # name; the link in /proc opens it all the same, if its owner lets us.
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _ends_of(reader: int, start: int, end: int, keep_bytes: int) -> Captured:
    head = _read(reader, start, min(end, start + keep_bytes))
    tail = _read(reader, max(start + len(head), end - keep_bytes), end)
    return Captured(head, tail, max(end - start, len(head) + len(tail)))


def _read(reader: int, start: int, end: int) -> bytes:
    parts = []
    while start < end:
        part = os.pread(reader, end - start, start)
        if not part:
            break
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _at_whole_characters(head: bytes, tail: bytes) -> Tuple[bytes, bytes]:
    """Take off the halves of characters that the cut went through."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(head)
    rest = len(decoder.getstate()[0])
    # At most three bytes can belong to a character whose first is cut off.
    broken = next((i for i, byte in enumerate(tail[:3]) if byte & 0xC0 != 0x80), len(tail[:3]))
    return head[: len(head) - rest], tail[broken:]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
