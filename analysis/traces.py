"""Reduce a trace to the few numbers lists and links need, so its ops can be let go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Set, Tuple

from tracebin.analysis.aborts import Start, green_key
from tracebin.analysis.places import Places
from tracebin.analysis.rows import GuardRef, TraceRow
from tracebin.bundle.records import STAGES, MergePoint, Op, Stage, Trace

# The stage that is counted and shown unless another is asked for, then the next best.
_PREFERENCE = ("optimised", "assembled", "traced")


def main_stage(trace: Trace) -> Optional[Stage]:
    """Give the optimised stage, or the next best there is."""
    return next((trace.stages[name] for name in _PREFERENCE if name in trace.stages), None)


def stage_names(trace: Trace) -> List[str]:
    """Name the stages the trace has, in the order the JIT goes through them."""
    return [name for name in STAGES if name in trace.stages]


def trace_row(index: int, trace: Trace, places: Places) -> TraceRow:
    """Put ``trace`` into a row; its samples and bridges aren't known yet."""
    stage = main_stage(trace)
    ops = stage.ops if stage else []
    function, line = _place(trace, stage)
    return TraceRow(
        id=index,
        kind=trace.kind,
        driver=trace.driver,
        name=trace.name,
        number=trace.number,
        function=function,
        title=places.title(function) or driver_text(trace) or trace.name or trace.driver,
        path=places.path(function),
        line=line,
        ops=len(ops),
        guards=sum([op.name.startswith("guard_") for op in ops]),
        bridges=0,
        size_bytes=trace.asm.size if trace.asm else None,
        runs=trace.runs,
        samples=0,
        time_ns=0,
        compile_ns=trace.phases.tracing_ns + trace.phases.optimising_ns + trace.phases.backend_ns,
        start_ns=trace.start_ns,
        own=trace.own,
        parent=GuardRef(trace.parent.trace, trace.parent.op) if trace.parent else None,
        freed_ns=trace.freed_ns,
    )


def trace_start(index: int, trace: Trace) -> Start:
    """Say where and when the tracing of ``trace`` started."""
    text = None if trace.function is not None else driver_text(trace)
    key = green_key(trace.process, trace.driver, trace.function, trace.offset, text)
    return Start(index, key, trace.start_ns, trace.kind == "bridge")


def driver_text(trace: Trace) -> Optional[str]:
    """Give what another jit driver prints at its first merge point."""
    point = _first_point(main_stage(trace))
    return point.text if point else None


def _first_point(stage: Optional[Stage]) -> Optional[MergePoint]:
    return stage.points[0] if stage and stage.points else None


def _place(trace: Trace, stage: Optional[Stage]) -> Tuple[Optional[int], Optional[int]]:
    """Give function and line; of a bridge that has none, those of its first merge point."""
    point = _first_point(stage)
    if trace.function is not None or point is None:
        return trace.function, trace.line
    return point.function, point.line


@dataclass(frozen=True)
class BridgeLink:
    """A bridge that leaves from a guard, and how often it was entered."""

    trace: int
    runs: Optional[int]


class TraceLinks:
    """Know which bridges leave a trace and which trace a jump or call_assembler means.

    Feed it every trace in order of compilation; it keeps a few words of each.
    PyPy uses tokens and numbers again once a trace is freed: what a trace
    names is the latest bearer at the time it was compiled.
    """

    def __init__(self) -> None:
        self._bridges: Dict[int, Dict[int, BridgeLink]] = {}
        self._bearers: Dict[int, Dict[str, int]] = {}
        self._targets: Dict[int, Dict[str, int]] = {}

    def add(self, index: int, trace: Trace) -> None:
        """Note the bridge, labels, number and targets of one trace."""
        if trace.parent is not None:
            bridges = self._bridges.setdefault(trace.parent.trace, {})
            bridges[trace.parent.op] = BridgeLink(index, trace.runs)
        bearers = self._bearers.setdefault(trace.process, {})
        bearers.update((token, index) for token in target_tokens(trace))
        named = _named_targets(trace)
        self._targets[index] = {token: bearers[token] for token in named if token in bearers}

    def bridges(self, trace: int) -> Mapping[int, BridgeLink]:
        """Give the bridges of one trace by the op they leave from."""
        return self._bridges.get(trace, {})

    def targets_of(self, trace: int) -> Mapping[str, int]:
        """Give the traces that the jumps and calls of ``trace`` go to, by token."""
        return self._targets.get(trace, {})


def is_leaving(op: Op) -> bool:
    """Say whether ``op`` goes to the trace its descr names."""
    return op.name == "jump" or op.name.startswith("call_assembler")


# What is_leaving() is worth asking of: a call for each op took 3 % of the time of storing a bundle.
_MAY_LEAVE = ("jump", "call_assembler")


def _named_targets(trace: Trace) -> Set[str]:
    ops = (op for stage in trace.stages.values() for op in stage.ops if op.name.startswith(_MAY_LEAVE))
    return {op.descr for op in ops if op.descr and is_leaving(op)}


def target_tokens(trace: Trace) -> List[str]:
    """List the names by which jumps and calls mean this trace.

    A jump names the label's token, a call_assembler the loop's number
    (``<Loop7>``); only loops have one that others can call.
    """
    tokens = [label.token for label in trace.labels]
    if trace.kind != "bridge" and trace.number is not None and trace.number >= 0:
        tokens.append(f"<Loop{trace.number}>")
    return tokens
