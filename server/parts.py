"""Keep the columns of the time line in one blob of parts, each of which can be read without the others.

A part is zstd data of one letter per column (as in ``columns.py``: the narrowest signed
integers that fit) and the columns, little endian.  Behind the parts stands the index, a
part itself, then the notes (JSON), then 24 bytes that say where both begin and how long
the index is.  Blobs are named by their content, so an index once read stays true.
"""

from __future__ import annotations

import json
import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, BinaryIO, Dict, List, Mapping, Sequence, Tuple

import numpy as np
import zstandard

from tracebin.analysis.lod import Bools, Ints
from tracebin.server.blobs import BlobStore, Part

_CODES = ("b", "h", "i", "q")
_DTYPES = {code: np.dtype(f"<i{1 << power}") for power, code in enumerate(_CODES)}
# Level 1 packs a part of calls to a third, four times as fast as zlib does.
_LEVEL = 1
_TAIL = struct.Struct("<qqq")
_INDICES_KEPT = 64
# More than there are kinds of parts.
_KINDS = 256

INDEX = (
    *("lane", "kind", "leaf_from", "leaf_to", "first_ns", "next_ns", "key_low", "key_high"),
    *("resolution", "coarser", "rows", "start_byte", "end_byte"),
)


@dataclass(frozen=True)
class Place:
    """What the index says of one part besides where its bytes are.

    ``lane`` is what it belongs to, ``leaf_from`` to ``leaf_to`` the stretch of the lane, which spans
    the time from ``first_ns`` to ``next_ns``; ``coarser`` is the resolution from which on another
    part serves better.
    """

    lane: int
    kind: int
    leaf_from: int
    leaf_to: int
    first_ns: int = 0
    next_ns: int = 0
    key_low: int = 0
    key_high: int = 0
    resolution: int = 1
    coarser: int = 0


def pack(columns: Sequence[Ints]) -> bytes:
    """Compress columns of equal length."""
    narrow = [_narrowed(np.asarray(column, np.int64)) for column in columns]
    head = "".join(_CODES[column.dtype.itemsize.bit_length() - 1] for column in narrow).encode("ascii")
    body = b"".join([head, *(column.tobytes() for column in narrow)])
    return zstandard.ZstdCompressor(level=_LEVEL).compress(body)


def unpack(data: bytes, columns: int, rows: int) -> List[Ints]:
    """Give the columns of a part."""
    plain = zstandard.ZstdDecompressor().decompress(data)
    found, at = [], columns
    for code in plain[:columns].decode("ascii"):
        dtype = _DTYPES[code]
        found.append(np.frombuffer(plain, dtype, rows, at).astype(np.int64))
        at += rows * dtype.itemsize
    return found


def _narrowed(column: Ints) -> np.ndarray[Any, Any]:
    least, most = (int(column.min()), int(column.max())) if len(column) else (0, 0)
    bits = max(least.bit_length() if least >= 0 else (~least).bit_length(), most.bit_length()) + 1
    power = next(power for power in range(4) if bits <= 8 << power)
    return column.astype(_DTYPES[_CODES[power]])


class PartsWriter:
    """Append parts to a blob that is being written."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._index: List[List[int]] = []

    def add(self, place: Place, columns: Sequence[Ints]) -> int:
        """Store columns; give the number of the part."""
        start = self._part.size
        self._part.write(pack(columns))
        given = [getattr(place, name) for name in INDEX[:10]]
        self._index.append([*given, len(columns[0]), start, self._part.size])
        return len(self._index) - 1

    def again(self, place: Place, number: int) -> int:
        """Name the bytes of a part once more, for another place."""
        given = [getattr(place, name) for name in INDEX[:10]]
        self._index.append([*given, *self._index[number][-3:]])
        return len(self._index) - 1

    def read(self, number: int, columns: int) -> List[Ints]:
        """Read back what was stored under ``number``."""
        rows, start, end = self._index[number][-3:]
        with self._part.reopen() as file:
            file.seek(start)
            return unpack(file.read(end - start), columns, rows)

    def set_coarser(self, number: int, resolution: int) -> None:
        """Say from which resolution on another part serves better."""
        self._index[number][INDEX.index("coarser")] = resolution

    def set_leaf_to(self, number: int, leaf: int) -> None:
        """Make a part hold up to another leaf."""
        self._index[number][INDEX.index("leaf_to")] = leaf

    def finish(self, notes: Any) -> None:
        """Write the index and the notes."""
        index_at = self._part.size
        table = np.array(self._index, np.int64).reshape(len(self._index), len(INDEX))
        self._part.write(pack(list(table.T)))
        notes_at = self._part.size
        self._part.write(json.dumps(notes).encode("utf-8"))
        self._part.write(_TAIL.pack(index_at, notes_at, len(self._index)))


class Index:
    """The index of one blob, its rows sorted by lane and kind, and its notes."""

    def __init__(self, columns: Mapping[str, Ints], notes: Any) -> None:
        order = np.lexsort((columns["kind"], columns["lane"]))
        self._columns = {name: column[order] for name, column in columns.items()}
        self._place = self._columns["lane"] * _KINDS + self._columns["kind"]
        self.notes = notes
        self.lanes: Dict[Tuple[str, int], Dict[str, Any]] = {
            (lane["family"], lane["owner"]): lane for lane in notes["lanes"]
        }

    def of(self, lane: int, kind: int) -> Dict[str, Ints]:
        """Give the parts of one kind in a lane, in the order they were written."""
        place = lane * _KINDS + kind
        low, high = np.searchsorted(self._place, [place, place + 1])
        return {name: column[low:high] for name, column in self._columns.items()}


def pick(parts: Mapping[str, Ints], which: Bools | Ints) -> Dict[str, Ints]:
    """Give some of the parts."""
    return {name: column[which] for name, column in parts.items()}


def read_index(file: BinaryIO) -> Index:
    """Read the index of a blob."""
    end = file.seek(-_TAIL.size, 2)
    index_at, notes_at, rows = _TAIL.unpack(file.read(_TAIL.size))
    file.seek(index_at)
    table = unpack(file.read(notes_at - index_at), len(INDEX), rows)
    notes = json.loads(file.read(end - notes_at))
    return Index(dict(zip(INDEX, table)), notes)


class Parts:
    """The parts of one blob, open for reading; what one question reads twice is unpacked once."""

    def __init__(self, file: BinaryIO, index: Index) -> None:
        self._file = file
        self._known: Dict[int, List[Ints]] = {}
        self.index = index

    @property
    def notes(self) -> Any:
        """What was noted when the blob was written."""
        return self.index.notes

    def read(self, parts: Mapping[str, Ints], number: int, columns: int) -> List[Ints]:
        """Read the columns of one of ``parts``."""
        start = int(parts["start_byte"][number])
        if start not in self._known:
            self._known[start] = self.read_once(parts, number, columns)
        return self._known[start]

    def read_once(self, parts: Mapping[str, Ints], number: int, columns: int) -> List[Ints]:
        """Read the columns of one of ``parts`` and keep nothing, where a question goes through any number."""
        start, end = int(parts["start_byte"][number]), int(parts["end_byte"][number])
        self._file.seek(start)
        return unpack(self._file.read(end - start), columns, int(parts["rows"][number]))

    def close(self) -> None:
        """Close the blob."""
        self._file.close()


class PartsCache:
    """Open blobs, and remember the indices of the last few."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._lock = threading.Lock()
        self._indices: OrderedDict[str, Index] = OrderedDict()

    def open(self, key: str) -> Parts:
        """Open the blob with this key."""
        file = self._blobs.open(key)
        return Parts(file, self._index(key, file))

    def _index(self, key: str, file: BinaryIO) -> Index:
        with self._lock:
            index = self._indices.pop(key, None)
        if index is None:
            index = read_index(file)
        with self._lock:
            self._indices[key] = index
            while len(self._indices) > _INDICES_KEPT:
                self._indices.popitem(last=False)
        return index
