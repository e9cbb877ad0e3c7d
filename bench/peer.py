"""Compare a recording with what `python -m vmprof --jitlog` takes for the same program.

Interleaved runs: plain, recorded by default, with every stage, with exact calls, and the
peer.  Then the sizes of what is left on disk (the bundle against the peer's two
files, gzipped), and how long each side's own parsers read its raw data, all in
this Python.  The peer comes from PyPI, into a virtual environment of PyPy's.
"""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import List, Sequence

import machine
import read_raw
from measure import (
    Cost,
    Variant,
    all_stages,
    exact_calls,
    middle,
    must_be_well,
    of_its_length,
    plain,
    pypy,
    recorded,
    rounds,
)
from programs import CACHE, LONG, SHORT, Program, chosen, fetch, warm_up

# The last that takes Python 3.9.
PEER = "vmprof==0.4.18.1"
VENV = CACHE / "peer"
BAR_SIZE = 0.6
BAR_READING = 5.0
COLUMNS = ("default", "stages all", "calls exact", "peer")


@dataclass(frozen=True)
class Reading:
    """Bytes left on disk, and seconds to read the raw data, ours and the peer's."""

    ours_bytes: int
    peer_bytes: int
    ours_s: float
    peer_s: float


def fetch_peer(python: str) -> str:
    """Give the PyPy that has the peer installed."""
    inside = VENV / "bin" / "python"
    if not inside.exists():
        subprocess.run([python, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(inside), "-m", "pip", "install", "--quiet", PEER], check=True)
    return str(inside)


def peer_run(python: str, program: Program, prof: Path) -> Cost:
    """Run under the peer, which writes ``prof`` and, beside it, ``prof``.jit."""
    command = [fetch_peer(python), "-m", "vmprof", "--jitlog", "-o", str(prof), *program.words]
    started = time.monotonic()
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=program.environment(), stdout=quiet, stderr=quiet)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    must_be_well(program, process.returncode)
    return Cost(used.ru_utime + used.ru_stime, time.monotonic() - started, pid=process.pid)


def peer(python: str, program: Program) -> Cost:
    """Run under the peer, and throw away what it wrote."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return peer_run(python, program, Path(folder) / "out.prof")


VARIANTS: Sequence[Variant] = (plain, recorded, all_stages, exact_calls, peer)


def reading(python: str, program: Program) -> Reading:
    """Record once each way, weigh what is left, and time the parsers."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        bundle_bytes = read_raw.keep(python, program, folder / "raw")
        peer_run(python, program, folder / "out.prof")
        peers = [folder / "out.prof", folder / "out.prof.jit"]
        ours = [read_raw.ours_s(folder / "raw", python) for _ in range(3)]
        theirs = [read_raw.peers_s(peers) for _ in range(3)]
        return Reading(bundle_bytes, sum(map(_gzipped, peers)), min(ours), min(theirs))


def _gzipped(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 6))


def main() -> None:
    options = _options()
    programs = chosen(options.programs) if options.programs else [*LONG, *SHORT]
    fetch()
    python = pypy()
    machine.describe(python, f"{options.rounds} rounds, peer {PEER}, parsers in {sys.version.split()[0]}")
    warm_up(python, programs)
    if options.rounds:
        _print_costs(python, programs, options.rounds)
    _print_readings([(program, reading(python, program)) for program in programs])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="0: sizes and reading alone")
    parser.add_argument("--programs", default="", help="names with commas between them; all if left out")
    return parser.parse_args()


def _print_costs(python: str, programs: Sequence[Program], count: int) -> None:
    print("CPU and wall time over plain, median (min-max):")
    print(f"{'program':16} {'plain s':>7}" + "".join(f" {name:>34}" for name in COLUMNS))
    rows = []
    for program in programs:
        program = of_its_length(python, program)
        base, *others = rounds(python, program, VARIANTS, count)
        rows.append(
            (program, [(_ratios(costs, base, "cpu_s"), _ratios(costs, base, "wall_s")) for costs in others])
        )
        cells = "".join(f" {_cell(cpu) + ' ' + _cell(wall):>34}" for cpu, wall in rows[-1][1])
        print(f"{program.name:16} {middle(base, 'cpu_s'):7.2f}{cells}", flush=True)
    for is_long, what in ((True, "5 s or more"), (False, "under 1 s")):
        _print_medians(what, [costs for program, costs in rows if program.is_long is is_long])


def _ratios(costs: Sequence[Cost], base: Sequence[Cost], figure: str) -> List[float]:
    return [getattr(cost, figure) / getattr(partner, figure) for cost, partner in zip(costs, base)]


def _cell(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def _print_medians(what: str, rows: Sequence[Sequence[tuple[List[float], List[float]]]]) -> None:
    if rows:
        cells = "".join(
            f" {' '.join(f'{median(median(row[column][kind]) for row in rows):.3f}' for kind in (0, 1)):>34}"
            for column in range(len(COLUMNS))
        )
        print(f"{'median of ' + str(len(rows)) + ', ' + what:24}{cells}")


def _print_readings(rows: Sequence[tuple[Program, Reading]]) -> None:
    names = ("bundle KiB", "peer KiB", "ratio", "read s", "peer s", "times")
    print(f"{'program':16} " + " ".join(f"{name:>10}" for name in names))
    for program, row in rows:
        print(
            f"{program.name:16} {row.ours_bytes >> 10:10} {row.peer_bytes >> 10:10} "
            f"{row.ours_bytes / row.peer_bytes:10.2f} {row.ours_s:10.2f} {row.peer_s:10.2f} "
            f"{row.peer_s / row.ours_s:10.1f}"
        )
    size = median(row.ours_bytes / row.peer_bytes for _, row in rows)
    speed = median(row.peer_s / row.ours_s for _, row in rows)
    _judge("bundle against the peer's files", size, BAR_SIZE, size <= BAR_SIZE)
    _judge("reading, times as fast as the peer's parsers", speed, BAR_READING, speed >= BAR_READING)


def _judge(what: str, found: float, bar: float, met: bool) -> None:
    print(f"{what}: median {found:.2f}; the bar of {bar} is {'met' if met else 'missed'}")


if __name__ == "__main__":
    main()
