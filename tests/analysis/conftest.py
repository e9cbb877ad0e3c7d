"""Small bundles by hand: only what a test says differs from the plainest one."""

from __future__ import annotations

import base64

import pytest

from tracebin.analysis.tally import Tally
from tracebin.bundle import records as r


class Make:
    @staticmethod
    def run(duration_ns=1000, **changes):
        values = {
            "command": ["prog.py"],
            "target": "script",
            "cwd": "/home/me",
            "started": "2026-11-22T18:00:00.000000Z",
            "duration_ns": duration_ns,
            "exit": r.Exit(status=0),
            "host": r.Host("Linux", "6.1", "x86_64", 2),
            "pypy": r.PyPy("7.3.11", "3.9.16", "pypy3"),
            "options": r.Options(),
            "output": {},
            "recorder": "0.1.0",
        }
        return r.Run(**{**values, **changes})

    @staticmethod
    def process(pid=10, parent=None, start_ns=0):
        return r.Process(
            pid=pid, parent=parent, command=["prog.py"], start_ns=start_ns, end_ns=None, exit=None
        )

    @staticmethod
    def function(name="f", file=0, line=1, bytecode=None):
        return r.Function(file=file, name=name, qualname=name, line=line, bytecode=bytecode)

    @staticmethod
    def op(name="int_add", *, result="i1", args=("i0", "1"), descr=None, offset=None, fail=None):
        return r.Op(name, result, list(args), descr, offset, fail)

    @staticmethod
    def point(op=0, *, depth=0, call=0, function=0, offset=0, line=1, text=None):
        return r.MergePoint(op, depth, call, function, offset, line, text)

    @staticmethod
    def asm(code=b"\x90" * 8, *, backend="x86_64", entry=0, body=0, failures=None, address=0x1000):
        failures = len(code) if failures is None else failures
        text = base64.b64encode(code).decode()
        return r.MachineCode(backend, address, len(code), entry, body, failures, text, 0)

    @staticmethod
    def trace(ops=(), points=(), **changes):
        stage = r.Stage(inputs=["p0"], ops=list(ops), points=list(points))
        values = {
            "process": 0,
            "kind": "loop",
            "driver": "pypyjit",
            "name": "Loop 1",
            "number": 1,
            "function": 0,
            "offset": 0,
            "line": 1,
            "start_ns": 100,
            "end_ns": 200,
            "phases": r.Phases(50, 30, 20),
            "parent": None,
            "runs": None,
            "labels": [],
            "asm": None,
            "freed_ns": None,
            "own": False,
            "stages": {"optimised": stage},
        }
        return r.Trace(**{**values, **changes})

    @staticmethod
    def abort(**changes):
        values = {
            "process": 0,
            "start_ns": 10,
            "end_ns": 30,
            "reason": "ABORT_TOO_LONG",
            "driver": "pypyjit",
            "function": 0,
            "offset": 0,
            "line": 1,
            "text": None,
            "length": 5,
            "inlining": [],
            "longest": None,
            "path": [],
        }
        return r.Abort(**{**values, **changes})

    @staticmethod
    def gc(*rows, process=0):
        """Collections as (kind, start, duration) in order of start."""
        starts = [start for _, start, _ in rows]
        first = starts[0] if starts else 0
        deltas = [b - a for a, b in zip([first, *starts], starts)]
        kinds, durations = [k for k, _, _ in rows], [d for _, _, d in rows]
        nothing = [-1] * len(rows)
        return r.GcChunk(process, first, kinds, deltas, durations, nothing, nothing)

    @staticmethod
    def stacks(*rows):
        """Rows as (parent, function, state name, trace)."""
        return r.StackChunk(
            [row[0] for row in rows],
            [row[1] for row in rows],
            [r.STATES.index(row[2]) for row in rows],
            [row[3] for row in rows],
        )

    @staticmethod
    def samples(*rows, thread=0):
        """Samples as (time, stack row)."""
        times = [time for time, _ in rows]
        first = times[0] if times else 0
        deltas = [b - a for a, b in zip([first, *times], times)]
        return r.SampleChunk(thread, first, deltas, [row for _, row in rows], [-1] * len(rows))

    @staticmethod
    def bundle(**lists):
        given = {
            "run": Make.run(),
            "processes": [Make.process()],
            "threads": [r.Thread(0, 10)],
            "files": [r.SourceFile("prog.py", "program", text="def f():\n\tpass\n")],
            "functions": [Make.function("f"), Make.function("g")],
        }
        return r.Bundle(**{**given, **lists})

    @staticmethod
    def tally(bundle):
        tally = Tally()
        tally.add("run", bundle.run)
        for key in r.SECTIONS:
            for record in getattr(bundle, key) or []:
                tally.add(key, record)
        return tally

    @staticmethod
    def findings(**lists):
        return Make.tally(Make.bundle(**lists)).result()


@pytest.fixture(scope="session")
def make():
    return Make
