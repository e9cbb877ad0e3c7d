"""Measure what comes after the program's end: time until the bundle lies on disk, and memory.

The program is sympy's sum, about 10 s in which the JIT never rests: the log is as
long as they get.
"""

from __future__ import annotations

import argparse
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Dict, List

import machine
from measure import Cost, Watch, pypy, record
from programs import JIT_HEAVY, Program, chosen, fetch, warm_up

BAR_SHARE = 0.10
BAR_BYTES = 200 << 20
MIB = 1 << 20
# The kernel keeps the peak itself (VmHWM); looking often only matters at a process's very end.
LOOK_S = 0.02


def main() -> None:
    options = _options()
    program = chosen(options.program)[0]
    fetch()
    python = pypy()
    machine.describe(python, f"{options.runs} runs of {program.name}")
    warm_up(python, [program])
    print(
        f"{'run s':>7} {'after s':>7} {'share':>6} {'assembly CPU s':>14} {'bundle KiB':>10} "
        f"{'program MiB':>11} {'launcher MiB':>12} {'assembling MiB':>14}"
    )
    _judge([_row(python, program) for _ in range(options.runs)])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--program", default=JIT_HEAVY.name)
    return parser.parse_args()


@dataclass(frozen=True)
class Row:
    """One recording: what it cost, and the peaks in bytes."""

    cost: Cost
    launcher_bytes: int
    program_bytes: int
    assembling_bytes: int

    @property
    def share(self) -> float:
        """Time after the program's end as a part of the program's."""
        return self.cost.after_s / self.cost.wall_s


def _row(python: str, program: Program) -> Row:
    peaks = Peaks()
    cost = record(python, program, watch=peaks.watch)
    row = peaks.row(cost)
    print(
        f"{cost.wall_s:7.2f} {cost.after_s:7.2f} {row.share:6.1%} {cost.assembly_cpu_s:14.2f} "
        f"{cost.bundle_bytes / 1024:10.0f} {row.program_bytes / MIB:11.0f} "
        f"{row.launcher_bytes / MIB:12.0f} {row.assembling_bytes / MIB:14.0f}",
        flush=True,
    )
    return row


class Peaks:
    """The greatest resident memory of a launcher and of every process under it."""

    def __init__(self) -> None:
        self._launcher = 0
        self._bytes: Dict[int, int] = {}
        self.watch: Watch = self._watch

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        self._launcher = process.pid
        while True:
            for pid in _with_children(process.pid):
                self._bytes[pid] = max(self._bytes.get(pid, 0), _peak_bytes(pid))
            try:
                process.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                continue
            return

    def row(self, cost: Cost) -> Row:
        """Tell launcher, program and the rest (which puts the bundle together) apart."""
        known = (self._launcher, cost.pid)
        rest = max((peak for pid, peak in self._bytes.items() if pid not in known), default=0)
        return Row(cost, self._bytes[self._launcher], self._bytes.get(cost.pid, 0), rest)


def _with_children(pid: int) -> List[int]:
    found = [pid]
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = tasks.read_text().split()
        except OSError:
            continue  # a thread that has ended meanwhile
        for child in children:
            found += _with_children(int(child))
    return found


def _peak_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0  # a process that has ended meanwhile
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _judge(rows: List[Row]) -> None:
    share = median(row.share for row in rows)
    memory = max(max(row.launcher_bytes, row.assembling_bytes) for row in rows)
    _say("time after the end, median, of the run", f"{share:.1%}", f"{BAR_SHARE:.0%}", share <= BAR_SHARE)
    _say("memory", f"{memory / MIB:.0f} MiB", f"{BAR_BYTES / MIB:.0f} MiB", memory <= BAR_BYTES)


def _say(what: str, found: str, bar: str, is_met: bool) -> None:
    print(f"{what}: {found}; the bar of {bar} is {'met' if is_met else 'missed'}")


if __name__ == "__main__":
    main()
