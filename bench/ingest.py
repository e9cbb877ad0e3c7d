"""Measure how long the server takes to store a bundle, and the terminal to show it, by the bundle's size.

One real recording (examples/calculator.py) is made longer: its traces, collections
and samples are repeated, which a server can't tell from a longer run.
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Sequence, TypeVar
from urllib.request import urlopen

import machine
from measure import pypy
from programs import ROOT
from serving import TRACEBIN, get, record, send, serving

from tracebin.bundle.packing import create_compressed
from tracebin.bundle.reader import read_bundle
from tracebin.bundle.records import Bundle, GcChunk, SampleChunk
from tracebin.bundle.writer import write_bundle

EXAMPLE = ROOT / "examples" / "calculator.py"
MIB = 1 << 20
BAR_BYTES, BAR_S, BAR_MIB = 30_000_000, 10, 1000
C = TypeVar("C", GcChunk, SampleChunk)


@dataclass(frozen=True)
class Row:
    """What one upload took."""

    packed_bytes: int
    stored_s: float
    overview_s: float
    server_bytes: int


def main() -> None:
    options = _options()
    machine.describe(pypy(), f"bundles of 1 to {max(options.times)} times one recording")
    print(
        f"{'times':>5} {'traces':>7} {'gzip MiB':>8} {'JSON MiB':>8} "
        f"{'stored s':>8} {'overview s':>10} {'server MiB':>10} {'show s':>7} {'show --trace s':>14}"
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        base = Path(name) / "base.json.gz"
        record([str(EXAMPLE)], base)
        bundle = read_bundle(base)
        rows = [_row(Path(name), bundle, times) for times in options.times]
    _judge(rows)


def _judge(rows: Sequence[Row]) -> None:
    """Hold the smallest bundle of 30 MB or more against the bars."""
    big = next((row for row in rows if row.packed_bytes >= BAR_BYTES), None)
    if big is None:
        return
    for what, got, bar in (
        ("upload to first page, s", big.stored_s + big.overview_s, BAR_S),
        ("the server's memory, MiB", big.server_bytes / MIB, BAR_MIB),
    ):
        verdict = "met" if got <= bar else "missed"
        print(f"{big.packed_bytes / 1e6:.0f} MB: {what}: {got:.1f}; the bar of {bar} is {verdict}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16, 48])
    return parser.parse_args()


def _row(folder: Path, bundle: Bundle, times: int) -> Row:
    longer = _repeated(bundle, times)
    path = folder / f"{times}.json.gz"
    with create_compressed(path) as stream:
        write_bundle(stream, longer)
    plain = folder / f"{times}.json"
    with plain.open("wb") as raw:
        write_bundle(raw, longer)
    with serving() as server:
        runs: List[str] = []
        stored = _seconds(lambda: runs.append(send(server.address, path)))
        overview = _seconds(lambda: _open(server.address, runs[0]))
        server_bytes = server.peak_bytes
    row = Row(path.stat().st_size, stored, overview, server_bytes)
    show = _seconds(lambda: _show(path))
    one = _seconds(lambda: _show(path, "--trace", str(len(longer.traces) - 1)))
    print(
        f"{times:5} {len(longer.traces):7} "
        f"{row.packed_bytes / MIB:8.2f} {plain.stat().st_size / MIB:8.1f} "
        f"{stored:8.2f} {overview:10.2f} {server_bytes / MIB:10.0f} {show:7.2f} {one:14.2f}",
        flush=True,
    )
    return row


def _open(address: str, run: str) -> None:
    """Ask for what the run's page is made of."""
    with urlopen(f"{address}/runs/{run}") as answer:
        answer.read()
    get(address, f"/runs/{run}")


def _repeated(bundle: Bundle, times: int) -> Bundle:
    """Repeat what grows with a run's length; ids go on pointing at the first of their kind."""
    lasts = bundle.run.duration_ns
    return dataclasses.replace(
        bundle,
        run=dataclasses.replace(bundle.run, duration_ns=lasts * times),
        traces=bundle.traces * times,
        gc=[_later(chunk, lasts * turn) for turn in range(times) for chunk in bundle.gc],
        samples=[_later(chunk, lasts * turn) for turn in range(times) for chunk in bundle.samples],
    )


def _later(chunk: C, by_ns: int) -> C:
    return dataclasses.replace(chunk, first_ns=chunk.first_ns + by_ns)


def _show(path: Path, *options: str) -> None:
    subprocess.run([*TRACEBIN, "show", str(path), *options], check=True, stdout=subprocess.DEVNULL)


def _seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
