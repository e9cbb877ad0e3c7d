"""Write what the samples of a thread tell: its stretches, and the states of the VM.

A stretch's end is known only when it has ended, so stretches wait in a temporary file where
there are many.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from typing import IO, Dict, List, Mapping, Optional, Tuple

import numpy as np

from tracebin.analysis.busy_times import BusyStates
from tracebin.analysis.calls import FARTHEST_NS
from tracebin.analysis.lod import Ints, Rows, merge_whole, single
from tracebin.analysis.stretches import (
    ENDING,
    STRETCH_COLUMNS,
    StackTree,
    StretchMaker,
    first_since,
    interval_of,
    state_runs,
)
from tracebin.bundle.records import SampleChunk
from tracebin.errors import MalformedBundle
from tracebin.server.call_lane import PART_COLUMNS, STATE_COLUMNS, CallLane
from tracebin.server.parts import PartsWriter
from tracebin.server.pyramid import LEAF_ROWS, PyramidWriter

SAMPLES_AT_ONCE = 1_024
# Collections and tracings that are looked at for each sample; real ones have one or two in a millisecond.
MOST_BUSY = 8


class Spill:
    """One temporary file for the stretches of all threads, made when it is needed."""

    def __init__(self) -> None:
        self._file: Optional[IO[bytes]] = None

    def write(self, stretches: Mapping[str, Ints]) -> Tuple[int, int]:
        """Put stretches away; give what :meth:`read` needs to find them."""
        self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        at = self._file.seek(0, os.SEEK_END)
        for name in STRETCH_COLUMNS:
            self._file.write(stretches[name].tobytes())
        return at, len(stretches["start"])

    def read(self, at: int, rows: int) -> Dict[str, Ints]:
        """Get stretches back."""
        assert self._file is not None
        self._file.seek(at)
        size = rows * 8
        data = [np.frombuffer(self._file.read(size), np.int64).copy() for _ in STRETCH_COLUMNS]
        return dict(zip(STRETCH_COLUMNS, data))

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()


class SampleLane:
    """The samples of one thread: its stretches (``lane`` and ``lane + 1``) and states (``lane + 2``).

    The sampler says of a stack how its frames run.  Whether the VM collected or traced just
    then the log knows better: ``busy`` tells it.  What that takes of the time of each state stands in
    ``lane + 3``.
    """

    def __init__(
        self,
        parts: PartsWriter,
        lane: int,
        tree: StackTree,
        spill: Spill,
        pauses: List[int],
        busy: BusyStates,
    ) -> None:
        self.calls = CallLane(parts, lane, STATE_COLUMNS, PART_COLUMNS)
        self._busy = busy
        self.lane = lane + 2
        self.interval_ns = 0
        self.first_ns = FARTHEST_NS
        self.last_ns = -FARTHEST_NS
        self._tree = tree
        self._states = PyramidWriter(parts, lane + 2, ("memory",), merge_whole)
        self._busy_states = PyramidWriter(parts, lane + 3, (), merge_whole)
        self.is_busy = False
        self._maker: Optional[StretchMaker] = None
        self._before: Optional[int] = None
        # When pauses ended that no sample has come after yet.
        self._pauses = deque(sorted(pauses))
        self._spill = spill
        self._spilled: List[Tuple[int, int]] = []
        self._waiting: List[Tuple[Ints, Ints, Ints]] = []
        self._rows_waiting = 0

    def add(self, chunk: SampleChunk) -> None:
        """Take in samples in order of time.

        Raises:
            MalformedBundle: they aren't in order, or out of all reason.
        """
        if not chunk.time:
            return
        time = chunk.first_ns + np.cumsum(np.array(chunk.time, np.int64))
        if int(time[0]) < self.last_ns:
            raise MalformedBundle("samples of a thread run back in time")
        if max(abs(int(time[0])), abs(int(time[-1]))) >= FARTHEST_NS:
            raise MalformedBundle("a time more than 36 years from the start of the run")
        self.first_ns, self.last_ns = min(self.first_ns, int(time[0])), int(time[-1])
        self._waiting.append((time, np.array(chunk.stack, np.int64), np.array(chunk.memory, np.int64)))
        self._rows_waiting += len(time)
        if self._rows_waiting >= LEAF_ROWS // 2:
            self._flush()

    def finish(self) -> None:
        """Write what waits."""
        self._flush()
        if self._maker is None:
            return
        self._states.finish()
        self._busy_states.finish()
        self._maker.end()
        first = 0
        for at, rows in self._spilled:
            first += self._pass_on(self._spill.read(at, rows), first)
        self._pass_on(self._maker.take(), first)
        self.calls.finish()

    def _pass_on(self, stretches: Mapping[str, Ints], first: int) -> int:
        """Give stretches to the lane of calls, whole now that all have ended."""
        self._complete(stretches, first)
        rows = len(stretches["start"])
        for begin in range(0, rows, LEAF_ROWS):
            self.calls.add({name: column[begin : begin + LEAF_ROWS] for name, column in stretches.items()})
        return rows

    def _flush(self) -> None:
        if not self._waiting:
            return
        time, stack, memory = (np.concatenate(parts) for parts in zip(*self._waiting))
        self._waiting, self._rows_waiting = [], 0
        if self._maker is None:
            self.interval_ns = interval_of(time)
            self._maker = StretchMaker(self._tree, self.interval_ns)
        # The ribbon cuts collections and tracing out of the samples' time by the log, to the nanosecond.
        states = np.frombuffer(self._tree.state, np.int64)[stack]
        stack = self._in_busy_states(time, stack)
        first = 0
        while first < len(time):
            self._resume(int(time[first]))
            last = len(time)
            if self._pauses:
                last = int(np.searchsorted(time, self._pauses[0]))
            piece = slice(first, last)
            self._take(time[piece], stack[piece], states[piece], memory[piece])
            first = last

    def _in_busy_states(self, time: Ints, stack: Ints) -> Ints:
        """Give the rows of stacks, those of collections and tracing in that state."""
        busy = self._busy.at(time)
        which = np.flatnonzero((busy >= 0) & (stack >= 0))
        if not len(which):
            return stack
        pairs, at = np.unique(np.stack((stack[which], busy[which])), axis=1, return_inverse=True)
        rows = [self._tree.in_state(row, state) for row, state in zip(*pairs.tolist())]
        stack = stack.copy()
        stack[which] = np.array(rows, np.int64)[at.reshape(-1)]
        return stack

    def _resume(self, time: int) -> None:
        """Break off where there were pauses before ``time``."""
        assert self._maker is not None
        until = None
        while self._pauses and self._pauses[0] <= time:
            until = self._pauses.popleft()
        if until is not None:
            self._maker.pause(until)
        if until is not None or self._before is None:
            self._before = first_since(time, self.interval_ns, until)

    def _take(self, time: Ints, stack: Ints, states: Ints, memory: Ints) -> None:
        assert self._maker is not None
        assert self._before is not None
        runs = state_runs(time, states, memory, self._before, self.interval_ns)
        self._states.add(runs, int(runs.start[0]), int(runs.end[-1]))
        self._add_busy(runs)
        self._before = int(time[-1])
        # In portions, since many stretches may begin at one sample.
        for first in range(0, len(time), SAMPLES_AT_ONCE):
            last = first + SAMPLES_AT_ONCE
            self._maker.add(time[first:last].tolist(), stack[first:last].tolist())
            if len(self._maker) >= LEAF_ROWS:
                self._spilled.append(self._spill.write(self._maker.take()))

    def _add_busy(self, runs: Rows) -> None:
        """Note when the process was busy in the time that samples of a state stand for."""
        of, start, end = self._busy.within(runs.start, runs.end, runs.count * MOST_BUSY)
        none = np.zeros(len(of), np.int64)
        rows = single(runs.key[of], start, end - start, none, {})
        for first in range(0, len(rows), LEAF_ROWS):
            leaf = rows.map(lambda column, first=first: column[first : first + LEAF_ROWS])  # type: ignore[misc]
            self._busy_states.add(leaf, int(leaf.start[0]), int(leaf.end[-1]))
            self.is_busy = True

    def _complete(self, stretches: Mapping[str, Ints], first: int) -> None:
        """Put in how those stretches ended that were still open when they were written."""
        assert self._maker is not None
        late = self._maker.late
        for at in np.flatnonzero(stretches["state"] == -1).tolist():
            ended = late.pop(first + at)
            for name in ENDING:
                stretches[name][at] = getattr(ended, name)
