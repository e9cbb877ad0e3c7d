"""Hold the parts of a bundle against each other, one element at a time.

The codec sees to it that each element has its type; here the numbers are held
against the lists they point into, columns against each other, and times against
time.  References forward (a stack's trace, a sample's row) are known at the end.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from tracebin.bundle.codec import INT_MAX
from tracebin.bundle.records import (
    CHUNK_ROWS,
    GC_KINDS,
    LEFT_OUT,
    ORIGINS,
    SECTIONS,
    STAGES,
    STATES,
    STREAMS,
    TARGETS,
    TRACE_KINDS,
    Abort,
    CallChunk,
    FileCoverage,
    Function,
    GcChunk,
    Guard,
    MachineCode,
    Mark,
    MergePoint,
    Problem,
    Process,
    Run,
    SampleChunk,
    SourceFile,
    StackChunk,
    Stage,
    Stream,
    Thread,
    Trace,
)
from tracebin.errors import MalformedBundle


class Checker:
    """Feed it every element in order, then call :meth:`finish`.

    Raises:
        MalformedBundle: two parts contradict each other; ``where`` names the element.
    """

    def __init__(self) -> None:
        self._counts: Dict[str, int] = dict.fromkeys(SECTIONS, 0)
        self._stack_rows = 0
        self._highest: Dict[str, Tuple[int, str]] = {}
        self._op_counts: List[int] = []
        # By thread: the last start, and when each open call ends.
        self._open_calls: Dict[int, Tuple[int, List[int]]] = {}
        self._where = ""

    def add(self, key: str, record: Any) -> None:
        """Check one element against what is known so far."""
        self._where = key if key == "run" else f"{key}[{self._counts[key]}]"
        check: Optional[Callable[[Checker, Any], None]] = _CHECKS.get(type(record))
        if check is not None:
            check(self, record)
        if key in self._counts:
            self._counts[key] += 1

    def finish(self) -> None:
        """Check the references that pointed forward."""
        for key, (index, where) in self._highest.items():
            rows = self._stack_rows if key == "stacks" else self._counts[key]
            if index >= rows:
                raise MalformedBundle(f"{key} has {rows} entries, so {index} names none", where=where)

    def fail(self, message: str, part: str = "") -> None:
        """Refuse the element at hand."""
        raise MalformedBundle(message, where=self._where + part)

    def need(self, good: bool, message: str, part: str = "") -> None:
        """Refuse the element at hand unless ``good``."""
        if not good:
            self.fail(message, part)

    def refer(self, key: str, index: Optional[int], part: str) -> None:
        """Note that ``index`` must name an entry of ``key``; None is fine."""
        if index is None:
            return
        self.need(index >= 0, f"{index} names no entry of {key}", part)
        if index > self._highest.get(key, (-1, ""))[0]:
            self._highest[key] = (index, self._where + part)

    def refer_column(self, key: str, column: Sequence[int], part: str) -> None:
        """Note the same for a column where -1 stands for none."""
        if column:
            self.need(min(column) >= -1, f"a number below -1 names no entry of {key}", part)
            if max(column) >= 0:
                self.refer(key, max(column), part)

    def span(self, start: int, end: Optional[int], part: str = ".end_ns") -> None:
        """Check that a stretch of time doesn't end before it starts."""
        self.need(end is None or end >= start, "it ends before it starts", part)

    def columns(self, record: Any, names: Sequence[str]) -> None:
        """Check that the columns are as long as each other, and no longer than a chunk."""
        sizes = {name: len(getattr(record, name)) for name in names}
        self.need(len(set(sizes.values())) == 1, f"its columns differ in length: {sizes}")
        size = sizes[names[0]]
        self.need(size <= CHUNK_ROWS, f"a chunk of {size} rows; {CHUNK_ROWS} are allowed")

    def ascending(self, first_ns: int, deltas: Sequence[int], part: str) -> None:
        """Check that a delta-coded time never runs back, nor past 64 bits."""
        self.need(not deltas or min(deltas) >= 0, "time runs back", part)
        self.need(first_ns + sum(deltas) <= INT_MAX, "its times add up to more than 64 bits", part)

    def at_least(self, column: Sequence[int], least: int, part: str) -> None:
        """Check the smallest number of a column."""
        self.need(not column or min(column) >= least, f"a number below {least}", part)

    def nest(self, chunk: CallChunk) -> None:
        """Check that the calls of a thread are in order, each in the one it is inside of."""
        last, ends = self._open_calls.setdefault(chunk.thread, (0, []))
        start = chunk.first_ns
        for index, (delta, duration, depth) in enumerate(zip(chunk.start, chunk.duration, chunk.depth)):
            start += delta
            end = start + duration
            if start < last or depth > len(ends) or (depth and end > ends[depth - 1]):
                self.fail("a call that doesn't lie in the one it is inside of", f".start[{index}]")
            last = start
            del ends[depth:]
            ends.append(end)
        self._open_calls[chunk.thread] = last, ends

    # The state the checks below share with ``add`` and ``finish``.

    @property
    def stack_rows(self) -> int:
        """Rows of the stacks seen so far."""
        return self._stack_rows

    def add_stack_rows(self, count: int) -> None:
        """Count rows of a stack chunk."""
        self._stack_rows += count

    def add_trace(self, ops: int) -> None:
        """Note how many ops the optimised stage of the next trace has."""
        self._op_counts.append(ops)

    def check_guard(self, guard: Guard) -> None:
        """Check that the op a bridge comes from is there."""
        trace, op = guard
        self.need(0 <= trace < self._counts["traces"], "a bridge's parent comes before it", ".parent.trace")
        self.need(0 <= op < self._op_counts[trace], f"trace {trace} has no op {op}", ".parent.op")


def _run(check: Checker, run: Run) -> None:
    check.need(run.duration_ns >= 0, "a run can't last less than nothing", ".duration_ns")
    check.need(run.target in TARGETS, f"an unknown target; known are {', '.join(TARGETS)}", ".target")
    for name, stream in run.output.items():
        check.need(
            name in STREAMS, f"an unknown stream; known are {', '.join(STREAMS)}", f".output.{name[:40]}"
        )
        _stream(check, stream, f".output.{name}")


def _stream(check: Checker, stream: Stream, part: str) -> None:
    check.need(stream.encoding in ("utf-8", "base64"), "an unknown encoding", part + ".encoding")
    check.need(min(stream.total_bytes, stream.cut_bytes) >= 0, "a size below 0", part)
    if stream.encoding == "base64":
        _base64(check, stream.head, part + ".head")
        _base64(check, stream.tail, part + ".tail")


def _base64(check: Checker, text: str, part: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        check.fail("not base64", part)
        raise


def _process(check: Checker, process: Process) -> None:
    check.refer("processes", process.parent, ".parent")
    check.span(process.start_ns, process.end_ns)
    memory = process.code_memory
    if memory is not None:
        least = min(memory.allocated_bytes, memory.used_bytes)
        check.need(least >= 0, "a size below 0", ".code_memory")
    until = process.start_ns
    for index, (start, end) in enumerate(process.paused):
        check.need(until <= start <= end, "a pause out of order", f".paused[{index}]")
        until = end


def _thread(check: Checker, thread: Thread) -> None:
    check.refer("processes", thread.process, ".process")


def _file(check: Checker, file: SourceFile) -> None:
    check.need(file.origin in ORIGINS, f"an unknown origin; known are {', '.join(ORIGINS)}", ".origin")
    if file.left_out is not None:
        check.need(
            file.left_out in LEFT_OUT, f"an unknown reason; known are {', '.join(LEFT_OUT)}", ".left_out"
        )
        check.need(file.text is None, "a reason for no text beside a text", ".left_out")


def _function(check: Checker, function: Function) -> None:
    check.refer("files", function.file, ".file")


def _trace(check: Checker, trace: Trace) -> None:
    check.need(trace.kind in TRACE_KINDS, f"an unknown kind; known are {', '.join(TRACE_KINDS)}", ".kind")
    check.refer("processes", trace.process, ".process")
    check.refer("functions", trace.function, ".function")
    check.span(trace.start_ns, trace.end_ns)
    check.need(min(trace.phases.__dict__.values()) >= 0, "a time below 0", ".phases")
    check.need(trace.runs is None or trace.runs >= 0, "a count below 0", ".runs")
    for name, stage in trace.stages.items():
        check.need(name in STAGES, f"an unknown stage; known are {', '.join(STAGES)}", f".stages.{name[:40]}")
        _stage(check, stage, f".stages.{name}")
    optimised = trace.stages.get("optimised")
    check.add_trace(len(optimised.ops) if optimised else 0)
    for index, label in enumerate(trace.labels):
        bad = optimised is None or not 0 <= label.op < len(optimised.ops)
        check.need(not bad, f"there is no op {label.op}", f".labels[{index}].op")
        check.need(label.runs is None or label.runs >= 0, "a count below 0", f".labels[{index}].runs")
    if trace.parent is not None:
        check.check_guard(trace.parent)
    if trace.asm is not None:
        _machine_code(check, trace.asm)


def _stage(check: Checker, stage: Stage, part: str) -> None:
    # Most of what there is to check are merge points: good ones cost a comparison each, no call and no text.
    before, ops, highest, at = 0, len(stage.ops), -1, 0
    for index, point in enumerate(stage.points):
        op, function = point.op, point.function
        if not before <= op <= ops or point.depth < 0 or (function is not None and function < 0):
            _point(check, point, before, ops, f"{part}.points[{index}]")
        if function is not None and function > highest:
            highest, at = function, index
        before = op
    if highest >= 0:
        check.refer("functions", highest, f"{part}.points[{at}].function")


def _point(check: Checker, point: MergePoint, before: int, ops: int, here: str) -> None:
    check.need(before <= point.op <= ops, f"it stands before op {point.op}", here)
    check.need(point.depth >= 0, "a depth below 0", here)
    check.refer("functions", point.function, f"{here}.function")


def _machine_code(check: Checker, asm: MachineCode) -> None:
    check.need(asm.address >= 0 and asm.size >= 0, "an address or size below 0", ".asm")
    for name in ("entry", "body", "failures"):
        offset = getattr(asm, name)
        check.need(0 <= offset <= asm.size, f"{offset} lies outside the code", f".asm.{name}")
    check.need(asm.patches >= 0, "a count below 0", ".asm.patches")
    if asm.code is not None:
        size = len(_base64(check, asm.code, ".asm.code"))
        check.need(size == asm.size, f"{asm.size} bytes announced, {size} there", ".asm.code")


def _abort(check: Checker, abort: Abort) -> None:
    check.refer("processes", abort.process, ".process")
    check.refer("functions", abort.function, ".function")
    check.span(abort.start_ns, abort.end_ns)
    check.need(abort.length >= 0, "a length below 0", ".length")
    for index, step in enumerate(abort.path):
        check.refer("functions", step.function, f".path[{index}].function")
        check.need(step.points >= 0, "a count below 0", f".path[{index}].points")


def _gc(check: Checker, chunk: GcChunk) -> None:
    check.refer("processes", chunk.process, ".process")
    check.columns(chunk, ("kind", "start", "duration", "before", "after"))
    check.ascending(chunk.first_ns, chunk.start, ".start")
    check.at_least(chunk.duration, 0, ".duration")
    check.at_least(chunk.before, -1, ".before")
    check.at_least(chunk.after, -1, ".after")
    check.at_least(chunk.kind, 0, ".kind")
    check.need(not chunk.kind or max(chunk.kind) < len(GC_KINDS), "an unknown kind", ".kind")


def _stacks(check: Checker, chunk: StackChunk) -> None:
    check.columns(chunk, ("parent", "function", "state", "trace"))
    first = check.stack_rows
    for index, parent in enumerate(chunk.parent):
        check.need(-1 <= parent < first + index, "a row's parent comes before it", f".parent[{index}]")
    check.refer_column("functions", chunk.function, ".function")
    check.refer_column("traces", chunk.trace, ".trace")
    check.at_least(chunk.state, 0, ".state")
    check.need(not chunk.state or max(chunk.state) < len(STATES), "an unknown state", ".state")
    check.add_stack_rows(len(chunk.parent))


def _samples(check: Checker, chunk: SampleChunk) -> None:
    check.refer("threads", chunk.thread, ".thread")
    check.columns(chunk, ("time", "stack", "memory"))
    check.ascending(chunk.first_ns, chunk.time, ".time")
    check.at_least(chunk.stack, 0, ".stack")
    check.refer_column("stacks", chunk.stack, ".stack")
    check.at_least(chunk.memory, -1, ".memory")


def _calls(check: Checker, chunk: CallChunk) -> None:
    check.refer("threads", chunk.thread, ".thread")
    check.columns(chunk, ("start", "duration", "depth", "function"))
    check.ascending(chunk.first_ns, chunk.start, ".start")
    check.at_least(chunk.duration, 0, ".duration")
    check.at_least(chunk.depth, 0, ".depth")
    check.refer_column("functions", chunk.function, ".function")
    check.nest(chunk)


def _mark(check: Checker, mark: Mark) -> None:
    check.refer("threads", mark.thread, ".thread")
    check.need(mark.duration_ns is None or mark.duration_ns >= 0, "a time below 0", ".duration_ns")


def _coverage(check: Checker, coverage: FileCoverage) -> None:
    check.refer("files", coverage.file, ".file")


def _problem(check: Checker, problem: Problem) -> None:
    check.need(problem.count >= 0, "a count below 0", ".count")


_CHECKS: Dict[type, Callable[[Checker, Any], None]] = {
    Run: _run,
    Process: _process,
    Thread: _thread,
    SourceFile: _file,
    Function: _function,
    Trace: _trace,
    Abort: _abort,
    GcChunk: _gc,
    StackChunk: _stacks,
    SampleChunk: _samples,
    CallChunk: _calls,
    Mark: _mark,
    FileCoverage: _coverage,
    Problem: _problem,
}
