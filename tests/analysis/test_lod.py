"""Merging: in any steps the same, nothing lost; and what is made of rows for a picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracebin.analysis.contexts import Contexts
from tracebin.analysis.lod import (
    COARSEST,
    MAIN,
    by_key,
    deltas,
    empty,
    flattened,
    floor_power,
    greatest,
    in_order,
    joined,
    merge,
    merge_whole,
    shrink,
    single,
    spread,
    widened,
)

CALLS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-500, 500), st.integers(0, 200), st.integers(-1, 9)), max_size=40
)


def rows_of(calls):
    if not calls:
        return empty(("memory",))
    key, start, duration, memory = (np.array(column, np.int64) for column in zip(*calls))
    return single(key, start, duration, np.arange(len(calls)), {"memory": memory})


def same(one, other):
    names = [*MAIN, "memory"]
    columns = [[getattr(rows, name, rows.more.get(name)).tolist() for name in names] for rows in (one, other)]
    return columns[0] == columns[1]


@given(CALLS, st.integers(0, 6), st.integers(0, 6))
def test_merging_in_steps_is_merging_at_once(calls, one, more):
    rows = rows_of(calls)
    assert same(merge(merge(rows, 1 << one), 1 << one + more), merge(rows, 1 << one + more))


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 60)), min_size=1, max_size=40),
    st.lists(st.integers(0, 8), max_size=4).map(sorted),
)
def test_merging_stretches_keeps_the_time_of_every_bucket(stretches, powers):
    apart, length = (np.array(column, np.int64) for column in zip(*stretches))
    start = np.cumsum(apart + np.append(0, length[:-1])) - 200
    none = np.zeros(len(start), np.int64)
    rows = single(none, start, length, none, {})
    for power in powers:
        rows = merge_whole(rows, 1 << power)
        assert bool((rows.busy <= rows.end - rows.start).all())
        buckets = (4096 >> power) + 1
        found = spread(rows, rows.busy, -256, 1 << power, buckets)
        moments = np.concatenate([np.arange(at, at + ns) for at, ns in zip(start, length)])
        assert found == pytest.approx(np.bincount((moments + 256) >> power, minlength=buckets))


@given(CALLS, st.integers(0, 9), st.integers(0, 40))
def test_merging_parts_is_merging_the_whole(calls, power, cut):
    resolution = 1 << power
    ordered = sorted(calls, key=lambda call: call[1])
    whole = rows_of(ordered)
    parts = [merge(whole.select(np.arange(len(whole)) < cut), resolution)]
    parts.append(merge(whole.select(np.arange(len(whole)) >= cut), resolution))
    assert same(merge(joined(parts, ("memory",)), resolution), merge(whole, resolution))


@given(CALLS, st.integers(0, 9))
def test_nothing_is_lost(calls, power):
    merged = merge(rows_of(calls), 1 << power)
    assert int(merged.count.sum()) == len(calls)
    assert int(merged.busy.sum()) == sum(duration for _, _, duration, _ in calls)
    assert max(merged.longest, default=0) == max((duration for _, _, duration, _ in calls), default=0)
    assert max(merged.more["memory"], default=0) == max((memory for *_, memory in calls), default=0)


@given(CALLS, st.integers(1, 10))
def test_shrinking_finds_the_finest_that_is_small_enough(calls, most):
    rows = rows_of(calls)
    resolution, fewer = shrink(rows, 1, most)
    assert len(fewer) <= most or resolution >= COARSEST
    if 1 < resolution < COARSEST:
        assert len(merge(rows, resolution // 2)) > most


@given(CALLS, st.integers(0, 6))
def test_spreading_keeps_the_sum(calls, power):
    rows = rows_of([call for call in calls if call[2]])
    start, resolution = -1024, 1 << power
    sums = spread(rows, rows.busy, start, resolution, 2048 // resolution)
    assert sums.sum() == pytest.approx(sum(duration for _, _, duration, _ in calls))


def test_calls_of_a_function_in_itself_are_counted_in_the_outermost():
    # A long call with two in it, one that begins as it ends, two merged of which one is in a third.
    calls = [(0, 0, 100, 7), (0, 10, 0, 7), (0, 50, 0, 7), (0, 100, 0, 7), (0, 200, 30, 7), (0, 229, 8, 7)]
    found = flattened(rows_of(calls))
    assert list(zip(found.start.tolist(), found.end.tolist(), found.count.tolist())) == [
        (0, 100, 3),
        (100, 100, 1),
        (200, 230, 1),
        (230, 237, 1),
    ]
    assert found.call.tolist() == [0, 3, 4, 5]


@given(CALLS)
def test_flattened_rows_never_overlap_and_no_call_is_lost(calls):
    for rows in by_key(in_order(rows_of(calls))).values():
        found = flattened(rows)
        assert (found.start[1:] >= found.end[:-1]).all()
        assert found.count.sum() == rows.count.sum()
        assert found.end.max() == rows.end.max()


def test_spreading_over_buckets():
    rows = single(*(np.array([number]) for number in (0, 15, 20, 0)), {})
    assert spread(rows, np.array([20]), 0, 10, 5).tolist() == [0, 5, 10, 5, 0]
    # Only part of it lies in the window.
    assert spread(rows, np.array([40]), 20, 10, 1).tolist() == [20]


def test_the_greatest_of_each_bucket():
    rows = single(np.zeros(3, np.int64), np.array([0, 5, 30]), np.array([4, 20, 0]), np.arange(3), {})
    assert greatest(rows, np.array([7, 3, 9]), 0, 10, 5).tolist() == [7, 3, 3, -1, -1]


def test_starts_count_from_the_last_of_the_same_key():
    rows = single(np.array([0, 0, 2]), np.array([5, 9, 4]), np.array([1, 1, 1]), np.arange(3), {})
    assert deltas(rows, 3).tolist() == [2, 4, 1]
    assert deltas(empty(), 3).tolist() == []


def test_windows_are_widened_to_buckets():
    assert widened(-5, 17, 8) == (-8, 24)
    assert [floor_power(number) for number in (0, 1, 5, 8)] == [1, 1, 4, 8]


def test_paths_have_contexts_and_too_many_are_counted_to_their_caller(monkeypatch):
    monkeypatch.setattr("tracebin.analysis.contexts.MOST_CONTEXTS", 3)
    contexts = Contexts()
    # main calls a, main calls b, which calls c (no more room), main calls a again.
    assert contexts.assign([0, 1, 1, 2, 1], [0, 1, 2, 3, 1]).tolist() == [0, 1, 2, ~2, 1]
    # Below the cut all goes on as that caller's; an outermost call always gets its own.
    assert contexts.assign([2, 3, 0], [4, 4, 9]).tolist() == [~1, ~1, 3]
    assert list(contexts.parent) == [-1, 0, 0, -1]
