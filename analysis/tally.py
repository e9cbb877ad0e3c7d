"""Count a bundle through, one element at a time, and answer what a run was like.

Keeps light rows only: the ops of a trace and the samples are let go at once.
Elements come in the order of the bundle's lists; what is missing at the end
of a bundle that was cut short is simply not counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Set

from tracebin.analysis.aborts import GreenKey, Start, abort_key, abort_row, with_later
from tracebin.analysis.call_sums import CallSum, CallSums
from tracebin.analysis.intervals import Intervals, IntervalsBuilder
from tracebin.analysis.marks import MarkSums
from tracebin.analysis.places import Places
from tracebin.analysis.rows import (
    NO_FUNCTION,
    OTHER_DRIVER,
    SHARE_STATES,
    AbortRow,
    Findings,
    FunctionRow,
    GcSums,
    TimeShare,
    TimeUse,
    TraceRow,
)
from tracebin.analysis.sample_time import Busy, FunctionTime, StackTimes, ThreadClock, WallTime
from tracebin.analysis.traces import TraceLinks, trace_row, trace_start
from tracebin.bundle.records import (
    GC_KINDS,
    TRACE_KINDS,
    Abort,
    CallChunk,
    Function,
    GcChunk,
    Mark,
    Problem,
    Process,
    Run,
    SampleChunk,
    SourceFile,
    StackChunk,
    Thread,
    Trace,
)
from tracebin.errors import MalformedBundle

# What Python's threading calls the thread a program starts with.
MAIN_THREAD = "MainThread"
# The jit driver of Python code.
PYTHON_DRIVER = "pypyjit"


class Tally:
    """Feed it every element of a bundle in order, then ask for the result.

    Raises:
        MalformedBundle: an element points at one that isn't there.
    """

    def __init__(self) -> None:
        self.links = TraceLinks()
        self._run: Optional[Run] = None
        self._processes: List[Process] = []
        self._threads: List[Thread] = []
        self._files: Dict[int, SourceFile] = {}
        self._functions: Dict[int, Function] = {}
        self._places = Places(self._functions, self._files)
        self._traces: List[TraceRow] = []
        self._starts: List[Start] = []
        self._aborts: List[AbortRow] = []
        self._abort_keys: List[GreenKey] = []
        self._collections = Collections()
        self._gc: Dict[int, IntervalsBuilder] = {}
        self._tracing: Dict[int, IntervalsBuilder] = {}
        self._paused: Dict[int, Intervals] = {}
        self._busy: Dict[int, Busy] = {}
        self._main: Optional[Set[int]] = None
        self._stacks = StackTimes()
        self._clocks: Dict[int, ThreadClock] = {}
        self._wall: Optional[WallTime] = None
        self._samples = 0
        self._calls = 0
        self._call_sums = CallSums()
        self._marks = MarkSums()
        self._problems: List[Problem] = []

    def add(self, key: str, record: Any) -> None:
        """Take in one element of the list ``key`` (``run`` for the run itself)."""
        step: Optional[Callable[[Tally, Any], None]] = _STEPS.get(key)
        if step is not None:
            step(self, record)

    def result(self) -> Findings:
        """Say what was found.

        Raises:
            MalformedBundle: not even the run is there.
        """
        if self._run is None:
            raise MalformedBundle("the bundle is cut off before its first element")
        traces = self._trace_rows()
        aborts = with_later(self._aborts, self._abort_keys, self._starts)
        lost = [row.reason for row in aborts if row.lost]
        return Findings(
            run=self._run,
            processes=self._processes,
            threads=self._threads,
            time=self._time_use(self._run.duration_ns),
            counts=self._counts(len(lost)),
            gc=self._collections.sums(),
            aborts_by_reason=dict(Counter(lost)),
            compile_ns=sum(row.compile_ns for row in traces),
            functions=self._function_rows(traces),
            traces=traces,
            aborts=aborts,
            marks=self._marks.rows(),
            problems=self._problems,
        )

    # --- one element ------------------------------------------------------------

    def _add_run(self, run: Run) -> None:
        if run.duration_ns < 0:
            raise MalformedBundle("a duration below 0", where="run")
        self._run = run
        self._wall = WallTime(run.duration_ns)

    def _add_process(self, process: Process) -> None:
        self._processes.append(process)
        self._main = None

    def _add_thread(self, thread: Thread) -> None:
        self._threads.append(thread)
        self._main = None

    def _add_file(self, file: SourceFile) -> None:
        self._files[len(self._files)] = file

    def _add_function(self, function: Function) -> None:
        self._functions[len(self._functions)] = function

    def _add_trace(self, trace: Trace) -> None:
        index = len(self._traces)
        self.links.add(index, trace)
        self._traces.append(trace_row(index, trace, self._places))
        self._starts.append(trace_start(index, trace))
        self._note_tracing(trace.process, trace.start_ns, trace.end_ns)

    def _add_abort(self, abort: Abort) -> None:
        self._aborts.append(abort_row(len(self._aborts), abort, self._places))
        self._abort_keys.append(abort_key(abort))
        self._note_tracing(abort.process, abort.start_ns, abort.end_ns)

    def _note_tracing(self, process: int, start: int, end: int) -> None:
        self._tracing.setdefault(process, IntervalsBuilder()).add(start, end)
        self._busy.pop(process, None)

    def _add_gc(self, chunk: GcChunk) -> None:
        builder = self._gc.setdefault(chunk.process, IntervalsBuilder())
        self._collections.add(chunk, builder)
        self._busy.pop(chunk.process, None)

    def _add_stacks(self, chunk: StackChunk) -> None:
        self._stacks.add_rows(chunk)

    def _add_samples(self, chunk: SampleChunk) -> None:
        self._samples += len(chunk.time)
        if chunk.stack and not 0 <= min(chunk.stack) <= max(chunk.stack) < len(self._stacks):
            raise MalformedBundle("a sample names a stack that isn't there", where="samples")
        process = self._process_of(chunk.thread)
        busy = self._busy_of(process)
        stretches = self._clock(chunk.thread, process).stretches(chunk)
        is_busy = (inside for inside, _ in busy.gc_or_tracing.walk(stretches.ends))
        self._stacks.add_samples(stretches, is_busy)
        if self._wall is not None and chunk.thread in self._main_threads():
            self._wall.add(stretches, self._stacks.states_of(stretches.rows), busy)

    def _add_calls(self, chunk: CallChunk) -> None:
        self._calls += len(chunk.start)
        self._call_sums.add(chunk)

    def _add_mark(self, mark: Mark) -> None:
        self._marks.add(mark)

    def _add_problem(self, problem: Problem) -> None:
        self._problems.append(problem)

    # --- processes and threads ----------------------------------------------------

    def _process_of(self, thread: int) -> int:
        if not 0 <= thread < len(self._threads):
            raise MalformedBundle(f"the bundle has no thread {thread}", where="samples")
        process = self._threads[thread].process
        if not 0 <= process < len(self._processes):
            raise MalformedBundle(f"the bundle has no process {process}", where="threads")
        return process

    def _clock(self, thread: int, process: int) -> ThreadClock:
        if thread not in self._clocks:
            start_ns = self._processes[process].start_ns
            if thread not in self._main_threads():
                # The start-up before a main thread's first sample is its own.
                start_ns = max(start_ns, self._threads[thread].start_ns or 0)
            self._clocks[thread] = ThreadClock(start_ns, self._paused_of(process))
        return self._clocks[thread]

    def _busy_of(self, process: int) -> Busy:
        if process not in self._busy:
            gc = self._gc.get(process, IntervalsBuilder()).build()
            tracing = self._tracing.get(process, IntervalsBuilder()).build()
            self._busy[process] = Busy(gc, gc | tracing, gc | tracing | self._paused_of(process))
        return self._busy[process]

    def _paused_of(self, process: int) -> Intervals:
        if process not in self._paused:
            known = process < len(self._processes)
            self._paused[process] = Intervals(self._processes[process].paused if known else ())
        return self._paused[process]

    def _main_process(self) -> int:
        """Pick the process that was started by the recorder: the first without a parent."""
        return next((i for i, process in enumerate(self._processes) if process.parent is None), 0)

    def _main_threads(self) -> Set[int]:
        """Pick the main thread of the main process: by name, by its number, else the first listed.

        It may be there twice: before a program starts its second thread, PyPy
        gives the main thread's number as 0.
        """
        if self._main is None:
            self._main = self._find_main_threads()
        return self._main

    def _find_main_threads(self) -> Set[int]:
        main = self._main_process()
        mine = [(i, thread) for i, thread in enumerate(self._threads) if thread.process == main]
        pid = self._processes[main].pid if self._processes else None
        known = {i for i, thread in mine if thread.name == MAIN_THREAD or thread.native_id == pid}
        return known or {i for i, _ in mine[:1]}

    # --- the answers ----------------------------------------------------------------

    def _time_use(self, duration_ns: int) -> TimeUse:
        wall = self._wall or WallTime(duration_ns)
        sums = wall.shares(self._busy_of(self._main_process()))
        shares = [TimeShare(s, sums[s], sums[s] / duration_ns if duration_ns else 0.0) for s in SHARE_STATES]
        return TimeUse(duration_ns, wall.samples, shares)

    def _counts(self, lost: int) -> Dict[str, int]:
        kinds = Counter(row.kind for row in self._traces if not row.own)
        return {
            **{kind: kinds[kind] for kind in TRACE_KINDS},
            "aborts": lost,
            "segmented": len(self._aborts) - lost,
            "gc_minor": self._collections.counts[GC_KINDS.index("minor")],
            "gc_major": self._collections.counts[GC_KINDS.index("major")],
            "samples": self._samples,
            "calls": self._calls,
            "own_traces": sum(1 for row in self._traces if row.own),
            "functions": len(self._functions),
            "files": len(self._files),
        }

    def _trace_rows(self) -> List[TraceRow]:
        times = self._stacks.by_trace()
        bridges = Counter(row.parent.trace for row in self._traces if row.parent)
        if times and max(times) >= len(self._traces):
            raise MalformedBundle(f"the bundle has no trace {max(times)}", where="stacks")
        rows: List[TraceRow] = []
        for row in self._traces:
            samples, ns = times.get(row.id, (0, 0))
            title = _title_of_parent(row, rows) or row.title
            rows.append(replace(row, title=title, samples=samples, time_ns=ns, bridges=bridges[row.id]))
        return rows

    def _function_rows(self, traces: List[TraceRow]) -> List[FunctionRow]:
        times, calls = self._stacks.by_function(), self._call_sums.by_function()
        for where, named in (("stacks", max(times, default=-1)), ("calls", max(calls, default=-1))):
            if named >= len(self._functions):
                raise MalformedBundle(f"the bundle has no function {named}", where=where)
        started = Counter(row.function for row in traces)
        rows = [
            self._function_row(i, _time_of(times.get(i), calls.get(i)), started[i]) for i in self._functions
        ]
        if NO_FUNCTION in times or NO_FUNCTION in calls:
            rows.append(_other_driver(_time_of(times.get(NO_FUNCTION), calls.get(NO_FUNCTION)), traces))
        return rows

    def _function_row(self, index: int, time: Dict[str, int], traces: int) -> FunctionRow:
        function = self._functions[index]
        file = self._places.file(function.file)
        return FunctionRow(
            id=index,
            name=function.name,
            qualname=function.qualname or function.name,
            file=function.file,
            path=file.path,
            origin=file.origin,
            line=function.line,
            traces=traces,
            module=file.module,
            package=file.package,
            **time,
        )


def _other_driver(time: Dict[str, int], traces: List[TraceRow]) -> FunctionRow:
    """Give the row of the loops of all jit drivers but Python's."""
    started = sum(1 for row in traces if row.function is None and row.driver != PYTHON_DRIVER)
    return FunctionRow(
        id=NO_FUNCTION,
        name=OTHER_DRIVER,
        qualname=OTHER_DRIVER,
        file=None,
        path=None,
        origin="generated",
        line=None,
        traces=started,
        module=None,
        package=None,
        **time,
    )


def _time_of(sampled: Optional[FunctionTime], called: Optional[CallSum]) -> Dict[str, int]:
    """Give a function's columns of time; those of exact calls where there are any."""
    columns = vars(sampled or FunctionTime())
    return {**columns, **vars(called)} if called else columns


class Collections:
    """Count collections by kind and add up their time."""

    def __init__(self) -> None:
        self.counts = [0] * len(GC_KINDS)
        self._ns = [0] * len(GC_KINDS)
        self._longest_ns = 0

    def add(self, chunk: GcChunk, intervals: IntervalsBuilder) -> None:
        """Count the rows of ``chunk`` and note when they were."""
        if chunk.kind and not 0 <= min(chunk.kind) <= max(chunk.kind) < len(GC_KINDS):
            raise MalformedBundle("an unknown kind of collection", where="gc")
        start = chunk.first_ns
        for kind, delta, duration in zip(chunk.kind, chunk.start, chunk.duration):
            start += delta
            self.counts[kind] += 1
            self._ns[kind] += duration
            intervals.add(start, start + duration)
        self._longest_ns = max(self._longest_ns, max(chunk.duration, default=0))

    def sums(self) -> GcSums:
        """Give the sums; steps of a major collection count as major."""
        minor = self._ns[GC_KINDS.index("minor")]
        return GcSums(minor, sum(self._ns) - minor, self._longest_ns)


def _title_of_parent(row: TraceRow, before: List[TraceRow]) -> Optional[str]:
    """Give a bridge that has no merge point the title of the trace it leaves."""
    is_nameless = row.parent is not None and row.function is None and row.title == row.name
    if row.parent is None or not is_nameless or row.parent.trace >= len(before):
        return None
    return before[row.parent.trace].title


_STEPS: Dict[str, Callable[[Tally, Any], None]] = {
    "run": Tally._add_run,
    "processes": Tally._add_process,
    "threads": Tally._add_thread,
    "files": Tally._add_file,
    "functions": Tally._add_function,
    "traces": Tally._add_trace,
    "aborts": Tally._add_abort,
    "gc": Tally._add_gc,
    "stacks": Tally._add_stacks,
    "samples": Tally._add_samples,
    "calls": Tally._add_calls,
    "marks": Tally._add_mark,
    "problems": Tally._add_problem,
}
