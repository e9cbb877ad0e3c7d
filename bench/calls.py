"""Compare what exact calls cost with cProfile on the same PyPy, for each event.

CPU time of the program's own process as the kernel counts it, runs in turn: plain, under
``-m cProfile``, and with the agent inside, without and with calls.  The raw recording is written and thrown
away; nothing reads it meanwhile.  An event is a call or return of a Python function; cProfile sees builtin
functions besides, as ``exact+c`` does.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Dict, List, Mapping, Sequence

import machine
from measure import must_be_well, pypy
from programs import Program, fetch, warm_up

from tracebin.recorder.call_choice import CallChoice
from tracebin.recorder.find import find_pypy
from tracebin.recorder.launch import Request, _child_environ
from tracebin.recorder.raw import RawRecording

GOAL_NS, BAR_NS = 40.0, 100.0
# Some 50 million events each, but for the last: its code is compiled little, and much of it.
PROGRAMS = (
    Program("richards", "bm_richards", 60),
    Program("deltablue", "bm_deltablue", 1000),
    Program("sympy_expand", "bm_sympy", 1, ("expand",)),
)
MODES = ("off", "exact", "exact+c")


@dataclasses.dataclass(frozen=True)
class Run:
    """What one run cost, and how many events it had."""

    cpu_s: float
    events: int = 0


def main() -> None:
    options = _options()
    fetch()
    python = pypy()
    machine.describe(python, f"{options.rounds} rounds")
    wanted = options.programs.split(",") if options.programs else [program.name for program in PROGRAMS]
    programs = [program for program in PROGRAMS if program.name in wanted]
    warm_up(python, programs)
    print(f"{'program':14} {'way':10} {'CPU s':>7} {'ratio':>6} {'events':>11} {'ns/event':>9} {'least':>7}")
    for program in programs:
        _judge(program, _rounds(python, program, options.rounds))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--programs", default="", help="names with commas between them; all if left out")
    return parser.parse_args()


def _rounds(python: str, program: Program, count: int) -> Dict[str, List[Run]]:
    found: Dict[str, List[Run]] = {}
    for number in range(count):
        ways = ["plain", "cProfile", *MODES]
        for way in ways if number % 2 == 0 else reversed(ways):
            found.setdefault(way, []).append(_run(python, program, way))
    return found


def _run(python: str, program: Program, way: str) -> Run:
    if way in ("plain", "cProfile"):
        words = ["-m", "cProfile", "-o", os.devnull] if way == "cProfile" else []
        return Run(_cpu_s([python, *words, *program.words], program, program.environment()))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        interpreter = find_pypy(python, os.environ, None)
        request = Request("script", program.words, Path(name), interpreter, calls=CallChoice(way))
        environment = _child_environ(request, program.environment(), Path(name))
        cpu_s = _cpu_s([python, *program.words], program, environment)
        _must_be_whole(Path(name))
        return Run(cpu_s, sum(path.stat().st_size for path in Path(name).glob("*.calls")) // 8)


def _must_be_whole(folder: Path) -> None:
    raw = RawRecording(folder)
    faults = [fault for stem in raw.stems() for fault in raw.notes(stem).faults]
    if faults:
        raise SystemExit(f"the recording is not whole, so nothing can be said: {faults[0]}")


def _cpu_s(argv: List[str], program: Program, environment: Dict[str, str]) -> float:
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    must_be_well(program, process.returncode)
    return used.ru_utime + used.ru_stime


def _judge(program: Program, found: Mapping[str, Sequence[Run]]) -> None:
    events = found["exact"][0].events
    for way, runs in found.items():
        base = found["plain" if way in ("off", "cProfile") else "off"]
        each = [(run.cpu_s - other.cpu_s) / max(events, 1) * 1e9 for run, other in zip(runs, base)]
        least = (min(run.cpu_s for run in runs) - min(run.cpu_s for run in base)) / max(events, 1) * 1e9
        ratio = median(run.cpu_s / other.cpu_s for run, other in zip(runs, found["plain"]))
        cells = (
            ""
            if way in ("plain", "off")
            else f"{runs[0].events or events:11} {median(each):9.1f} {least:7.1f}"
        )
        middle = median(run.cpu_s for run in runs)
        print(f"{program.name:14} {way:10} {middle:7.2f} {ratio:6.2f} {cells}", flush=True)
        if way == "exact":
            said = "met" if least <= GOAL_NS else "missed"
            bar = "met" if least <= BAR_NS else "missed"
            print(
                f"{program.name:14} the goal of {GOAL_NS:.0f} ns is {said}, the bar of {BAR_NS:.0f} ns {bar}"
            )


if __name__ == "__main__":
    main()
