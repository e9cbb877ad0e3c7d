"""Add up the calls of any stretch of time: totals, callers and callees, the merged picture.

Whole leaves are added up from what was stored for 1, 16, 256 ... of them; the two at the
edges of the stretch are gone through call by call.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

import numpy as np

from tracebin.analysis.call_trees import ContextTree, Merged, callees, callers, left_heavy
from tracebin.analysis.calls import LEAF, SUMS, Columns, Leaf, add_sums, sums_in
from tracebin.analysis.lod import Ints, deltas, floor_power, merge
from tracebin.errors import BadRequest
from tracebin.server.call_lane import CONTEXTS, FUNCTIONS, TREE, TREE_COLUMNS
from tracebin.server.lanes import MOST_ROWS, Calls, Window, calls_of
from tracebin.server.parts import Parts
from tracebin.server.store import Timeline
from tracebin.server.timeline import how_recorded
from tracebin.server.timeline_answers import LeftHeavy, PathColumns, Sandwich, TotalColumns, Totals, Tree


def totals(timeline: Timeline, thread: int, source: Optional[str], wanted: Window) -> Totals:
    """Add up by function."""
    calls = calls_of(timeline.parts, thread, source)
    sums = _sums(calls, wanted, FUNCTIONS)
    order = np.lexsort((sums["key"], -sums["self_ns"], -sums["total_ns"]))
    sums = {name: column[order] for name, column in sums.items()}
    shown = {name: sums[name].tolist() for name in SUMS[1:6]}
    shares = {name: _per_mille(sums[f"{name}_ns"], sums["self_ns"]) for name in ("interpreted", "jitted")}
    if "state" not in calls.more:
        shares = {name: [] for name in shares}
    compiled = _compiled_ns(timeline.parts, sums["key"])
    columns = TotalColumns(function=sums["key"].tolist(), **shown, **shares, compiled_ns=compiled)
    return Totals(
        thread, calls.note.family, wanted.start_ns, wanted.end_ns, columns, how_recorded(timeline.parts)
    )


def _compiled_ns(parts: Parts, functions: Ints) -> List[int]:
    """Say since when compiled code has each function; -1 where none ever had.

    Of all processes together: a forked one runs what its parent had compiled.
    """
    if not parts.notes["compiled"]:
        return [-1] * len(functions)
    known, since_ns = (np.array(column, np.int64) for column in parts.notes["compiled"])
    at = np.minimum(np.searchsorted(known, functions), len(known) - 1)
    found: List[int] = np.where(known[at] == functions, since_ns[at], -1).tolist()
    return found


def _per_mille(part: Ints, whole: Ints) -> List[int]:
    shares: List[int] = (part * 1000 // np.maximum(whole, 1)).tolist()
    return shares


def sandwich(
    timeline: Timeline, thread: int, source: Optional[str], wanted: Window, function: int
) -> Sandwich:
    """Show who calls a function and what it calls.

    Raises:
        BadRequest: the run has no such function.
    """
    calls = calls_of(timeline.parts, thread, source)
    if function >= timeline.parts.notes["functions"]:
        raise BadRequest(f"the parameter 'function': the run has no function {function}")
    tree = _tree(calls, wanted)
    below, above = callees(tree, function), callers(tree, function)
    frame = (thread, calls.note.family, function, wanted.start_ns, wanted.end_ns)
    middle = (below.total_ns[0], below.self_ns[0], below.calls[0])
    return Sandwich(*frame, *middle, _shown(above), _shown(below))


def _shown(merged: Merged) -> Tree:
    return Tree(**vars(merged))


def merged_by_path(timeline: Timeline, thread: int, source: Optional[str], wanted: Window) -> LeftHeavy:
    """Merge calls by their path, most time first."""
    calls = calls_of(timeline.parts, thread, source)
    rows = left_heavy(_tree(calls, wanted))
    end = int(rows.end.max()) if len(rows) else 0
    depths = int(rows.key.max()) + 1 if len(rows) else 0
    resolution = floor_power(end // wanted.width)
    rows = merge(rows, resolution)
    while len(rows) > MOST_ROWS:
        resolution *= 2
        rows = merge(rows, resolution)
    columns = PathColumns(
        depth=rows.key.tolist(),
        start=deltas(rows, 0).tolist(),
        duration=(rows.end - rows.start).tolist(),
        function=rows.more["function"].tolist(),
        count=rows.count.tolist(),
        busy=rows.busy.tolist(),
        call=rows.call.tolist(),
    )
    return LeftHeavy(thread, calls.note.family, 0, end, resolution, depths, columns)


def _tree(calls: Calls, wanted: Window) -> ContextTree:
    parts = calls.parts.index.of(calls.note.lane, TREE)
    read = [calls.parts.read(parts, number, len(TREE_COLUMNS)) for number in range(len(parts["rows"]))]
    tree = {name: np.concatenate(columns) for name, columns in zip(TREE_COLUMNS, zip(*read))}
    return ContextTree.of(tree, _sums(calls, wanted, CONTEXTS))


def _sums(calls: Calls, wanted: Window, kind: int) -> Columns:
    """Add up what lies in a window, by function or by context."""
    start, end = wanted.start_ns, wanted.end_ns
    first_ns, next_ns = calls.leaves["first_ns"], calls.leaves["next_ns"]
    whole = np.flatnonzero((first_ns >= start) & (next_ns <= end))
    touched = np.flatnonzero((first_ns < end) & (next_ns >= start))
    first, last = (int(whole[0]), int(whole[-1]) + 1) if len(whole) else (0, 0)
    edges = [leaf for leaf in touched.tolist() if not first <= leaf < last]
    found = [(leaf, _edge(calls, leaf, wanted, kind)) for leaf in edges]
    found += _covering(calls, kind, first, last)
    # In order of time, so that of equal calls the earliest is the largest.
    return add_sums([sums for _, sums in sorted(found, key=lambda one: one[0])])


def _edge(calls: Calls, number: int, wanted: Window, kind: int) -> Columns:
    columns = calls.leaf(number)
    more = {name: columns[name] for name in calls.more}
    leaf = Leaf(**{name: columns[name] for name in LEAF}, more=more)
    window, next_ns = (wanted.start_ns, wanted.end_ns), int(calls.leaves["next_ns"][number])
    weights = sums_in(leaf, columns["outermost"], calls.open_at(number), window, next_ns)
    return weights.by_function() if kind == FUNCTIONS else weights.by_context()


def _covering(calls: Calls, kind: int, first: int, last: int) -> List[Tuple[int, Columns]]:
    """Read the fewest sums that make up the leaves from ``first`` to ``last``."""
    parts = calls.parts.index.of(calls.note.lane, kind)
    longest = _longest_parts(parts, last)
    found = []
    while first < last:
        number = longest[first]
        found.append((first, dict(zip(SUMS, calls.parts.read(parts, number, len(SUMS))))))
        first = int(parts["leaf_to"][number])
    return found


def _longest_parts(parts: Mapping[str, Ints], last: int) -> Dict[int, int]:
    """Give for each leaf the part over most leaves from there on that ends at ``last`` or before."""
    fits = np.flatnonzero(parts["leaf_to"] <= last)
    order = fits[np.argsort(parts["leaf_to"][fits], kind="stable")]
    return dict(zip(parts["leaf_from"][order].tolist(), order.tolist()))
