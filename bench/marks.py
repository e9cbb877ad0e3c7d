"""Measure what a mark costs: without a recorder on CPython and PyPy, and under recording.

CPU time of this thread for each call of a loop that does nothing else, less that of the
loop; the fastest of several rounds, since whatever else runs makes them slower only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List

import machine
from measure import pypy

import tracebin

BAR_NS = 200
ROUNDS = 7
# Beyond 1,000,000 marks the recorder only counts.
CALLS = 20_000

PROGRAM = """\
import json, sys, time
import tracebin
calls, rounds = map(int, sys.argv[1:3])

def loop(n):
    for i in range(n):
        pass

def mark(n):
    for i in range(n):
        tracebin.mark("m")

def mark_with_data(n):
    for i in range(n):
        tracebin.mark("m", step=i, name="x")

def span(n):
    for i in range(n):
        with tracebin.span("s"):
            pass

@tracebin.span("f")
def function():
    pass

def decorated(n):
    for i in range(n):
        function()

def cost(f):
    best = None
    for _ in range(rounds):
        before = time.thread_time_ns()
        f(calls)
        took = time.thread_time_ns() - before
        best = took if best is None else min(best, took)
    return best / calls

loop_ns = cost(loop)
print(json.dumps({f.__name__: cost(f) - loop_ns for f in (mark, mark_with_data, span, decorated)}))
"""


def main() -> None:
    python = pypy()
    machine.describe(python, f"the fastest of {ROUNDS} rounds of {CALLS} calls")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        script = Path(name) / "program.py"
        script.write_text(PROGRAM)
        rows = {
            "CPython": _plain(sys.executable, script),
            "PyPy": _plain(python, script),
            "PyPy, recorded": _recorded(python, script),
        }
    print(f"{'ns for each':16} " + " ".join(f"{what:>14}" for what in rows["PyPy"]))
    for where, costs in rows.items():
        print(f"{where:16} " + " ".join(f"{ns:14.0f}" for ns in costs.values()))
    worst = max(rows[where]["mark"] for where in ("CPython", "PyPy"))
    verdict = "met" if worst <= BAR_NS else "missed"
    print(f"a mark without a recorder: {worst:.0f} ns; the bar of {BAR_NS} is {verdict}")


def _words(script: Path) -> List[str]:
    return [str(script), str(CALLS), str(ROUNDS)]


def _plain(python: str, script: Path) -> Dict[str, float]:
    link = script.with_name("tracebin")
    if not link.exists():
        link.symlink_to(Path(tracebin.__file__).resolve().parent)
    return _costs([python, *_words(script)], {"PYTHONPATH": str(link.parent)})


def _recorded(python: str, script: Path) -> Dict[str, float]:
    script.with_name("tracebin").unlink()  # the recorder gives it
    out = str(script.with_name("bundle.json.gz"))
    command = [sys.executable, "-m", "tracebin", "run", "--quiet", "--python", python, "-o", out]
    return _costs([*command, *_words(script)], {})


def _costs(command: List[str], environment: Dict[str, str]) -> Dict[str, float]:
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    found: Dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
