"""Keep the rows of calls until all have ended, in memory that doesn't grow with their number.

A call's row stands where it began, but what began last ends first: of a full chunk a few rows are
still open.  So chunks go to a file without a name, and an end is put in there later.
"""

from __future__ import annotations

import functools
import tempfile
import weakref
from array import array
from typing import BinaryIO, Iterator, List, NamedTuple

from tracebin.bundle.records import CHUNK_ROWS

_WORD = array("q").itemsize


class Rows(NamedTuple):
    """Calls in order of start; ``start`` and ``end`` in ticks, ``number`` the agent's of a function."""

    start: array[int]
    end: array[int]
    depth: array[int]
    number: array[int]


def _no_rows() -> Rows:
    return Rows(array("q"), array("q"), array("i"), array("i"))


class Spill:
    """A file without a name that holds chunks of rows, from the first on."""

    @functools.cached_property
    def _stream(self) -> BinaryIO:
        stream: BinaryIO = tempfile.TemporaryFile(prefix="tracebin-calls-")  # noqa: SIM115
        weakref.finalize(self, stream.close)
        return stream

    def add(self, rows: Rows) -> int:
        """Append a chunk, ends first; give where it lies."""
        place = self._stream.seek(0, 2)
        for column in (rows.end, rows.start, rows.depth, rows.number):
            self._stream.write(column.tobytes())
        return place

    def set_end(self, place: int, row: int, tick: int) -> None:
        """Put in the end of one row of the chunk at ``place``."""
        self._stream.seek(place + row * _WORD)
        self._stream.write(array("q", [tick]).tobytes())

    def get(self, place: int, count: int) -> Rows:
        """Read the chunk of ``count`` rows at ``place``."""
        self._stream.seek(place)
        end, start, depth, number = (array(kind) for kind in "qqii")
        for column in (end, start, depth, number):
            column.frombytes(self._stream.read(count * column.itemsize))
        return Rows(start, end, depth, number)


class CallRows:
    """The calls of one thread."""

    def __init__(self, spill: Spill) -> None:
        self._spill = spill
        self._places: List[int] = []
        self._base = 0
        self._rows = _no_rows()

    def __len__(self) -> int:
        return self._base + len(self._rows.start)

    def begin(self, tick: int, depth: int, number: int) -> int:
        """Add a call, and give its row."""
        rows = self._rows
        row = len(rows.start)
        if row == CHUNK_ROWS:
            self._places.append(self._spill.add(rows))
            self._base += row
            self._rows = rows = _no_rows()
            row = 0
        rows.start.append(tick)
        rows.end.append(tick)
        rows.depth.append(depth)
        rows.number.append(number)
        return self._base + row

    def end(self, row: int, tick: int) -> None:
        """Put in when a call ended."""
        if row >= self._base:
            self._rows.end[row - self._base] = tick
        else:
            self._spill.set_end(self._places[row // CHUNK_ROWS], row % CHUNK_ROWS, tick)

    def number_of(self, row: int) -> int:
        """Give the agent's number of the function that was called."""
        if row >= self._base:
            return self._rows.number[row - self._base]
        return self._spill.get(self._places[row // CHUNK_ROWS], CHUNK_ROWS).number[row % CHUNK_ROWS]

    def chunks(self) -> Iterator[Rows]:
        """Yield all rows in order of start, once every call has ended."""
        for place in self._places:
            yield self._spill.get(place, CHUNK_ROWS)
        if self._rows.start:
            yield self._rows
