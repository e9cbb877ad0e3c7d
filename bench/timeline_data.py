"""Measure how long the server works on a window of the time line, at 1 and at 10 million calls.

The calls are made up, always the same: a walk up and down a stack of up to some 60 frames in phases, 400
functions, with bursts of tiny calls and recursions. Asked through WSGI, without a network; answers are packed
as a browser takes them.
"""

from __future__ import annotations

import argparse
import gc
import random
import resource
import tempfile
import time
from array import array
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Callable, Dict, Iterator, List, Tuple

import machine
from flask.testing import FlaskClient
from measure import pypy

from tracebin.bundle import records as r
from tracebin.bundle.writer import BundleWriter
from tracebin.server import ServerConfig, create_app

MILLION = 1_000_000
BAR_MS = 50.0
BAR_RATIO = 1.3
FUNCTIONS = 400
# Widths of windows, as shares of the run, and how many places each is looked at.
SHARES = (1.0, 0.5, 0.1, 0.01, 0.001, 1e-4, 1e-5)
PLACES = 15
WIDTH = 1500


def main() -> None:
    options = _options()
    machine.describe(pypy(), f"{', '.join(f'{count:,}' for count in options.calls)} calls, {WIDTH} pixels")
    p99: List[Tuple[float, float]] = []
    for count in options.calls:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            p99.append(_measured(Path(folder), count))
    for clock, values in zip(("wall", "CPU"), zip(*p99)):
        _judge(f"p99 of any window, {clock}", max(values), BAR_MS, "ms")
        if len(values) > 1:
            _judge(f"p99 of the last over that of the first, {clock}", values[-1] / values[0], BAR_RATIO, "x")


def _judge(name: str, value: float, bar: float, unit: str) -> None:
    print(f"{name}: {value:.2f} {unit}, bar {bar:g}: {'met' if value <= bar else 'missed'}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[MILLION, 10 * MILLION])
    return parser.parse_args()


def _measured(folder: Path, count: int) -> Tuple[float, float]:
    """Store a run of ``count`` calls, ask, print; give the p99 of all windows in ms, wall and CPU."""
    path = folder / "bundle.json"
    with path.open("wb") as out:
        duration = write(out, count)
    config = ServerConfig(data=folder / "data", free_bytes=0, body_bytes=1 << 40)
    app = create_app(config)
    client = app.test_client()
    started = time.monotonic()
    with path.open("rb") as body:
        answer = client.post("/api/v1/runs", data=body, content_type="application/json")
    stored_s = time.monotonic() - started
    base = f"/api/v1/runs/{answer.get_json()['id']}"
    blobs = sum(file.stat().st_size for file in config.blobs.rglob("*") if file.is_file())
    print(
        f"\n{count:,} calls: bundle {path.stat().st_size / 2**20:.0f} MiB, stored in {stored_s:.1f} s, "
        f"blobs {blobs / 2**20:.0f} MiB (the bundle itself not packed), "
        f"memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:.0f} MiB"
    )
    gc.freeze()
    p99 = _windows(client, base, duration)
    _aggregates(client, base, duration)
    app.extensions["tracebin"].close()
    return p99


def _windows(client: FlaskClient, base: str, duration: int) -> Tuple[float, float]:
    print(f"{'window':>10} {'p50 ms':>8} {'p99 ms':>8} {'CPU p50':>8} {'CPU p99':>8} {'kB':>6}")
    everything: List[float] = []
    worked: List[float] = []
    for share in SHARES:
        wall, cpu, sizes = [], [], []
        for start, end in _places(duration, share):
            took = _asked(client, f"{base}/timeline?start={start}&end={end}&width={WIDTH}")
            wall.append(took[0])
            cpu.append(took[1])
            sizes.append(len(took[2].data) / 1000)
        print(
            f"{share:10g} {median(wall):8.1f} {_percentile(wall, 99):8.1f} {median(cpu):8.1f} "
            f"{_percentile(cpu, 99):8.1f} {max(sizes):6.0f}"
        )
        everything += wall
        worked += cpu
    print(
        f"{'all':>10} {median(everything):8.1f} {_percentile(everything, 99):8.1f} "
        f"{median(worked):8.1f} {_percentile(worked, 99):8.1f}"
    )
    return _percentile(everything, 99), _percentile(worked, 99)


def _places(duration: int, share: float) -> Iterator[Tuple[int, int]]:
    chance = random.Random(7)
    length = max(1, int(duration * share))
    for _ in range(PLACES):
        start = chance.randint(0, duration - length)
        yield start, start + length


def _aggregates(client: FlaskClient, base: str, duration: int) -> None:
    third = f"start={duration // 3}&end={duration * 2 // 3}"
    questions = {
        "events, states": "/events?width=1500",
        "totals, whole run": "/totals",
        "totals, a third": f"/totals?{third}",
        "sandwich, whole run": "/sandwich?function=7",
        "sandwich, a third": f"/sandwich?function=7&{third}",
        "left-heavy, whole run": "/left-heavy?width=1500",
        "left-heavy, a third": f"/left-heavy?width=1500&{third}",
        "calls of 20 functions": f"/calls/of?function={','.join(map(str, range(20)))}&width=1500",
        "find": "/find?function=7&after=1000",
        "one call": "/calls/0",
    }
    for name, path in questions.items():
        taken = [_asked(client, base + path) for _ in range(5)]
        wall, cpu = (median(one[column] for one in taken) for column in (0, 1))
        print(f"{name:>24}: {wall:7.1f} ms, CPU {cpu:7.1f} ms")


def _asked(client: FlaskClient, path: str) -> Tuple[float, float, Any]:
    started, cpu = time.perf_counter(), time.thread_time()
    answer = client.get(path, headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    took = (time.perf_counter() - started) * 1000, (time.thread_time() - cpu) * 1000
    if answer.status_code != 200:
        raise SystemExit(f"{path}: {answer.get_data(as_text=True)}")
    return took[0], took[1], answer


def _percentile(values: List[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


# --- calls that were never made -------------------------------------------------------


def write(out: Any, count: int) -> int:
    """Write a bundle of ``count`` calls; give its duration."""
    calls = _Calls(count)
    run = _run(calls.now)
    writer = BundleWriter(out, run)
    writer.add("processes", r.Process(1, None, run.command, 0, calls.now, r.Exit(0)))
    writer.add("threads", r.Thread(0, 1, "MainThread"))
    writer.add("files", r.SourceFile("/made/up.py", "program", "up"))
    for number in range(FUNCTIONS):
        writer.add("functions", r.Function(0, f"f{number}", f"f{number}", number + 1))
    for gc_chunk in _collections(calls.now):
        writer.add("gc", gc_chunk)
    for chunk in calls.chunks():
        writer.add("calls", chunk)
    writer.close()
    return calls.now


def _run(duration: int) -> r.Run:
    return r.Run(
        command=["up.py"],
        target="script",
        cwd="/",
        started="2026-01-01T00:00:00Z",
        duration_ns=duration,
        exit=r.Exit(0),
        host=r.Host("", "", ""),
        pypy=r.PyPy("", "", ""),
        options=r.Options(),
        output={},
        recorder="",
    )


def _collections(duration: int) -> Iterator[r.GcChunk]:
    """A minor collection each millisecond."""
    many = duration // MILLION
    for first in range(0, many, r.CHUNK_ROWS):
        rows = min(r.CHUNK_ROWS, many - first)
        nothing = [-1] * rows
        starts = [MILLION] * rows
        yield r.GcChunk(0, first * MILLION, [0] * rows, starts, [90_000] * rows, nothing, nothing)


class _Calls:
    """Walk up and down a stack until there are ``count`` calls."""

    def __init__(self, count: int) -> None:
        self._start, self._duration = array("q"), array("q")
        self._depth, self._function = array("i"), array("i")
        self._stack: List[int] = []
        self._chance = random.Random(1)
        self.now = 0
        self._call(0)
        steps: Dict[int, Callable[[], None]] = {0: self._work, 1: self._burst, 2: self._recursion}
        while len(self._start) < count:
            steps[self._chance.choices((0, 1, 2), (100, 20, 1))[0]]()
        while self._stack:
            self._return()

    def _call(self, function: int) -> None:
        self.now += int(self._chance.expovariate(1 / 400)) + 20
        self._stack.append(len(self._start))
        self._start.append(self.now)
        self._duration.append(0)
        self._depth.append(len(self._stack) - 1)
        self._function.append(function)

    def _return(self) -> None:
        self.now += int(self._chance.expovariate(1 / 400)) + 20
        call = self._stack.pop()
        self._duration[call] = self.now - self._start[call]

    def _work(self) -> None:
        """A few thousand calls about some depth, mostly by the same paths."""
        middle, phase = self._chance.randint(5, 60), self._chance.randint(0, 3)
        for _ in range(self._chance.randint(500, 4000)):
            depth = len(self._stack)
            if depth < 2 or self._chance.random() < 0.5 + 0.02 * (middle - depth):
                other = self._chance.random() < 0.02
                self._call((depth * 5 + phase * 90 + other) % FUNCTIONS)
            else:
                self._return()

    def _burst(self) -> None:
        """The same small function, many times."""
        function = self._chance.randrange(FUNCTIONS)
        for _ in range(self._chance.randint(100, 5000)):
            self._call(function)
            self._return()

    def _recursion(self) -> None:
        function = self._chance.randrange(FUNCTIONS)
        many = self._chance.randint(50, 200)
        for _ in range(many):
            self._call(function)
        for _ in range(many):
            self._return()

    def chunks(self) -> Iterator[r.CallChunk]:
        """Give the calls as a bundle has them."""
        before = 0
        for first in range(0, len(self._start), r.CHUNK_ROWS):
            last = first + r.CHUNK_ROWS
            starts = self._start[first:last].tolist()
            deltas = [b - a for a, b in zip([before, *starts], starts)]
            columns = (one[first:last].tolist() for one in (self._duration, self._depth, self._function))
            yield r.CallChunk(0, before, deltas, *columns)
            before = starts[-1]


if __name__ == "__main__":
    main()
