"""Merge what is shorter than a pixel, and lose nothing of it: levels of detail.

A row is one call, or several that were merged.  Time from 0 on is cut into buckets of
``resolution`` nanoseconds; rows shorter than that which begin in one bucket under one key
(a depth, a function, a track) become one.  What lasts longer stays as it is.  Merging by 2
and then by 8 gives what merging by 8 gives, so coarse levels can be made of finer ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, Dict, Mapping, Sequence, Tuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Coarser than any time a bundle can hold.
COARSEST = 1 << 62
MAX_INT = (1 << 63) - 1


@dataclass(frozen=True)
class Rows:
    """Rows in columns.

    ``longest`` is how long the longest of a row's calls took, ``call`` its number, and what
    stands in ``more`` (function, state, trace) is that call's too.  ``peak`` is the
    greatest of a measure over all of them.
    """

    key: Ints
    start: Ints
    end: Ints
    longest: Ints
    call: Ints
    count: Ints
    busy: Ints
    more: Mapping[str, Ints] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.key)

    def select(self, which: npt.NDArray[np.generic]) -> Rows:
        """Give the rows that ``which``, a mask or an order, picks."""
        return self.map(lambda column: column[which])

    def map(self, change: Callable[[Ints], Ints]) -> Rows:
        """Give rows with ``change`` made to every column."""
        more = {name: change(column) for name, column in self.more.items()}
        main = {name: change(getattr(self, name)) for name in MAIN}
        return Rows(**main, more=more)


Merging = Callable[[Rows, int], Rows]
MAIN = ("key", "start", "end", "longest", "call", "count", "busy")
# Columns of ``Rows.more`` of which merging keeps the greatest, not the longest call's.
PEAKS = frozenset({"memory"})


def single(key: Ints, start: Ints, duration: Ints, call: Ints, more: Mapping[str, Ints]) -> Rows:
    """Give rows of one call each."""
    ones = np.ones(len(key), np.int64)
    return Rows(key, start, start + duration, duration, call, ones, duration, more)


def empty(more: Sequence[str] = ()) -> Rows:
    """Give no rows."""
    none = np.zeros(0, np.int64)
    return Rows(**dict.fromkeys(MAIN, none), more=dict.fromkeys(more, none))


def joined(parts: Sequence[Rows], more: Sequence[str]) -> Rows:
    """Give the rows of all parts, one after another."""
    if not parts:
        return empty(more)
    if len(parts) == 1:
        return parts[0]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in MAIN}
    extra = {name: np.concatenate([part.more[name] for part in parts]) for name in more}
    return Rows(**columns, more=extra)


def floor_power(number: int) -> int:
    """Give the greatest power of two that isn't greater; 1 at least."""
    return 1 << max(0, number.bit_length() - 1)


def in_order(rows: Rows) -> Rows:
    """Sort by key, then start, then as they come."""
    order = _order(rows)
    return rows if order is None else rows.select(order)


def _order(rows: Rows) -> Ints | None:
    if not len(rows):
        return None
    key, start = rows.key, rows.start
    low, first = int(key.min()), int(start.min())
    span = int(start.max()) - first + 1
    if (int(key.max()) - low + 1) * span > MAX_INT:
        return np.lexsort((start, key))
    # One number a row: a sort that profits from the runs that are in order already.
    place = (key - low) * span + (start - first)
    if bool((place[1:] >= place[:-1]).all()):
        return None
    return np.argsort(place, kind="stable")


def merge(rows: Rows, resolution: int) -> Rows:
    """Merge what is shorter than ``resolution`` and begins in the same bucket under the same key."""
    rows = in_order(rows)
    if len(rows) < 2:
        return rows
    bucket = rows.start // resolution
    short = rows.longest < resolution
    same = (rows.key[1:] == rows.key[:-1]) & (bucket[1:] == bucket[:-1]) & short[1:] & short[:-1]
    if not same.any():
        return rows
    begins = np.concatenate(([True], ~same))
    return _folded(rows, begins)


def merge_whole(rows: Rows, resolution: int) -> Rows:
    """Merge like :func:`merge`, so that no merged row reaches beyond its bucket.

    Rows are stretches of time of which none of one key overlap; one is cut where a bucket ends, as soon as it
    is short enough to be merged.  So at every level the time in a bucket is what it is at the finest.
    """
    end = (rows.start // resolution + 1) * resolution
    crosses = (rows.longest < resolution) & (rows.end > end)
    if crosses.any():
        ahead, behind = _cut(rows.select(crosses), end[crosses])
        rows = joined([rows.select(~crosses), ahead, behind], tuple(rows.more))
    return merge(rows, resolution)


def _cut(rows: Rows, at: Ints) -> Tuple[Rows, Rows]:
    """Cut stretches in two; what they count is shared out by their time."""
    ahead, behind = at - rows.start, rows.end - at
    count = rows.count * ahead // (ahead + behind)
    return (
        replace(rows, end=at, longest=ahead, busy=ahead, count=count),
        replace(rows, start=at, longest=behind, busy=behind, count=rows.count - count),
    )


def _folded(rows: Rows, begins: Bools) -> Rows:
    first = np.flatnonzero(begins)
    longest = np.maximum.reduceat(rows.longest, first)
    of_longest = _first_with(rows.longest, longest, begins, first)
    more = {
        name: np.maximum.reduceat(column, first) if name in PEAKS else column[of_longest]
        for name, column in rows.more.items()
    }
    return Rows(
        key=rows.key[first],
        start=rows.start[first],
        end=np.maximum.reduceat(rows.end, first),
        longest=longest,
        call=rows.call[of_longest],
        count=np.add.reduceat(rows.count, first),
        busy=np.add.reduceat(rows.busy, first),
        more=more,
    )


def _first_with(values: Ints, wanted: Ints, begins: Bools, first: Ints) -> Ints:
    """Give for each group the place of its first row that has the wanted value."""
    sizes = np.diff(first, append=len(values))
    found = np.flatnonzero(values == np.repeat(wanted, sizes))
    group = (np.cumsum(begins) - 1)[found]
    is_first = np.concatenate(([True], group[1:] != group[:-1]))
    chosen: Ints = found[is_first]
    return chosen


def flattened(rows: Rows) -> Rows:
    """Take rows into those they lie in, so that no two overlap; the counts add up.

    Rows are of one key.  Those of a function that calls itself lie in each other, and the picture
    has one line for them.
    """
    if len(rows) < 2:
        return rows
    # Of rows that begin together the longest comes first: the others lie in it.
    rows = rows.select(np.lexsort((-rows.end, rows.start)))
    until = np.maximum.accumulate(rows.end)[:-1]
    lies_inside = (rows.end[1:] <= until) & (rows.start[1:] < until)
    first = np.flatnonzero(np.concatenate(([True], ~lies_inside)))
    start = np.concatenate((rows.start[:1], np.maximum(rows.start[1:], until)))
    return replace(rows.select(first), start=start[first], count=np.add.reduceat(rows.count, first))


def shrink(rows: Rows, resolution: int, most: int, merging: Merging = merge) -> Tuple[int, Rows]:
    """Merge by the finest power of two that leaves at most ``most`` rows, or by the coarsest there is.

    Rows merged by ``resolution`` already are merged by more.
    """
    rows = in_order(rows)
    while len(rows) > most and resolution < COARSEST:
        resolution = max(resolution * 2, _least_resolution(rows, most))
        rows = merging(rows, resolution)
    return resolution, rows


def _least_resolution(rows: Rows, most: int) -> int:
    """Give what is needed at least: so many rows as last longer can't be merged."""
    kth = int(np.partition(rows.longest, len(rows) - most - 1)[len(rows) - most - 1])
    return min(COARSEST, 1 << kth.bit_length())


def touching(rows: Rows, start_ns: int, end_ns: int) -> Rows:
    """Give the rows that touch ``[start_ns, end_ns)``, those that last 0 at its start included."""
    inside = ((rows.end > start_ns) | (rows.start >= start_ns)) & (rows.start < end_ns)
    return rows if bool(inside.all()) else rows.select(inside)


def widened(start_ns: int, end_ns: int, resolution: int) -> Tuple[int, int]:
    """Widen a window to whole buckets."""
    return start_ns // resolution * resolution, -(-end_ns // resolution) * resolution


Floats = npt.NDArray[np.float64]


def spread(rows: Rows, weight: Ints, start_ns: int, resolution: int, buckets: int) -> Floats:
    """Give each bucket from ``start_ns`` on its part of every row's weight.

    A row in several buckets is spread evenly over the time from its start to its end.
    """
    length = np.maximum(rows.end - rows.start, 1)
    share = weight / length
    left = np.clip(rows.start - start_ns, 0, buckets * resolution)
    right = np.clip(rows.start + length - start_ns, 0, buckets * resolution)
    first, last = left // resolution, right // resolution
    size = buckets + 1
    # Whole buckets by the rows that cover them (a running sum), the parts at both ends by themselves.
    covering = np.bincount(first, share, size) - np.bincount(last, share, size)
    sums: Floats = np.cumsum(covering) * resolution
    sums -= np.bincount(first, share * (left - first * resolution), size)
    sums += np.bincount(last, share * (right - last * resolution), size)
    return np.maximum(sums[:buckets], 0)


def greatest(rows: Rows, values: Ints, start_ns: int, resolution: int, buckets: int) -> Ints:
    """Give for each bucket the greatest value of the rows in it; -1 where there is none."""
    first = np.clip((rows.start - start_ns) // resolution, 0, buckets)
    last = np.clip((rows.end - 1 - start_ns) // resolution, first - 1, buckets - 1)
    sizes = last - first + 1
    ends = np.cumsum(sizes)
    at = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - sizes - first, sizes)
    found = np.full(buckets, -1, np.int64)
    np.maximum.at(found, at, np.repeat(values, sizes))
    return found


def deltas(rows: Rows, start_ns: int) -> Ints:
    """Give the starts of rows in order, delta-coded within each key; the first counts from ``start_ns``."""
    change = np.diff(rows.start, prepend=start_ns)
    first = np.flatnonzero(np.diff(rows.key)) + 1
    change[first] = rows.start[first] - start_ns
    return change


def by_key(rows: Rows) -> Dict[int, Rows]:
    """Split rows in order into those of each key."""
    keys, first = np.unique(rows.key, return_index=True)
    ends = np.append(first[1:], len(rows))
    return {
        int(key): rows.map(lambda column, a=a, b=b: column[a:b])  # type: ignore[misc]
        for key, a, b in zip(keys, first, ends)
    }
