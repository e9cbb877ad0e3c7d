"""Find single events of a process: the next, the one before, the one with a number.

Events need not come in order of time.  So every leaf is read that may hold a nearer one,
which the times it spans tell, and the kinds.  None is kept: looking for a number goes through them all.
"""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Sequence, Tuple

import numpy as np

from tracebin.analysis.lod import MAIN, Bools, Ints
from tracebin.errors import RunNotFound
from tracebin.server.lanes import find_note
from tracebin.server.parts import Parts, pick
from tracebin.server.pyramid import NODE, to_rows
from tracebin.server.timeline_answers import EventTime
from tracebin.server.timeline_ingest import TRACKS

# In the order of those that begin at one time.
EVENT_KINDS = tuple(kind for kinds in TRACKS.values() for kind in kinds)
# When an event begins, the place of its kind in EVENT_KINDS, its number.
Order = Tuple[int, int, int]
_Found = Tuple[Order, int]


class _Leaf:
    """Some events of one family: when the first begins and the last ends, and on request each of them."""

    def __init__(self, parts: Parts, leaves: Dict[str, Ints], number: int, first_kind: int) -> None:
        self._parts = parts
        self._leaves = leaves
        self._number = number
        self._first_kind = first_kind
        self.first_ns = int(leaves["first_ns"][number])
        self.next_ns = int(leaves["next_ns"][number])
        self._kinds = range(
            first_kind + int(leaves["key_low"][number]), first_kind + int(leaves["key_high"][number]) + 1
        )

    def may_have(self, kinds: Sequence[int]) -> bool:
        """Say whether there can be an event of some kinds."""
        return any(kind in self._kinds for kind in kinds)

    def read(self, kinds: Sequence[int]) -> Tuple[Ints, Ints, Ints, Ints]:
        """Give start, kind, number and duration of those of some kinds."""
        rows = to_rows(self._parts.read_once(self._leaves, self._number, len(MAIN)), ())
        kind = rows.key + self._first_kind
        some = np.isin(kind, kinds)
        return rows.start[some], kind[some], rows.call[some], (rows.end - rows.start)[some]


class EventFinder:
    """Find events of some kinds in one process, of all kinds if none is named.

    Raises:
        RunNotFound: the run has no such process.
    """

    def __init__(self, parts: Parts, process: int, kinds: Sequence[str] = ()) -> None:
        if not 0 <= process < len(parts.notes["processes"]):
            raise RunNotFound(f"the run has no process {process}")
        self._process = process
        self._kinds = [EVENT_KINDS.index(kind) for kind in kinds or EVENT_KINDS]
        self._leaves = list(_leaves_of(parts, process))
        self._wanted = [leaf for leaf in self._leaves if leaf.may_have(self._kinds)]

    def next(self, place: Order) -> Optional[EventTime]:
        """Give the first event behind a place in their order."""
        best: Optional[_Found] = None
        for leaf in sorted(self._wanted, key=lambda leaf: leaf.first_ns):
            if best is not None and leaf.first_ns > best[0][0]:
                break
            if leaf.next_ns >= place[0]:
                found = self._least(leaf, place)
                best = found if best is None or (found is not None and found < best) else best
        return self._answer(best)

    def previous(self, place: Order) -> Optional[EventTime]:
        """Give the last event ahead of a place in their order."""
        best: Optional[_Found] = None
        for leaf in sorted(self._wanted, key=lambda leaf: -leaf.next_ns):
            # What ends before the best begins, began before it.
            if best is not None and leaf.next_ns < best[0][0]:
                break
            if leaf.first_ns <= place[0]:
                found = self._greatest(leaf, place)
                best = found if best is None or (found is not None and found > best) else best
        return self._answer(best)

    def one(self, kind: str, number: int, near_ns: Optional[int]) -> Optional[EventTime]:
        """Give the event with a number; of several the one that begins nearest to a time, else the first."""
        near = -1 if near_ns is None else near_ns
        wanted = EVENT_KINDS.index(kind)
        found = [
            ((int(start[at]), wanted, number), int(duration[at]))
            for start, _, call, duration in (
                leaf.read([wanted]) for leaf in self._leaves if leaf.may_have([wanted])
            )
            for at in np.flatnonzero(call == number)
        ]
        key = (lambda each: each[0][0]) if near_ns is None else (lambda each: abs(each[0][0] - near))
        return self._answer(min(found, key=key, default=None))

    def _least(self, leaf: _Leaf, place: Order) -> Optional[_Found]:
        columns = leaf.read(self._kinds)
        behind = np.flatnonzero(_is_behind(columns, place))
        return _picked(columns, behind, 0)

    def _greatest(self, leaf: _Leaf, place: Order) -> Optional[_Found]:
        start, kind, number, _ = columns = leaf.read(self._kinds)
        same = (start == place[0]) & (kind == place[1]) & (number == place[2])
        ahead = np.flatnonzero(~_is_behind(columns, place) & ~same)
        return _picked(columns, ahead, -1)

    def _answer(self, found: Optional[_Found]) -> Optional[EventTime]:
        if found is None:
            return None
        (start, kind, number), duration = found
        return EventTime(self._process, EVENT_KINDS[kind], number, start, duration)


def _leaves_of(parts: Parts, process: int) -> Iterator[_Leaf]:
    first_kind = 0
    for family, kinds in TRACKS.items():
        note = find_note(parts, family, process)
        if note is not None:
            nodes = parts.index.of(note.lane, NODE)
            # Nothing is merged at 1 ns.
            leaves = pick(nodes, (nodes["resolution"] == 1) & (nodes["coarser"] > 1))
            for number in range(len(leaves["rows"])):
                yield _Leaf(parts, leaves, number, first_kind)
        first_kind += len(kinds)


def _is_behind(columns: Tuple[Ints, Ints, Ints, Ints], place: Order) -> Bools:
    start, kind, number, _ = columns
    later_number = (kind == place[1]) & (number > place[2])
    behind: Bools = (start > place[0]) | ((start == place[0]) & ((kind > place[1]) | later_number))
    return behind


def _picked(columns: Tuple[Ints, Ints, Ints, Ints], which: Ints, at: int) -> Optional[_Found]:
    if not len(which):
        return None
    start, kind, number, duration = (column[which] for column in columns)
    chosen = np.lexsort((number, kind, start))[at]
    return (int(start[chosen]), int(kind[chosen]), int(number[chosen])), int(duration[chosen])
