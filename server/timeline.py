"""Answer what a picture of the time line asks for: calls, events, states in a window."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from tracebin.analysis.lod import Floats, Ints, by_key, deltas, empty, greatest, joined, merge, spread
from tracebin.analysis.rows import SHARE_STATES
from tracebin.bundle.records import STATES
from tracebin.errors import BadRequest, RunNotFound
from tracebin.server.lanes import (
    MOST_ROWS,
    SOURCES,
    Lane,
    Note,
    Seen,
    UnionLane,
    Window,
    calls_of,
    find_note,
)
from tracebin.server.parts import Parts
from tracebin.server.recorded import Recorded
from tracebin.server.store import Timeline
from tracebin.server.timeline_answers import (
    CallColumns,
    EventColumns,
    EventTracks,
    FunctionCalls,
    FunctionColumns,
    ProcessTimes,
    Source,
    StateShares,
    Threads,
    ThreadTimes,
    TimelineRows,
)
from tracebin.server.timeline_ingest import TRACKS

# What lasts a whole run must not need more buckets than this, whatever is asked for.
_FAMILIES = ("jit", "gc", "marks")


def threads(timeline: Timeline) -> Threads:
    """Say what there is to show."""
    parts = timeline.parts
    start, end = bounds(timeline)
    rows = [
        ThreadTimes(id=index, interval_ns=_interval(parts, index), sources=_sources(parts, index), **thread)
        for index, thread in enumerate(parts.notes["threads"])
    ]
    processes = [ProcessTimes(**process) for process in parts.notes["processes"]]
    return Threads(start, end, processes, rows, how_recorded(parts))


def how_recorded(parts: Parts) -> Recorded:
    """Say how the calls of the run were recorded."""
    return Recorded(**parts.notes["recorded"])


def bounds(timeline: Timeline) -> Tuple[int, int]:
    """Give the time of the run, widened to all that is in it; 1 ns at least."""
    first, last = timeline.parts.notes["first_ns"], timeline.parts.notes["last_ns"]
    return min(0, first), max(timeline.duration_ns, last, min(0, first) + 1)


def window(timeline: Timeline, start: Optional[int], end: Optional[int], width: int) -> Window:
    """Give the window asked for.

    Raises:
        BadRequest: it ends before it starts.
    """
    first, last = bounds(timeline)
    chosen = Window(first if start is None else start, last if end is None else end, width)
    if chosen.start_ns >= chosen.end_ns:
        raise BadRequest("the parameter 'end': it must be greater than 'start'")
    return chosen


def calls(
    timeline: Timeline, thread: int, source: Optional[str], wanted: Window, depths: Tuple[int, int]
) -> TimelineRows:
    """Give the calls of a thread, ``depths`` from the first to the last."""
    found = calls_of(timeline.parts, thread, source)
    seen = found.by_depth.see(wanted, depths)
    rows = seen.rows
    columns = CallColumns(
        depth=rows.key.tolist(),
        **_shape(seen),
        function=rows.more["function"].tolist(),
        call=rows.call.tolist(),
        **{name: rows.more[name].tolist() if name in rows.more else [] for name in ("state", "trace")},
    )
    frame = (seen.start_ns, seen.end_ns, seen.resolution)
    return TimelineRows(thread, found.note.family, *frame, found.note.depths, columns)


def calls_of_functions(
    timeline: Timeline, thread: int, source: Optional[str], wanted: Window, functions: Sequence[int]
) -> FunctionCalls:
    """Give the calls of some functions, by function."""
    found = calls_of(timeline.parts, thread, source)
    lane = found.by_function
    seen = [lane.see(wanted, (function, function)) for function in sorted(set(functions))]
    whole = _together(seen, wanted)
    columns = FunctionColumns(
        function=whole.rows.key.tolist(), **_shape(whole), call=whole.rows.call.tolist()
    )
    frame = (whole.start_ns, whole.end_ns, whole.resolution)
    return FunctionCalls(thread, found.note.family, *frame, columns)


def events(timeline: Timeline, process: int, wanted: Window) -> EventTracks:
    """Give the events of a process.

    Raises:
        RunNotFound: the run has no such process.
    """
    if not 0 <= process < len(timeline.parts.notes["processes"]):
        raise RunNotFound(f"the run has no process {process}")
    seen = [_events(timeline.parts, family, process, wanted) for family in _FAMILIES]
    resolution = max(one.resolution for one in seen)
    if any(one.resolution < resolution for one in seen):
        coarser = replace(wanted, width=max(1, (wanted.end_ns - wanted.start_ns) // resolution))
        seen = [_events(timeline.parts, family, process, coarser) for family in _FAMILIES]
    tracks = {
        name: _track(one, key)
        for family, one in zip(_FAMILIES, seen)
        for key, name in enumerate(TRACKS[family])
    }
    first = seen[0]
    return EventTracks(process, first.start_ns, first.end_ns, first.resolution, tracks)


def _events(parts: Parts, family: str, process: int, wanted: Window) -> Seen:
    note = find_note(parts, family, process)
    if note is not None:
        return Lane(parts, note.lane).see(wanted)
    resolution = wanted.resolution
    start = wanted.start_ns // resolution * resolution
    return Seen(start, -(-wanted.end_ns // resolution) * resolution, resolution, empty())


def _track(seen: Seen, key: int) -> EventColumns:
    rows = seen.rows.select(seen.rows.key == key)
    return EventColumns(**_shape(replace(seen, rows=rows)), id=rows.call.tolist())


def _shape(seen: Seen) -> Dict[str, List[int]]:
    """Give the columns that rows of all kinds have."""
    rows = seen.rows
    return {
        "start": deltas(rows, seen.start_ns).tolist(),
        "duration": (rows.end - rows.start).tolist(),
        "count": rows.count.tolist(),
        "busy": rows.busy.tolist(),
    }


def _together(many: Sequence[Seen], wanted: Window) -> Seen:
    """Put what was seen of several keys together, at one resolution and not too long."""
    resolution = max([wanted.resolution, *(one.resolution for one in many)])
    rows = merge(joined([one.rows for one in many], ()), resolution)
    while len(rows) > MOST_ROWS:
        resolution *= 2
        rows = merge(rows, resolution)
    start = wanted.start_ns // resolution * resolution
    return Seen(start, -(-wanted.end_ns // resolution) * resolution, resolution, rows)


def _sources(parts: Parts, thread: int) -> List[Source]:
    found = [find_note(parts, name, thread) for name in SOURCES]
    return [
        Source(note.family, note.calls, note.depths, note.first_ns, note.last_ns) for note in found if note
    ]


def _interval(parts: Parts, thread: int) -> Optional[int]:
    note = find_note(parts, "states", thread)
    return note.interval_ns if note else None


# --- the ribbon -------------------------------------------------------------------------


def states(timeline: Timeline, thread: int, wanted: Window) -> StateShares:
    """Split the time of each bucket by what the VM did.

    Raises:
        RunNotFound: the run has no such thread.
    """
    parts = timeline.parts
    if not 0 <= thread < len(parts.notes["threads"]):
        raise RunNotFound(f"the run has no thread {thread}")
    seen = _states_seen(parts, find_note(parts, "states", thread), wanted)
    buckets = (seen.end_ns - seen.start_ns) // seen.resolution
    process = parts.notes["threads"][thread]["process"]
    coarser = Window(seen.start_ns, seen.end_ns, buckets)
    nothing = np.zeros(buckets)
    gc, busy = (
        _covered(parts, family, process, coarser).get(0, nothing) for family in ("collecting", "busy")
    )
    frame = (seen.start_ns, seen.resolution, buckets)
    idle = _idle(seen, _covered(parts, "busy states", thread, coarser), buckets)
    shares = _shares(idle, gc, busy - gc, seen.resolution)
    rows = seen.rows
    samples = np.diff(np.rint(np.cumsum(spread(rows, rows.count, *frame))), prepend=0)
    memory = greatest(rows, rows.more["memory"], *frame)
    return StateShares(
        thread,
        seen.start_ns,
        seen.end_ns,
        seen.resolution,
        list(SHARE_STATES),
        shares.tolist(),
        samples.astype(np.int64).tolist(),
        memory.tolist(),
    )


def _states_seen(parts: Parts, note: Optional[Note], wanted: Window) -> Seen:
    if note is not None:
        return UnionLane(parts, note.lane, ("memory",)).see(wanted)
    resolution = wanted.resolution
    start = wanted.start_ns // resolution * resolution
    return Seen(start, -(-wanted.end_ns // resolution) * resolution, resolution, empty(("memory",)))


def _covered(parts: Parts, family: str, owner: int, wanted: Window) -> Dict[int, Floats]:
    """Give how long each bucket was spent on what the log tells of."""
    note = find_note(parts, family, owner)
    return UnionLane(parts, note.lane).covered(wanted) if note else {}


def _idle(seen: Seen, busy: Mapping[int, Floats], buckets: int) -> Dict[str, Floats]:
    """Give how long samples stand for each state in a bucket, without what the process was busy meanwhile."""
    found = {state: np.zeros(buckets) for state in STATES}
    for key, rows in by_key(seen.rows).items():
        sampled = spread(rows, rows.busy, seen.start_ns, seen.resolution, buckets)
        found[STATES[key]] = np.maximum(sampled - busy.get(key, 0), 0)
    return found


def _shares(idle: Mapping[str, Floats], gc: Floats, tracing: Floats, resolution: int) -> Ints:
    """Give the per mille of each state, in the order of SHARE_STATES; they add up to 1000."""
    length = float(resolution)
    gc = np.minimum(gc, length)
    tracing = np.clip(tracing, 0, length - gc)
    whole = sum(idle.values())
    # More than there is room for only where rows of a bucket's edge were merged.
    part = np.minimum(1, (length - gc - tracing) / np.maximum(whole, 1e-9))
    found = {state: times * part for state, times in idle.items()}
    found["gc"], found["tracing"] = found["gc"] + gc, found["tracing"] + tracing
    found["unknown"] = np.maximum(length - sum(found.values()), 0)
    return _per_mille(np.array([found[state] for state in SHARE_STATES]))


def _per_mille(times: Floats) -> Ints:
    """Round so that each bucket adds up to 1000: what is missing goes to the greatest."""
    whole = np.maximum(times.sum(axis=0), 1e-9)
    shares: Ints = np.floor(times * 1000 / whole).astype(np.int64)
    missing = 1000 - shares.sum(axis=0)
    shares[times.argmax(axis=0), np.arange(times.shape[1])] += missing
    return shares
