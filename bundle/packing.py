"""Write a bundle's file, compressed as its name says, and see that it reads back as it was meant.

Text is compressed in pieces by two threads, each piece with the end of the one before it
for a dictionary, so that the file is one gzip member like any other; a third thread writes the pieces in
order, and inflates them again; what lies on disk is compared with that at the end.  A ``Packer``
compresses ahead what goes into the middle of the file.
"""

from __future__ import annotations

import io
import os
import queue
import threading
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple, Union

# What is compressed at a time.
PIECE_BYTES = 1 << 18
# How far back deflate looks (RFC 1951).
WINDOW_BYTES = 1 << 15
# A fifth less than level 3 on traces and sources, for twice the time; level 9 gives 2 % more for five times.
LEVEL = 6
# For columns of numbers, of which exact calls have hundreds of MB.
FAST = 3
_THREADS = 2
_WAITING = 8
_READ_BYTES = 1 << 16
_BACK_BYTES = 1 << 20
# ID1, ID2, CM 8 for deflate, no flags, no time, no extra flags, OS 255 for unknown (RFC 1952).
_GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
# The last block of a stream, and one without content.
_END_OF_DEFLATE = b"\x03\0"
_POLYNOMIAL = 0xEDB88320


class Packed(NamedTuple):
    """Text that has been compressed: whole bytes of deflate without an end, the text's length and CRC."""

    data: bytes
    size: int
    crc: int


class Packer:
    """Compress text ahead, which will stand somewhere in a file."""

    def __init__(self) -> None:
        self._codec = _deflater(LEVEL, b"")
        self._pieces: List[bytes] = []
        self._size = 0
        self._crc = 0

    def add(self, text: bytes) -> None:
        """Take the next text."""
        self._size += len(text)
        self._crc = zlib.crc32(text, self._crc)
        self._pieces.append(self._codec.compress(text))

    def finish(self) -> Packed:
        """Give what was made of it."""
        self._pieces.append(self._codec.flush(zlib.Z_FULL_FLUSH))
        return Packed(b"".join(self._pieces), self._size, self._crc)


def _deflater(level: int, before: bytes) -> Any:
    """Give a compressor without head and tail, for what follows the text ``before``."""
    if not before:
        return zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, 0, before)


def _deflated(text: bytes, before: bytes, level: int) -> bytes:
    codec = _deflater(level, before)
    return bytes(codec.compress(text) + codec.flush(zlib.Z_SYNC_FLUSH))


def joined_crc(first: int, second: int, size: int) -> int:
    """Give the CRC of two texts one behind the other; ``size`` is the length of the second.

    The first's CRC goes on through that many zeros: times x to the power of eight
    times the length, in polynomials over GF(2), bits reversed.
    """
    power, factor = 1 << 31, 1 << 23
    while size:
        if size & 1:
            power = _product(power, factor)
        factor = _product(factor, factor)
        size >>= 1
    return _product(first, power) ^ second


def _product(left: int, right: int) -> int:
    found = 0
    for bit in range(31, -1, -1):
        if left >> bit & 1:
            found ^= right
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return found


class Created(io.RawIOBase):
    """A file being written.  Closing it raises OSError unless what lies on disk is what was written.

    ``level`` is how hard to compress what comes next.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.level = LEVEL
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        self._file_bytes = 0
        self._file_crc = 0

    def writable(self) -> bool:
        """Say that this stream can be written."""
        return True

    def close(self) -> None:
        """Wait until all is on disk and has been read back."""
        if self.closed:
            return
        super().close()
        try:
            self._finish()
            os.fsync(self._file)
            _must_agree(self._read_back() == (self._file_bytes, self._file_crc))
        finally:
            os.close(self._file)

    def _read_back(self) -> Tuple[int, int]:
        size, crc = 0, 0
        while data := os.pread(self._file, _BACK_BYTES, size):
            size, crc = size + len(data), zlib.crc32(data, crc)
        return size, crc

    def _finish(self) -> None:
        raise NotImplementedError

    def _put(self, data: bytes) -> None:
        """Write at the file's end."""
        self._file_bytes += len(data)
        self._file_crc = zlib.crc32(data, self._file_crc)
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]


class PlainFile(Created):
    """A file that is not compressed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._text = bytearray()

    def write(self, data: Any) -> int:
        """Write."""
        self._text += data
        if len(self._text) >= PIECE_BYTES:
            self._write_text()
        return len(data)

    def _write_text(self) -> None:
        text, self._text = bytes(self._text), bytearray()
        self._put(text)

    def _finish(self) -> None:
        self._write_text()


class GzipFile(Created):
    """A gzip file, made by threads: zlib needs no lock of Python's."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._size = 0
        self._crc = 0
        self._text: List[bytes] = []
        self._text_bytes = 0
        self._before = b""
        self._fault: Optional[BaseException] = None
        self._codec: Any = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._inflated_bytes = 0
        self._pool = ThreadPoolExecutor(_THREADS)
        self._jobs: queue.Queue[Union[Job, Packed, None]] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(self, data: Any) -> int:
        """Take text; raises what came of earlier text."""
        if self._fault is not None:
            raise self._fault
        self._text.append(bytes(data))
        self._text_bytes += len(data)
        if self._text_bytes >= PIECE_BYTES:
            self._hand_over()
        return len(data)

    def write_packed(self, packed: Packed) -> None:
        """Take text that is compressed already."""
        self._hand_over()
        self._before = b""
        self._jobs.put(packed)

    def _hand_over(self) -> None:
        text = b"".join(self._text)
        self._text, self._text_bytes = [], 0
        if text:
            self._jobs.put(Job(text, self._pool.submit(_deflated, text, self._before, self.level)))
            self._before = text[-WINDOW_BYTES:]

    def _run(self) -> None:
        """Write what has been handed over; after a fault take it, so that nobody waits."""
        try:
            self._append(_GZIP_HEAD)
        except OSError as fault:
            self._fault = fault
        while (job := self._jobs.get()) is not None:
            if self._fault is None:
                try:
                    self._take(job)
                except BaseException as fault:
                    self._fault = fault

    def _take(self, job: Union[Job, Packed]) -> None:
        if isinstance(job, Packed):
            self._crc = joined_crc(self._crc, job.crc, job.size)
            self._size += job.size
            self._append(job.data)
        else:
            self._size += len(job.text)
            self._crc = zlib.crc32(job.text, self._crc)
            self._append(job.data.result())

    def _append(self, data: bytes) -> None:
        """Write, and see what it inflates to."""
        self._put(data)
        try:
            for start in range(0, len(data), _READ_BYTES):
                self._inflated_bytes += len(self._codec.decompress(data[start : start + _READ_BYTES]))
        except zlib.error:
            _must_agree(False)

    def _finish(self) -> None:
        try:
            self._hand_over()
        finally:
            self._jobs.put(None)
            self._thread.join()
            self._pool.shutdown()
        if self._fault is not None:
            raise self._fault
        tail = self._crc.to_bytes(4, "little") + (self._size & 0xFFFFFFFF).to_bytes(4, "little")
        self._append(_END_OF_DEFLATE + tail)
        # The end of a gzip file has the CRC that we meant: inflating has compared it with what came out.
        is_whole = self._codec.eof and not self._codec.unused_data
        _must_agree(is_whole and self._inflated_bytes == self._size)


class Job(NamedTuple):
    """A piece of text, and what it is compressed to."""

    text: bytes
    data: Future[bytes]


def _must_agree(agrees: bool) -> None:
    if not agrees:
        raise OSError("it doesn't read back as it was written")


def create_compressed(path: Path) -> Created:
    """Create ``path``, compressed if its name ends in ``.gz``."""
    return GzipFile(path) if path.name.endswith(".gz") else PlainFile(path)
