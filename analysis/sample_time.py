"""Turn samples into time: by VM state, by function, by trace.

Each sample stands for the time since the one before it on its thread.  All that
is kept is one sum per row of the stacks, so a run of any length fits.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from tracebin.analysis.intervals import Intervals
from tracebin.bundle.records import STATES, SampleChunk, StackChunk
from tracebin.errors import MalformedBundle

JITTED = STATES.index("jitted")
INTERPRETED = STATES.index("interpreted")
NATIVE = STATES.index("native")

# What a sample stands for when it is the only one of its thread: the recorder's
# default period.
DEFAULT_PERIOD_NS = 1_000_000


@dataclass(frozen=True)
class Busy:
    """When a process was collecting, when it was collecting or tracing, and when either or paused."""

    gc: Intervals
    gc_or_tracing: Intervals
    unsampled: Intervals


@dataclass
class FunctionTime:
    """The sums of one function."""

    total_ns: int = 0
    self_ns: int = 0
    total_samples: int = 0
    self_samples: int = 0
    interpreted_ns: int = 0
    jitted_ns: int = 0


class StackTimes:
    """The prefix tree of stacks, with the time spent in each of its rows."""

    def __init__(self) -> None:
        self._parent = array("q")
        self._function = array("q")
        self._state = array("q")
        self._trace = array("q")
        self._ns: List[int] = []
        self._samples: List[int] = []
        # Of both what fell neither into tracing nor into a collection.
        self._free_ns: List[int] = []
        self._free_samples: List[int] = []

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._parent)

    def add_rows(self, chunk: StackChunk) -> None:
        """Add the rows of ``chunk`` to the tree.

        Raises:
            MalformedBundle: a row's parent doesn't stand before it, or its state is unknown.
        """
        for row, parent in enumerate(chunk.parent, len(self)):
            if not -1 <= parent < row:
                raise MalformedBundle("a row's parent doesn't come before it", where=f"row {row} of stacks")
        if not len(chunk.parent) == len(chunk.function) == len(chunk.state) == len(chunk.trace):
            raise MalformedBundle("columns of different length", where="stacks")
        if chunk.state and not 0 <= min(chunk.state) <= max(chunk.state) < len(STATES):
            raise MalformedBundle("an unknown state", where="stacks")
        self._extend(chunk)

    def _extend(self, chunk: StackChunk) -> None:
        self._parent.extend(chunk.parent)
        self._function.extend(chunk.function)
        self._state.extend(chunk.state)
        self._trace.extend(chunk.trace)
        zeros = [0] * len(chunk.parent)
        for column in (self._ns, self._samples, self._free_ns, self._free_samples):
            column.extend(zeros)

    def states_of(self, rows: Iterable[int]) -> Iterator[int]:
        """Give the VM state of each row, as a position in STATES."""
        return map(self._state.__getitem__, rows)

    def add_samples(self, stretches: Stretches, busy: Iterable[bool]) -> None:
        """Give each sample's row its time; ``busy`` says which samples fell into tracing or gc."""
        ns, samples = self._ns, self._samples
        for start, end, row, is_busy in zip(stretches.starts, stretches.ends, stretches.rows, busy):
            ns[row] += end - start
            samples[row] += 1
            if not is_busy:
                self._free_ns[row] += end - start
                self._free_samples[row] += 1

    def by_trace(self) -> Dict[int, Tuple[int, int]]:
        """Add up samples and time in the machine code of each trace, and in C code that it called.

        While PyPy traces a bridge, the stack still shows the trace it leaves: what
        fell into tracing or a collection isn't time in machine code.
        """
        sums: Dict[int, Tuple[int, int]] = {}
        for row, (trace, state) in enumerate(zip(self._trace, self._state)):
            if trace >= 0 and state in (JITTED, NATIVE) and self._free_samples[row]:
                samples, ns = sums.get(trace, (0, 0))
                sums[trace] = (samples + self._free_samples[row], ns + self._free_ns[row])
        return sums

    def by_function(self) -> Dict[int, FunctionTime]:
        """Add up the time of each function, and of what it called.

        A function that is on a stack several times counts once.  Frames without
        a function are one of their own, by the number they have (-1), as on the time line.
        """
        times: Dict[int, FunctionTime] = {}
        self._add_self(times)
        ns, samples = self._subtrees()
        for row in self._outermost_rows():
            if samples[row]:
                time = times.setdefault(self._function[row], FunctionTime())
                time.total_ns += ns[row]
                time.total_samples += samples[row]
        return times

    def _add_self(self, times: Dict[int, FunctionTime]) -> None:
        for row, function in enumerate(self._function):
            if self._samples[row]:
                time = times.setdefault(function, FunctionTime())
                time.self_ns += self._ns[row]
                time.self_samples += self._samples[row]
                time.interpreted_ns += self._free_ns[row] if self._state[row] == INTERPRETED else 0
                time.jitted_ns += self._free_ns[row] if self._state[row] == JITTED else 0

    def _subtrees(self) -> Tuple[List[int], List[int]]:
        ns, samples = list(self._ns), list(self._samples)
        for row in range(len(self) - 1, -1, -1):
            parent = self._parent[row]
            if parent >= 0:
                ns[parent] += ns[row]
                samples[parent] += samples[row]
        return ns, samples

    def _outermost_rows(self) -> Iterator[int]:
        """Yield the rows whose function isn't on the stack above them already.

        A walk down the tree, so that deep recursion costs no more than its rows.
        """
        children = self._children()
        on_path: Dict[int, int] = {}
        todo = children.get(-1, [])
        while todo:
            row = todo.pop()
            if row < 0:
                on_path[self._function[~row]] -= 1
                continue
            function = self._function[row]
            depth = on_path.get(function, 0)
            if not depth:
                yield row
            on_path[function] = depth + 1
            todo.append(~row)
            todo.extend(children.get(row, ()))

    def _children(self) -> Dict[int, List[int]]:
        children: Dict[int, List[int]] = {}
        for row, parent in enumerate(self._parent):
            children.setdefault(parent, []).append(row)
        return children


@dataclass(frozen=True)
class Stretches:
    """What the samples of one chunk stand for: each for the time from ``start`` to ``end``."""

    starts: List[int]
    ends: List[int]
    rows: List[int]


class ThreadClock:
    """Give each sample of one thread the stretch of time it stands for; none stands for a pause."""

    def __init__(self, start_ns: int, paused: Intervals) -> None:
        self._start_ns = start_ns
        self._paused = paused
        self._last_ns: Optional[int] = None

    def stretches(self, chunk: SampleChunk) -> Stretches:
        """Give the stretches of ``chunk``, each from the sample before it.

        Raises:
            MalformedBundle: time runs back, or the columns differ in length.
        """
        if len(chunk.time) != len(chunk.stack):
            raise MalformedBundle("columns of different length", where="samples")
        if not chunk.time:
            return Stretches([], [], [])
        ends = list(accumulate(chunk.time, initial=chunk.first_ns))[1:]
        start = self._first_start(ends[0], chunk.time) if self._last_ns is None else self._last_ns
        if min(chunk.time) < 0 or ends[0] < start:
            raise MalformedBundle("time runs back", where="samples")
        self._last_ns = ends[-1]
        starts = [start, *ends[:-1]]
        for _, resumed in self._paused.touching(start, ends[-1]):
            first = bisect_left(ends, resumed)
            if first < len(ends):
                starts[first] = max(starts[first], resumed)
        return Stretches(starts, ends, chunk.stack)

    def _first_start(self, time: int, deltas: Sequence[int]) -> int:
        """Say where the first sample's time starts.

        A thread may have begun long before it was first sampled, and what it did
        until then nobody saw: the first sample stands for one interval at most.
        """
        known = sorted(delta for delta in deltas[1:] if delta > 0)
        interval = known[len(known) // 2] if known else DEFAULT_PERIOD_NS
        return min(time, max(self._start_ns, time - interval))


class WallTime:
    """Split the run's wall time by what the main thread did."""

    def __init__(self, duration_ns: int) -> None:
        self._duration_ns = duration_ns
        self._by_state = [0] * len(STATES)
        self._until_ns = 0
        self.samples = 0

    def add(self, stretches: Stretches, states: Iterable[int], busy: Busy) -> None:
        """Give each state what lies in the run, in no earlier sample, no collection, tracing or pause."""
        self.samples += len(stretches.ends)
        edges = [self._clipped(time) for time in (*stretches.starts[:1], *stretches.ends)]
        covered = [before for _, before in busy.unsampled.walk(edges)]
        for number, state in enumerate(states):
            busy_ns = covered[number + 1] - covered[number]
            self._by_state[state] += edges[number + 1] - edges[number] - busy_ns
        self._until_ns = edges[-1] if edges else self._until_ns

    def _clipped(self, time: int) -> int:
        return max(self._until_ns, min(time, self._duration_ns))

    def shares(self, busy: Busy) -> Dict[str, int]:
        """Give the time of every state and the unknown rest; they add up to the duration."""
        sums = dict(zip(STATES, self._by_state))
        gc = busy.gc.covered(0, self._duration_ns)
        sums["gc"] += gc
        sums["tracing"] += busy.gc_or_tracing.covered(0, self._duration_ns) - gc
        sums["unknown"] = self._duration_ns - sum(sums.values())
        return sums
