"""Open bundles that may be compressed, with a cap on what comes out.

A stream that breaks off gives all that stood before the break; ``broken`` then
says why.  Who wants whole bundles only (the server) looks there.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import io
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Optional, Tuple

from tracebin.errors import BundleTooLarge, MalformedBundle

READ_BYTES = 1 << 16
# Joined gzip files are one file (RFC 1952, 2.2), but 200,000 empty members cost 2.7 s of CPU: count them.
MAX_MEMBERS = 64
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# The window a decoder has to hold in memory: what zstd's own command line allows at the most.
ZSTD_WINDOW_BYTES = 1 << 27
# A block of 4 bytes may stand for 128 KiB (RFC 8878, 3.1.1.2), so one step gives at most 32 MiB.
ZSTD_STEP_BYTES = 1 << 10


class Inflated(io.RawIOBase):
    """The inflated bytes of ``source``; ``broken`` is None or why they end early.

    Closing it closes ``source`` too.
    """

    def __init__(self, source: BinaryIO, encoding: str, max_bytes: Optional[int] = None) -> None:
        super().__init__()
        self.broken: Optional[str] = None
        self.total_bytes = 0
        self._source = source
        self._encoding = encoding
        self._max_bytes = max_bytes
        self._members = 0
        self._codec: Any = None
        self._input = b""
        self._output = b""
        self._ended = False

    def readable(self) -> bool:
        """Say that this stream can be read."""
        return True

    def close(self) -> None:
        """Close this stream and its source."""
        self._source.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; 0 at the end or the break."""
        while not self._output and not self._ended:
            self._output = self._next_piece()
        count = min(len(buffer), len(self._output))
        buffer[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def _next_piece(self) -> bytes:
        at_end = False
        if not self._input:
            self._input = self._source.read(READ_BYTES)
            at_end = not self._input
        if self._encoding == "identity":
            piece, self._input, self._ended = self._input, b"", at_end
        else:
            piece = self._inflate(at_end)
        return self._counted(piece)

    def _counted(self, piece: bytes) -> bytes:
        self.total_bytes += len(piece)
        if self._max_bytes is not None and self.total_bytes > self._max_bytes:
            raise BundleTooLarge(
                f"the bundle is larger than {self._max_bytes} bytes when inflated",
                reason="inflated_bytes",
                limit=self._max_bytes,
            )
        return piece

    def _inflate(self, at_end: bool) -> bytes:
        if self._codec is None:
            if at_end or not self._input.strip(b"\0"):
                return self._finish(at_end)
            self._codec = self._next_codec()
        if at_end:
            return self._break(f"the {self._encoding} data is cut off")
        before = self._codec.copy() if self._encoding == "gzip" else None
        try:
            return self._step()
        except (zlib.error, _zstd_error()) as fault:
            rest = b"" if before is None else _inflate_to_the_fault(before, self._input)
            self._break(f"the {self._encoding} data is damaged: {fault}")
            return rest

    def _finish(self, at_end: bool) -> bytes:
        if at_end and not self._members:
            return self._break(f"the {self._encoding} data is empty")
        self._input = b""
        self._ended = at_end
        return b""

    def _break(self, why: str) -> bytes:
        self.broken, self._ended, self._input = why, True, b""
        return b""

    def _next_codec(self) -> Any:
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise BundleTooLarge(
                f"the bundle is joined from more than {MAX_MEMBERS} compressed parts",
                reason="compressed_members",
                limit=MAX_MEMBERS,
            )
        return zlib.decompressobj(31) if self._encoding == "gzip" else _zstd_codec()

    def _step(self) -> bytes:
        codec = self._codec
        if self._encoding == "gzip":
            piece: bytes = codec.decompress(self._input, READ_BYTES)
            self._input = codec.unconsumed_tail
        else:
            piece = codec.decompress(self._input[:ZSTD_STEP_BYTES])
            self._input = self._input[ZSTD_STEP_BYTES:]
        if codec.eof:
            self._input, self._codec = codec.unused_data + self._input, None
        return piece


def _inflate_to_the_fault(codec: Any, data: bytes) -> bytes:
    """Give what comes before the fault: a step that fails keeps what it had inflated to itself."""
    pieces = []
    with contextlib.suppress(zlib.error):
        for index in range(len(data)):
            pieces.append(codec.decompress(data[index : index + 1]))
    return b"".join(pieces)


def _zstd_codec() -> Any:
    try:
        import zstandard
    except ImportError:
        raise MalformedBundle("this is a zstd file: install the package 'zstandard' to read it") from None
    return zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES).decompressobj()


def _zstd_error() -> Any:
    try:
        import zstandard
    except ImportError:
        return zlib.error
    return zstandard.ZstdError


def encoding_of(head: bytes) -> str:
    """Name the encoding by the first bytes: ``gzip``, ``zstd`` or ``identity``."""
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head.startswith(ZSTD_MAGIC) else "identity"


def open_inflated(source: BinaryIO, encoding: str, max_bytes: Optional[int] = None) -> Inflated:
    """Inflate ``source``; ``encoding`` is ``gzip``, ``zstd`` or ``identity``.

    Raises:
        BundleTooLarge: (while reading) more than ``max_bytes`` came out.
    """
    return Inflated(source, encoding, max_bytes)


def open_bundle(path: Path) -> Inflated:
    """Open the bundle at ``path`` whatever it is compressed with.

    Raises:
        MalformedBundle: the file can't be read.
    """
    try:
        source = path.open("rb")
        encoding = encoding_of(source.read(4))
        source.seek(0)
    except OSError as fault:
        raise MalformedBundle(f"{path} can't be read: {fault.strerror}") from None
    return open_inflated(source, encoding)


def can_write_zstd() -> bool:
    """Say whether the package that writes zstd is installed; PyPy 7.3.11 has none."""
    return importlib.util.find_spec("zstandard") is not None


def write_zstd(source: Path, out: Path) -> None:
    """Compress the file ``source`` to ``out``."""
    import zstandard

    with source.open("rb") as plain, out.open("wb") as packed:
        zstandard.ZstdCompressor().copy_stream(plain, packed)


def checksum(path: Path) -> Tuple[int, int]:
    """Give size and CRC of what a whole file holds, inflated as its name says.

    Raises:
        OSError: it can't be read, or breaks off.
    """
    size, crc = 0, 0
    with _open_by_name(path) as stream:
        try:
            for piece in iter(lambda: stream.read(1 << 20), b""):
                size, crc = size + len(piece), zlib.crc32(piece, crc)
        except (EOFError, zlib.error, _zstd_error()) as fault:
            raise OSError(f"it can't be read back: {fault}") from None
    return size, crc


def _open_by_name(path: Path) -> BinaryIO:
    if path.suffix == ".zst":
        import zstandard

        return zstandard.open(path, "rb")  # type: ignore[no-any-return]
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]
