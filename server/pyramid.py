"""Write levels of detail beside rows, while they come in, with bounded memory.

Rows come in leaves, in order of time.  Above each leaf stands a node with at most
``NODE_ROWS`` merged rows; when the nodes of a level make up ``GROUP_ROWS``, they are read
back and merged into one of the level above.  Each node is as coarse as that takes,
so dense stretches get coarser nodes than thin ones, and all levels together have half as many
rows as there are calls.  Whoever reads takes, for every stretch, the node whose own resolution is
fine enough and whose parent's isn't.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Optional, Sequence, Tuple

import numpy as np

from tracebin.analysis.lod import COARSEST, MAIN, Ints, Merging, Rows, in_order, joined, merge, shrink
from tracebin.server.parts import PartsWriter, Place

# Kinds of parts of a lane.
LEAF, NODE = 0, 1
LEAF_ROWS = 65_536
NODE_ROWS = 16_384
# Twice a node, so what is read is at most twice what is shown; four times would save a sixth of the disk.
GROUP_ROWS = 32_768
# So much is read at least of a node, whichever keys are wanted.
PART_ROWS = 4_096
# Rows that merging can't bring below this stay apart: a group of nodes is held in memory.
MOST_MERGED = 1 << 18


def to_columns(rows: Rows) -> List[Ints]:
    """Give the columns to store: differences, most of them 0 or small."""
    duration = rows.end - rows.start
    return [
        np.diff(rows.key, prepend=0),
        np.diff(rows.start, prepend=0),
        duration,
        duration - rows.longest,
        duration - rows.busy,
        rows.count,
        np.diff(rows.call, prepend=0),
        *rows.more.values(),
    ]


def to_rows(columns: Sequence[Ints], more: Sequence[str]) -> Rows:
    """Undo :func:`to_columns`."""
    key, start, duration, beyond_longest, beyond_busy, count, call = columns[: len(MAIN)]
    start = np.cumsum(start)
    return Rows(
        key=np.cumsum(key),
        start=start,
        end=start + duration,
        longest=duration - beyond_longest,
        call=np.cumsum(call),
        count=count,
        busy=duration - beyond_busy,
        more=dict(zip(more, columns[len(MAIN) :])),
    )


@dataclass(frozen=True)
class _Node:
    place: Place
    numbers: Tuple[int, ...]
    rows: int


class PyramidWriter:
    """Write the levels of one lane; ``more`` names the extra columns of its rows."""

    def __init__(self, parts: PartsWriter, lane: int, more: Sequence[str], merging: Merging = merge) -> None:
        self._parts = parts
        self._merging = merging
        self._lane = lane
        self._more = tuple(more)
        self._leaves = 0
        self._levels: List[List[_Node]] = []

    def add(self, rows: Rows, first_ns: int, next_ns: int, stored: Optional[int] = None) -> None:
        """Take in the next leaf; ``stored`` is the part that has its rows already, if one has."""
        rows = in_order(rows)
        place = Place(self._lane, NODE, self._leaves, self._leaves + 1, first_ns, next_ns, coarser=COARSEST)
        self._leaves += 1
        leaf = self._write(place, rows) if stored is None else _Node(place, (stored,), len(rows))
        node = self._coarser([leaf], rows)
        self._push(0, node or (leaf if stored is None else self._write(place, rows, [leaf])))

    def finish(self) -> None:
        """Write the levels that wait for more."""
        level = 0
        while level < len(self._levels):
            nodes = self._levels[level]
            last = self._merged(nodes) if len(nodes) > 1 else None
            rest = [last] if last else nodes
            if len(rest) == 1 and level + 1 < len(self._levels):
                self._levels[level + 1].append(rest[0])
            level += 1

    def _push(self, level: int, node: _Node) -> None:
        if level == len(self._levels):
            self._levels.append([])
        waiting = self._levels[level]
        waiting.append(node)
        if sum(one.rows for one in waiting) >= GROUP_ROWS and len(waiting) > 1:
            self._levels[level] = []
            above = self._merged(waiting)
            if above is not None:
                self._push(level + 1, above)

    def _merged(self, nodes: List[_Node]) -> Optional[_Node]:
        return self._coarser(nodes, in_order(joined([self._read(node) for node in nodes], self._more)))

    def _coarser(self, nodes: List[_Node], rows: Rows) -> Optional[_Node]:
        """Put one node over ``nodes``, unless merging does next to nothing."""
        finest = max(node.place.resolution for node in nodes)
        if len(nodes) == 1 and len(rows) <= NODE_ROWS:
            return None
        resolution, fewer = shrink(rows, finest, NODE_ROWS, self._merging)
        too_many = len(fewer) > MOST_MERGED or 2 * len(fewer) > len(rows)
        if too_many and len(fewer) > NODE_ROWS:
            return None
        place = replace(
            nodes[0].place,
            leaf_to=nodes[-1].place.leaf_to,
            first_ns=min(node.place.first_ns for node in nodes),
            next_ns=max(node.place.next_ns for node in nodes),
            resolution=resolution,
        )
        return self._write(place, fewer, nodes)

    def _read(self, node: _Node) -> Rows:
        columns = len(MAIN) + len(self._more)
        return joined(
            [to_rows(self._parts.read(number, columns), self._more) for number in node.numbers], self._more
        )

    def _write(self, place: Place, rows: Rows, below: Sequence[_Node] = ()) -> _Node:
        for node in below:
            for number in node.numbers:
                self._parts.set_coarser(number, place.resolution)
        numbers = []
        for first in range(0, len(rows), PART_ROWS):
            piece = rows.map(lambda column, first=first: column[first : first + PART_ROWS])  # type: ignore[misc]
            keyed = replace(place, key_low=int(piece.key[0]), key_high=int(piece.key[-1]))
            numbers.append(self._parts.add(keyed, to_columns(piece)))
        return _Node(place, tuple(numbers), len(rows))
