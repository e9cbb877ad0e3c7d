"""Look at calls stretch by stretch: who calls whom, who is still open, what adds up.

Calls come in order of start, with their depth.  A stretch (*leaf*) is handled in columns; from
one to the next only the calls go on that are still open.  So a run of any length can be
gone through, whatever its depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from tracebin.analysis.lod import Bools, Ints, Rows, single
from tracebin.errors import MalformedBundle

Columns = Dict[str, Ints]
# What is known of a call that is open at the end of a leaf; those of sampled spans have more.
FRAME = ("start", "end", "function", "call", "context", "outermost")
LEAF = ("call", "start", "duration", "depth", "function", "context")
SUMS = ("key", "total_ns", "self_ns", "calls", "largest_ns", "largest_call", "interpreted_ns", "jitted_ns")
# Times further from 0 than this, 36 years, could add up to more than 64 bits.
FARTHEST_NS = 1 << 60
# All of a call's own time; where calls have columns named by a state, they are parts of it.
WHOLE = 10_000


@dataclass(frozen=True)
class Leaf:
    """A stretch of the calls of one thread."""

    call: Ints
    start: Ints
    duration: Ints
    depth: Ints
    function: Ints
    context: Ints
    more: Mapping[str, Ints]

    def __len__(self) -> int:
        """Count the calls."""
        return len(self.start)

    @property
    def end(self) -> Ints:
        """When each ended."""
        return self.start + self.duration

    def select(self, which: Bools) -> Leaf:
        """Give some of the calls."""
        columns = {name: getattr(self, name)[which] for name in LEAF}
        return Leaf(**columns, more={name: column[which] for name, column in self.more.items()})

    def by_depth(self, names: Sequence[str] = ()) -> Rows:
        """Give the calls as rows of their depth, with their function and ``names`` of what there is more."""
        more = {"function": self.function, **{name: self.more[name] for name in names}}
        return single(self.depth, self.start, self.duration, self.call, more)

    def by_function(self, outermost: Bools) -> Rows:
        """Give the calls as rows of their function; those inside another of it last 0."""
        return single(self.function, self.start, np.where(outermost, self.duration, 0), self.call, {})


def check_order(depth: Ints, before: int) -> None:
    """Check that no call is deeper than one below the call before it.

    Raises:
        MalformedBundle: one is.
    """
    rise = np.diff(depth, prepend=before)
    if len(rise) and int(rise.max()) > 1:
        raise MalformedBundle("a call is deeper than one below the call before it")


def check_times(start: Ints, duration: Ints) -> None:
    """Refuse times that could add up to more than 64 bits.

    Raises:
        MalformedBundle: one is too far from 0.
    """
    far = max(abs(int(start.min())), abs(int(start.max())), int(duration.max())) if len(start) else 0
    if far > FARTHEST_NS:
        raise MalformedBundle("a time more than 36 years from the start of the run")


class Nesting:
    """How the calls of a leaf lie in each other and in those open before it.

    ``parent`` counts through the open calls first, then those of the leaf; -1 for none.

    Raises:
        MalformedBundle: a call has no caller.
    """

    def __init__(self, leaf: Leaf, open_: Mapping[str, Ints]) -> None:
        self.leaf = leaf
        self.open = open_
        self.opened = len(open_["start"])
        self.depth = np.concatenate((np.arange(self.opened), leaf.depth))
        self.start = np.concatenate((open_["start"], leaf.start))
        self.end = np.concatenate((open_["end"], leaf.end))
        self.function = np.concatenate((open_["function"], leaf.function))
        self._by_depth = np.argsort(self.depth, kind="stable")
        self.parent = self._parents()

    def _parents(self) -> Ints:
        """Find each call's caller: the last before it that is one less deep."""
        count = len(self.depth)
        index = np.arange(count)
        place = self.depth * count + index
        order = self._by_depth
        at = np.searchsorted(place[order], place - count) - 1
        found = order[at]
        found[(at < 0) | (self.depth == 0)] = -1
        wrong = (self.depth > 0) & ((found < 0) | (self.depth[found] != self.depth - 1))
        if bool(wrong.any()):
            raise MalformedBundle("a call has no caller")
        return found

    def check(self) -> None:
        """Check that calls lie inside their callers, one after another.

        Raises:
            MalformedBundle: they don't.
        """
        has = self.parent >= 0
        if bool((self.end[has] > self.end[self.parent[has]]).any()):
            raise MalformedBundle("a call ends after its caller")
        order = self._by_depth
        same = self.depth[order[1:]] == self.depth[order[:-1]]
        if bool((self.end[order[:-1]] > self.start[order[1:]])[same].any()):
            raise MalformedBundle("a call begins before the one before it has ended")

    def outermost(self) -> Bools:
        """Say of each call, open ones first, whether it is in no other of its function."""
        starts = self.leaf.start
        known = np.concatenate((np.zeros(self.opened, np.int64), np.arange(1, len(self.leaf) + 1)))
        # How many calls of the leaf begin before this one ends: those inside are among them.
        reach = np.searchsorted(starts, self.end, side="left")
        order = np.argsort(self.function, kind="stable")
        group = np.cumsum(np.diff(self.function[order], prepend=self.function[order[:1]]) != 0)
        width = len(starts) + 2
        farthest = np.maximum.accumulate(group * width + reach[order])
        before = np.concatenate(([-1], farthest[:-1])) - group * width
        outer = np.ones(len(self.depth), np.bool_)
        outer[order] = before < known[order]
        outer[: self.opened] = self.open["outermost"] != 0
        return outer


@dataclass(frozen=True)
class Fold:
    """What is found out about a leaf, and what goes on to the next."""

    outermost: Bools
    by_function: Columns
    by_context: Columns
    open: Columns
    closed: Columns
    least_depth: int


class Folder:
    """Go through the leaves of one thread; ``more`` names the extra columns of its calls."""

    def __init__(self, more: Sequence[str]) -> None:
        self._names = (*FRAME, *more, "child_ns", "children")
        self.open: Columns = {name: np.zeros(0, np.int64) for name in self._names}

    def fold(self, leaf: Leaf, next_ns: int, next_depth: int) -> Fold:
        """Take in a leaf; the one after it begins at ``next_ns`` with a call at ``next_depth``."""
        nesting = Nesting(leaf, self.open)
        nesting.check()
        outermost = nesting.outermost()
        everything = self._frames(leaf, outermost, *self._children(nesting))
        window = (int(leaf.start[0]), next_ns)
        weights = Weights(nesting, outermost, window, np.ones(len(leaf), np.bool_))
        stays = _still_open(nesting, next_depth)
        closed = np.ones(len(nesting.depth), np.bool_)
        closed[stays] = False
        # Of calls that begin and end in one leaf all is at hand when it is read.
        closed[nesting.opened :] = False
        self.open = {name: column[stays] for name, column in everything.items()}
        return Fold(
            outermost=outermost[nesting.opened :],
            by_function=weights.by_function(),
            by_context=weights.by_context(),
            open=self.open,
            closed={name: everything[name][closed] for name in ("call", "child_ns", "children")},
            least_depth=int(leaf.depth.min()),
        )

    def _children(self, nesting: Nesting) -> Tuple[Ints, Ints]:
        """Add up the children of all calls, those in the leaf to those seen before it."""
        count = len(nesting.depth)
        parent = nesting.parent[nesting.opened :]
        has = parent >= 0
        ns = _sum(parent[has], nesting.leaf.duration[has], count)
        number = np.bincount(parent[has], minlength=count)
        ns[: nesting.opened] += self.open["child_ns"]
        number[: nesting.opened] += self.open["children"]
        return ns, number

    def _frames(self, leaf: Leaf, outermost: Bools, child_ns: Ints, children: Ints) -> Columns:
        mine = {
            **{name: getattr(leaf, name) for name in ("start", "end", "function", "call", "context")},
            **leaf.more,
        }
        joined = {name: np.concatenate((self.open[name], column)) for name, column in mine.items()}
        return {**joined, "outermost": outermost * 1, "child_ns": child_ns, "children": children}


def _sum(at: Ints, values: Ints, count: int) -> Ints:
    sums = np.zeros(count, np.int64)
    np.add.at(sums, at, values)
    return sums


def _times_in(nesting: Nesting, start_ns: int, end_ns: int) -> Ints:
    """Give how long each call lasts within a window."""
    clipped: Ints = np.minimum(nesting.end, end_ns) - np.maximum(nesting.start, start_ns)
    return np.maximum(clipped, 0)


def _still_open(nesting: Nesting, next_depth: int) -> Ints:
    """Pick the last call at each depth above that of the next call: they are its callers."""
    order = nesting._by_depth
    depth = nesting.depth[order]
    last = order[np.concatenate((depth[1:] != depth[:-1], [True]))] if len(order) else order
    return last[nesting.depth[last] < next_depth]


class Weights:
    """The time of calls within a window, ready to be added up; ``begun`` are the leaf's calls that count."""

    def __init__(self, nesting: Nesting, outermost: Bools, window: Tuple[int, int], begun: Bools) -> None:
        self._nesting = nesting
        self._times = times = _times_in(nesting, *window)
        self._outermost = outermost
        self._begun = begun
        has = nesting.parent >= 0
        self._self = times - _sum(nesting.parent[has], times[has], len(times))

    def by_function(self) -> Columns:
        """Add up by function; a function inside itself counts once."""
        return self._sums(self._nesting.function, self._outermost, self._begun)

    def by_context(self) -> Columns:
        """Add up by context; what is counted to its caller has no time of its own."""
        context = np.concatenate((self._nesting.open["context"], self._nesting.leaf.context))
        own = context >= 0
        return self._sums(np.where(own, context, ~context), own, self._begun & own[self._nesting.opened :])

    def _sums(self, key: Ints, whole: Bools, begun: Bools) -> Columns:
        keys, at = np.unique(key, return_inverse=True)
        leaf, count = self._nesting.leaf, len(keys)
        begun_at = at[self._nesting.opened :][begun]
        largest_ns, largest_call = _largest(begun_at, leaf.duration[begun], leaf.call[begun], count)
        return {
            "key": keys,
            "total_ns": _sum(at[whole], self._times[whole], count),
            "self_ns": _sum(at, self._self, count),
            "calls": np.bincount(begun_at, minlength=count),
            "largest_ns": largest_ns,
            "largest_call": largest_call,
            "interpreted_ns": self._of_state(at, "interpreted", count),
            "jitted_ns": self._of_state(at, "jitted", count),
        }

    def _of_state(self, at: Ints, state: str, count: int) -> Ints:
        """Add up the calls' own time in a state, which is taken as even over a call that the window cuts."""
        if state not in self._nesting.leaf.more:
            return np.zeros(count, np.int64)
        parts = np.concatenate((self._nesting.open[state], self._nesting.leaf.more[state]))
        return _sum(at, np.rint(self._self * (parts / WHOLE)).astype(np.int64), count)


def _largest(at: npt.NDArray[np.int64], duration: Ints, call: Ints, count: int) -> Tuple[Ints, Ints]:
    """Find the longest call of each key, the earliest of equals; 0 and -1 where there is none."""
    longest = np.full(count, -1, np.int64)
    np.maximum.at(longest, at, duration)
    calls = np.full(count, -1, np.int64)
    found = np.flatnonzero(duration == longest[at])[::-1]
    calls[at[found]] = call[found]
    return np.maximum(longest, 0), calls


def add_sums(parts: Sequence[Mapping[str, Ints]]) -> Columns:
    """Add up sums of several stretches, in order of time, by key."""
    if not parts:
        return {name: np.zeros(0, np.int64) for name in SUMS}
    if len(parts) == 1:
        return dict(parts[0])
    joined = {name: np.concatenate([part[name] for part in parts]) for name in SUMS}
    keys, at = np.unique(joined["key"], return_inverse=True)
    count = len(keys)
    any_call = joined["largest_call"] >= 0
    of_calls = [joined[name][any_call] for name in ("largest_ns", "largest_call")]
    longest, call = _largest(at[any_call], of_calls[0], of_calls[1], count)
    added = {name: _sum(at, joined[name], count) for name in SUMS[1:] if not name.startswith("largest")}
    return {"key": keys, **added, "largest_ns": longest, "largest_call": call}


def sums_in(
    leaf: Leaf, outermost: Ints, open_: Mapping[str, Ints], window: Tuple[int, int], next_ns: int
) -> Weights:
    """Weigh what lies in a window, and before the next leaf begins.

    Of the leaf only what touches the window is looked at: who calls it touches it too.
    """
    start_ns, end_ns = window
    inside = (leaf.start < end_ns) & (leaf.end >= start_ns)
    some = leaf.select(inside)
    nesting = Nesting(some, open_)
    times = (max(start_ns, int(leaf.start[0])), min(end_ns, next_ns))
    outer = np.concatenate((open_["outermost"], outermost[inside])) != 0
    return Weights(nesting, outer, times, some.start >= start_ns)
