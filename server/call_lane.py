"""Write the time line of one thread's calls, exact or sampled, leaf by leaf.

What a lane has, by kind of part:

``LEAF``      the calls themselves, with context and whether they are outermost of their function
``NODE``      levels of detail by depth; those by function are in the lane after it
``OPEN``      the calls open where a leaf begins, by depth
``FUNCTIONS``, ``CONTEXTS``  sums by function and by context, over 1, 16, 256 ... leaves
``TREE``      the contexts
``LONG``      of calls in several leaves: the time and number of their children
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from tracebin.analysis.calls import (
    FRAME,
    SUMS,
    Columns,
    Folder,
    Leaf,
    add_sums,
    check_order,
    check_times,
)
from tracebin.analysis.contexts import Contexts
from tracebin.analysis.lod import COARSEST, Ints
from tracebin.errors import MalformedBundle
from tracebin.server.parts import PartsWriter, Place
from tracebin.server.pyramid import LEAF, LEAF_ROWS, PART_ROWS, PyramidWriter

OPEN, FUNCTIONS, CONTEXTS, TREE, LONG = 2, 3, 4, 5, 6
LEAF_COLUMNS = ("start", "duration", "depth", "function", "context", "outermost")
LONG_COLUMNS = ("call", "child_ns", "children")
TREE_COLUMNS = ("parent", "function", "depth")
OPEN_COLUMNS = ("depth", *FRAME)
# What stretches of samples have more than calls: what they are drawn by, and the parts of their own time.
STATE_COLUMNS = ("state", "trace")
PART_COLUMNS = ("interpreted", "jitted")
# How many sums are added up into one of the next level.
SUMS_FAN = 16
_LEAST_ROWS = LEAF_ROWS // 2


class CallLane:
    """The calls of one thread; takes the lanes ``lane`` and ``lane + 1``.

    ``drawn`` and ``more`` name the columns calls have besides start, duration, depth and function;
    rows of several calls have only those that are drawn, of the longest.
    """

    def __init__(
        self, parts: PartsWriter, lane: int, drawn: Sequence[str] = (), more: Sequence[str] = ()
    ) -> None:
        self._parts = parts
        self.lane = lane
        self._drawn = tuple(drawn)
        self._more = (*drawn, *more)
        self._contexts = Contexts()
        self._folder = Folder(self._more)
        self._by_depth = PyramidWriter(parts, lane, ("function", *drawn))
        self._by_function = PyramidWriter(parts, lane + 1, ())
        self._open = _OpenWriter(parts, lane)
        self._sums = {kind: _SumsWriter(parts, lane, kind) for kind in (FUNCTIONS, CONTEXTS)}
        self._long: List[Columns] = []
        self._waiting: List[Mapping[str, Ints]] = []
        self._rows_waiting = 0
        self._before: Tuple[int, int] = (-COARSEST, -1)
        self._leaves = 0
        self.calls = 0
        self.depths = 0
        self.first_ns = 0
        self.last_ns = 0

    def add(self, columns: Mapping[str, Ints]) -> None:
        """Take in calls in order of start.

        Raises:
            MalformedBundle: they aren't in order, or not nested.
        """
        start, depth = columns["start"], columns["depth"]
        if not len(start):
            return
        check_times(start, columns["duration"])
        check_order(depth, self._before[1])
        if int(start[0]) < self._before[0]:
            raise MalformedBundle("calls of a thread run back in time")
        self._before = int(start[-1]), int(depth[-1])
        if self._rows_waiting >= _LEAST_ROWS or self._rows_waiting + len(start) > LEAF_ROWS:
            self._flush(int(start[0]), int(depth[0]))
        self._waiting.append(columns)
        self._rows_waiting += len(start)

    def finish(self) -> None:
        """Write what waits."""
        last = max((int((part["start"] + part["duration"]).max()) for part in self._waiting), default=0)
        last = max(last, int(self._folder.open["end"].max(initial=last)))
        self._flush(last, 0)
        self._by_depth.finish()
        self._by_function.finish()
        for sums in self._sums.values():
            sums.finish()
        self._write(TREE, [np.array(getattr(self._contexts, name), np.int64) for name in TREE_COLUMNS])
        if self._long:
            joined = [np.concatenate([part[name] for part in self._long]) for name in LONG_COLUMNS]
            order = np.argsort(joined[0])
            self._write(LONG, [column[order] for column in joined])

    def _write(self, kind: int, columns: Sequence[Ints]) -> None:
        for first in range(0, len(columns[0]), LEAF_ROWS):
            piece = [column[first : first + LEAF_ROWS] for column in columns]
            low, high = int(piece[0][0]), int(piece[0][-1])
            self._parts.add(Place(self.lane, kind, 0, self._leaves, key_low=low, key_high=high), piece)

    def _flush(self, next_ns: int, next_depth: int) -> None:
        if not self._waiting:
            return
        names = ("start", "duration", "depth", "function", *self._more)
        joined = {name: np.concatenate([part[name] for part in self._waiting]) for name in names}
        self._waiting, self._rows_waiting = [], 0
        context = self._contexts.assign(joined["depth"].tolist(), joined["function"].tolist())
        leaf = Leaf(
            call=np.arange(self.calls, self.calls + len(joined["start"])),
            start=joined["start"],
            duration=joined["duration"],
            depth=joined["depth"],
            function=joined["function"],
            context=np.array(context, np.int64),
            more={name: joined[name] for name in self._more},
        )
        self._store(leaf, next_ns, next_depth)
        self._note(leaf)

    def _note(self, leaf: Leaf) -> None:
        if not self.calls:
            self.first_ns = int(leaf.start[0])
        self.calls += len(leaf)
        self._leaves += 1
        self.depths = max(self.depths, int(leaf.depth.max()) + 1)
        self.last_ns = max(self.last_ns, int(leaf.end.max()))

    def _store(self, leaf: Leaf, next_ns: int, next_depth: int) -> None:
        first_ns = int(leaf.start[0])
        place = Place(self.lane, LEAF, self._leaves, self._leaves + 1, first_ns, next_ns, coarser=COARSEST)
        self._open.write(self._leaves, self._folder.open, [*OPEN_COLUMNS[1:], *self._more])
        fold = self._folder.fold(leaf, next_ns, next_depth)
        self._open.keep_above(fold.least_depth)
        columns = [getattr(leaf, name) for name in LEAF_COLUMNS[:-1]]
        columns += [fold.outermost * 1, *leaf.more.values()]
        # Where its calls begin in the numbering stands as the key.
        place = replace(place, key_low=self.calls, key_high=self.calls + len(leaf) - 1)
        by_depth = self._parts.add(place, columns)
        by_function = self._parts.again(replace(place, lane=self.lane + 1), by_depth)
        self._by_depth.add(leaf.by_depth(self._drawn), first_ns, next_ns, by_depth)
        self._by_function.add(leaf.by_function(fold.outermost), first_ns, next_ns, by_function)
        self._sums[FUNCTIONS].add(fold.by_function, self._leaves, first_ns, next_ns)
        self._sums[CONTEXTS].add(fold.by_context, self._leaves, first_ns, next_ns)
        if len(fold.closed["call"]):
            self._long.append(fold.closed)


class _OpenWriter:
    """Write the calls open at each leaf's begin, in blocks of depths that are shared while they stay."""

    def __init__(self, parts: PartsWriter, lane: int) -> None:
        self._parts = parts
        self._lane = lane
        # For each block the part it was written to, and how many calls it had.
        self._blocks: List[Tuple[int, int]] = []

    def write(self, leaf: int, open_: Mapping[str, Ints], names: Sequence[str]) -> None:
        count = len(open_["start"])
        for number, first in enumerate(range(0, count, PART_ROWS)):
            rows = min(PART_ROWS, count - first)
            if number < len(self._blocks) and self._blocks[number][1] == rows:
                self._parts.set_leaf_to(self._blocks[number][0], leaf + 1)
                continue
            del self._blocks[number:]
            columns = [np.arange(first, first + rows), *(open_[name][first : first + rows] for name in names)]
            place = Place(self._lane, OPEN, leaf, leaf + 1, key_low=first, key_high=first + rows - 1)
            self._blocks.append((self._parts.add(place, columns), rows))
        del self._blocks[-(-count // PART_ROWS) :]

    def keep_above(self, depth: int) -> None:
        """Forget blocks with calls at ``depth`` or deeper: others take their place."""
        del self._blocks[depth // PART_ROWS :]


class _SumsWriter:
    """Write sums of one leaf, of 16, of 256 and so on."""

    def __init__(self, parts: PartsWriter, lane: int, kind: int) -> None:
        self._parts = parts
        self._lane = lane
        self._kind = kind
        self._levels: List[List[Tuple[Place, int]]] = []

    def add(self, sums: Columns, leaf: int, first_ns: int, next_ns: int) -> None:
        place = Place(self._lane, self._kind, leaf, leaf + 1, first_ns, next_ns)
        self._push(0, (place, self._write(place, sums)))

    def finish(self) -> None:
        """Add up the rest, so that one part has the whole run."""
        level = 0
        while level < len(self._levels):
            rest = self._levels[level]
            if level + 1 < len(self._levels) or len(rest) > 1:
                self._levels[level] = []
                self._push(level + 1, self._added(rest) if len(rest) > 1 else rest[0] if rest else None)
            level += 1

    def _push(self, level: int, one: Optional[Tuple[Place, int]]) -> None:
        if one is None:
            return
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(one)
        if len(self._levels[level]) == SUMS_FAN:
            many, self._levels[level] = self._levels[level], []
            self._push(level + 1, self._added(many))

    def _added(self, many: List[Tuple[Place, int]]) -> Tuple[Place, int]:
        read = [dict(zip(SUMS, self._parts.read(number, len(SUMS)))) for _, number in many]
        first, last = many[0][0], many[-1][0]
        place = replace(first, leaf_to=last.leaf_to, next_ns=last.next_ns)
        return place, self._write(place, add_sums(read))

    def _write(self, place: Place, sums: Dict[str, Ints]) -> int:
        return self._parts.add(place, [sums[name] for name in SUMS])
