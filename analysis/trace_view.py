"""Lay out one trace for reading: source line, bytecode, resops, machine code.

The path of a trace is its merge points in order; the ops after a merge point
come from its bytecode, the instructions belong to the op they were emitted for.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from tracebin.analysis.machine_code import Instruction, disassemble
from tracebin.analysis.op_kinds import op_kind
from tracebin.analysis.places import Places, shown
from tracebin.analysis.rows import TraceRow
from tracebin.analysis.traces import BridgeLink, is_leaving, stage_names
from tracebin.bundle.records import (
    Bytecode,
    Function,
    Guard,
    MachineCode,
    MergePoint,
    Op,
    Phases,
    SourceFile,
    Stage,
    Trace,
)
from tracebin.errors import BadRequest

OPTIMISED = "optimised"
EMPTY_STAGE = Stage(inputs=[], ops=[], points=[])


@dataclass(frozen=True)
class AsmPlace:
    """Where the machine code lies, without the code."""

    backend: str
    address: int
    size: int
    entry: int
    body: int
    failures: int
    patches: int


@dataclass(frozen=True)
class ParentGuard:
    """The guard a bridge leaves from, with what a person needs to find it."""

    trace: int
    op: int
    title: str
    name: Optional[str]
    line: Optional[int]


@dataclass(frozen=True)
class OpView:
    """One resop with its links and its instructions."""

    op: int
    kind: str
    name: str
    result: Optional[str]
    args: List[str]
    descr: Optional[str]
    offset: Optional[int]
    fail: Optional[List[Optional[str]]]
    runs: Optional[int]
    bridge: Optional[BridgeLink]
    target: Optional[int]
    code: List[Instruction]


@dataclass(frozen=True)
class Point:
    """One bytecode and the ops it became."""

    offset: Optional[int]
    name: Optional[str]
    argument: Optional[str]
    ops: List[OpView]


@dataclass(frozen=True)
class Segment:
    """A stretch of the path on one source line of one call."""

    depth: int
    call: Optional[int]
    function: Optional[int]
    title: Optional[str]
    path: Optional[str]
    file: Optional[int]
    line: Optional[int]
    source: Optional[str]
    text: Optional[str]
    points: List[Point]


@dataclass(frozen=True)
class TraceView(TraceRow):
    """One trace, as a page shows it."""

    phases: Phases
    asm: Optional[AsmPlace]
    stage: str
    stages: List[str]
    inputs: List[str]
    parent_guard: Optional[ParentGuard]
    segments: List[Segment]
    prologue: List[Instruction]
    recovery: List[Instruction]


def trace_view(
    trace_id: int,
    trace: Trace,
    *,
    row: TraceRow,
    functions: Mapping[int, Function],
    files: Mapping[int, SourceFile],
    bridges: Mapping[int, BridgeLink],
    targets: Mapping[str, int],
    parent_guard: Optional[ParentGuard] = None,
    stage: Optional[str] = None,
    with_recovery: bool = False,
) -> TraceView:
    """Lay out ``trace``; ``bridges`` and ``targets`` are those of TraceLinks.

    ``stage`` is the optimised one unless told.  The guards' recovery code is long
    and all alike: it comes only when asked for.

    Raises:
        BadRequest: the trace has no such stage.
    """
    name, shown = choose_stage(trace_id, trace, stage)
    code = _Code.of(trace.asm, shown.ops)
    links = _Links(_links_by_op(trace, name, shown, bridges), targets)
    return TraceView(
        **{**vars(row), "id": trace_id},
        phases=trace.phases,
        asm=_asm_place(trace.asm),
        stage=name,
        stages=stage_names(trace),
        inputs=shown.inputs,
        parent_guard=parent_guard,
        segments=_segments(shown, _op_views(shown.ops, links, code), Places(functions, files)),
        prologue=code.prologue,
        recovery=code.recovery if with_recovery else [],
    )


def choose_stage(trace_id: int, trace: Trace, wanted: Optional[str]) -> Tuple[str, Stage]:
    """Give name and ops of the stage to show.

    Raises:
        BadRequest: the trace has no such stage.
    """
    names = stage_names(trace)
    if wanted is None:
        wanted = OPTIMISED if OPTIMISED in names or not names else names[-1]
        return wanted, trace.stages.get(wanted, EMPTY_STAGE)
    if wanted not in names:
        there = ", ".join(names) or "none"
        raise BadRequest(f"trace {trace_id} has no stage {wanted[:40]!r}; it has: {there}")
    return wanted, trace.stages[wanted]


def guard_of_parent(
    guard: Guard,
    parent: Trace,
    *,
    functions: Mapping[int, Function],
    files: Mapping[int, SourceFile],
    title: str,
) -> ParentGuard:
    """Describe the guard of ``parent`` that a bridge leaves from; ``title`` is the parent's."""
    stage = parent.stages.get(OPTIMISED, EMPTY_STAGE)
    name = stage.ops[guard.op].name if 0 <= guard.op < len(stage.ops) else None
    before = [point for point in stage.points if point.op <= guard.op]
    point = before[-1] if before else None
    inlined = Places(functions, files).title(point.function) if point else None
    return ParentGuard(guard.trace, guard.op, inlined or title, name, point.line if point else parent.line)


def _asm_place(asm: Optional[MachineCode]) -> Optional[AsmPlace]:
    if asm is None:
        return None
    return AsmPlace(asm.backend, asm.address, asm.size, asm.entry, asm.body, asm.failures, asm.patches)


# --- instructions ---------------------------------------------------------------


@dataclass(frozen=True)
class _Code:
    """The instructions of a trace, cut where the ops begin."""

    by_op: Mapping[int, List[Instruction]]
    prologue: List[Instruction]
    recovery: List[Instruction]

    @classmethod
    def of(cls, asm: Optional[MachineCode], ops: Sequence[Op]) -> _Code:
        starts = sorted((op.offset, index) for index, op in enumerate(ops) if op.offset is not None)
        found = disassemble(asm) if asm and starts else None
        if asm is None or not found:
            return cls({}, [], [])
        offsets = [instruction.offset for instruction in found]
        failures = max(asm.failures, starts[-1][0])
        cuts = [bisect_left(offsets, start) for start, _ in starts] + [bisect_left(offsets, failures)]
        by_op = {index: found[cuts[i] : cuts[i + 1]] for i, (_, index) in enumerate(starts)}
        return cls(by_op, found[: cuts[0]], found[cuts[-1] :])


# --- ops ------------------------------------------------------------------------


@dataclass(frozen=True)
class _OpLinks:
    """What is known about single ops: bridges that leave them, how often a label was passed."""

    bridges: Mapping[int, BridgeLink]
    runs: Mapping[int, Optional[int]]


@dataclass(frozen=True)
class _Links:
    by_op: _OpLinks
    targets: Mapping[str, int]


def _links_by_op(trace: Trace, name: str, shown: Stage, bridges: Mapping[int, BridgeLink]) -> _OpLinks:
    """Find the ops of the shown stage that have links.

    Guards and labels are known by their place in the optimised stage; in another
    stage the same descr marks the same one.
    """
    runs = {label.op: label.runs for label in trace.labels}
    if name == OPTIMISED:
        return _OpLinks(bridges, runs)
    ops = trace.stages.get(OPTIMISED, EMPTY_STAGE).ops
    original = {op.descr: i for i, op in enumerate(ops) if op.descr and (i in bridges or i in runs)}
    same = {i: original[op.descr] for i, op in enumerate(shown.ops) if op.descr in original}
    return _OpLinks(
        {here: bridges[there] for here, there in same.items() if there in bridges},
        {here: runs[there] for here, there in same.items() if there in runs},
    )


def _op_views(ops: Sequence[Op], links: _Links, code: _Code) -> List[OpView]:
    return [
        OpView(
            op=index,
            kind=op_kind(op.name),
            name=op.name,
            result=op.result,
            args=op.args,
            descr=op.descr,
            offset=op.offset,
            fail=op.fail,
            runs=links.by_op.runs.get(index),
            bridge=links.by_op.bridges.get(index),
            target=_target(op, links.targets),
            code=code.by_op.get(index, []),
        )
        for index, op in enumerate(ops)
    ]


def _target(op: Op, targets: Mapping[str, int]) -> Optional[int]:
    return targets.get(op.descr) if op.descr and is_leaving(op) else None


# --- the path ---------------------------------------------------------------------

_Key = Tuple[int, int, Optional[int], Optional[int], Optional[str]]


def _segments(stage: Stage, ops: List[OpView], places: Places) -> List[Segment]:
    """Group the merge points; every op stands in exactly one point, in order."""
    points = sorted(stage.points, key=lambda point: point.op)
    ends = [min(max(point.op, 0), len(ops)) for point in points] + [len(ops)]
    segments = []
    if ends[0]:
        first = Point(None, None, None, ops[: ends[0]])
        segments.append(Segment(0, None, None, None, None, None, None, None, None, [first]))
    path = _Path(places)
    for group in _same_line(points):
        views = [path.point(points[i], ops[ends[i] : ends[i + 1]]) for i in group]
        segments.append(path.segment(points[group[0]], views))
    return segments


def _key(point: MergePoint) -> _Key:
    text = point.text if point.function is None else None
    return (point.depth, point.call, point.function, point.line, text)


def _same_line(points: Sequence[MergePoint]) -> Iterator[List[int]]:
    """Yield the positions of merge points that follow each other on one line of one call."""
    group: List[int] = []
    for index, point in enumerate(points):
        if group and _key(points[group[0]]) != _key(point):
            yield group
            group = []
        group.append(index)
    if group:
        yield group


class _Path:
    """Turn merge points into what is shown; remembers each function's bytecode."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._bytecode: Dict[int, Dict[int, Bytecode]] = {}

    def point(self, point: MergePoint, ops: List[OpView]) -> Point:
        code = self._code_at(point.function, point.offset)
        if code is None:
            return Point(point.offset, None, None, ops)
        argument = None if code.argument is None else shown(code.argument)
        return Point(point.offset, shown(code.name), argument, ops)

    def segment(self, point: MergePoint, views: List[Point]) -> Segment:
        function = point.function
        return Segment(
            depth=point.depth,
            call=point.call,
            function=function,
            title=self._places.title(function),
            path=self._places.path(function),
            file=None if function is None else self._places.function(function).file,
            line=point.line,
            source=self._places.source(function, point.line),
            text=point.text,
            points=views,
        )

    def _code_at(self, function: Optional[int], offset: Optional[int]) -> Optional[Bytecode]:
        if function is None or offset is None:
            return None
        if function not in self._bytecode:
            rows = self._places.function(function).bytecode or []
            self._bytecode[function] = {row.offset: row for row in rows}
        return self._bytecode[function].get(offset)
