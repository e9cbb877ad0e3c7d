"""Hold the answers about a run, one frozen dataclass for each shape of docs/api.md.

The field names are the keys of the JSON, so what the API, the pages and the
terminal show is one and the same.  Nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional

from tracebin.bundle.records import Problem, Process, Run, Thread

# The order of the one bar; "unknown" is the time no sample stands for.
SHARE_STATES = ("interpreted", "jitted", "blackhole", "tracing", "gc", "native", "unknown")
TOP_ROWS = 20
# The function of frames without one: machine code of another jit driver, as the loops of `re`.
NO_FUNCTION = -1
OTHER_DRIVER = "(another driver's loop)"


@dataclass(frozen=True)
class FunctionRow:
    """One function and its time over all threads and processes, by samples or by exact calls.

    Exact calls have no samples and no VM state; ``calls`` says how many there were, 0 where samples
    were taken.  ``interpreted_ns`` and ``jitted_ns`` are parts of ``self_ns``; the rest of it fell
    into tracing, the blackhole interpreter, native code and collections.  The row with the id
    :data:`NO_FUNCTION` is that of all loops of other jit drivers, which lie in no file.
    """

    id: int
    name: str
    qualname: str
    file: Optional[int]
    path: Optional[str]
    origin: str
    line: Optional[int]
    total_ns: int
    self_ns: int
    total_samples: int
    self_samples: int
    interpreted_ns: int
    jitted_ns: int
    traces: int
    calls: int = 0
    module: Optional[str] = None
    package: Optional[str] = None


@dataclass(frozen=True)
class GuardRef:
    """An op of a trace's optimised stage."""

    trace: int
    op: int


@dataclass(frozen=True)
class TraceRow:
    """One trace in a list; ``ops`` and ``guards`` count those of the optimised stage.

    ``samples`` and ``time_ns`` are those in its machine code, without collections and
    the tracing of its bridges.
    """

    id: int
    kind: str
    driver: str
    name: str
    number: Optional[int]
    function: Optional[int]
    title: str
    path: Optional[str]
    line: Optional[int]
    ops: int
    guards: int
    bridges: int
    size_bytes: Optional[int]
    runs: Optional[int]
    samples: int
    time_ns: int
    compile_ns: int
    start_ns: int
    own: bool
    parent: Optional[GuardRef]
    freed_ns: Optional[int]


@dataclass(frozen=True)
class AbortStep:
    """A stretch of an aborted trace's path on one source line."""

    title: str
    path: Optional[str]
    line: Optional[int]
    points: int
    source: Optional[str]


@dataclass(frozen=True)
class AbortRow:
    """One tracing that PyPy calls aborted; ``later`` is the trace made from the same place, then or after it.

    ``lost`` says that the tracing came to nothing: one that was cut into a segment became ``later``.
    """

    id: int
    reason: str
    driver: str
    function: Optional[int]
    title: str
    path: Optional[str]
    line: Optional[int]
    offset: Optional[int]
    text: Optional[str]
    start_ns: int
    duration_ns: int
    length: int
    inlining: List[str]
    longest: Optional[str]
    later: Optional[int]
    lost: bool
    path_steps: List[AbortStep]


@dataclass(frozen=True)
class TimeShare:
    """The part of the run's wall time spent in one VM state."""

    state: str
    ns: int
    share: float


@dataclass(frozen=True)
class TimeUse:
    """Where the run's wall time went, by the main thread; the shares add up to ``duration_ns``."""

    duration_ns: int
    sampled: int
    shares: List[TimeShare]


@dataclass(frozen=True)
class GcSums:
    """Time in collections, over all processes."""

    minor_ns: int
    major_ns: int
    longest_ns: int


@dataclass(frozen=True)
class MarkRow:
    """All marks, or all spans, that the program gave one name.

    ``total_ns`` is the time in such spans, added up over threads: one inside another of the
    name counts with it.
    """

    name: str
    kind: str
    count: int
    total_ns: int
    longest_ns: int
    first_ns: int


@dataclass(frozen=True)
class Overview:
    """A run on one page; the server adds its own id, upload time and size."""

    run: Run
    processes: List[Process]
    threads: List[Thread]
    time: TimeUse
    counts: Dict[str, int]
    gc: GcSums
    aborts: Dict[str, int]
    compile_ns: int
    functions: List[FunctionRow]
    traces: List[TraceRow]
    problems: List[Problem]


@dataclass(frozen=True)
class Findings:
    """All that the tally found; rows stand at the position of their id, that of no function behind all.

    ``aborts`` are all that PyPy's log calls so; ``aborts_by_reason``, what the overview calls ``aborts``,
    counts those that were lost.
    """

    run: Run
    processes: List[Process]
    threads: List[Thread]
    time: TimeUse
    counts: Dict[str, int]
    gc: GcSums
    aborts_by_reason: Dict[str, int]
    compile_ns: int
    functions: List[FunctionRow]
    traces: List[TraceRow]
    aborts: List[AbortRow]
    marks: List[MarkRow]
    problems: List[Problem]

    def overview(self, top: int = TOP_ROWS) -> Overview:
        """Give the overview, with the ``top`` hottest functions and traces."""
        return Overview(
            run=self.run,
            processes=self.processes,
            threads=self.threads,
            time=self.time,
            counts=self.counts,
            gc=self.gc,
            aborts=self.aborts_by_reason,
            compile_ns=self.compile_ns,
            functions=hottest_functions(self.functions, top),
            traces=hottest_traces(self.traces, top),
            problems=self.problems,
        )


def hottest_functions(rows: List[FunctionRow], top: int) -> List[FunctionRow]:
    """Pick the functions with the most time of their own, ties by total time and id.

    Those that were neither sampled nor called are left out, and the recorder's own.
    """
    known = [row for row in rows if (row.total_samples or row.calls) and row.origin != "recorder"]
    return sorted(known, key=lambda row: (-row.self_ns, -row.total_ns, row.id))[:top]


def hottest_traces(rows: List[TraceRow], top: int) -> List[TraceRow]:
    """Pick the traces with the most time, ties by runs and id; the recorder's own are left out."""
    shown = [row for row in rows if not row.own]
    return sorted(shown, key=lambda row: (-row.time_ns, -(row.runs or 0), row.id))[:top]
