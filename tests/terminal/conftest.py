"""Answers to print, made of rows by hand."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tracebin.analysis import rows
from tracebin.analysis.trace_view import AsmPlace, OpView, Point, Segment, TraceView
from tracebin.bundle import records as r

HOSTILE = "evil\x1b[31m\x07\x9b2J\u202e[bold]:smile:\ud800\r\n"
STATES = {"interpreted": 300, "jitted": 500, "tracing": 4, "gc": 96, "unknown": 100}


class Make:
    @staticmethod
    def run(**changes):
        values = {
            "command": ["prog.py", "a b"],
            "target": "script",
            "cwd": "/home/me",
            "started": "2026-11-22T18:00:00.000000Z",
            "duration_ns": 1_000_000_000,
            "exit": r.Exit(status=0),
            "host": r.Host("Linux", "6.1", "x86_64", 2),
            "pypy": r.PyPy("7.3.11", "3.9.16", "pypy3"),
            "options": r.Options(),
            "output": {},
            "recorder": "0.1.0",
        }
        return r.Run(**{**values, **changes})

    @staticmethod
    def function(**changes):
        values = {
            "id": 0,
            "name": "f",
            "qualname": "Body.f",
            "file": 0,
            "path": "prog.py",
            "origin": "program",
            "line": 3,
            "total_ns": 900_000_000,
            "self_ns": 500_000_000,
            "total_samples": 900,
            "self_samples": 500,
            "interpreted_ns": 200_000_000,
            "jitted_ns": 300_000_000,
            "traces": 1,
        }
        return rows.FunctionRow(**{**values, **changes})

    @staticmethod
    def trace(**changes):
        values = {
            "id": 0,
            "kind": "loop",
            "driver": "pypyjit",
            "name": "Loop 1",
            "number": 1,
            "function": 0,
            "title": "Body.f",
            "path": "prog.py",
            "line": 4,
            "ops": 3,
            "guards": 1,
            "bridges": 1,
            "size_bytes": 1234,
            "runs": 58556,
            "samples": 380,
            "time_ns": 380_000_000,
            "compile_ns": 4_000_000,
            "start_ns": 9,
            "own": False,
            "parent": None,
            "freed_ns": None,
        }
        return rows.TraceRow(**{**values, **changes})

    @staticmethod
    def abort(**changes):
        values = {
            "id": 0,
            "reason": "ABORT_TOO_LONG",
            "driver": "pypyjit",
            "function": 0,
            "title": "Body.f",
            "path": "prog.py",
            "line": 9,
            "offset": 16,
            "text": None,
            "start_ns": 5,
            "duration_ns": 2_500_000,
            "length": 812,
            "inlining": ["disabled inlining g"],
            "longest": "g",
            "later": 0,
            "lost": True,
            "path_steps": [],
        }
        return rows.AbortRow(**{**values, **changes})

    @staticmethod
    def findings(*, shares=None, **changes):
        shares = STATES if shares is None else shares
        bar = [
            rows.TimeShare(s, shares.get(s, 0) * 1_000_000, shares.get(s, 0) / 1000)
            for s in rows.SHARE_STATES
        ]
        counts = {"loop": 1, "entry bridge": 0, "bridge": 2, "aborts": 1, "segmented": 0}
        values = {
            "run": Make.run(),
            "processes": [],
            "threads": [],
            "time": rows.TimeUse(1_000_000_000, 900 if shares else 0, bar),
            "counts": {
                **counts,
                "gc_minor": 14,
                "gc_major": 2,
                "samples": 900,
                "calls": 0,
                "own_traces": 0,
                "functions": 1,
                "files": 1,
            },
            "gc": rows.GcSums(60_000_000, 36_000_000, 9_000_000),
            "aborts_by_reason": {"ABORT_TOO_LONG": 1},
            "compile_ns": 4_000_000,
            "functions": [Make.function()],
            "traces": [Make.trace()],
            "aborts": [Make.abort()],
            "marks": [],
            "problems": [],
        }
        return rows.Findings(**{**values, **changes})

    @staticmethod
    def empty():
        counts = dict.fromkeys(Make.findings().counts, 0)
        nothing = {"functions": [], "traces": [], "aborts": [], "aborts_by_reason": {}, "compile_ns": 0}
        return Make.findings(shares={}, counts=counts, gc=rows.GcSums(0, 0, 0), **nothing)

    @staticmethod
    def op(**changes):
        values = {
            "op": 17,
            "kind": "guard",
            "name": "guard_true",
            "result": None,
            "args": ["i105"],
            "descr": "<Guard0x7f0a2000e8d8>",
            "offset": 396,
            "fail": ["p44", None],
            "runs": None,
            "bridge": None,
            "target": None,
            "code": [],
        }
        return OpView(**{**values, **changes})

    @staticmethod
    def segment(*ops, **changes):
        values = {
            "depth": 0,
            "call": 0,
            "function": 0,
            "title": "Body.f",
            "path": "prog.py",
            "file": 0,
            "line": 4,
            "source": "\tfor step in range(n):",
            "text": None,
            "points": [Point(20, "FOR_ITER", "to 44", list(ops))],
        }
        return Segment(**{**values, **changes})

    @staticmethod
    def view(*segments, **changes):
        values = {
            "phases": r.Phases(2_000_000, 1_500_000, 500_000),
            "asm": AsmPlace("x86_64", 4096, 1234, 200, 280, 1000, 0),
            "stage": "optimised",
            "stages": ["optimised"],
            "inputs": ["p0", "p1"],
            "parent_guard": None,
            "segments": list(segments),
            "prologue": [],
            "recovery": [],
        }
        return TraceView(**{**vars(Make.trace()), **values, **changes})


@pytest.fixture(scope="session")
def make():
    return Make


@pytest.fixture(scope="session")
def printed():
    """Call a printing function with a console and give what it printed."""

    def call(function, *arguments, width=80, is_terminal=False, **options):
        stream = io.StringIO()
        console = Console(file=stream, width=width, force_terminal=is_terminal, color_system=None)
        if is_terminal:
            console = Console(file=stream, width=width, force_terminal=True, color_system="standard")
        function(*arguments, console, **options)
        return stream.getvalue()

    return call


@pytest.fixture(scope="session")
def hostile():
    return HOSTILE
