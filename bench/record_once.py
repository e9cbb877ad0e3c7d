"""Record one program in this process, and write down what it cost.

Run by ``measure.py`` as a process of its own, so that what the kernel counts for it
and its children is of one recording alone.  Reads one JSON object from the file
named first, and writes one to the file named second: stdout is the program's.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, Dict

from tracebin.recorder.call_choice import CallChoice
from tracebin.recorder.find import find_pypy
from tracebin.recorder.launch import Recorded, Request, record


def _cpu_s(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _measured(asked: Dict[str, Any]) -> Dict[str, Any]:
    if asked["one_core"]:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    interpreter = find_pypy(asked["python"], os.environ, None)
    probed = _cpu_s(resource.RUSAGE_CHILDREN)
    request = Request(
        target="script",
        words=asked["words"],
        out=Path(asked["out"]),
        interpreter=interpreter,
        interval_s=asked["interval_s"],
        stages=asked["stages"],
        calls=CallChoice(asked["calls"]),
    )
    recorded = record(request, os.environ)
    return _costs(recorded, time.monotonic_ns(), probed)


def _costs(recorded: Recorded, done_ns: int, probed: float) -> Dict[str, Any]:
    finished = recorded.finished
    program = finished.rusage.user_s + finished.rusage.system_s
    return {
        "pid": finished.pid,
        "status": finished.status,
        "cpu_s": program,
        "wall_s": (finished.ended_ns - finished.started_ns) / 1e9,
        "after_s": (done_ns - finished.ended_ns) / 1e9,
        "assembly_cpu_s": _cpu_s(resource.RUSAGE_CHILDREN) - probed - program,
        "launcher_cpu_s": _cpu_s(resource.RUSAGE_SELF) + probed,
        "usage": dataclasses.asdict(finished.rusage),
    }


if __name__ == "__main__":
    asked_file, answer_file = map(Path, sys.argv[1:])
    answer_file.write_text(json.dumps(_measured(json.loads(asked_file.read_text()))))
