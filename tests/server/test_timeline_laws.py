"""Whatever the calls, the window and the size of leaves: what is read is what a plain loop would give."""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracebin.analysis.stretches import STRETCH_COLUMNS, StackTree, StretchMaker
from tracebin.bundle.records import CallChunk, Function, Pause, Process, SampleChunk, StackChunk, Thread
from tracebin.server import call_lane, lanes, pyramid, sample_lane
from tracebin.server.lanes import Window, calls_of
from tracebin.server.one_call import Walker
from tracebin.server.parts import Parts, PartsWriter, read_index
from tracebin.server.store import Timeline
from tracebin.server.timeline import calls_of_functions
from tracebin.server.timeline_ingest import TimelineWriter
from tracebin.server.timeline_sums import merged_by_path, sandwich, totals

FUNCTIONS = 4


@pytest.fixture(autouse=True, scope="module")
def small_leaves() -> Iterator[None]:
    """A few calls make several leaves, nodes and levels."""
    sizes = {
        call_lane: {"LEAF_ROWS": 8, "_LEAST_ROWS": 4, "PART_ROWS": 2, "SUMS_FAN": 2},
        pyramid: {"LEAF_ROWS": 8, "NODE_ROWS": 3, "GROUP_ROWS": 8, "PART_ROWS": 2},
        sample_lane: {"LEAF_ROWS": 4, "SAMPLES_AT_ONCE": 2},
    }
    with pytest.MonkeyPatch.context() as patch:
        for module, values in sizes.items():
            for name, value in values.items():
                patch.setattr(module, name, value)
        yield


class MemoryPart:
    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def size(self) -> int:
        return len(self.data)

    def write(self, data: bytes) -> None:
        self.data += data

    def reopen(self) -> io.BytesIO:
        return io.BytesIO(bytes(self.data))


@dataclass(frozen=True)
class Call:
    start: int
    duration: int
    depth: int
    function: int

    @property
    def end(self) -> int:
        return self.start + self.duration


STEPS = st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, FUNCTIONS - 1))


@st.composite
def call_lists(draw: Any) -> list[Call]:
    """Walk up and down a stack; time stands still now and then."""
    steps = draw(st.lists(STEPS, min_size=1, max_size=80))
    now, stack, found = draw(st.integers(-20, 20)), [], []

    def back() -> None:
        start, at, function = stack.pop()
        found[at] = Call(start, now - start, len(stack), function)

    for goes_down, passes, function in steps:
        now += passes
        if goes_down or not stack:
            stack.append((now, len(found), function))
            found.append(None)
        else:
            back()
    while stack:
        now += 1
        back()
    return found


def stored(calls: list[Call], chunk_rows: int) -> Timeline:
    part = MemoryPart()
    writer = TimelineWriter(PartsWriter(part))  # type: ignore[arg-type]
    writer.add("processes", Process(1, None, [], 0, None, None))
    writer.add("threads", Thread(0, 1))
    for number in range(FUNCTIONS):
        writer.add("functions", Function(0, str(number), str(number), 1))
    for first in range(0, len(calls), chunk_rows):
        piece = calls[first : first + chunk_rows]
        starts = [call.start for call in piece]
        deltas = [b - a for a, b in zip([piece[0].start - 1, *starts], starts)]
        columns = ([getattr(call, name) for call in piece] for name in ("duration", "depth", "function"))
        writer.add("calls", CallChunk(0, piece[0].start - 1, deltas, *columns))
    writer.finish()
    writer.close()
    file = part.reopen()
    return Timeline(Parts(file, read_index(file)), max(call.end for call in calls))


def merged(calls: list[tuple[int, int, Call]], resolution: int) -> list[tuple[int, ...]]:
    """Rows (key, start, end, call, count, busy) of numbered calls with a key."""
    groups: dict[Any, list[tuple[int, int, Call]]] = defaultdict(list)
    for key, number, call in calls:
        short = call.duration < resolution
        groups[key, call.start // resolution if short else f"call {number}"].append((key, number, call))
    rows = []
    for (key, _), members in groups.items():
        longest = max(members, key=lambda one: (one[2].duration, -one[1]))
        start, end = min(one[2].start for one in members), max(one[2].end for one in members)
        rows.append((key, start, end, longest[1], len(members), sum(one[2].duration for one in members)))
    return sorted(rows)


def touching(rows: list[tuple[int, ...]], start: int, end: int) -> list[tuple[int, ...]]:
    return [row for row in rows if (row[2] > start or row[1] >= start) and row[1] < end]


def as_tuples(rows: Any) -> list[tuple[int, ...]]:
    columns = (rows.key, rows.start, rows.end, rows.call, rows.count, rows.busy)
    return sorted(zip(*(column.tolist() for column in columns)))


def parents(calls: list[Call]) -> list[int]:
    found, stack = [], []
    for number, call in enumerate(calls):
        del stack[call.depth :]
        found.append(stack[-1] if stack else -1)
        stack.append(number)
    return found


def is_outermost(calls: list[Call]) -> list[bool]:
    above, found = parents(calls), []
    for number, call in enumerate(calls):
        at = above[number]
        while at >= 0 and calls[at].function != call.function:
            at = above[at]
        found.append(at < 0)
    return found


WINDOWS = st.tuples(st.integers(-30, 150), st.integers(1, 200), st.integers(1, 40))
EXAMPLES = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@EXAMPLES
@given(call_lists(), st.integers(1, 12), WINDOWS)
def test_a_window_has_the_rows_a_loop_would_give(calls: list[Call], chunk: int, place: Any) -> None:
    start, length, width = place
    seen = calls_of(stored(calls, chunk).parts, 0, None).by_depth.see(Window(start, start + length, width))
    numbered = [(call.depth, number, call) for number, call in enumerate(calls)]
    expected = touching(merged(numbered, seen.resolution), seen.start_ns, seen.end_ns)
    assert as_tuples(seen.rows) == expected
    assert seen.rows.more["function"].tolist() == [calls[call].function for call in seen.rows.call.tolist()]
    assert seen.start_ns <= start < start + length <= seen.end_ns
    # A bucket has two rows at most: what was merged, and one that lasts longer.
    for depth in set(seen.rows.key.tolist()):
        buckets = (seen.rows.start[seen.rows.key == depth] // seen.resolution).tolist()
        assert all(buckets.count(bucket) <= 2 for bucket in buckets)


@EXAMPLES
@given(call_lists(), st.integers(1, 12), st.integers(1, 40))
def test_no_call_is_lost(calls: list[Call], chunk: int, width: int) -> None:
    seen = calls_of(stored(calls, chunk).parts, 0, None).by_depth.see(Window(-50, 1000, width))
    assert int(seen.rows.count.sum()) == len(calls)
    assert int(seen.rows.busy.sum()) == sum(call.duration for call in calls)
    assert bool((seen.rows.busy <= seen.rows.end - seen.rows.start).all())


@EXAMPLES
@given(call_lists(), st.integers(1, 12), WINDOWS, st.integers(0, 12))
def test_too_many_rows_make_it_coarser_and_no_less_true(
    calls: list[Call], chunk: int, place: Any, most: int
) -> None:
    start, length, width = place
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "MOST_ROWS", most + 20)
        patch.setattr(lanes, "MOST_READ", most)
        seen = calls_of(stored(calls, chunk).parts, 0, None).by_depth.see(
            Window(start, start + length, width)
        )
    numbered = [(call.depth, number, call) for number, call in enumerate(calls)]
    assert as_tuples(seen.rows) == touching(merged(numbered, seen.resolution), seen.start_ns, seen.end_ns)


@EXAMPLES
@given(call_lists(), st.integers(1, 12), WINDOWS)
def test_the_calls_of_functions(calls: list[Call], chunk: int, place: Any) -> None:
    start, length, width = place
    answer = calls_of_functions(stored(calls, chunk), 0, None, Window(start, start + length, width), [0, 2])
    outermost = is_outermost(calls)
    numbered = [
        (call.function, number, call if outermost[number] else Call(call.start, 0, 0, 0))
        for number, call in enumerate(calls)
        if call.function in (0, 2)
    ]
    expected = touching(merged(numbered, answer.resolution_ns), answer.start_ns, answer.end_ns)
    rows, found, before = answer.rows, [], {}
    for number, function in enumerate(rows.function):
        at = before[function] = before.get(function, answer.start_ns) + rows.start[number]
        end = at + rows.duration[number]
        found.append((function, at, end, rows.call[number], rows.count[number], rows.busy[number]))
    assert found == flattened(expected)


def flattened(rows: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Count what lies in another row of its function there, so that none overlap."""
    found: list[tuple[int, ...]] = []
    for function, start, end, call, count, busy in sorted(rows, key=lambda row: (row[0], row[1], -row[2])):
        last = found[-1] if found and found[-1][0] == function else None
        if last and start < last[2] and end <= last[2]:
            found[-1] = (*last[:4], last[4] + count, last[5])
        else:
            found.append((function, max(start, last[2]) if last else start, end, call, count, busy))
    return found


def clipped(call: Call, start: int, end: int) -> int:
    return max(0, min(call.end, end) - max(call.start, start))


@EXAMPLES
@given(call_lists(), st.integers(1, 12), WINDOWS)
def test_sums_of_any_stretch(calls: list[Call], chunk: int, place: Any) -> None:
    start, end = place[0], place[0] + place[1]
    timeline, above, outermost = stored(calls, chunk), parents(calls), is_outermost(calls)
    total, own = defaultdict(int), defaultdict(int)
    for number, call in enumerate(calls):
        inside = clipped(call, start, end)
        own[call.function] += inside
        if outermost[number]:
            total[call.function] += inside
        if above[number] >= 0:
            own[calls[above[number]].function] -= inside
    answer = totals(timeline, 0, None, Window(start, end)).functions
    assert {f: ns for f, ns in zip(answer.function, answer.total_ns) if ns} == {
        f: n for f, n in total.items() if n
    }
    assert {f: ns for f, ns in zip(answer.function, answer.self_ns) if ns} == {
        f: n for f, n in own.items() if n
    }
    # Calls at the very nanosecond where a leaf ends may be counted on either side of it.
    begun = [call for call in calls if start <= call.start <= end]
    assert sum(answer.calls) <= len(begun)
    assert sum(answer.calls) >= sum(call.start not in (start, end) for call in begun)
    whole = merged_by_path(timeline, 0, None, Window(start, end))
    roots = [ns for depth, ns in zip(whole.rows.depth, whole.rows.busy) if depth == 0]
    assert whole.end_ns == sum(roots) == sum(clipped(call, start, end) for call in calls if not call.depth)
    middle = sandwich(timeline, 0, None, Window(start, end), 0) if answer.function else None
    if middle is not None:
        assert middle.total_ns == total[0]
        assert middle.callers.total_ns[0] == middle.callees.total_ns[0] == total[0]


@EXAMPLES
@given(call_lists(), st.integers(1, 12))
def test_the_largest_call_of_each_function(calls: list[Call], chunk: int) -> None:
    answer = totals(stored(calls, chunk), 0, None, Window(-100, 5000)).functions
    for function, count, ns, call in zip(
        answer.function, answer.calls, answer.largest_ns, answer.largest_call
    ):
        mine = [(one.duration, -number) for number, one in enumerate(calls) if one.function == function]
        assert (count, ns, -call) == (len(mine), *max(mine))


@EXAMPLES
@given(call_lists(), st.integers(1, 12))
def test_every_call_knows_its_neighbours(calls: list[Call], chunk: int) -> None:
    walker = Walker(calls_of(stored(calls, chunk).parts, 0, None))
    above = parents(calls)
    for number, call in enumerate(calls):
        one = walker.one(number)
        children = [at for at, parent in enumerate(above) if parent == number]
        siblings = [at for at, parent in enumerate(above) if parent == above[number]]
        here = siblings.index(number)
        assert (one.start_ns, one.duration_ns, one.depth) == (call.start, call.duration, call.depth)
        assert one.parent == (above[number] if above[number] >= 0 else None)
        assert one.children == len(children)
        assert one.first_child == (children[0] if children else None)
        assert one.self_ns == call.duration - sum(calls[child].duration for child in children)
        assert one.previous == (siblings[here - 1] if here else None)
        assert one.next == (siblings[here + 1] if here + 1 < len(siblings) else None)
        outer = walker.path(above[number]) if above[number] >= 0 else []
        assert walker.path(number) == [*outer, call.function]


@EXAMPLES
@given(call_lists(), st.integers(1, 12), st.integers(-1, 60), st.integers(-30, 200))
def test_finding(calls: list[Call], chunk: int, number: int, time: int) -> None:
    walker = Walker(calls_of(stored(calls, chunk).parts, 0, None))
    mine = [at for at, call in enumerate(calls) if call.function in (1, 3)]
    assert walker.after([1, 3], number) == next((at for at in mine if at > number), None)
    assert walker.before([1, 3], number) == next((at for at in reversed(mine) if at < number), None)
    assert walker.after_ns([1, 3], time) == next((at for at in mine if calls[at].start >= time), None)


# Rows of stacks as (parent, function, state): two paths that part, and one frame in two states.
TREE = StackChunk([-1, 0, 1, 0, -1, 4], [0, 1, 2, 3, 0, 1], [0, 0, 0, 0, 1, 1], [-1] * 6)
SAMPLES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=40)


@EXAMPLES
@given(SAMPLES, st.integers(1, 9), st.integers(-5, 60))
def test_stretches_go_through_a_file_unharmed(samples: list[tuple[int, int]], rows: int, pause: int) -> None:
    times = np.cumsum([apart for apart, _ in samples]).tolist()
    part = MemoryPart()
    writer = TimelineWriter(PartsWriter(part))  # type: ignore[arg-type]
    writer.add("processes", Process(1, None, [], 0, None, None, paused=[Pause(pause - 1, pause)]))
    writer.add("threads", Thread(0, 1))
    for number in range(FUNCTIONS):
        writer.add("functions", Function(0, str(number), str(number), 1))
    writer.add("stacks", TREE)
    for first in range(0, len(samples), rows):
        piece = samples[first : first + rows]
        before = times[first] - piece[0][0]
        columns = ([apart for apart, _ in piece], [row for _, row in piece], [-1] * len(piece))
        writer.add("samples", SampleChunk(0, before, *columns))
    writer.finish()
    writer.close()
    file = part.reopen()
    parts = Parts(file, read_index(file))
    found = calls_of(parts, 0, "sampled")
    tree = StackTree()
    tree.add(TREE)
    maker = StretchMaker(tree, parts.index.lanes["states", 0]["interval_ns"])
    for time, (_, row) in zip(times, samples):
        if waits_for_pause(maker, pause, time):
            maker.pause(pause)
        maker.add([time], [row])
    maker.end()
    stretches = maker.take()
    leaves = [found.leaf(number) for number in range(len(found.leaves["rows"]))]
    for name in STRETCH_COLUMNS:
        assert [value for leaf in leaves for value in leaf[name].tolist()] == stretches[name].tolist()


def waits_for_pause(maker: StretchMaker, pause: int, time: int) -> bool:
    """Say whether the pause is over at this sample, for the first time."""
    return maker._paused_until_ns is None and pause <= time


def test_a_hundred_thousand_deep() -> None:
    # 2.5 times down and at once up again.
    deep = 100_000
    with pytest.MonkeyPatch.context() as patch:
        for module, values in {
            call_lane: {"LEAF_ROWS": 65_536, "_LEAST_ROWS": 32_768, "PART_ROWS": 4_096},
            pyramid: {"LEAF_ROWS": 65_536, "NODE_ROWS": 16_384, "GROUP_ROWS": 65_536, "PART_ROWS": 4_096},
        }.items():
            for name, value in values.items():
                patch.setattr(module, name, value)
        calls = [
            Call(turn * 4 * deep + depth, 4 * deep - 2 * depth - 2, depth, depth % 3)
            for turn in range(2)
            for depth in range(deep)
        ]
        timeline = stored(calls, 65_536)
        found = calls_of(timeline.parts, 0, None)
        seen = found.by_depth.see(Window(0, 8 * deep, 1000), (0, 255))
        assert set(seen.rows.key.tolist()) == set(range(256))
        assert int(seen.rows.count.sum()) == 512
        seen = found.by_depth.see(Window(2 * deep - 20, 2 * deep, 10), (deep - 10, deep - 1))
        assert np.unique(seen.rows.key).tolist() == list(range(deep - 10, deep))
        assert Walker(found).one(deep - 1).parent == deep - 2
        assert totals(timeline, 0, None, Window(0, 8 * deep)).functions.calls == [66_668, 66_666, 66_666]
