"""Write the time line of a run while its bundle goes by.

Lanes of the blob, as the notes name them: two for each thread with calls (by depth, by
function), four for each with samples (the same for stretches of equal samples, the VM's states, and what
of their time the process collected or traced), and five for each process: its events (``gc``, ``jit``,
``marks``), and the times of collections (``collecting``) and of collections or tracing (``busy``), joined
where they overlap.  Bounded: rows wait in leaves of at most 65,536, stretches of samples in a temporary file
until it is known how they end; of an event two numbers are kept for as long as it takes.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import numpy as np

from tracebin.analysis.busy_times import BusyStates, BusyTimes, Union
from tracebin.analysis.calls import FARTHEST_NS
from tracebin.analysis.lod import Rows, merge_whole, single
from tracebin.analysis.stretches import StackTree
from tracebin.bundle.records import (
    GC_KINDS,
    Abort,
    CallChunk,
    Function,
    GcChunk,
    Mark,
    Process,
    Run,
    SampleChunk,
    Scalar,
    StackChunk,
    Thread,
    Trace,
)
from tracebin.errors import MalformedBundle
from tracebin.server.call_lane import CallLane
from tracebin.server.parts import PartsWriter
from tracebin.server.pyramid import LEAF_ROWS, PyramidWriter
from tracebin.server.recorded import recorded
from tracebin.server.sample_lane import SampleLane, Spill

# What a lane of events holds, by the number its rows have as key.
TRACKS = {
    "jit": ("tracing", "optimising", "backend", "abort"),
    "gc": GC_KINDS,
    "marks": ("mark", "span"),
}
# Threads beyond are not on the time line: each costs some milliseconds, however little it did.
MOST_THREADS = 4_096
# The same for processes: what their JIT and GC did.
MOST_PROCESSES = 4_096


class TimelineWriter:
    """Feed it every element of a bundle in order, then call :meth:`finish`; close it in any case.

    Raises:
        MalformedBundle: calls aren't nested, or times are out of all reason.
    """

    def __init__(self, parts: PartsWriter) -> None:
        self._parts = parts
        self._spill = Spill()
        self._options: Dict[str, Scalar] = {}
        self._processes: List[Process] = []
        self._threads: List[Thread] = []
        self._functions = 0
        self._traces = 0
        # When the first trace that goes through a function was compiled.
        self._compiled: Dict[int, int] = {}
        self._lanes: List[Dict[str, Any]] = []
        self._lane_count = 0
        self._events: Dict[Tuple[str, int], _EventLane] = {}
        self._busy: Dict[int, BusyTimes] = {}
        self._busy_states: Dict[int, BusyStates] = {}
        self._tree = StackTree()
        self._samples: Dict[int, SampleLane] = {}
        self._calls: Dict[int, CallLane] = {}
        self._counts: Dict[str, int] = {}

    def add(self, key: str, record: Any) -> None:
        """Take in one element of the list ``key``."""
        step: Optional[Callable[[TimelineWriter, Any], None]] = _STEPS.get(key)
        if step is not None:
            number = self._counts[key] = self._counts.get(key, -1) + 1
            try:
                step(self, record)
            except MalformedBundle as fault:
                raise MalformedBundle(fault.message, where=f"{key}[{number}]") from None

    def finish(self) -> None:
        """Write what waits, and say in the notes what is there."""
        for (family, process), events in self._events.items():
            events.finish()
            if events.events:
                self._note(family, process, events.lane, events)
        for process, busy in self._busy.items():
            self._write_union("collecting", process, busy.gc)
            self._write_union("busy", process, busy.either)
        self._finish_threads()
        self._parts.finish(
            {
                "processes": [
                    {"id": index, **_noted(process, _OF_PROCESS)}
                    for index, process in enumerate(self._processes)
                ],
                "threads": [_noted(thread, _OF_THREAD) for thread in self._threads],
                "functions": self._functions,
                "compiled": [list(column) for column in zip(*sorted(self._compiled.items()))],
                "recorded": vars(recorded(self._options, any(each.paused for each in self._processes))),
                "first_ns": min((lane["first_ns"] for lane in self._lanes), default=0),
                "last_ns": max((lane["last_ns"] for lane in self._lanes), default=0),
                "lanes": self._lanes,
            }
        )

    def _finish_threads(self) -> None:
        for thread, calls in self._calls.items():
            calls.finish()
            if calls.calls:
                self._note_calls("exact", thread, calls)
        for thread, samples in self._samples.items():
            samples.finish()
            if not samples.interval_ns:
                continue
            self._note("states", thread, samples.lane, samples, interval_ns=samples.interval_ns)
            if samples.is_busy:
                self._note("busy states", thread, samples.lane + 1, samples)
            if samples.calls.calls:
                self._note_calls("sampled", thread, samples.calls)

    def close(self) -> None:
        """Let go of temporary files."""
        self._spill.close()

    def _write_union(self, family: str, process: int, times: Union) -> None:
        starts, ends = times
        if not len(starts):
            return
        lane = self._new_lane(1)
        pyramid = PyramidWriter(self._parts, lane, (), merge_whole)
        for first in range(0, len(starts), LEAF_ROWS):
            start, end = starts[first : first + LEAF_ROWS], ends[first : first + LEAF_ROWS]
            none = np.zeros(len(start), np.int64)
            pyramid.add(single(none, start, end - start, none, {}), int(start[0]), int(end[-1]))
        pyramid.finish()
        bounds = {"first_ns": int(starts[0]), "last_ns": int(ends[-1])}
        self._lanes.append({"family": family, "owner": process, "lane": lane, **bounds})

    def _note(self, family: str, owner: int, lane: int, times: Any, **more: Any) -> None:
        first = {"first_ns": times.first_ns, "last_ns": times.last_ns}
        self._lanes.append({"family": family, "owner": owner, "lane": lane, **first, **more})

    def _note_calls(self, source: str, thread: int, calls: CallLane) -> None:
        self._note(source, thread, calls.lane, calls, calls=calls.calls, depths=calls.depths)

    def _new_lane(self, count: int) -> int:
        self._lane_count += count
        return self._lane_count - count

    # --- one element --------------------------------------------------------------

    def _add_run(self, run: Run) -> None:
        self._options = run.options.recorder

    def _add_process(self, process: Process) -> None:
        self._processes.append(process)

    def _add_thread(self, thread: Thread) -> None:
        self._threads.append(thread)

    def _add_function(self, _: Function) -> None:
        self._functions += 1

    def _add_trace(self, trace: Trace) -> None:
        backend = trace.end_ns - min(trace.phases.backend_ns, trace.end_ns - trace.start_ns)
        optimising = backend - min(trace.phases.optimising_ns, backend - trace.start_ns)
        jit = self._events_of("jit", trace.process)
        number, self._traces = self._traces, self._traces + 1
        for function in _functions_of(trace):
            self._compiled[function] = min(trace.end_ns, self._compiled.get(function, trace.end_ns))
        busy = min(trace.phases.tracing_ns, optimising - trace.start_ns)
        jit.add(0, trace.start_ns, optimising, number, busy)
        jit.add(1, optimising, backend, number)
        jit.add(2, backend, trace.end_ns, number)
        self._busy_of(trace.process).add_tracing(trace.start_ns, trace.end_ns)

    def _add_abort(self, abort: Abort) -> None:
        number = self._counts["aborts"]
        self._events_of("jit", abort.process).add(3, abort.start_ns, abort.end_ns, number)
        self._busy_of(abort.process).add_tracing(abort.start_ns, abort.end_ns)

    def _add_gc(self, chunk: GcChunk) -> None:
        gc = self._events_of("gc", chunk.process)
        busy = self._busy_of(chunk.process)
        start = chunk.first_ns
        for kind, delta, duration in zip(chunk.kind, chunk.start, chunk.duration):
            start += delta
            gc.add(kind, start, start + duration, gc.events)
            busy.add_gc(start, start + duration)

    def _add_mark(self, mark: Mark) -> None:
        marks = self._events_of("marks", self._process_of(mark.thread))
        end = mark.start_ns + (mark.duration_ns or 0)
        marks.add(0 if mark.duration_ns is None else 1, mark.start_ns, end, self._counts["marks"])

    def _add_stacks(self, chunk: StackChunk) -> None:
        self._check_functions(chunk.function)
        if chunk.trace and max(chunk.trace) >= self._traces:
            raise MalformedBundle(f"there is no trace {max(chunk.trace)}")
        self._tree.add(chunk)

    def _add_samples(self, chunk: SampleChunk) -> None:
        if chunk.stack and max(chunk.stack) >= self._tree.rows:
            raise MalformedBundle(f"there is no row {max(chunk.stack)} of stacks")
        thread = chunk.thread
        if thread not in self._samples:
            if len(self._samples) >= MOST_THREADS:
                return
            process = self._process_of(thread)
            pauses = [pause.end_ns for pause in self._processes[process].paused]
            lane, busy = self._new_lane(4), self._busy_states_of(process)
            self._samples[thread] = SampleLane(self._parts, lane, self._tree, self._spill, pauses, busy)
        self._samples[thread].add(chunk)

    def _add_calls(self, chunk: CallChunk) -> None:
        self._check_functions(chunk.function)
        thread = chunk.thread
        if thread not in self._calls:
            if len(self._calls) >= MOST_THREADS:
                return
            self._process_of(thread)
            self._calls[thread] = CallLane(self._parts, self._new_lane(2))
        start = chunk.first_ns + np.cumsum(np.array(chunk.start, np.int64))
        columns = {
            name: np.array(getattr(chunk, name), np.int64) for name in ("duration", "depth", "function")
        }
        self._calls[thread].add({"start": start, **columns})

    def _check_functions(self, functions: List[int]) -> None:
        if functions and max(functions) >= self._functions:
            raise MalformedBundle(f"there is no function {max(functions)}")

    def _process_of(self, thread: int) -> int:
        if not 0 <= thread < len(self._threads):
            raise MalformedBundle(f"there is no thread {thread}")
        process = self._threads[thread].process
        if not 0 <= process < len(self._processes):
            raise MalformedBundle(f"there is no process {process}")
        return process

    def _busy_of(self, process: int) -> BusyTimes:
        if process >= MOST_PROCESSES:
            return BusyTimes()
        return self._busy.setdefault(process, BusyTimes())

    def _busy_states_of(self, process: int) -> BusyStates:
        """Make what tells when a process was busy, with its first sample: events stand before samples."""
        if process not in self._busy_states:
            self._busy_states[process] = self._busy_of(process).states()
        return self._busy_states[process]

    def _events_of(self, family: str, process: int) -> _EventLane:
        if not 0 <= process < len(self._processes):
            raise MalformedBundle(f"there is no process {process}")
        if process >= MOST_PROCESSES:
            return _EventLane(self._parts, -1)
        known = self._events.get((family, process))
        if known is None:
            known = self._events[family, process] = _EventLane(self._parts, self._new_lane(1))
        return known


_STEPS: Dict[str, Callable[[TimelineWriter, Any], None]] = {
    "run": TimelineWriter._add_run,
    "processes": TimelineWriter._add_process,
    "threads": TimelineWriter._add_thread,
    "functions": TimelineWriter._add_function,
    "traces": TimelineWriter._add_trace,
    "aborts": TimelineWriter._add_abort,
    "gc": TimelineWriter._add_gc,
    "marks": TimelineWriter._add_mark,
    "stacks": TimelineWriter._add_stacks,
    "samples": TimelineWriter._add_samples,
    "calls": TimelineWriter._add_calls,
}


_OF_PROCESS = ("pid", "parent", "command", "start_ns", "end_ns", "paused")
_OF_THREAD = ("process", "native_id", "name", "start_ns", "end_ns")


def _noted(record: Any, names: Tuple[str, ...]) -> Dict[str, Any]:
    # Not vars(): what a line of the bundle leaves out is the class's, not the instance's.
    return {name: getattr(record, name) for name in names}


def _functions_of(trace: Trace) -> Set[int]:
    """Give the functions that a trace goes through: the one it starts in, and those inlined."""
    points = (point.function for stage in trace.stages.values() for point in stage.points)
    return {function for function in (trace.function, *points) if function is not None}


class _EventLane:
    """The events of one family in one process; they need not come in order."""

    def __init__(self, parts: PartsWriter, lane: int) -> None:
        self.lane = lane
        self.events = 0
        self.first_ns = FARTHEST_NS
        self.last_ns = -FARTHEST_NS
        self._pyramid = PyramidWriter(parts, lane, ())
        self._rows: List[Tuple[int, int, int, int, int]] = []

    def add(self, track: int, start: int, end: int, number: int, busy: Optional[int] = None) -> None:
        if not -FARTHEST_NS < start <= end < FARTHEST_NS:
            raise MalformedBundle("a time more than 36 years from the start of the run")
        self.first_ns, self.last_ns = min(self.first_ns, start), max(self.last_ns, end)
        self.events += 1
        self._rows.append((track, start, end, number, end - start if busy is None else busy))
        if len(self._rows) == LEAF_ROWS:
            self._flush()

    def finish(self) -> None:
        self._flush()
        self._pyramid.finish()

    def _flush(self) -> None:
        if not self._rows:
            return
        key, start, end, call, busy = np.array(self._rows, np.int64).T
        self._rows = []
        rows = Rows(key, start, end, end - start, call, np.ones(len(key), np.int64), busy)
        self._pyramid.add(rows, int(start.min()), int(end.max()))
