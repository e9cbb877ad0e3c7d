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

_WORD = 8
# Storing into an array of "i" takes PyPy 2 ns, of "q" 28; "l" for "q" saved 0.02 us of 0.13 a call.
_TICK = "l" if array("l").itemsize == _WORD else "q"
_KINDS = (_TICK, _TICK, "i", "i")
# There may be thousands of threads with a few calls each.
_FIRST_ROWS = 256


class Rows(NamedTuple):
    """Calls in order of start; ``start`` and ``end`` in ticks, ``number`` the agent's of a function."""

    start: array[int]
    end: array[int]
    depth: array[int]
    number: array[int]


def _new_rows(count: int) -> Rows:
    return Rows(*(array(kind, bytes(count * array(kind).itemsize)) for kind in _KINDS))


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
        self._stream.write(array(_TICK, [tick]).tobytes())

    def get(self, place: int, count: int) -> Rows:
        """Read the chunk of ``count`` rows at ``place``."""
        self._stream.seek(place)
        end, start, depth, number = (array(kind) for kind in _KINDS)
        for column in (end, start, depth, number):
            column.frombytes(self._stream.read(count * column.itemsize))
        return Rows(start, end, depth, number)


class CallRows:
    """The calls of one thread.

    Columns have room in advance: to append to an array costs PyPy ten times what a store does.
    """

    def __init__(self, spill: Spill) -> None:
        self._spill = spill
        self._places: List[int] = []
        self._base = 0
        self._count = 0
        self._room = _FIRST_ROWS
        self._rows = _new_rows(_FIRST_ROWS)

    def __len__(self) -> int:
        return self._base + self._count

    def begin(self, tick: int, depth: int, number: int) -> int:
        """Add a call, and give its row."""
        if self._count == self._room:
            self._make_room()
        rows, row = self._rows, self._count
        rows.start[row] = tick
        rows.end[row] = tick
        rows.depth[row] = depth
        rows.number[row] = number
        self._count = row + 1
        return self._base + row

    def _make_room(self) -> None:
        if self._room < CHUNK_ROWS:
            for column in self._rows:
                column.frombytes(bytes(self._room * column.itemsize))
            self._room *= 2
            return
        self._places.append(self._spill.add(self._rows))
        self._base += self._count
        self._count = 0

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
        if self._count:
            yield Rows(*(column[: self._count] for column in self._rows))
