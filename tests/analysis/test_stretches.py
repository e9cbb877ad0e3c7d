"""Stretches made of samples are what comparing whole stacks, sample by sample, would give."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracebin.analysis import stretches as under_test
from tracebin.analysis.calls import WHOLE
from tracebin.analysis.stretches import StackTree, StretchMaker, interval_of, state_runs
from tracebin.bundle.records import STATES

MS = 1_000_000
STACKS = st.lists(
    st.tuples(
        st.integers(1, 6),
        # Frames from the outermost in: function, state.
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=5),
    ),
    min_size=1,
    max_size=25,
)


@pytest.fixture(autouse=True, scope="module")
def short_gaps():
    """Let three intervals be a gap, however short they are."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(under_test, "GAP_NS", 0)
        yield


def built(make, samples):
    """A tree of the stacks, and the row of each sample's innermost frame."""
    rows, known, ends = [], {}, []
    for _, frames in samples:
        at = -1
        for function, state in frames:
            key = (at, function, state)
            if key not in known:
                known[key] = len(rows)
                rows.append((at, function, STATES[state], -1 if state == 0 else function))
            at = known[key]
        ends.append(at)
    tree = StackTree()
    # In two chunks: row numbers run on.
    tree.add(make.stacks(*rows[:3]))
    tree.add(make.stacks(*rows[3:]))
    return tree, ends


def by_hand(samples, interval):
    """(start, end, depth, function, state, interpreted, jitted) of all stretches in order of start."""
    stretches, open_, last, time = [], [], None, 0

    def close(depth):
        while len(open_) > depth:
            stretch, times, own = open_.pop()
            stretch[1] = last
            stretch += [own[state] * WHOLE // max(1, sum(own)) for state in (0, 1)]
            most = max(times.values())
            stretch[4] = min(state for state, ns in times.items() if ns == most)

    for apart, frames in samples:
        time += apart
        start = last
        if last is None or time - last > 3 * interval:
            close(0)
            start = time - interval
        same = 0
        while same < min(len(open_), len(frames)) and open_[same][0][3] == frames[same][0]:
            same += 1
        close(same)
        for depth, (function, _) in enumerate(frames[same:], same):
            stretch = [start, None, depth, function, None]
            stretches.append(stretch)
            open_.append((stretch, Counter(), [0, 0]))
        for (_, times, _), (_, state) in zip(open_, frames):
            times[state] += time - start
        open_[-1][2][frames[-1][1]] += time - start
        last = time
    close(0)
    return [tuple(stretch) for stretch in stretches]


@given(STACKS, st.integers(1, 30))
def test_stretches_are_runs_of_equal_frames(make, samples, portion):
    tree, rows = built(make, samples)
    times = np.cumsum([apart for apart, _ in samples]).tolist()
    maker, parts = StretchMaker(tree, 1), []
    for first in range(0, len(rows), portion):
        maker.add(times[first : first + portion], rows[first : first + portion])
        parts.append(maker.take())
    maker.end()
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for number, ended in maker.late.items():
        for name in under_test.ENDING:
            found[name][number] = getattr(ended, name)
    columns = (found["start"], found["start"] + found["duration"], found["depth"], found["function"])
    columns += tuple(found[name] for name in ("state", "interpreted", "jitted"))
    listed = list(zip(*(column.tolist() for column in columns)))
    assert listed == by_hand(samples, 1)
    for function, state, trace in zip(*(found[name].tolist() for name in ("function", "state", "trace"))):
        assert trace in (-1, function)
        assert state in (0, 1)


def test_no_stretch_reaches_into_a_pause(make):
    tree, rows = built(make, [(1, [(0, 0)])])
    maker = StretchMaker(tree, 10)
    maker.add([100, 110], rows * 2)
    maker.pause(117)
    maker.add([120], rows)
    maker.end()
    stretches = maker.take()
    assert list(zip(stretches["start"], stretches["duration"])) == [(90, 20), (117, 3)]


def test_the_interval_is_the_median():
    assert interval_of(np.array([0, 10, 20, 500])) == 10
    assert interval_of(np.array([7])) == under_test.DEFAULT_PERIOD_NS


def test_runs_of_a_state_end_with_it_with_the_memory_and_at_gaps():
    times = np.array([10, 20, 30, 40, 90])
    states, memory = np.array([0, 0, 1, 1, 1]), np.array([5, 5, 5, 6, 6])
    rows = state_runs(times, states, memory, 0, 10)
    assert list(zip(rows.key, rows.start, rows.end, rows.count, rows.more["memory"])) == [
        (0, 0, 20, 2, 5),
        (1, 20, 30, 1, 5),
        (1, 30, 40, 1, 6),
        (1, 80, 90, 1, 6),
    ]


def test_a_gap_is_no_shorter_than_what_a_busy_machine_makes(monkeypatch):
    monkeypatch.setattr(under_test, "GAP_NS", 100)
    assert [under_test.gap_of(interval) for interval in (1, 33, 50)] == [100, 100, 150]
