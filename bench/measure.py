"""Run a program plain, with PyPy's log alone, or recorded, and give what it cost.

CPU time is what the kernel counts for the program's own process (``wait4``).  What
the launcher and the assembling process use is counted apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Callable, Dict, List, Sequence

from programs import LONG_S, Program

from tracebin.recorder.find import find_pypy, running_pypy
from tracebin.recorder.launch import CATEGORIES

RECORD_ONCE = Path(__file__).resolve().parent / "record_once.py"
# PyPy's, where the processor's cache doesn't say otherwise (rpython/memory/gc/env.py).
NURSERY_BYTES = 4 << 20
# Multiples of it, without their whole part, are spread evenly, however many there are.
GOLDEN_SHARE = 0.618034
Watch = Callable[["subprocess.Popen[bytes]"], None]


@dataclass(frozen=True)
class Cost:
    """One run in seconds; all but the first two are 0 where nothing is put together.

    ``after_s`` is from the program's end to the bundle on disk.
    """

    cpu_s: float
    wall_s: float
    after_s: float = 0.0
    assembly_cpu_s: float = 0.0
    launcher_cpu_s: float = 0.0
    pid: int = 0
    bundle_bytes: int = 0


Variant = Callable[[str, Program], Cost]


def pypy() -> str:
    """Name the PyPy that is measured."""
    return find_pypy(None, os.environ, running_pypy()).path


def plain(python: str, program: Program) -> Cost:
    """Run without any recording."""
    return _direct(python, program, program.environment())


def of_its_length(python: str, program: Program, least_s: float = LONG_S) -> Program:
    """Give a long program as it runs for ``least_s`` seconds at least on this machine, too."""
    while program.is_long:
        # The quickest of three, and a tenth more: single runs differ by a third on a shared machine.
        took_s = min(plain(python, program).cpu_s for _ in range(3))
        if took_s >= least_s:
            break
        program = program.lasting(least_s * 1.1, took_s)
    return program


def log_only(python: str, program: Program) -> Cost:
    """Run with the log that a recording asks for, and nothing of ours inside."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        log = f"{','.join(CATEGORIES)}:{folder}/%d.log"
        return _direct(python, program, {**program.environment(), "PYPYLOG": log})


def _direct(python: str, program: Program, environment: Dict[str, str]) -> Cost:
    started = time.monotonic()
    process = subprocess.Popen([python, *program.words], env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    must_be_well(program, process.returncode)
    return Cost(used.ru_utime + used.ru_stime, time.monotonic() - started, pid=process.pid)


def recorded(python: str, program: Program) -> Cost:
    """Record with the defaults."""
    return record(python, program)


def without_samples(python: str, program: Program) -> Cost:
    """Record without samples: the log and the hook."""
    return record(python, program, interval_s=0.0)


def on_one_core(python: str, program: Program) -> Cost:
    """Record where no second core is to be had: the log is read when the program has ended."""
    return record(python, program, one_core=True)


def all_stages(python: str, program: Program) -> Cost:
    """Record with the ops of every stage."""
    return record(python, program, stages="all")


def exact_calls(python: str, program: Program) -> Cost:
    """Record every call."""
    return record(python, program, calls="exact")


def record(
    python: str,
    program: Program,
    *,
    interval_s: float = 0.001,
    stages: str = "optimised",
    one_core: bool = False,
    calls: str = "sampled",
    watch: Watch = lambda process: None,
) -> Cost:
    """Record; ``watch`` sees the launcher's process while it runs."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        out = folder / "bundle.json.gz"
        asked = {
            "python": python,
            "words": program.words,
            "out": str(out),
            "interval_s": interval_s,
            "stages": stages,
            "one_core": one_core,
            "calls": calls,
        }
        (folder / "asked.json").write_text(json.dumps(asked))
        command = [sys.executable, str(RECORD_ONCE), str(folder / "asked.json"), str(folder / "answer.json")]
        environment = {**program.environment(), "TMPDIR": name}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            watch(process)
        must_be_well(program, process.returncode)
        return _answer(program, json.loads((folder / "answer.json").read_text()), out.stat().st_size)


def _answer(program: Program, said: Dict[str, float], bundle_bytes: int) -> Cost:
    must_be_well(program, int(said["status"]))
    return Cost(
        cpu_s=said["cpu_s"],
        wall_s=said["wall_s"],
        after_s=said["after_s"],
        assembly_cpu_s=said["assembly_cpu_s"],
        launcher_cpu_s=said["launcher_cpu_s"],
        pid=int(said["pid"]),
        bundle_bytes=bundle_bytes,
    )


def must_be_well(program: Program, status: int) -> None:
    """End with a sentence where a program failed."""
    if status:
        raise SystemExit(f"{program.name} ended with {status}: nothing can be said about its cost")


def rounds(python: str, program: Program, variants: Sequence[Variant], count: int) -> List[List[Cost]]:
    """Run all variants in turn, ``count`` times; give a list of costs for each variant.

    Every other round goes the other way, so that a machine that gets slower or faster
    meanwhile favours none.  Each round has its collections at other moments: after 32 minor ones PyPy lessens
    what it has counted (rpython/jit/metainterp/counter.py), and what it then compiles makes up to a
    fifth of a program's time.  Always run in the same way a program always has the same luck, plain, and
    another with a recorder in it.
    """
    found: List[List[Cost]] = [[] for _ in variants]
    for number in range(count):
        shifted = replace(program, shift_bytes=round(number * GOLDEN_SHARE % 1 * NURSERY_BYTES))
        order = list(range(len(variants)))
        for index in order if number % 2 == 0 else reversed(order):
            found[index].append(variants[index](python, shifted))
    return found


def ratios(costs: Sequence[Cost], base: Sequence[Cost]) -> List[float]:
    """Give the CPU time of each run over that of its partner in the same round."""
    return [cost.cpu_s / partner.cpu_s for cost, partner in zip(costs, base)]


def middle(costs: Sequence[Cost], name: str) -> float:
    """Give the median of one figure."""
    return median(float(getattr(cost, name)) for cost in costs)
