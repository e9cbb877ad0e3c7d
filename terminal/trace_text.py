"""Print one trace for reading: source lines, bytecodes, resops and instructions, interleaved."""

from __future__ import annotations

from typing import List, Mapping, Optional, Sequence, Tuple

from rich.console import Console

from tracebin.analysis.machine_code import Instruction, can_disassemble
from tracebin.analysis.trace_view import OpView, Point, Segment, TraceView
from tracebin.terminal.descrs import short_descr
from tracebin.terminal.page import Page, Piece
from tracebin.terminal.wording import NO_TEXT, counted, duration, place, size, source_text, visible

KIND_STYLES = {
    "guard": "yellow",
    "call": "red",
    "allocation": "magenta",
    "memory": "bright_blue",
    "arithmetic": "green",
    "control": "bold cyan",
    "other": "dim",
}
DEPTH_INDENT = 2
# Deeper calls are indented no further: their code would have no room left.
MAX_INDENT = 16


def show_trace(
    view: TraceView, console: Console, *, code: bool = True, without_text: Optional[Mapping[str, str]] = None
) -> None:
    """Print ``view``; without ``code`` the instructions are left out.

    ``without_text`` are the paths of files whose lines can't be shown, and the bundle's words for why.
    """
    page = Page(console, wrap=False)
    _head(view, page)
    for path, why in (without_text or {}).items():
        page.line(Piece(f"  no source of {visible(path)}: {NO_TEXT[why]}", "yellow"), hang=4)
    if code:
        _code_note(view, page)
        _block(page, "entry", view.prologue)
    last: Optional[Tuple[int, Optional[int], Optional[int]]] = None
    for segment in view.segments:
        here = (segment.depth, segment.call, segment.function)
        if here != last:
            _call(segment, page)
        last = here
        _segment(segment, page, code)
    if code:
        _block(page, "recovery of the guards", view.recovery)
    page.print()


# --- the head ---------------------------------------------------------------------


def _head(view: TraceView, page: Page) -> None:
    page.line(
        Piece(f"trace {view.id}: {visible(view.kind)} "),
        Piece(visible(view.title), "bold"),
        Piece(f" {place(view.path, view.line)}", "dim"),
        hang=2,
    )
    page.line(Piece("  " + ", ".join(_numbers(view))), hang=2)
    page.line(Piece("  " + _phases(view)), hang=2)
    if view.parent_guard is not None:
        guard = view.parent_guard
        what = visible(guard.name or "a guard")
        line = "" if guard.line is None else f", line {guard.line}"
        page.line(
            Piece(f"  leaves trace {guard.trace} at op {guard.op}, {what} in {visible(guard.title)}{line}")
        )
    others = [name for name in view.stages if name != view.stage]
    also = f" (there are also: {', '.join(others)})" if others else ""
    page.line(
        Piece(f"  stage {view.stage}{also}; inputs {visible(', '.join(view.inputs)) or 'none'}"), hang=4
    )


def _numbers(view: TraceView) -> List[str]:
    runs = "runs not known" if view.runs is None else counted(view.runs, "run")
    parts = [runs, counted(view.samples, "sample"), counted(view.ops, "op"), counted(view.guards, "guard")]
    parts.append(counted(view.bridges, "bridge"))
    if view.asm is not None:
        parts.append(f"{size(view.asm.size)} of machine code")
    return parts


def _phases(view: TraceView) -> str:
    phases = view.phases
    return (
        f"made in {duration(view.compile_ns)}: tracing {duration(phases.tracing_ns)}, "
        f"optimising {duration(phases.optimising_ns)}, backend {duration(phases.backend_ns)}"
    )


def _code_note(view: TraceView, page: Page) -> None:
    """Say why there are no instructions, where there are none."""
    points = (point for segment in view.segments for point in segment.points)
    if view.prologue or any(op.code for point in points for op in point.ops):
        return
    if view.asm is None:
        why = "its machine code is not in the recording"
    elif not can_disassemble(view.asm.backend):
        why = f"no disassembler for {visible(view.asm.backend)} here (install capstone)"
    else:
        why = f"none is known for the stage {view.stage}"
    page.line(Piece(f"  no instructions: {why}", "yellow"), hang=4)


# --- the path ---------------------------------------------------------------------


def _indent(segment: Segment) -> int:
    return min(segment.depth * DEPTH_INDENT, MAX_INDENT)


def _call(segment: Segment, page: Page) -> None:
    """Head a stretch of the path within one call."""
    indent = " " * _indent(segment)
    page.line()
    if segment.function is None:
        title = visible(segment.text) if segment.text else "before the first bytecode"
        page.line(Piece(indent + title, "bold underline"), hang=_indent(segment) + 2)
        return
    page.line(
        Piece(indent),
        Piece(visible(segment.title or ""), "bold underline"),
        Piece(f"  {place(segment.path, None)}", "dim"),
        hang=_indent(segment) + 2,
    )


def _segment(segment: Segment, page: Page, code: bool) -> None:
    indent = _indent(segment)
    if segment.line is not None:
        source = "" if segment.source is None else source_text(segment.source)
        page.line(Piece(f"{' ' * indent}{segment.line:>5} "), Piece(source, "bold"), hang=indent + 6)
    for point in segment.points:
        _point(point, page, indent)
        for op in point.ops:
            _op(op, page, indent + 4)
            if code:
                _instructions(op.code, page, indent + 8)


def _point(point: Point, page: Page, indent: int) -> None:
    if point.offset is None and point.name is None:
        return
    offset = "" if point.offset is None else str(point.offset)
    argument = f"  {visible(point.argument)}" if point.argument else ""
    page.line(
        Piece(f"{' ' * indent}  {offset:>5} {visible(point.name or '')}{argument}", "cyan"), hang=indent + 8
    )


def _op(op: OpView, page: Page, indent: int) -> None:
    style = KIND_STYLES[op.kind]
    pieces = [Piece(f"{' ' * indent}{op.op:>4} ", "dim")]
    if op.result is not None:
        pieces.append(Piece(f"{visible(op.result)} = "))
    pieces.append(Piece(visible(op.name), style))
    pieces.append(Piece(f"({visible(', '.join(op.args))})"))
    # A guard's own is an address, which says nothing to a person.
    if op.descr is not None and op.kind != "guard":
        pieces.append(Piece(f" {visible(short_descr(op.descr))}", "dim"))
    if op.fail is not None:
        pieces.append(Piece(f" [{visible(', '.join(arg or '-' for arg in op.fail))}]", "dim"))
    pieces.extend(_op_notes(op))
    page.line(*pieces, hang=indent + 7)


def _op_notes(op: OpView) -> List[Piece]:
    notes = []
    if op.runs is not None:
        notes.append(f"  {counted(op.runs, 'run')}")
    if op.bridge is not None:
        runs = "runs not known" if op.bridge.runs is None else counted(op.bridge.runs, "run")
        notes.append(f"  -> bridge {op.bridge.trace} ({runs})")
    if op.target is not None:
        notes.append(f"  -> trace {op.target}")
    return [Piece(note, "bold") for note in notes]


def _block(page: Page, title: str, instructions: Sequence[Instruction]) -> None:
    if instructions:
        page.line()
        page.line(Piece(title, "bold underline"))
        _instructions(instructions, page, 8)


def _instructions(instructions: Sequence[Instruction], page: Page, indent: int) -> None:
    for offset, _, mnemonic, operands in instructions:
        page.line(Piece(f"{' ' * indent}{offset:>5}  {mnemonic:<7} {operands}", "dim"), hang=indent + 15)
