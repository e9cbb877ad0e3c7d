"""Read a lane of the time line at the resolution a picture needs.

Of every stretch the coarsest level is read that is fine enough, so what is read stands in
proportion to what is shown, however long the run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Iterator, Mapping, Optional, Sequence, Tuple

import numpy as np

from tracebin.analysis.calls import FARTHEST_NS, Columns
from tracebin.analysis.lod import (
    MAIN,
    Bools,
    Floats,
    Ints,
    Merging,
    Rows,
    by_key,
    flattened,
    floor_power,
    in_order,
    joined,
    merge,
    merge_whole,
    single,
    spread,
    touching,
    widened,
)
from tracebin.errors import RunNotFound
from tracebin.server.call_lane import LEAF_COLUMNS, OPEN, OPEN_COLUMNS, PART_COLUMNS, STATE_COLUMNS
from tracebin.server.parts import Parts, pick
from tracebin.server.pyramid import LEAF, NODE, to_rows

SOURCES = ("exact", "sampled")
# A picture of 1500 x 1000 pixels of a million real calls has some 17,000 rectangles.
MOST_ROWS = 20_000
# Reading and merging this much takes some 20 ms; more detail than that is left out.
MOST_READ = 50_000
# Windows are read a little wider, so that buckets this many times as long are whole too.
_MARGIN = 8
ALL_KEYS = (-1, 1 << 62)
# Beyond all times there are.
_ENDLESS_NS = 4 * FARTHEST_NS - 1


@dataclass(frozen=True)
class Window:
    """A stretch of time, and how many pixels it is wide."""

    start_ns: int
    end_ns: int
    width: int = 1000

    @property
    def resolution(self) -> int:
        """The time of a pixel, down to a power of two."""
        return floor_power((self.end_ns - self.start_ns) // self.width)


@dataclass(frozen=True)
class Seen:
    """What is to be seen of a lane: rows in order, merged by ``resolution``, touching the window."""

    start_ns: int
    end_ns: int
    resolution: int
    rows: Rows


@dataclass(frozen=True)
class Note:
    """What the notes say of a lane."""

    family: str
    owner: int
    lane: int
    first_ns: int
    last_ns: int
    calls: int = 0
    depths: int = 0
    interval_ns: Optional[int] = None


def find_note(parts: Parts, family: str, owner: int) -> Optional[Note]:
    """Give the note of one lane."""
    note = parts.index.lanes.get((family, owner))
    return None if note is None else Note(**note)


def calls_of(parts: Parts, thread: int, source: Optional[str]) -> Calls:
    """Give the calls of a thread, exact ones if it has any and nothing else is asked for.

    Raises:
        RunNotFound: the run has no such thread, or the thread no such calls.
    """
    if not 0 <= thread < len(parts.notes["threads"]):
        raise RunNotFound(f"the run has no thread {thread}")
    for name in SOURCES if source is None else (source,):
        note = find_note(parts, name, thread)
        if note is not None:
            return Calls(parts, note)
    raise RunNotFound(f"thread {thread} has no {source + ' ' if source else ''}calls")


class Lane:
    """Rows of one lane, by what they have as key."""

    more: Tuple[str, ...] = ()
    merging: Merging = staticmethod(merge)

    def __init__(self, parts: Parts, lane: int, more: Sequence[str] = ()) -> None:
        self.parts = parts
        self.lane = lane
        self.more = tuple(more)
        self._nodes = parts.index.of(lane, NODE)

    def see(self, window: Window, keys: Tuple[int, int] = ALL_KEYS) -> Seen:
        """Give what is to be seen of keys from the first to the last.

        The resolution is doubled until there aren't too many rows.
        """
        resolution, coarsest = window.resolution, window.end_ns - window.start_ns
        chosen = self._choose(window, resolution, keys)
        while chosen.rows > MOST_READ and resolution < coarsest:
            resolution *= 2
            chosen = self._choose(window, resolution, keys)
        rows, finest = self.merging(self._rows(chosen, keys), resolution), resolution
        while True:
            seen = _seen(window, resolution, rows)
            if len(seen.rows) <= MOST_ROWS or resolution >= coarsest:
                return seen
            resolution *= _factor(len(seen.rows))
            if resolution > finest * _MARGIN:
                rows, finest = self._rows(self._choose(window, resolution, keys), keys), resolution
            rows = self.merging(rows, resolution)

    def _choose(self, window: Window, resolution: int, keys: Tuple[int, int]) -> _Chosen:
        margin = 2 * _MARGIN * resolution
        start = max(window.start_ns - margin, -_ENDLESS_NS)
        end = min(window.end_ns + margin, _ENDLESS_NS)
        nodes = pick(self._nodes, self._fit(self._nodes, resolution, start, end))
        in_keys = (nodes["key_low"] <= keys[1]) & (nodes["key_high"] >= keys[0])
        return self._with_leaves(_Chosen(start, end, pick(nodes, in_keys), {}), nodes, resolution)

    def _with_leaves(self, chosen: _Chosen, nodes: Mapping[str, Ints], resolution: int) -> _Chosen:
        return chosen

    def _fit(self, parts: Mapping[str, Ints], resolution: int, start: int, end: int) -> Bools:
        found: Bools = (
            (parts["resolution"] <= resolution)
            & (parts["coarser"] > resolution)
            & (parts["first_ns"] < end)
            & (parts["next_ns"] >= start)
        )
        return found

    def _rows(self, chosen: _Chosen, keys: Tuple[int, int]) -> Rows:
        return joined(list(self._read(chosen, keys)), self.more)

    def _read(self, chosen: _Chosen, keys: Tuple[int, int]) -> Iterator[Rows]:
        for number in range(len(chosen.nodes["rows"])):
            yield self._part(chosen, number, keys)

    def _part(self, chosen: _Chosen, number: int, keys: Tuple[int, int]) -> Rows:
        columns = self.parts.read(chosen.nodes, number, len(MAIN) + len(self.more))
        rows = touching(to_rows(columns, self.more), chosen.start_ns, chosen.end_ns)
        return _of_keys(rows, keys)


class UnionLane(Lane):
    """Stretches of time of which none of one key overlap, and whose merged rows lie within their buckets."""

    merging: Merging = staticmethod(merge_whole)

    def covered(self, window: Window) -> Dict[int, Floats]:
        """Give how much of each bucket they cover, by key: exactly, since no level merges across its end.

        The window begins and ends with buckets.  Hence nothing is merged here, and no level is passed over.
        """
        rows = in_order(self._rows(self._choose(window, window.resolution, ALL_KEYS), ALL_KEYS))
        frame = (window.start_ns, window.resolution, window.width)
        return {key: spread(mine, mine.busy, *frame) for key, mine in by_key(rows).items()}


@dataclass(frozen=True)
class _Chosen:
    """Which parts to read for which time."""

    start_ns: int
    end_ns: int
    nodes: Dict[str, Ints]
    leaves: Dict[str, Ints]
    first_leaf: Optional[int] = None

    @property
    def rows(self) -> int:
        """How many rows that means, where leaves are read to the part they are in the window."""
        found = int(self.nodes["rows"].sum())
        if self.leaves:
            first, last = self.leaves["first_ns"], self.leaves["next_ns"]
            inside = np.minimum(last, self.end_ns) - np.maximum(first, self.start_ns)
            share = np.clip(inside / np.maximum(last - first, 1), 0, 1)
            # All of a leaf is unpacked, which is a quarter of the work.
            found += int((self.leaves["rows"] * (0.25 + 0.75 * share)).sum())
        return found


def _factor(rows: int) -> int:
    """Say how much coarser it must be at least: a doubling leaves a quarter of the rows or more."""
    return max(2, 1 << (-(-rows // MOST_ROWS) - 1).bit_length() >> 1)


def _seen(window: Window, resolution: int, rows: Rows) -> Seen:
    start, end = widened(window.start_ns, window.end_ns, resolution)
    return Seen(start, end, resolution, touching(rows, start, end))


def _of_keys(rows: Rows, keys: Tuple[int, int]) -> Rows:
    if keys == ALL_KEYS or not len(rows):
        return rows
    inside = (rows.key >= keys[0]) & (rows.key <= keys[1])
    return rows if bool(inside.all()) else rows.select(inside)


class Calls:
    """The calls of one thread, of one source."""

    def __init__(self, parts: Parts, note: Note) -> None:
        self.parts = parts
        self.note = note
        self.drawn = STATE_COLUMNS if note.family == "sampled" else ()
        self.more = (*STATE_COLUMNS, *PART_COLUMNS) if note.family == "sampled" else ()
        self.columns = (*LEAF_COLUMNS, *self.more)
        self.leaves = parts.index.of(note.lane, LEAF)
        self._open = parts.index.of(note.lane, OPEN)

    @property
    def by_depth(self) -> Lane:
        """The calls as rows of their depth."""
        return _ByDepth(self, self.note.lane, ("function", *self.drawn))

    @property
    def by_function(self) -> Lane:
        """The calls as rows of their function."""
        return _ByFunction(self, self.note.lane + 1)

    def leaf(self, number: int) -> Dict[str, Ints]:
        """Give the calls of a leaf, with their numbers."""
        return self.leaf_of(self.leaves, number)

    def leaf_of(self, leaves: Mapping[str, Ints], number: int) -> Dict[str, Ints]:
        """Give the calls of one of ``leaves``, with their numbers."""
        columns = self.parts.read(leaves, number, len(self.columns))
        first, last = int(leaves["key_low"][number]), int(leaves["key_high"][number])
        return {"call": np.arange(first, last + 1), **dict(zip(self.columns, columns))}

    def open_at(self, leaf: int, depths: Tuple[int, int] = ALL_KEYS) -> Columns:
        """Give the calls that are open where a leaf begins, by depth."""
        blocks = pick(self._open, (self._open["leaf_from"] <= leaf) & (self._open["leaf_to"] > leaf))
        blocks = pick(blocks, (blocks["key_low"] <= depths[1]) & (blocks["key_high"] >= depths[0]))
        names = (*OPEN_COLUMNS, *self.more)
        read = [self.parts.read(blocks, number, len(names)) for number in range(len(blocks["rows"]))]
        if not read:
            return {name: np.zeros(0, np.int64) for name in names}
        return {name: np.concatenate(columns) for name, columns in zip(names, zip(*read))}


class _CallRows(Lane):
    """Rows of calls: what no level has is made of the calls themselves, and of those still open."""

    _key = "depth"

    def __init__(self, calls: Calls, lane: int, more: Sequence[str] = ()) -> None:
        super().__init__(calls.parts, lane, more)
        self._calls = calls
        self._leaves = calls.parts.index.of(lane, LEAF)

    def _with_leaves(self, chosen: _Chosen, nodes: Mapping[str, Ints], resolution: int) -> _Chosen:
        fits = self._fit(self._leaves, resolution, chosen.start_ns, chosen.end_ns)
        leaves = pick(self._leaves, fits)
        begins = np.concatenate((nodes["leaf_from"], leaves["leaf_from"]))
        first = int(begins.min()) if len(begins) else None
        return replace(chosen, leaves=leaves, first_leaf=first)

    def _read(self, chosen: _Chosen, keys: Tuple[int, int]) -> Iterator[Rows]:
        yield from super()._read(chosen, keys)
        for number in range(len(chosen.leaves["rows"])):
            yield self._calls_in(self._calls.leaf_of(chosen.leaves, number), chosen, keys)
        if chosen.first_leaf is not None:
            open_ = self._calls.open_at(chosen.first_leaf, keys if self._key == "depth" else ALL_KEYS)
            yield self._calls_in({**open_, "duration": open_["end"] - open_["start"]}, chosen, keys)

    def _calls_in(self, columns: Columns, chosen: _Chosen, keys: Tuple[int, int]) -> Rows:
        key, start = columns[self._key], columns["start"]
        inside = (start < chosen.end_ns) & (key >= keys[0]) & (key <= keys[1])
        inside &= (start + columns["duration"] > chosen.start_ns) | (start >= chosen.start_ns)
        at = np.flatnonzero(inside)
        return self._single({name: column[at] for name, column in columns.items()})

    def _single(self, columns: Columns) -> Rows:
        raise NotImplementedError


class _ByDepth(_CallRows):
    def _single(self, columns: Columns) -> Rows:
        more = {name: columns[name] for name in self.more}
        return single(columns["depth"], columns["start"], columns["duration"], columns["call"], more)


class _ByFunction(_CallRows):
    _key = "function"

    def see(self, window: Window, keys: Tuple[int, int] = ALL_KEYS) -> Seen:
        """Give what is to be seen of one function; its calls in itself are counted in the outermost."""
        seen = super().see(window, keys)
        return replace(seen, rows=flattened(seen.rows))

    def _single(self, columns: Columns) -> Rows:
        duration = np.where(columns["outermost"] != 0, columns["duration"], 0)
        return single(columns["function"], columns["start"], duration, columns["call"], {})
