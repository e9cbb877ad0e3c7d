"""Say when a process collected or traced, of many moments at once.

Owns the unions of such times as arrays; ``intervals.py`` does the same one by one.
"""

from __future__ import annotations

from array import array
from typing import Tuple

import numpy as np

from tracebin.analysis.lod import Bools, Ints
from tracebin.bundle.records import STATES

Union = Tuple[Ints, Ints]
_GC = STATES.index("gc")
_TRACING = STATES.index("tracing")


class BusyTimes:
    """Take the times of one process in any order, then ask."""

    def __init__(self) -> None:
        self._gc = array("q"), array("q")
        self._tracing = array("q"), array("q")

    def add_gc(self, start_ns: int, end_ns: int) -> None:
        """Note a collection, or a part of one."""
        _note(self._gc, start_ns, end_ns)

    def add_tracing(self, start_ns: int, end_ns: int) -> None:
        """Note when a trace was made, from the first op to the machine code."""
        _note(self._tracing, start_ns, end_ns)

    @property
    def gc(self) -> Union:
        """The times of collections as starts and ends, in order and apart from each other."""
        return union(*_arrays(self._gc))

    @property
    def either(self) -> Union:
        """The times of collections or of tracing."""
        parts = zip(_arrays(self._gc), _arrays(self._tracing))
        starts, ends = (np.concatenate(pair) for pair in parts)
        return union(starts, ends)

    def states(self) -> BusyStates:
        """Make what tells the state of moments."""
        return BusyStates(self.gc, self.either)


class BusyStates:
    """Tell the state of a process at many moments."""

    def __init__(self, gc: Union, either: Union) -> None:
        self._gc = gc
        self._either = either

    def within(self, starts: Ints, ends: Ints, most: Ints) -> Tuple[Ints, Ints, Ints]:
        """Give when it was busy in some stretches: in which, from when and until when.

        Of each stretch it looks at the first ``most`` times.
        """
        begins, stops = self._either
        first, last = np.searchsorted(stops, starts, "right"), np.searchsorted(begins, ends, "left")
        sizes = np.clip(last - first, 0, most)
        of = np.repeat(np.arange(len(starts)), sizes)
        at = np.arange(len(of)) + np.repeat(first - np.cumsum(sizes) + sizes, sizes)
        return of, np.maximum(starts[of], begins[at]), np.minimum(ends[of], stops[at])

    def at(self, times: Ints) -> Ints:
        """Give for each moment the place in STATES of gc or tracing, gc where both; -1 for neither."""
        found = np.where(_holds(self._either, times), _TRACING, -1)
        found[_holds(self._gc, times)] = _GC
        return found


def union(starts: Ints, ends: Ints) -> Union:
    """Join what overlaps or touches."""
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order]) if len(order) else ends
    first = np.ones(len(starts), np.bool_)
    first[1:] = starts[1:] > ends[:-1]
    last = np.flatnonzero(first)[1:] - 1
    return starts[first], np.append(ends[last], ends[-1:])


def _holds(times: Union, moments: Ints) -> Bools:
    starts, ends = times
    if not len(starts):
        return np.zeros(len(moments), np.bool_)
    at = np.searchsorted(starts, moments, "right") - 1
    held: Bools = (at >= 0) & (moments < ends[at])
    return held


def _note(columns: Tuple[array[int], array[int]], start_ns: int, end_ns: int) -> None:
    if end_ns > start_ns:
        columns[0].append(start_ns)
        columns[1].append(end_ns)


def _arrays(columns: Tuple[array[int], array[int]]) -> Union:
    starts, ends = (np.array(column, np.int64) for column in columns)
    return starts, ends
