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
from pathlib import Path
from typing import Callable, List, TypeVar

import machine
from measure import pypy
from programs import ROOT
from serving import TRACEBIN, get, record, send, served

from tracebin.bundle.compression import create_compressed
from tracebin.bundle.reader import read_bundle
from tracebin.bundle.records import Bundle, GcChunk, SampleChunk
from tracebin.bundle.writer import write_bundle

EXAMPLE = ROOT / "examples" / "calculator.py"
MIB = 1 << 20
C = TypeVar("C", GcChunk, SampleChunk)


def main() -> None:
    options = _options()
    machine.describe(pypy(), f"bundles of 1 to {max(options.times)} times one recording")
    print(
        f"{'times':>5} {'traces':>7} {'gzip MiB':>8} {'JSON MiB':>8} "
        f"{'stored s':>8} {'overview s':>10} {'show s':>7} {'show --trace s':>14}"
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as name, served() as address:
        base = Path(name) / "base.json.gz"
        record([str(EXAMPLE)], base)
        bundle = read_bundle(base)
        for times in options.times:
            print(_row(address, Path(name), bundle, times), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4, 16, 64])
    return parser.parse_args()


def _row(address: str, folder: Path, bundle: Bundle, times: int) -> str:
    longer = _repeated(bundle, times)
    path = folder / f"{times}.json.gz"
    with create_compressed(path) as stream:
        write_bundle(stream, longer)
    plain = folder / f"{times}.json"
    with plain.open("wb") as raw:
        write_bundle(raw, longer)
    runs: List[str] = []
    stored = _seconds(lambda: runs.append(send(address, path)))
    overview = _seconds(lambda: get(address, f"/runs/{runs[0]}"))
    show = _seconds(lambda: _show(path))
    one = _seconds(lambda: _show(path, "--trace", str(len(longer.traces) - 1)))
    return (
        f"{times:5} {len(longer.traces):7} "
        f"{path.stat().st_size / MIB:8.2f} {plain.stat().st_size / MIB:8.1f} "
        f"{stored:8.2f} {overview:10.2f} {show:7.2f} {one:14.2f}"
    )


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
