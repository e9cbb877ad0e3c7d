"""What the log says of collections and tracing goes before what the sampler says, as in the overview."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracebin.analysis.intervals import Intervals
from tracebin.analysis.tally import Tally
from tracebin.bundle import records as r
from tracebin.server import pyramid, timeline_ingest
from tracebin.server.lanes import Window, calls_of
from tracebin.server.parts import Parts
from tracebin.server.store import Timeline
from tracebin.server.timeline import calls, states
from tracebin.server.timeline_sums import totals

Written = Callable[[list[tuple[str, Any]]], Parts]
MS = 1_000_000
END = 60 * MS
INTERPRETED, JITTED = r.STATES.index("interpreted"), r.STATES.index("jitted")
# main, what it calls interpreted and jitted, and a third below.
TREE = r.StackChunk([-1, 0, 0, 2], [0, 1, 1, 2], [0, 0, 1, 1], [-1, -1, -1, -1])
SPANS = st.lists(
    st.tuples(st.integers(0, 58 * MS), st.sampled_from([0, 1, 7_000, MS // 3, 9 * MS])).map(
        lambda p: (p[0], p[0] + p[1])
    ),
    max_size=40,
)
ROWS = st.lists(st.integers(0, 3), min_size=1, max_size=50)
# Per mille: each of seven states is rounded down, and what is missing goes to the greatest.
ROUNDED = 7
EXAMPLES = settings(deadline=None, max_examples=40)


@pytest.fixture(autouse=True, scope="module")
def small_leaves() -> Iterator[None]:
    """A few collections make several leaves, nodes and levels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline_ingest, "LEAF_ROWS", 8)
        for name, value in {"LEAF_ROWS": 8, "NODE_ROWS": 3, "GROUP_ROWS": 8, "PART_ROWS": 2}.items():
            patch.setattr(pyramid, name, value)
        yield


def elements(rows: list[int], gc: list[Any], aborts: list[Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [
        ("run", r.Run(["p"], "script", "/", "2026-11-22T18:00:00.000000Z", END, r.Exit(0), *HOST)),
        ("processes", r.Process(1, None, ["p"], 0, END, r.Exit(0))),
        ("threads", r.Thread(0, 1, "MainThread")),
        ("files", r.SourceFile("/p.py", "program")),
        *(("functions", r.Function(0, name, name, 1)) for name in "abc"),
        *(("aborts", r.Abort(0, start, end, *WHY)) for start, end in aborts),
        *(("gc", r.GcChunk(0, start, [0], [0], [end - start], [-1], [-1])) for start, end in gc),
        ("stacks", TREE),
        ("samples", r.SampleChunk(0, MS, [MS] * len(rows), rows, [-1] * len(rows))),
    ]
    return found


WHY = ("ABORT_TOO_LONG", "pypyjit", 0, None, None, None, 1, [], None, [])
HOST = (
    r.Host("Linux", "6.1", "x86_64", 2),
    r.PyPy("7.3.11", "3.9.16", "/usr/bin/pypy3", {}),
    r.Options({}, {}, {}),
    {},
    "0.1.0",
)


def told(written: Written, rows: list[int], gc: list[Any], aborts: list[Any]) -> tuple[Timeline, Any]:
    tally, records = Tally(), elements(rows, gc, aborts)
    for key, record in records:
        tally.add(key, record)
    return Timeline(written(records), END), tally.result()


@EXAMPLES
@given(ROWS, SPANS, SPANS)
def test_sums_are_those_of_the_overview(
    written: Written, rows: list[int], gc: list[Any], aborts: list[Any]
) -> None:
    timeline, findings = told(written, rows, gc, aborts)
    found = totals(timeline, 0, None, Window(0, END)).functions
    for at, number in enumerate(found.function):
        row = findings.functions[number]
        assert found.self_ns[at] == row.self_ns
        for name in ("interpreted", "jitted"):
            part = getattr(row, f"{name}_ns") * 1000 / max(1, row.self_ns)
            assert getattr(found, name)[at] == pytest.approx(part, abs=1.5)


@EXAMPLES
@given(ROWS, SPANS, SPANS, st.integers(1, 64))
def test_the_ribbon_counts_overlapping_times_once(
    written: Written, rows: list[int], gc: list[Any], aborts: list[Any], width: int
) -> None:
    timeline, _ = told(written, rows, gc, aborts)
    answer = states(timeline, 0, Window(0, END, width))
    shares = dict(zip(answer.states, answer.shares))
    collecting = Intervals(sorted(gc))
    busy = Intervals(sorted([*gc, *aborts]))
    edges = list(accumulate([answer.resolution_ns] * len(answer.samples), initial=answer.start_ns))
    for number, (start, end) in enumerate(zip(edges, edges[1:])):
        in_gc = collecting.covered(start, end) * 1000 / (end - start)
        in_either = busy.covered(start, end) * 1000 / (end - start)
        assert shares["gc"][number] == pytest.approx(in_gc, abs=ROUNDED)
        assert shares["tracing"][number] == pytest.approx(in_either - in_gc, abs=ROUNDED)


@EXAMPLES
@given(ROWS, SPANS, SPANS, st.integers(1, 200))
def test_the_ribbon_is_the_bar_of_the_overview_at_every_zoom(
    written: Written, rows: list[int], gc: list[Any], aborts: list[Any], width: int
) -> None:
    timeline, findings = told(written, rows, gc, aborts)
    answer = states(timeline, 0, Window(0, END, width))
    shares = dict(zip(answer.states, answer.shares))
    for share in findings.time.shares:
        # The last bucket ends behind the run, where there may be collections and tracing, but no sample.
        if share.state in ("interpreted", "jitted", "blackhole", "native"):
            found = sum(shares[share.state]) * answer.resolution_ns / END
            assert found == pytest.approx(share.share * 1000, abs=2 * ROUNDED)


@EXAMPLES
@given(ROWS, st.integers(1, 200))
def test_every_sample_is_in_one_bucket(written: Written, rows: list[int], width: int) -> None:
    timeline, _ = told(written, rows, [], [])
    assert sum(states(timeline, 0, Window(0, END, width)).samples) == len(rows)


@pytest.mark.parametrize("width", [1, 16, 1000])
def test_sampled_time_beside_a_collection_is_no_unknown_time(written: Written, width: int) -> None:
    # Of the millisecond that the sample at 10 ms stands for, the collection takes a tenth.
    timeline, _ = told(written, [2] * 20, [(10 * MS - MS // 10, 10 * MS + MS // 10)], [])
    answer = states(timeline, 0, Window(8 * MS, 12 * MS, width))
    sums = dict(zip(answer.states, (sum(shares) for shares in answer.shares)))
    ns = {state: share * answer.resolution_ns / 1000 for state, share in sums.items()}
    assert ns["unknown"] == 0
    assert ns["gc"] == pytest.approx(MS // 5, rel=0.05)


def test_a_stretch_has_the_state_of_most_of_its_time(written: Written) -> None:
    # Samples at 2 to 11 ms in b, jitted; from 3 to 9 ms it traced, from 6 to 7 ms it collected.
    timeline, _ = told(written, [2] * 10, [(6 * MS, 7 * MS)], [(3 * MS, 9 * MS)])
    rows = calls(timeline, 0, None, Window(0, END), (0, 9)).rows
    assert [r.STATES[state] for state in rows.state] == ["interpreted", "tracing"]
    found = totals(timeline, 0, None, Window(0, END)).functions
    inner = found.function.index(1)
    assert (found.interpreted[inner], found.jitted[inner]) == (0, 400)
    assert calls_of(timeline.parts, 0, None).leaf(0)["jitted"].tolist() == [0, 4000]
