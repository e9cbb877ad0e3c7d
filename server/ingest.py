"""Turn an uploaded body into rows and columns, or refuse it with one sentence.

One pass with bounded memory per line: each element is decoded, held against the
others, counted, and reduced to what the database keeps.  Nothing here touches the
database; the blobs are staged by the caller, who alone decides to keep them.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any, BinaryIO, Callable, Dict, List, Optional, Sequence, Type, TypeVar

from werkzeug.exceptions import ClientDisconnected

from tracebin.analysis.places import SHOWN_CHARS
from tracebin.analysis.rows import AbortRow, Findings, FunctionRow, TraceRow
from tracebin.analysis.tally import Tally
from tracebin.analysis.traces import TraceLinks
from tracebin.bundle.check import Checker
from tracebin.bundle.codec import INT_MAX, INT_MIN, from_json, to_json
from tracebin.bundle.compression import open_inflated
from tracebin.bundle.reader import BundleReader, Element, Limits
from tracebin.bundle.records import TRACE_KINDS, Function, Mark, Process, SourceFile, Trace
from tracebin.errors import BundleTooLarge, MalformedBundle
from tracebin.server import tables
from tracebin.server.blobs import Part
from tracebin.server.columns import COLUMNS, ColumnWriter
from tracebin.server.config import ServerConfig
from tracebin.server.decoding import decode
from tracebin.server.packed import Packer, pack
from tracebin.server.parts import PartsWriter
from tracebin.server.problems import Refused
from tracebin.server.timeline_ingest import TimelineWriter

READ_BYTES = 1 << 20

E = TypeVar("E")
Row = Dict[str, Any]


@dataclass(frozen=True)
class Body:
    """The body of an upload; ``announced_bytes`` is None where the client didn't say."""

    stream: IO[bytes]
    encoding: str
    announced_bytes: Optional[int]


@dataclass(frozen=True)
class Ingested:
    """What goes into the database: the run's own row, and the rows below it by table."""

    run: Row
    rows: Dict[Type[tables.Base], List[Row]]


@dataclass(frozen=True)
class RunParts:
    """The blobs made of a bundle: its columns, and the levels of its time line."""

    columns: Part
    timeline: Part


def receive(body: Body, part: Part, max_bytes: int) -> None:
    """Write the body to ``part`` as it came.

    Raises:
        BundleTooLarge: it is longer than ``max_bytes``; no more than that is written.
        Refused: it is empty, or shorter than announced.
    """
    if body.announced_bytes is not None and body.announced_bytes > max_bytes:
        raise too_long(max_bytes)
    while piece := _read(body, part.size):
        if part.size + len(piece) > max_bytes:
            raise too_long(max_bytes)
        part.write(piece)
    if not part.size:
        raise Refused("empty_body", "the body is empty; send the bundle as it is")


def _read(body: Body, before: int) -> bytes:
    try:
        return body.stream.read(READ_BYTES)
    except ClientDisconnected:
        announced = f"{body.announced_bytes} bytes were announced, {before} or a little more came"
        raise Refused("short_body", announced) from None


def too_long(max_bytes: int) -> BundleTooLarge:
    """Refuse a body of more than ``max_bytes``."""
    return BundleTooLarge(
        f"the upload is larger than {max_bytes} bytes; this server takes no more (TRACEBIN_BODY_BYTES)",
        reason="body_bytes",
        limit=max_bytes,
    )


def examine(source: BinaryIO, parts: RunParts, encoding: str, config: ServerConfig) -> Ingested:
    """Read the bundle in ``source`` and write what is kept of it besides rows to ``parts``.

    Raises:
        BundleError: it isn't a whole, consistent bundle within the limits.
    """
    checker, tally, packer = Checker(), Tally(), Packer()
    rows = _Rows(config, ColumnWriter(parts.columns), packer)
    inflated: Any = open_inflated(source, encoding, config.inflated_bytes)
    limits = Limits(line_bytes=config.line_bytes, elements=config.elements)
    with closing(packer), closing(TimelineWriter(PartsWriter(parts.timeline))) as timeline:
        for element in BundleReader(inflated, limits=limits, decode=decode, strict=True):
            checker.add(element.key, element.record)
            tally.add(element.key, element.record)
            timeline.add(element.key, element.record)
            rows.add(element)
        checker.finish()
        timeline.finish()
        return rows.finish(tally.result(), tally.links)


def _entry(entries: Sequence[E], index: int, key: str) -> E:
    if not 0 <= index < len(entries):
        raise MalformedBundle(f"{key} has no entry {index} before what refers to it")
    return entries[index]


class _Shown:
    """Add up what rows and views will show, which may be far more than the bundle has.

    Names are written once and repeated wherever something refers to them: a small
    bundle could stand for tables, or for the view of one trace, of any size.
    """

    # JSON of an op without its names; a source line and a bytecode's argument, as far as they are shown.
    _OP_CHARS = 300
    _POINT_CHARS = 2 * SHOWN_CHARS

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows = 0
        self._functions: List[int] = []

    def add_function(self, name: str, path: str) -> None:
        """Note the names that whatever refers to the next function shows."""
        self._functions.append(len(name) + len(path))

    def check_trace(self, trace: Trace, where: str) -> None:
        """Refuse a trace whose view would be too long, whichever stage is shown."""
        for stage in trace.stages.values():
            named = [point.function for point in stage.points if point.function is not None]
            for function in (min(named), max(named)) if named else ():
                _entry(self._functions, function, "functions")
            names = sum(map(self._functions.__getitem__, named))
            self._need(self._OP_CHARS * len(stage.ops) + self._POINT_CHARS * len(stage.points) + names, where)

    def add_abort(self, row: AbortRow) -> None:
        """Count an abort with its steps."""
        steps = (len(step.title) + len(step.path or "") + len(step.source or "") for step in row.path_steps)
        self._rows += sum(steps) + 100 * len(row.path_steps)
        self._need(self._rows, f"aborts[{row.id}]")

    def add_row(self, row: Row, where: str) -> None:
        """Count the texts of a row."""
        self._rows += sum(len(value) for value in row.values() if type(value) is str)
        self._need(self._rows, where)

    def _need(self, chars: int, where: str) -> None:
        if chars > self._most:
            raise BundleTooLarge(
                f"what the bundle shows is longer than {self._most} characters",
                reason="shown_chars",
                limit=self._most,
                where=where,
            )


class _Rows:
    """Collect rows while the bundle goes by; the tally's findings complete them."""

    def __init__(self, config: ServerConfig, columns: ColumnWriter, trace_records: Packer) -> None:
        self._config = config
        self._columns = columns
        self._shown = _Shown(config.shown_chars)
        self._processes: List[Row] = []
        self._files: List[Row] = []
        self._function_records: List[bytes] = []
        self._trace_records = trace_records
        self._ops: List[Row] = []
        self._marks: List[Row] = []

    def add(self, element: Element) -> None:
        """Take in one element."""
        if element.key in COLUMNS:
            self._columns.add(element.key, element.index, element.record)
        elif element.key in _STEPS:
            _STEPS[element.key](self, element)

    def finish(self, findings: Findings, links: TraceLinks) -> Ingested:
        """Give all rows."""
        for abort in findings.aborts:
            self._shown.add_abort(abort)
        rows: Dict[Type[tables.Base], List[Row]] = {
            tables.Process: self._processes,
            tables.File: self._files,
            tables.Function: self._function_rows(findings.functions),
            tables.Trace: [_trace_row(row, ops) for row, ops in zip(findings.traces, self._ops)],
            tables.TraceRecord: [
                {"id": i, "record": line} for i, line in enumerate(self._trace_records.finish())
            ],
            tables.TraceTarget: _target_rows(links, len(findings.traces)),
            tables.Abort: [_abort_row(row) for row in findings.aborts],
            tables.Mark: self._marks,
            tables.Chunk: self._columns.rows,
        }
        run = _run_row(findings)
        self._check("runs", run)
        for table, many in rows.items():
            for row in many:
                self._check(table.__tablename__, row)
        return Ingested(run, rows)

    def _check(self, table: str, row: Row) -> None:
        """Refuse what no column takes: sums past 64 bits, names without end."""
        self._shown.add_row(row, f"{table}[{row.get('id')}]")
        for name, value in row.items():
            if type(value) is int and not INT_MIN <= value <= INT_MAX:
                raise MalformedBundle(
                    f"{name} adds up to more than 64 bits", where=f"{table}[{row.get('id')}]"
                )
            if name in _NAMES and value is not None and len(value) > self._config.name_chars:
                raise _name_too_long(self._config.name_chars, f"{table}[{row.get('id')}].{name}")

    def _add_process(self, element: Element) -> None:
        process: Process = element.record
        self._processes.append(
            {
                "id": element.index,
                "pid": process.pid,
                "parent": process.parent,
                "start_ns": process.start_ns,
                "end_ns": process.end_ns,
            }
        )

    def _add_file(self, element: Element) -> None:
        file: SourceFile = element.record
        most = self._config.source_chars
        if file.text is not None and len(file.text) > most:
            raise BundleTooLarge(
                f"a source file is longer than {most} characters",
                reason="source_chars",
                limit=most,
                where=f"files[{element.index}].text",
            )
        row = {name: getattr(file, name) for name in _OF_A_FILE}
        text = None if file.text is None else pack(file.text.encode("utf-8"))
        self._files.append({"id": element.index, **row, "text": text})

    def _add_function(self, element: Element) -> None:
        function: Function = element.record
        self._shown.add_function(
            function.qualname or function.name, _entry(self._files, function.file, "files")["path"]
        )
        self._function_records.append(pack(element.line))

    def _add_trace(self, element: Element) -> None:
        trace: Trace = element.record
        self._shown.check_trace(trace, f"traces[{element.index}]")
        self._trace_records.add(element.line)
        self._ops.append({f"ops_{stage}": _count(trace, stage) for stage in ("traced", "assembled")})

    def _add_mark(self, element: Element) -> None:
        mark: Mark = element.record
        names = ("thread", "start_ns", "duration_ns", "name", "data")
        # Not vars(): what a line leaves out is the class's, not the instance's.
        self._marks.append({"id": element.index, **{name: getattr(mark, name) for name in names}})

    def _function_rows(self, functions: List[FunctionRow]) -> List[Row]:
        # The row behind the last function is that of no function.
        records = chain(self._function_records, [b""])
        return [
            {**{name: _kept(row, name) for name in vars(row) if name not in _OF_FILE}, "record": line}
            for row, line in zip(functions, records)
        ]


_STEPS: Dict[str, Callable[[_Rows, Element], None]] = {
    "processes": _Rows._add_process,
    "files": _Rows._add_file,
    "functions": _Rows._add_function,
    "traces": _Rows._add_trace,
    "marks": _Rows._add_mark,
}
# What a file's row has as it stands in the bundle.
_OF_A_FILE = ("path", "origin", "module", "package", "sha256", "left_out")
# What stands for a place that isn't there: the table was made when every row had one.
_NO_PLACE = {"file": -1, "path": "", "line": 0}
# What a row of a function shows of its file; joined when it is read.
_OF_FILE = ("module", "package")
# Columns of names and short texts, each bounded by name_chars.
_NAMES = frozenset(
    {
        *("path", "module", "package", "sha256", "name", "qualname", "driver", "title", "reason"),
        *("started", "pypy", "python", "token"),
    }
)


def _kept(row: FunctionRow, name: str) -> Any:
    value = getattr(row, name)
    return _NO_PLACE[name] if value is None else value


def _name_too_long(most: int, where: str) -> BundleTooLarge:
    return BundleTooLarge(
        f"a name is longer than {most} characters", reason="name_chars", limit=most, where=where
    )


def _count(trace: Trace, stage: str) -> Optional[int]:
    return len(trace.stages[stage].ops) if stage in trace.stages else None


def _trace_row(row: TraceRow, ops: Row) -> Row:
    columns = {name: value for name, value in vars(row).items() if name != "parent"}
    parent = row.parent
    links = {"parent_trace": parent.trace if parent else None, "parent_op": parent.op if parent else None}
    return {**columns, **ops, **links}


def _target_rows(links: TraceLinks, traces: int) -> List[Row]:
    return [
        {"trace": trace, "id": index, "token": token, "target": target}
        for trace in range(traces)
        for index, (token, target) in enumerate(links.targets_of(trace).items())
    ]


def _abort_row(row: AbortRow) -> Row:
    return {
        "id": row.id,
        "reason": row.reason,
        "function": row.function,
        "start_ns": row.start_ns,
        "row": _stored(row),
    }


def _stored(answer: Any) -> str:
    """Give an answer as JSON that can be read back: sums past 64 bits can't."""
    text = json.dumps(to_json(answer))
    from_json(type(answer), json.loads(text))
    return text


def _run_row(findings: Findings) -> Row:
    run = findings.run
    return {
        "command": json.dumps(run.command),
        "started": run.started,
        "duration_ns": run.duration_ns,
        "exit_status": run.exit.status,
        "exit_signal": run.exit.signal,
        "pypy": run.pypy.version,
        "python": run.pypy.python,
        "traces": sum(findings.counts[kind] for kind in TRACE_KINDS),
        "aborts": findings.counts["aborts"],
        "overview": _stored(findings.overview()),
    }
