"""Find one call and its neighbours, by its number or by its function."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from tracebin.analysis.calls import SUMS
from tracebin.analysis.lod import MAX_INT, Ints
from tracebin.errors import RunNotFound
from tracebin.server.call_lane import FUNCTIONS, LONG, LONG_COLUMNS
from tracebin.server.lanes import Calls
from tracebin.server.timeline_answers import OneCall


class Walker:
    """Walk over the calls of one thread.

    Every question reads a leaf or a few, and blocks of open calls, however many calls there are.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._leaves: Dict[int, Dict[str, Ints]] = {}
        self._first = calls.leaves["key_low"]

    def one(self, number: int) -> OneCall:
        """Give a call.

        Raises:
            RunNotFound: there is no such call.
        """
        leaf, at = self._place(number)
        columns = self._leaf(leaf)
        values = {name: int(columns[name][at]) for name in columns}
        child_ns, children = self._children(leaf, at, number)
        more: Dict[str, Any] = {name: values.get(name, -1) for name in ("state", "trace")}
        return OneCall(
            call=number,
            function=values["function"],
            depth=values["depth"],
            start_ns=values["start"],
            duration_ns=values["duration"],
            self_ns=values["duration"] - child_ns,
            state=more["state"] if more["state"] >= 0 else None,
            trace=more["trace"] if more["trace"] >= 0 else None,
            parent=self._parent(leaf, at),
            first_child=number + 1 if children else None,
            previous=self._previous(leaf, at),
            next=self._next(leaf, at, number),
            children=children,
        )

    def path(self, number: int) -> List[int]:
        """Give the functions from the outermost call down to a call.

        Raises:
            RunNotFound: there is no such call.
        """
        leaf, at = self._place(number)
        columns = self._leaf(leaf)
        depth = int(columns["depth"][at])
        open_ = self._calls.open_at(leaf)
        functions = dict(zip(open_["depth"].tolist(), open_["function"].tolist()))
        # Of the calls before it at each depth the last is open, where it begins.
        inside = slice(0, at + 1)
        functions.update(zip(columns["depth"][inside].tolist(), columns["function"][inside].tolist()))
        return [functions[each] for each in range(depth + 1)]

    def _place(self, number: int) -> Tuple[int, int]:
        if not 0 <= number < self._calls.note.calls:
            raise RunNotFound(f"the thread has no call {number}")
        leaf = int(np.searchsorted(self._first, number, "right")) - 1
        return leaf, number - int(self._first[leaf])

    # --- neighbours -------------------------------------------------------------------

    def _leaf(self, number: int) -> Dict[str, Ints]:
        if number not in self._leaves:
            self._leaves[number] = self._calls.leaf(number)
        return self._leaves[number]

    def _open(self, leaf: int, depth: int) -> Optional[int]:
        """Give the call at ``depth`` that is open where a leaf begins."""
        if depth < 0 or leaf >= len(self._first):
            return None
        block = self._calls.open_at(leaf, (depth, depth))
        found = block["call"][block["depth"] == depth]
        return int(found[0]) if len(found) else None

    def _parent(self, leaf: int, at: int) -> Optional[int]:
        columns = self._leaf(leaf)
        depth = int(columns["depth"][at])
        before = np.flatnonzero(columns["depth"][:at] == depth - 1)
        return int(columns["call"][before[-1]]) if len(before) else self._open(leaf, depth - 1)

    def _previous(self, leaf: int, at: int) -> Optional[int]:
        depth = int(self._leaf(leaf)["depth"][at])
        while leaf >= 0:
            columns = self._leaf(leaf)
            before = np.flatnonzero(columns["depth"][:at] <= depth)
            if len(before):
                last = before[-1]
                return int(columns["call"][last]) if columns["depth"][last] == depth else None
            open_ = self._open(leaf, depth)
            if open_ is not None:
                return open_
            leaf, at = leaf - 1, MAX_INT
        return None

    def _next(self, leaf: int, at: int, number: int) -> Optional[int]:
        depth = int(self._leaf(leaf)["depth"][at])
        last = self._last_leaf_open(leaf, depth, number)
        columns = self._leaf(last)
        first = at + 1 if last == leaf else 0
        after = np.flatnonzero(columns["depth"][first:] <= depth)
        if not len(after):
            if last + 1 == len(self._first):
                return None
            columns, first, after = self._leaf(last + 1), 0, np.zeros(1, np.int64)
        found = first + int(after[0])
        return int(columns["call"][found]) if columns["depth"][found] == depth else None

    def _last_leaf_open(self, leaf: int, depth: int, number: int) -> int:
        """Give the last leaf at whose begin a call of ``leaf`` is still open; ``leaf`` if none."""
        low, high = leaf, len(self._first)
        while high - low > 1:
            middle = (low + high) // 2
            if self._open(middle, depth) == number:
                low = middle
            else:
                high = middle
        return low

    def _children(self, leaf: int, at: int, number: int) -> Tuple[int, int]:
        """Give the time and the number of a call's direct children."""
        columns = self._leaf(leaf)
        depth = int(columns["depth"][at])
        if self._open(leaf + 1, depth) == number:
            return self._long(number)
        after = columns["depth"][at + 1 :]
        end = np.flatnonzero(after <= depth)
        inside = after[: int(end[0])] if len(end) else after
        mine = np.flatnonzero(inside == depth + 1) + at + 1
        return int(columns["duration"][mine].sum()), len(mine)

    def _long(self, number: int) -> Tuple[int, int]:
        parts = self._calls.parts.index.of(self._calls.note.lane, LONG)
        which = int(np.flatnonzero(parts["key_high"] >= number)[0])
        call, child_ns, children = self._calls.parts.read(parts, which, len(LONG_COLUMNS))
        at = int(np.searchsorted(call, number))
        return int(child_ns[at]), int(children[at])

    # --- by function --------------------------------------------------------------------

    def after(self, functions: Sequence[int], number: int) -> Optional[int]:
        """Give the first call behind call ``number`` of one of the functions."""
        leaf = max(0, int(np.searchsorted(self._first, number, "right")) - 1)
        return self._forward(functions, leaf, lambda columns: columns["call"] > number)

    def after_ns(self, functions: Sequence[int], time: int) -> Optional[int]:
        """Give the first call of one of the functions that starts at ``time`` or later."""
        leaf = max(0, int(np.searchsorted(self._calls.leaves["first_ns"], time, "left")) - 1)
        return self._forward(functions, leaf, lambda columns: columns["start"] >= time)

    def before(self, functions: Sequence[int], number: int) -> Optional[int]:
        """Give the last call before call ``number`` of one of the functions."""
        leaf = int(np.searchsorted(self._first, number, "left")) - 1
        skip = _Skipper(self._calls, functions, "leaf_to", "leaf_from")
        last: Optional[int] = leaf + 1 if leaf >= 0 else None
        while last:
            columns = self._leaf(last - 1)
            wanted = np.isin(columns["function"], functions) & (columns["call"] < number)
            if wanted.any():
                return int(columns["call"][np.flatnonzero(wanted)[-1]])
            last = skip(last - 1)
        return None

    def _forward(self, functions: Sequence[int], leaf: int, fits: Any) -> Optional[int]:
        skip = _Skipper(self._calls, functions, "leaf_from", "leaf_to")
        while leaf < len(self._first):
            columns = self._leaf(leaf)
            wanted = np.isin(columns["function"], functions) & fits(columns)
            if wanted.any():
                return int(columns["call"][np.flatnonzero(wanted)[0]])
            leaf = skip(leaf + 1)
        return None


class _Skipper:
    """Go from leaf to leaf past those without a call of some functions, many at once by their sums."""

    def __init__(self, calls: Calls, functions: Sequence[int], near: str, far: str) -> None:
        self._calls = calls
        self._functions = functions
        self._parts = calls.parts.index.of(calls.note.lane, FUNCTIONS)
        self._far = self._parts[far]
        self._at: Dict[int, List[int]] = {}
        length = self._parts["leaf_to"] - self._parts["leaf_from"]
        for number in np.argsort(-length, kind="stable").tolist():
            self._at.setdefault(int(self._parts[near][number]), []).append(number)

    def __call__(self, leaf: int) -> int:
        """Give the next place, ``leaf`` or farther, where such a call may be."""
        while True:
            for number in self._at.get(leaf, ()):
                if not self._has(number):
                    leaf = int(self._far[number])
                    break
            else:
                return leaf

    def _has(self, number: int) -> bool:
        sums: Mapping[str, Ints] = dict(zip(SUMS, self._calls.parts.read(self._parts, number, len(SUMS))))
        return bool((np.isin(sums["key"], self._functions) & (sums["calls"] > 0)).any())
