"""Merge sums by context into pictures without time: left-heavy, callers, callees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Tuple

import numpy as np

from tracebin.analysis.lod import Bools, Ints, Rows

MOST_DEEP = 40
MOST_NODES = 5_000


@dataclass(frozen=True)
class ContextTree:
    """All contexts of a thread, and what they sum up to in a window; parents stand before their children."""

    parent: Ints
    function: Ints
    depth: Ints
    total_ns: Ints
    self_ns: Ints
    calls: Ints
    largest_call: Ints

    @classmethod
    def of(cls, tree: Mapping[str, Ints], sums: Mapping[str, Ints]) -> ContextTree:
        """Put the sums of those contexts that have any beside the tree."""
        columns: Dict[str, Ints] = {}
        for name in ("total_ns", "self_ns", "calls", "largest_call"):
            columns[name] = np.full(len(tree["parent"]), -1 if name == "largest_call" else 0, np.int64)
            columns[name][sums["key"]] = sums[name]
        return cls(tree["parent"], tree["function"], tree["depth"], **columns)

    @property
    def active(self) -> Bools:
        """Which contexts were there at all."""
        found: Bools = (self.total_ns > 0) | (self.calls > 0)
        return found

    def with_function(self, function: int) -> Bools:
        """Say which contexts are ``function`` or below it, and so not outermost if they are it again."""
        holds: Bools = self.function == function
        for members in _by_depth(self.depth):
            parent = self.parent[members]
            holds[members] |= (parent >= 0) & holds[parent]
        return holds


def _by_depth(depth: Ints) -> List[Ints]:
    order = np.argsort(depth, kind="stable")
    edges = np.flatnonzero(np.diff(depth[order])) + 1
    return np.split(order, edges)


def left_heavy(tree: ContextTree) -> Rows:
    """Lay contexts side by side, the one with most time first, each below its caller."""
    active = np.flatnonzero(tree.active)
    parent, total = tree.parent[active], tree.total_ns[active]
    order = np.lexsort((tree.function[active], -total, parent))
    before = np.cumsum(total[order]) - total[order]
    first = np.concatenate(([True], np.diff(parent[order]) != 0)) if len(order) else np.zeros(0, np.bool_)
    group = np.cumsum(first) - 1
    offset = np.zeros(len(tree.parent), np.int64)
    offset[active[order]] = before - before[np.flatnonzero(first)][group]
    start = offset.copy()
    for members in _by_depth(tree.depth):
        below = members[tree.parent[members] >= 0]
        start[below] += start[tree.parent[below]]
    return Rows(
        key=tree.depth[active],
        start=start[active],
        end=start[active] + total,
        longest=total,
        call=tree.largest_call[active],
        count=tree.calls[active],
        busy=total,
        more={"function": tree.function[active]},
    )


@dataclass(frozen=True)
class Merged:
    """A merged tree in pre-order."""

    depth: List[int]
    function: List[int]
    total_ns: List[int]
    self_ns: List[int]
    calls: List[int]


def callers(tree: ContextTree, function: int) -> Merged:
    """Merge the ways up from the outermost calls of ``function``; all sums are its own."""
    roots = _outermost(tree, function)
    levels, above = _Levels(function), roots
    node = np.zeros(len(roots), np.int64)
    levels.add(node, np.full(len(roots), function), tree, roots)
    for _ in range(MOST_DEEP):
        above = tree.parent[above]
        has = above >= 0
        roots, above, node = roots[has], above[has], node[has]
        if not len(above):
            break
        node = levels.below(node, tree.function[above])
        levels.add(node, tree.function[above], tree, roots)
    return levels.merged()


def callees(tree: ContextTree, function: int) -> Merged:
    """Merge what the outermost calls of ``function`` call."""
    members = _outermost(tree, function)
    levels = _Levels(function)
    node = np.zeros(len(members), np.int64)
    levels.add(node, np.full(len(members), function), tree, members)
    order = np.argsort(tree.parent, kind="stable")
    parents = tree.parent[order]
    active = tree.active
    for _ in range(MOST_DEEP):
        first, last = np.searchsorted(parents, members), np.searchsorted(parents, members, "right")
        at, members = _ranges(first, last)
        members = order[members]
        keep = active[members]
        at, members = at[keep], members[keep]
        if not len(members):
            break
        node = levels.below(node[at], tree.function[members])
        levels.add(node, tree.function[members], tree, members)
    return levels.merged()


def _outermost(tree: ContextTree, function: int) -> Ints:
    below = tree.with_function(function)
    parent = tree.parent
    inside = (parent >= 0) & below[parent]
    return np.flatnonzero((tree.function == function) & ~inside & tree.active)


def _ranges(first: Ints, last: Ints) -> Tuple[Ints, Ints]:
    """Give all numbers of many ranges, and of each the range it is from."""
    sizes = last - first
    at = np.repeat(np.arange(len(first)), sizes)
    ends = np.cumsum(sizes)
    return at, np.arange(len(at)) - np.repeat(ends - sizes - first, sizes)


class _Levels:
    """Nodes of a merged tree, made level by level from the root, which is node 0."""

    def __init__(self, function: int) -> None:
        self._function = [np.array([function], np.int64)]
        self._parent = [np.array([-1], np.int64)]
        self._count = 1
        self._sums: Dict[str, List[Tuple[Ints, Ints]]] = {"total_ns": [], "self_ns": [], "calls": []}

    def below(self, node: Ints, function: Ints) -> Ints:
        """Give nodes for functions below other nodes: the same for the same."""
        pairs = np.stack((node, function))
        fresh, at = np.unique(pairs, axis=1, return_inverse=True)
        self._parent.append(fresh[0])
        self._function.append(fresh[1])
        numbers: Ints = at.reshape(-1) + self._count
        self._count += fresh.shape[1]
        return numbers

    def add(self, node: Ints, function: Ints, tree: ContextTree, context: Ints) -> None:
        """Count the sums of contexts to nodes."""
        for name, sums in self._sums.items():
            sums.append((node, getattr(tree, name)[context]))

    def merged(self) -> Merged:
        """Give the tree, its largest nodes if there are too many."""
        sums = {name: self._summed(parts) for name, parts in self._sums.items()}
        parent = np.concatenate(self._parent)
        # A node has no more time than its parent, which has a smaller number: what is kept hangs together.
        kept = np.lexsort((np.arange(self._count), -sums["total_ns"]))[:MOST_NODES]
        children: Dict[int, List[int]] = {}
        for number in kept[::-1].tolist():
            children.setdefault(int(parent[number]), []).append(number)
        order, depth = _pre_order(children)
        at = np.array(order, np.int64)
        function = np.concatenate(self._function)[at].tolist()
        return Merged(depth, function, **{name: column[at].tolist() for name, column in sums.items()})

    def _summed(self, parts: List[Tuple[Ints, Ints]]) -> Ints:
        sums = np.zeros(self._count, np.int64)
        for node, values in parts:
            np.add.at(sums, node, values)
        return sums


def _pre_order(children: Mapping[int, List[int]]) -> Tuple[List[int], List[int]]:
    """Walk a tree whose lists of children have the largest last."""
    order, depths = [], []
    todo = [(0, 0)]
    while todo:
        number, depth = todo.pop()
        order.append(number)
        depths.append(depth)
        todo.extend((child, depth + 1) for child in children.get(number, ()))
    return order, depths
