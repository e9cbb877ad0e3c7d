"""Measure how well marks, samples, traces and collections agree about the time.

A program with known times is recorded: in each round it forces a collection between two
marks, and runs a loop of a measured length, compiled anew, between two more.  What is outside
of the marks it must lie between disagrees by that much; how close the first and the last of it come
to the marks, at best, shows that the clocks agree from the inside too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, Iterator, List, Tuple

import machine
from measure import pypy

from tracebin.bundle.compression import open_bundle
from tracebin.bundle.reader import BundleReader
from tracebin.bundle.records import GC_KINDS, Mark, Trace

BAR_NS = 1_000_000
ROUNDS = 20

PROGRAM = """\
import gc, json, os, sys, time
import tracebin

SOURCE = '''
def busy_{0}(until, now):
    n = 0
    while now() < until:
        n += {0}
    return n
'''
if sys.argv[2] == "spread":
    # Samples as they are where the recorder can't have their times: none is kept.
    rows = sys.meta_path[-1].tracebin_marks.pause.__self__.parts[0].stamps.rows
    os.ftruncate(rows, 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), rows)
kept = [[i] for i in range(300_000)]
# Making these set off collections of their own, which shall not be taken for those of the first round.
gc.collect()
time.sleep(0.01)
lengths = []
for number in range(int(sys.argv[1])):
    tracebin.mark("collect")
    gc.collect()
    tracebin.mark("collected")
    scope = {}
    exec(SOURCE.format(number), scope)
    busy = scope["busy_%d" % number]
    before = time.perf_counter_ns()
    with tracebin.span("busy"):
        started = time.perf_counter_ns()
        busy(started + 60_000_000, time.perf_counter_ns)
        ended = time.perf_counter_ns()
    lengths.append([ended - started, time.perf_counter_ns() - before])
print(json.dumps(lengths))
"""


@dataclass
class Found:
    """What a bundle says, in the order of its lists."""

    marks: List[Mark] = field(default_factory=list)
    collections: List[Tuple[int, int]] = field(default_factory=list)
    traces: Dict[str, List[Tuple[int, int]]] = field(default_factory=dict)
    samples: Dict[str, List[Tuple[int, int]]] = field(default_factory=dict)
    problems: List[str] = field(default_factory=list)

    def spans(self) -> List[Mark]:
        """Give the spans of the busy loops."""
        return [mark for mark in self.marks if mark.name == "busy"]


@dataclass
class Row:
    """How far one kind of event lies outside of its marks, and how close inside it comes to them."""

    outside: List[int] = field(default_factory=list)
    inside: List[int] = field(default_factory=list)

    def add(self, events: List[Tuple[int, int]], first: int, last: int) -> None:
        """Hold what happened in one round against its two marks."""
        if events:
            after, before = min(events)[0] - first, last - max(end for _, end in events)
            self.outside.append(max(-after, -before, 0))
            self.inside.append(max(after, 0))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--python", default="", help="the PyPy to measure")
    options.add_argument("--spread", action="store_true", help="do without the times of samples")
    asked = options.parse_args()
    python = asked.python or pypy()
    machine.describe(python, f"{ROUNDS} rounds{', times of samples left out' if asked.spread else ''}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        lengths = _record(python, Path(name), "spread" if asked.spread else "stamped")
        found = _read(Path(name) / "bundle.json.gz")
    print(f"{'microseconds':12} outside, worst inside, median inside, best rounds")
    worst = max(_print_row(*item) for item in _rows(found).items())
    worst = max(worst, _print_spans(found, lengths))
    verdict = "met" if worst <= BAR_NS else "missed"
    print(f"the worst disagreement is {worst / 1e3:.1f} us; the bar of 1 ms is {verdict}")
    if "no-stamps" in found.problems:
        print("the samples of this PyPy came without times and were spread: one interval more is theirs")


def _record(python: str, folder: Path, how: str) -> List[Tuple[int, int]]:
    script = folder / "program.py"
    script.write_text(PROGRAM)
    out = str(folder / "bundle.json.gz")
    command = [sys.executable, "-m", "tracebin", "run", "--quiet", "--python", python, "-o", out]
    if how == "spread":
        # Without times of samples their timer is never slowed, nor is it where an interval is asked for.
        command += ["--interval", "0.001"]
    done = subprocess.run(
        [*command, str(script), str(ROUNDS), how], stdout=subprocess.PIPE, check=True, env={**os.environ}
    )
    return [(inner, outer) for inner, outer in json.loads(done.stdout)]


def _read(path: Path) -> Found:
    found = Found()
    names: List[str] = []
    within: List[str] = []
    steps: Dict[str, Callable[[Any], None]] = {
        "functions": lambda function: names.append(function.name),
        "traces": lambda trace: _trace(trace, names, found),
        "gc": lambda chunk: found.collections.extend(_majors(chunk)),
        "stacks": lambda chunk: _stacks(chunk, names, within),
        "samples": lambda chunk: _samples(chunk, within, found),
        "marks": found.marks.append,
        "problems": lambda problem: found.problems.append(problem.kind),
    }
    with open_bundle(path) as stream:
        for key, _, record, _ in BundleReader(stream):
            if key in steps:
                steps[key](record)
    return found


def _trace(trace: Trace, names: List[str], found: Found) -> None:
    if trace.function is not None and trace.parent is None:
        found.traces.setdefault(names[trace.function], []).append((trace.start_ns, trace.end_ns))


def _stacks(chunk: Any, names: List[str], within: List[str]) -> None:
    """Note for each row which busy function is on it, if any."""
    for parent, function in zip(chunk.parent, chunk.function):
        name = names[function] if function >= 0 else ""
        within.append(name if name.startswith("busy_") or parent < 0 else within[parent])


def _samples(chunk: Any, within: List[str], found: Found) -> None:
    at = chunk.first_ns
    for delta, row in zip(chunk.time, chunk.stack):
        at += delta
        found.samples.setdefault(within[row], []).append((at, at))


def _majors(chunk: Any) -> Iterator[Tuple[int, int]]:
    at = chunk.first_ns
    for kind, delta, duration in zip(chunk.kind, chunk.start, chunk.duration):
        at += delta
        if kind != GC_KINDS.index("minor"):
            yield at, at + duration


def _rows(found: Found) -> Dict[str, Row]:
    rows = {name: Row() for name in ("collections", "traces", "samples")}
    starts = [mark.start_ns for mark in found.marks if mark.name == "collect"]
    ends = [mark.start_ns for mark in found.marks if mark.name == "collected"]
    for number, (start, end, span) in enumerate(zip(starts, ends, found.spans())):
        # Those that touch the marks; the bar's length before them counts as touching.
        forced = [(first, last) for first, last in found.collections if last > start - BAR_NS and first < end]
        rows["collections"].add(forced, start, end)
        last = span.start_ns + (span.duration_ns or 0)
        rows["traces"].add(found.traces.get(f"busy_{number}", []), span.start_ns, last)
        rows["samples"].add(found.samples.get(f"busy_{number}", []), span.start_ns, last)
    return rows


def _print_row(name: str, row: Row) -> int:
    if not row.outside:
        raise SystemExit(f"the recording has no {name} where there must be some")
    figures = zip((max(row.outside), median(row.inside), min(row.inside)), (14, 14, 12))
    text = " ".join(f"{ns / 1e3:{width}.1f}" for ns, width in figures)
    print(f"{name:12} {text} {len(row.outside):6}")
    return max(row.outside)


def _print_spans(found: Found, lengths: List[Tuple[int, int]]) -> int:
    """Hold the spans' lengths against the program's own measure, from inside and from outside."""
    pairs = zip((span.duration_ns or 0 for span in found.spans()), lengths)
    worst = max(max(inner - length, length - outer, 0) for length, (inner, outer) in pairs)
    print(f"{'span lengths':12} {worst / 1e3:14.1f}")
    return worst


if __name__ == "__main__":
    main()
