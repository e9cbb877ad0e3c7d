"""Read a bundle's file for a person at a terminal, and print what was asked."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Collection, Dict, Optional

from tracebin.analysis.tally import Tally
from tracebin.analysis.trace_view import ParentGuard, TraceView, guard_of_parent, trace_view
from tracebin.bundle.compression import open_bundle
from tracebin.bundle.reader import BundleReader
from tracebin.bundle.records import Function, SourceFile, Trace
from tracebin.errors import RunNotFound
from tracebin.terminal.json_text import show_json
from tracebin.terminal.page import make_console
from tracebin.terminal.run_text import report, show
from tracebin.terminal.trace_text import show_trace


@dataclass
class _Read:
    """What one pass over a bundle leaves: the tally, and what one trace's page needs."""

    tally: Tally = field(default_factory=Tally)
    functions: Dict[int, Function] = field(default_factory=dict)
    files: Dict[int, SourceFile] = field(default_factory=dict)
    trace: Optional[Trace] = None
    traces: int = 0


def _read(bundle: Path, trace: Optional[int] = None, without: Collection[str] = ()) -> _Read:
    found = _Read()
    with open_bundle(bundle) as stream:
        for key, index, record, _ in BundleReader(stream, without=without):
            found.tally.add(key, record)
            if key == "traces":
                found.traces += 1
                found.trace = record if index == trace else found.trace
            elif trace is not None and key == "functions":
                found.functions[index] = record
            elif trace is not None and key == "files":
                found.files[index] = record
    return found


def show_report(bundle: Path) -> None:
    """Print the few lines that ``tracebin run`` ends with, on stderr."""
    # Of exact calls there are millions, and none of those lines is about them.
    report(
        _read(bundle, without=("calls",)).tally.result(), make_console(sys.stderr), bundle_path=str(bundle)
    )


def show_bundle(bundle: Path, *, as_json: bool) -> None:
    """Print the whole report on stdout, or all findings as JSON.

    Raises:
        MalformedBundle: the file can't be read, or is no bundle.
    """
    findings = _read(bundle).tally.result()
    if as_json:
        show_json(findings, sys.stdout)
    else:
        show(findings, make_console())


def show_one_trace(bundle: Path, number: int, *, stage: Optional[str], as_json: bool, code: bool) -> None:
    """Print one trace on stdout.

    Raises:
        RunNotFound: the bundle has no such trace.
        BadRequest: the trace has no such stage.
    """
    found = _read(bundle, number, without=("calls",))
    if found.trace is None:
        known = f"they are numbered 0 to {found.traces - 1}" if found.traces else "it has none"
        raise RunNotFound(f"{bundle} has no trace {number}: {known}")
    parent_guard = _parent_guard(bundle, found, found.trace)
    view = _view(found, number, found.trace, stage, parent_guard)
    if as_json:
        show_json(view, sys.stdout)
    else:
        show_trace(view, make_console(), code=code, without_text=_without_text(found, view))


def _without_text(found: _Read, view: TraceView) -> Dict[str, str]:
    """Give the paths of files on a trace's path that have no text, and why."""
    files = (found.files[segment.file] for segment in view.segments if segment.file is not None)
    return {file.path: file.left_out for file in files if file.left_out is not None}


def _parent_guard(bundle: Path, found: _Read, trace: Trace) -> Optional[ParentGuard]:
    if trace.parent is None:
        return None
    # A trace's parent stands before it, so it is known only after the pass that found the trace.
    number = trace.parent.trace
    with open_bundle(bundle) as stream:
        traces = (element for element in BundleReader(stream) if element.key == "traces")
        parent: Trace = next(element.record for element in traces if element.index == number)
    title = found.tally.result().traces[number].title
    return guard_of_parent(trace.parent, parent, functions=found.functions, files=found.files, title=title)


def _view(
    found: _Read, number: int, trace: Trace, stage: Optional[str], parent_guard: Optional[ParentGuard]
) -> TraceView:
    findings, links = found.tally.result(), found.tally.links
    return trace_view(
        number,
        trace,
        row=findings.traces[number],
        functions=found.functions,
        files=found.files,
        bridges=links.bridges(number),
        targets=links.targets_of(number),
        parent_guard=parent_guard,
        stage=stage,
    )
