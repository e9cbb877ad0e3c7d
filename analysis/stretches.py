"""Make calls of samples: runs of equal frames become stretches.

Each sample stands for the time since the one before it on its thread, or for one interval
where that is a gap.  So a stretch's edges are known to one
interval, and nothing is claimed about a gap.  Frames are equal when their functions are, and those of
their callers; the VM state and the trace may change within a stretch, which then gets those it had
for most of its time, and the part of its own time that was interpreted and jitted.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Tuple

import numpy as np

from tracebin.analysis.calls import WHOLE
from tracebin.analysis.lod import Ints, Rows
from tracebin.analysis.sample_time import DEFAULT_PERIOD_NS, INTERPRETED, JITTED
from tracebin.bundle.records import StackChunk

# A thread that doesn't get a processor, or collects, isn't sampled meanwhile; its calls go on.  Only where
# much longer nothing is known, nothing is claimed.
GAP_INTERVALS = 3
GAP_NS = 100_000_000
STRETCH_COLUMNS = ("start", "duration", "depth", "function", "state", "trace", "interpreted", "jitted")
# What isn't known before a stretch ends.
ENDING = ("duration", "state", "trace", "interpreted", "jitted")
# State and trace are kept as one number: the state above these bits, the trace in them, counted from 1.
_TRACE_BITS = 40
# So are both parts of a stretch's own time: interpreted times this, and jitted.
_PARTS = WHOLE + 1


class StackTree:
    """The prefix tree of stacks, and for each row the number of its path of functions."""

    def __init__(self) -> None:
        self.parent = array("q")
        self.function = array("q")
        self.state = array("q")
        self.trace = array("q")
        # State and trace as one number.
        self.what = array("q")
        self.depth = array("q")
        self.path = array("q")
        # How many rows the bundle has; behind them stand those of :meth:`in_state`.
        self.rows = 0
        self._paths: Dict[int, int] = {}
        self._in_state: Dict[Tuple[int, int], int] = {}

    def add(self, chunk: StackChunk) -> None:
        """Add rows; parents stand before them, and all before the first :meth:`in_state`."""
        self.rows += len(chunk.function)
        self.function.extend(chunk.function)
        self.state.extend(chunk.state)
        self.trace.extend(chunk.trace)
        self.what.extend((state << _TRACE_BITS) + trace + 1 for state, trace in zip(chunk.state, chunk.trace))
        for parent, function in zip(chunk.parent, chunk.function):
            self.parent.append(parent)
            above = self.path[parent] if parent >= 0 else -1
            self.depth.append(self.depth[parent] + 1 if parent >= 0 else 0)
            # Both fit 32 bits, and are -1 at least.
            name = (above + 1 << 32) + function + 1
            self.path.append(self._paths.setdefault(name, len(self._paths)))

    def in_state(self, row: int, state: int) -> int:
        """Give a row like another but for its state, and in no machine code."""
        found = self._in_state.get((row, state))
        if found is None:
            found = self._in_state[row, state] = len(self.parent)
            for column in (self.parent, self.function, self.depth, self.path):
                column.append(column[row])
            self.state.append(state)
            self.trace.append(-1)
            self.what.append(state << _TRACE_BITS)
        return found


class _Frame:
    """An open stretch.

    ``what`` is its state and trace as one number, ``before`` how long it had others; ``own`` its time
    without what it called, ``interpreted`` and ``jitted`` of that.
    """

    __slots__ = ("before", "interpreted", "jitted", "number", "own", "since", "start", "what")

    def __init__(self, number: int, start: int, what: int) -> None:
        self.number = number
        self.start = self.since = start
        self.what = what
        self.before: Optional[Dict[int, int]] = None
        self.own = self.interpreted = self.jitted = 0


@dataclass(frozen=True)
class Ended:
    """How a stretch ended whose other columns have been taken away already."""

    duration: int
    state: int
    trace: int
    interpreted: int
    jitted: int


class StretchMaker:
    """Feed it the samples of one thread in order of time; take the stretches in order of start."""

    def __init__(self, tree: StackTree, interval_ns: int) -> None:
        self._tree = tree
        self._gap_ns = gap_of(interval_ns)
        self._interval_ns = interval_ns
        self._rows: List[int] = []
        self._frames: List[_Frame] = []
        self._last_ns: Optional[int] = None
        self._paused_until_ns: Optional[int] = None
        self._stretches = 0
        self._taken = 0
        # Start, depth and function; duration, state and trace, both parts: those -1 until it ends.
        self._opening = array("q"), array("q"), array("q")
        self._ending = array("q"), array("q"), array("q")
        self._settled_ns = 0
        self.late: Dict[int, Ended] = {}

    def __len__(self) -> int:
        """Count the stretches that wait to be taken."""
        return self._stretches - self._taken

    def add(self, times: Iterable[int], rows: Iterable[int]) -> None:
        """Take in samples: when, and the row of the innermost frame."""
        for time, row in zip(times, rows):
            since = self._last_ns
            if since is None or time - since > self._gap_ns:
                self.end()
                since = first_since(time, self._interval_ns, self._paused_until_ns)
            if not self._rows or self._rows[-1] != row:
                self._change(row, since)
            self._last_ns = time

    def end(self) -> None:
        """End all stretches that are open, where the last sample was."""
        if self._last_ns is not None:
            self._settle(self._last_ns)
            self._close(0, self._last_ns)

    def pause(self, until_ns: int) -> None:
        """End all stretches: there are no samples before ``until_ns``."""
        self.end()
        self._last_ns, self._paused_until_ns = None, until_ns

    def take(self) -> Dict[str, Ints]:
        """Give the stretches since the last time; :attr:`late` will tell how those still open ended."""
        start, depth, function = (np.array(column, np.int64) for column in self._opening)
        duration, what, parts = (np.array(column, np.int64) for column in self._ending)
        for column in (*self._opening, *self._ending):
            del column[:]
        self._taken = self._stretches
        state, trace = what >> _TRACE_BITS, (what & (1 << _TRACE_BITS) - 1) - 1
        columns = (start, duration, depth, function, state, trace, parts // _PARTS, parts % _PARTS)
        return dict(zip(STRETCH_COLUMNS, columns))

    def _change(self, row: int, time: int) -> None:
        """Go on with the stack that ends in ``row``."""
        self._settle(time)
        tree, rows = self._tree, self._rows
        depth = tree.depth[row]
        fresh: List[int] = []
        # From the innermost frame out to where both stacks are the same row, hence the same above.
        while row >= 0 and not (depth < len(rows) and rows[depth] == row):
            fresh.append(row)
            row, depth = tree.parent[row], depth - 1
        for at, new in enumerate(reversed(fresh), depth + 1):
            if at < len(rows) and tree.path[rows[at]] == tree.path[new]:
                self._alter(at, new, time)
            else:
                self._close(at, time)
                self._open(new, time)
        self._close(depth + 1 + len(fresh), time)

    def _settle(self, time: int) -> None:
        """Give the innermost frame the time since the stack last changed as its own."""
        if self._frames:
            frame = self._frames[-1]
            passed, state = time - self._settled_ns, frame.what >> _TRACE_BITS
            frame.own += passed
            if state == INTERPRETED:
                frame.interpreted += passed
            elif state == JITTED:
                frame.jitted += passed
        self._settled_ns = time

    def _alter(self, at: int, row: int, time: int) -> None:
        self._rows[at] = row
        frame, what = self._frames[at], self._tree.what[row]
        if frame.what != what:
            frame.before = frame.before or {}
            frame.before[frame.what] = frame.before.get(frame.what, 0) + time - frame.since
            frame.what, frame.since = what, time

    # Called for each stretch: attributes cost more than what is done here.
    def _open(self, row: int, time: int) -> None:
        tree = self._tree
        starts, depths, functions = self._opening
        durations, whats, parts = self._ending
        starts.append(time)
        depths.append(len(self._rows))
        functions.append(tree.function[row])
        durations.append(-1)
        whats.append(-1)
        parts.append(-1)
        self._rows.append(row)
        self._frames.append(_Frame(self._stretches, time, tree.what[row]))
        self._stretches += 1

    def _close(self, depth: int, time: int) -> None:
        frames, taken = self._frames, self._taken
        if len(frames) <= depth:
            return
        durations, whats, parts = self._ending
        ending = frames[depth:]
        del frames[depth:], self._rows[depth:]
        for frame in ending:
            what = frame.what if frame.before is None else _mostly(frame, frame.before, time)
            own = frame.own or 1
            part = frame.interpreted * WHOLE // own * _PARTS + frame.jitted * WHOLE // own
            at = frame.number - taken
            if at < 0:
                self.late[frame.number] = _late(time - frame.start, what, part)
            else:
                durations[at], whats[at], parts[at] = time - frame.start, what, part


def _late(duration: int, what: int, part: int) -> Ended:
    trace = (what & (1 << _TRACE_BITS) - 1) - 1
    return Ended(duration, what >> _TRACE_BITS, trace, part // _PARTS, part % _PARTS)


def _mostly(frame: _Frame, before: Dict[int, int], time: int) -> int:
    """Give the state and the trace that a frame had for most of its time, as one number."""
    spent = dict(before)
    spent[frame.what] = spent.get(frame.what, 0) + time - frame.since
    states: Dict[int, int] = {}
    traces: Dict[int, int] = {}
    for what, ns in spent.items():
        state, trace = what >> _TRACE_BITS, what & (1 << _TRACE_BITS) - 1
        states[state] = states.get(state, 0) + ns
        traces[trace] = traces.get(trace, 0) + ns
    return (_most(states) << _TRACE_BITS) + _most(traces)


def _most(times: Dict[int, int]) -> int:
    return max(times, key=lambda one: (times[one], -one))


def interval_of(times: Ints) -> int:
    """Give the median distance of samples; the recorder's default where there is none."""
    apart = np.diff(times)
    apart = apart[apart > 0]
    return int(np.median(apart)) if len(apart) else DEFAULT_PERIOD_NS


def gap_of(interval_ns: int) -> int:
    """Say how long nothing may be known of a thread for its calls to go on."""
    return max(GAP_INTERVALS * interval_ns, GAP_NS)


def first_since(time: int, interval_ns: int, paused_until_ns: Optional[int]) -> int:
    """Say since when a sample without one before it stands: for an interval, but never in a pause."""
    return time - interval_ns if paused_until_ns is None else max(time - interval_ns, paused_until_ns)


def state_runs(times: Ints, states: Ints, memory: Ints, before_ns: int, interval_ns: int) -> Rows:
    """Make rows of successive samples of one state and one size of memory; the key is the state."""
    starts = np.concatenate(([before_ns], times[:-1]))
    is_gap = times - starts > gap_of(interval_ns)
    starts = np.where(is_gap, times - interval_ns, starts)
    same = (states[1:] == states[:-1]) & (memory[1:] == memory[:-1]) & ~is_gap[1:]
    first = np.flatnonzero(np.concatenate(([True], ~same)))
    end = times[np.append(first[1:], len(times)) - 1]
    duration = end - starts[first]
    samples = np.diff(first, append=len(times))
    nothing = np.zeros(len(first), np.int64)
    more = {"memory": memory[first]}
    return Rows(states[first], starts[first], end, duration, nothing, samples, duration, more)
