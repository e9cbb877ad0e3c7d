"""Measure what it costs to put a recording of exact calls together, for each call.

richards is recorded with nothing reading; then the bundle is made of it, with PyPy reading the calls,
and with ``--here`` by the launcher's Python alone besides.  CPU time as the kernel counts it, of the
reader and of the process that reads calls for it; the decoder of code objects is not in it, PyPy's log is.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Tuple

import machine
from measure import must_be_well, pypy
from programs import Program, fetch, warm_up

from tracebin.recorder.bootstrap import PATH
from tracebin.recorder.call_choice import CallChoice
from tracebin.recorder.find import find_pypy
from tracebin.recorder.launch import Request, _begin_raw, _note_end, _run
from tracebin.recorder.raw import RawRecording
from tracebin.recorder.reader import _environ

RICHARDS = Program("richards", "bm_richards", 2)
EVENT_BYTES = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--loops", default="2,17", help="how often richards runs; half a million calls each")
    parser.add_argument("--here", action="store_true", help="with the launcher's Python alone, too")
    options = parser.parse_args()
    fetch()
    python = pypy()
    machine.describe(python, f"loops {options.loops}")
    warm_up(python, [RICHARDS])
    print(f"{'calls':>9} {'read by':8} {'wall s':>7} {'CPU s':>7} {'us/call':>8}")
    for loops in map(int, options.loops.split(",")):
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            tempfile.tempdir = name
            _judge(python, dataclasses.replace(RICHARDS, loops=loops), here=options.here)
            tempfile.tempdir = None


def _judge(python: str, program: Program, *, here: bool) -> None:
    raw = _recorded(python, program)
    calls = sum(path.stat().st_size for path in raw.folder.glob("*.calls")) // EVENT_BYTES // 2
    for reader in ("PyPy", "Python") if here else ("PyPy",):
        wall_s, cpu_s = _put_together(python if reader == "PyPy" else os.devnull, raw.folder)
        print(f"{calls:9} {reader:8} {wall_s:7.2f} {cpu_s:7.2f} {cpu_s / calls * 1e6:8.2f}", flush=True)


def _recorded(python: str, program: Program) -> RawRecording:
    environment = program.environment()
    interpreter = find_pypy(python, os.environ, None)
    out = Path(tempfile.gettempdir()) / "out.json.gz"
    request = Request("script", program.words, out, interpreter, calls=CallChoice("exact"))
    raw, limit, _ = _begin_raw(request, environment)
    finished = _run(request, environment, raw, limit)
    must_be_well(program, finished.status or 0)
    _note_end(raw, finished, limit)
    return raw


def _put_together(python: str, folder: Path) -> Tuple[float, float]:
    """Give wall and CPU time; where ``python`` can't be started, the reader does all by itself."""
    command = [sys.executable, "-I", "-S", PATH, "assemble", python, str(folder)]
    start = time.monotonic()
    process = subprocess.Popen(
        [*command, str(folder.parent / "out.json.gz")], env=_environ(), stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"putting the bundle together ended with {process.returncode}")
    return time.monotonic() - start, used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
