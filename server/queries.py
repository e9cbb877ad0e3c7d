"""Read the rows of a run back into analysis' own shapes; changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, fields
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Type, TypeVar

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, load_only, undefer

from tracebin.analysis.rows import AbortRow, FunctionRow, GuardRef, TraceRow
from tracebin.analysis.trace_view import ParentGuard, TraceView, guard_of_parent, trace_view
from tracebin.analysis.traces import BridgeLink
from tracebin.bundle.codec import INT_MAX, from_json
from tracebin.bundle.records import Function, SourceFile, Trace
from tracebin.errors import RunNotFound
from tracebin.server import tables
from tracebin.server.answers import Aborts, File, Functions, RunOverview, Traces
from tracebin.server.decoding import decode
from tracebin.server.packed import unpack
from tracebin.server.recorded import Recorded, recorded
from tracebin.server.store import find_run

D = TypeVar("D")
_IN_ROWS = 500

TRACE_SORTS: Dict[str, Any] = {
    "time": tables.Trace.time_ns,
    "samples": tables.Trace.samples,
    "runs": tables.Trace.runs,
    "ops": tables.Trace.ops,
    "size": tables.Trace.size_bytes,
    "compile": tables.Trace.compile_ns,
    "start": tables.Trace.start_ns,
    "id": tables.Trace.id,
}
FUNCTION_SORTS: Dict[str, Any] = {
    "self": tables.Function.self_ns,
    "total": tables.Function.total_ns,
    "interpreted": tables.Function.interpreted_ns,
    "jitted": tables.Function.jitted_ns,
    "samples": tables.Function.self_samples,
    "traces": tables.Function.traces,
    "calls": tables.Function.calls,
    "name": tables.Function.qualname,
    "id": tables.Function.id,
}
# Of traces without a sample the ones that ran more often come first, as in the list of the hottest.
_TRACE_TIES: Dict[str, Sequence[Any]] = {"time": (func.coalesce(tables.Trace.runs, 0).desc(),)}
# What people want the small or early end of first; of all else the large.
_ASCENDING = ("start", "id", "name")


@dataclass(frozen=True)
class Slice:
    """Which part of a list, in which order; ``order`` None is the natural one of ``sort``."""

    limit: int
    offset: int
    sort: str = "id"
    order: Optional[str] = None


@dataclass(frozen=True)
class TraceFilter:
    """Which traces; None lets all pass."""

    q: Optional[str] = None
    kind: Optional[str] = None
    driver: Optional[str] = None
    own: bool = False


def overview(session: Session, run_id: str) -> RunOverview:
    """Give a run as a whole."""
    run = find_run(session, run_id)
    kept = json.loads(run.overview)
    mine = {"id": run.id, "uploaded": run.uploaded, "bundle_bytes": run.bundle_bytes}
    return from_json(RunOverview, {**kept, **mine})


def traces(session: Session, run_id: str, wanted: TraceFilter, part: Slice) -> Traces:
    """List the traces of a run that are ``wanted``."""
    stored = find_run(session, run_id)
    run, table = stored.pk, tables.Trace
    base = _matching(select(table).where(table.run == run), wanted.q, (table.title, table.name, table.path))
    if not wanted.own:
        base = base.where(table.own.is_(False))
    kind = [table.kind == wanted.kind] if wanted.kind is not None else []
    driver = [table.driver == wanted.driver] if wanted.driver is not None else []
    rows = base.where(*kind, *driver)
    found = session.scalars(_slice(rows, TRACE_SORTS, part, *_TRACE_TIES.get(part.sort, ()), table.id))
    return Traces(
        total=_count(session, rows),
        traces=[_trace_row(row) for row in found],
        kinds=_count_by(session, base.where(*driver), table.kind),
        drivers=_count_by(session, base.where(*kind), table.driver),
        recorded=how_recorded(stored),
    )


def functions(session: Session, run_id: str, q: Optional[str], part: Slice) -> Functions:
    """List the functions of a run whose name or path holds ``q``."""
    stored = find_run(session, run_id)
    run, table = stored.pk, tables.Function
    rows = _matching(select(table).where(table.run == run), q, (table.qualname, table.name, table.path))
    found = session.scalars(_slice(rows, FUNCTION_SORTS, part, table.id)).all()
    files = _file_names(session, run, {row.file for row in found})
    return Functions(
        _count(session, rows),
        [_function_row(row, files.get(row.file)) for row in found],
        how_recorded(stored),
    )


def aborts(session: Session, run_id: str) -> Aborts:
    """List all aborts of a run, in order of time."""
    run = find_run(session, run_id)
    table = tables.Abort
    found = session.scalars(select(table).where(table.run == run.pk).order_by(table.start_ns, table.id)).all()
    rows = [from_json(AbortRow, json.loads(row.row)) for row in found]
    return Aborts(len(rows), dict(Counter(row.reason for row in rows)), rows, how_recorded(run))


def how_recorded(run: tables.Run) -> Recorded:
    """Say how the calls of a stored run were recorded."""
    kept = json.loads(run.overview)
    paused = any(process.get("paused") for process in kept["processes"])
    return recorded(kept["run"]["options"]["recorder"], paused)


def file(session: Session, run_id: str, index: int) -> File:
    """Give one source file.

    Raises:
        RunNotFound: no such run, or no such file in it.
    """
    row = _get(session, tables.File, find_run(session, run_id).pk, index, "file")
    return _of(File, row, text=_text(row.text))


def one_trace(session: Session, run_id: str, index: int, stage: Optional[str]) -> TraceView:
    """Lay out one trace.

    Raises:
        RunNotFound: no such run, or no such trace in it.
        BadRequest: the trace has no such stage.
    """
    run = find_run(session, run_id).pk
    row = _trace_row(_get(session, tables.Trace, run, index, "trace"))
    trace = _trace(session, run, index)
    parent = _trace(session, run, trace.parent.trace) if trace.parent else None
    functions = _functions(session, run, _named_functions([trace] + ([parent] if parent else [])))
    files = _files(session, run, {function.file for function in functions.values()})
    return trace_view(
        index,
        trace,
        row=row,
        functions=functions,
        files=files,
        bridges=_bridges(session, run, index),
        targets=_targets(session, run, index),
        parent_guard=_parent_guard(session, run, trace, parent, functions, files),
        stage=stage,
    )


# --- lists ------------------------------------------------------------------------


def _matching(rows: Select[Any], q: Optional[str], columns: Sequence[Any]) -> Select[Any]:
    if not q:
        return rows
    q = q.replace("\0", tables.NUL_STANDS_AS)
    return rows.where(or_(*(column.icontains(q, autoescape=True) for column in columns)))


def _slice(rows: Select[Any], sorts: Dict[str, Any], part: Slice, *ties: Any) -> Select[Any]:
    column = sorts[part.sort]
    order = part.order or ("asc" if part.sort in _ASCENDING else "desc")
    first: ColumnElement[Any] = column.asc() if order == "asc" else column.desc()
    return rows.order_by(first.nulls_last(), *ties).limit(part.limit).offset(part.offset)


def _count(session: Session, rows: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def _count_by(session: Session, rows: Select[Any], column: Any) -> Dict[str, int]:
    counted = (
        rows.with_only_columns(column, func.count()).group_by(column).order_by(func.count().desc(), column)
    )
    return {row[0]: row[1] for row in session.execute(counted)}


# --- rows -------------------------------------------------------------------------


def _of(cls: Type[D], row: Any, **more: Any) -> D:
    names = [field.name for field in fields(cls) if field.name not in more]  # type: ignore[arg-type]
    return cls(**{name: getattr(row, name) for name in names}, **more)


def _trace_row(row: tables.Trace) -> TraceRow:
    has_parent = row.parent_trace is not None and row.parent_op is not None
    parent = GuardRef(row.parent_trace or 0, row.parent_op or 0) if has_parent else None
    return _of(TraceRow, row, parent=parent)


def _function_row(row: tables.Function, file: Optional[tables.File]) -> FunctionRow:
    if file is None:
        return _of(FunctionRow, row, file=None, path=None, line=None, module=None, package=None)
    return _of(FunctionRow, row, module=file.module, package=file.package)


def _get(session: Session, table: Any, run: int, index: int, what: str) -> Any:
    row = session.get(table, (run, index)) if index <= INT_MAX else None
    if row is None:
        raise RunNotFound(f"the run has no {what} {index}")
    return row


def _text(data: Optional[bytes]) -> Optional[str]:
    return None if data is None else unpack(data).decode("utf-8")


# --- one trace ----------------------------------------------------------------------


def _trace(session: Session, run: int, index: int) -> Trace:
    row = _get(session, tables.TraceRecord, run, index, "trace")
    trace: Trace = decode(Trace, unpack(row.record))
    return trace


def _named_functions(traces: Iterable[Trace]) -> Set[int]:
    named = {point.function for trace in traces for stage in trace.stages.values() for point in stage.points}
    named.update(trace.function for trace in traces)
    return {function for function in named if function is not None}


def _functions(session: Session, run: int, wanted: Set[int]) -> Dict[int, Function]:
    table = tables.Function
    rows = _rows(
        session, select(table).options(undefer(table.record)).where(table.run == run), table.id, wanted
    )
    return {row.id: decode(Function, unpack(row.record)) for row in rows}


def _files(session: Session, run: int, wanted: Set[int]) -> Dict[int, SourceFile]:
    table = tables.File
    rows = _rows(session, select(table).where(table.run == run), table.id, wanted)
    return {row.id: _of(SourceFile, row, text=_text(row.text)) for row in rows}


def _file_names(session: Session, run: int, wanted: Set[int]) -> Dict[int, Any]:
    table = tables.File
    columns = select(table).options(load_only(table.id, table.module, table.package)).where(table.run == run)
    return {row.id: row for row in _rows(session, columns, table.id, wanted)}


def _rows(session: Session, rows: Select[Any], column: Any, wanted: Set[int]) -> List[Any]:
    """Fetch many by id, in portions a database takes in one statement."""
    ids = sorted(wanted)
    portions = (ids[start : start + _IN_ROWS] for start in range(0, len(ids), _IN_ROWS))
    return [row for portion in portions for row in session.scalars(rows.where(column.in_(portion)))]


def _bridges(session: Session, run: int, index: int) -> Dict[int, BridgeLink]:
    table = tables.Trace
    found = select(table).where(table.run == run, table.parent_trace == index).order_by(table.id)
    return {
        row.parent_op: BridgeLink(row.id, row.runs)
        for row in session.scalars(found)
        if row.parent_op is not None
    }


def _targets(session: Session, run: int, trace: int) -> Dict[str, int]:
    table = tables.TraceTarget
    pairs = select(table.token, table.target).where(table.run == run, table.trace == trace)
    return {row.token: row.target for row in session.execute(pairs)}


def _parent_guard(
    session: Session,
    run: int,
    trace: Trace,
    parent: Optional[Trace],
    functions: Dict[int, Function],
    files: Dict[int, SourceFile],
) -> Optional[ParentGuard]:
    if trace.parent is None or parent is None:
        return None
    title = _get(session, tables.Trace, run, trace.parent.trace, "trace").title
    return guard_of_parent(trace.parent, parent, functions=functions, files=files, title=title)
