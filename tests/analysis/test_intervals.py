from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracebin.analysis.intervals import Intervals, IntervalsBuilder

TIMES = st.integers(-5, 60)
PAIRS = st.lists(st.tuples(TIMES, TIMES), max_size=12)


def built(pairs):
    builder = IntervalsBuilder()
    for start, end in pairs:
        builder.add(start, end)
    return builder.build()


def points(pairs):
    return {t for start, end in pairs for t in range(start, end)}


@given(PAIRS)
def test_intervals_hold_the_times_of_their_pairs_and_no_other(pairs):
    intervals = built(pairs)
    assert {t for t in range(-10, 70) if t in intervals} == points(pairs)


@given(PAIRS)
def test_intervals_are_sorted_and_apart(pairs):
    flat = [time for interval in built(pairs) for time in interval]
    assert flat == sorted(set(flat))


@given(PAIRS, TIMES, TIMES)
def test_covered_counts_the_times_inside(pairs, start, end):
    assert built(pairs).covered(start, end) == len(points(pairs) & set(range(start, end)))


@given(PAIRS, PAIRS)
def test_or_joins_the_times_of_both(some, others):
    assert points(built(some) | built(others)) == points(some) | points(others)


@given(PAIRS, st.lists(TIMES).map(sorted))
def test_a_walk_says_the_same_as_single_questions(pairs, times):
    intervals = built(pairs)
    assert list(intervals.walk(times)) == [(t in intervals, intervals.covered_before(t)) for t in times]


def test_no_intervals_cover_nothing():
    assert Intervals().covered(0, 100) == 0
    assert 5 not in Intervals()
