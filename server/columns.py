"""Store the columns of a run so that any chunk can be had without the others.

The bundle's columnar sections (``gc``, ``stacks``, ``samples``; calls are in the time line) go into one blob
per run, chunk after chunk; the table ``chunks`` says where each lies and which time
it spans.  A chunk is zlib data of: one letter per column (``b``, ``h``, ``i``, ``q``: signed
integers of 1, 2, 4, 8 bytes, the narrowest that fits), then the columns, little endian.
Times stay delta-coded from the chunk's ``first_ns`` as in the bundle.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from itertools import accumulate
from operator import add
from typing import Any, BinaryIO, Dict, List, Optional, Sequence, Tuple

from tracebin.server.blobs import Part

# Section -> its columns in the order they are stored.
COLUMNS: Dict[str, Tuple[str, ...]] = {
    "gc": ("kind", "start", "duration", "before", "after"),
    "stacks": ("parent", "function", "state", "trace"),
    "samples": ("time", "stack", "memory"),
}
_OWNERS = {"gc": "process", "samples": "thread"}
_DELTAS = {"gc": "start", "samples": "time"}
_WIDTHS = (("b", 1 << 7), ("h", 1 << 15), ("i", 1 << 31), ("q", 1 << 63))
# Level 1: 6 makes chunks a tenth smaller, in three times the time.
_LEVEL = 1


class ColumnWriter:
    """Append chunks to ``part``, and note for each a row of the table ``chunks``."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self.rows: List[Dict[str, Any]] = []

    def add(self, section: str, index: int, record: Any) -> None:
        """Store one chunk, checked already."""
        columns = [getattr(record, name) for name in COLUMNS[section]]
        start = self._part.size
        self._part.write(pack(columns))
        first, last = _span(section, record)
        self.rows.append(
            {
                "section": section,
                "id": index,
                "owner": getattr(record, _OWNERS[section]) if section in _OWNERS else 0,
                "first_ns": first,
                "last_ns": last,
                "rows": len(columns[0]),
                "start_byte": start,
                "end_byte": self._part.size,
            }
        )


def pack(columns: Sequence[Sequence[int]]) -> bytes:
    """Compress columns of 64-bit integers."""
    arrays = [array(_width(column), column) for column in columns]
    head = "".join(numbers.typecode for numbers in arrays).encode("ascii")
    return zlib.compress(head + b"".join(_little_endian(numbers).tobytes() for numbers in arrays), _LEVEL)


def unpack(data: bytes, section: str, rows: int) -> Dict[str, array[int]]:
    """Give the columns of one chunk by name."""
    names = COLUMNS[section]
    plain = zlib.decompress(data)
    columns, at = {}, len(names)
    for name, code in zip(names, plain[:at].decode("ascii")):
        numbers: array[int] = array(code)
        end = at + rows * numbers.itemsize
        numbers.frombytes(plain[at:end])
        columns[name], at = _little_endian(numbers), end
    return columns


def read_chunk(
    blob: BinaryIO, section: str, rows: int, start_byte: int, end_byte: int
) -> Dict[str, array[int]]:
    """Read the chunk that a row of the table ``chunks`` describes."""
    blob.seek(start_byte)
    return unpack(blob.read(end_byte - start_byte), section, rows)


def _width(column: Sequence[int]) -> str:
    least, most = (min(column), max(column)) if column else (0, 0)
    return next(code for code, end in _WIDTHS if -end <= least and most < end)


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _span(section: str, record: Any) -> Tuple[int, int]:
    """Give the first start and the last end of a chunk's rows."""
    deltas: Optional[List[int]] = getattr(record, _DELTAS[section]) if section in _DELTAS else None
    if not deltas:
        first = getattr(record, "first_ns", 0)
        return first, first
    starts = list(accumulate(deltas, initial=record.first_ns))[1:]
    ends = map(add, starts, record.duration) if hasattr(record, "duration") else starts
    return starts[0], max(ends)
