"""Run a program as the command does, leave what came of it in a file, and exit as it did."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

from tracebin.errors import ProgramNotStarted
from tracebin.recorder.program import run_program

result, keep_bytes, *argv = sys.argv[1:]
try:
    done = run_program(argv, dict(os.environ), keep_bytes=int(keep_bytes))
except ProgramNotStarted as error:
    print(error, file=sys.stderr)
    sys.exit(75)
with open(result + ".part", "w", encoding="utf-8") as file:
    found = asdict(done)
    for name, captured in (("stdout", done.stdout), ("stderr", done.stderr)):
        found[name] = {**asdict(captured.stream()), "seen": captured.seen, "cut": captured.cut}
    found["started_utc"] = done.started_utc.isoformat()
    with open("/proc/self/status", encoding="utf-8") as status:
        found["launcher_peak_kib"] = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    json.dump(found, file)
os.rename(result + ".part", result)
sys.exit(128 + done.signal if done.signal else done.status)
