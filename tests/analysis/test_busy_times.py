"""When a process was busy, as arrays: what the plain intervals say of every moment."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tracebin.analysis.busy_times import BusyTimes, union
from tracebin.analysis.intervals import Intervals
from tracebin.bundle.records import STATES

PAIRS = st.lists(
    st.tuples(st.integers(-20, 40), st.integers(0, 15)).map(lambda p: (p[0], p[0] + p[1])), max_size=12
)


def busy(gc: list[tuple[int, int]], tracing: list[tuple[int, int]]) -> BusyTimes:
    found = BusyTimes()
    for start, end in gc:
        found.add_gc(start, end)
    for start, end in tracing:
        found.add_tracing(start, end)
    return found


@given(PAIRS, PAIRS)
def test_unions_are_those_of_plain_intervals(
    gc: list[tuple[int, int]], tracing: list[tuple[int, int]]
) -> None:
    found = busy(gc, tracing)
    for (starts, ends), pairs in ((found.gc, gc), (found.either, gc + tracing)):
        assert list(zip(starts.tolist(), ends.tolist())) == list(Intervals(sorted(pairs)))


@given(PAIRS, PAIRS)
def test_a_moment_is_gc_before_it_is_tracing(
    gc: list[tuple[int, int]], tracing: list[tuple[int, int]]
) -> None:
    moments = np.arange(-25, 60)
    in_gc, in_tracing = Intervals(sorted(gc)), Intervals(sorted(tracing))
    wanted = [
        STATES.index("gc") if moment in in_gc else STATES.index("tracing") if moment in in_tracing else -1
        for moment in moments.tolist()
    ]
    assert busy(gc, tracing).states().at(moments).tolist() == wanted


def test_nothing_is_joined_to_nothing() -> None:
    none = np.zeros(0, np.int64)
    assert [len(column) for column in union(none, none)] == [0, 0]
