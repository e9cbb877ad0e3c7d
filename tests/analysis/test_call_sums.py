"""Exact calls added up by function."""

from __future__ import annotations

from typing import Any

import pytest

from tracebin.analysis.call_sums import CallSum, CallSums
from tracebin.bundle.records import CallChunk
from tracebin.errors import MalformedBundle


def chunk(thread: int, *calls: tuple[int, int, int]) -> CallChunk:
    """Calls as (depth, function, duration); when they began is of no interest here."""
    depth, function, duration = (list(column) for column in zip(*calls))
    return CallChunk(thread, 0, [0] * len(calls), duration, depth, function)


def sums(*chunks: CallChunk) -> dict[int, tuple[int, int, int]]:
    found = CallSums()
    for each in chunks:
        found.add(each)
    return {
        function: (each.calls, each.total_ns, each.self_ns) for function, each in found.by_function().items()
    }


def test_the_sketch_of_seven_calls() -> None:
    main, foo, bar, baz, fizz, cleanup = range(6)
    calls = [
        (0, main, 50),
        (1, foo, 7),
        (1, bar, 28),
        (2, baz, 1),
        (2, baz, 1),
        (2, fizz, 14),
        (1, cleanup, 6),
    ]
    assert sums(chunk(0, *calls)) == {
        main: (1, 50, 9),
        foo: (1, 7, 7),
        bar: (1, 28, 12),
        baz: (2, 2, 2),
        fizz: (1, 14, 14),
        cleanup: (1, 6, 6),
    }


def test_a_call_inside_another_of_its_function_is_not_in_the_total_twice() -> None:
    calls = [(0, 7, 100), (1, 8, 90), (2, 7, 80), (3, 7, 10), (0, 7, 5)]
    assert sums(chunk(0, *calls)) == {7: (4, 105, 10 + 70 + 10 + 5), 8: (1, 90, 10)}


def test_calls_go_on_in_the_next_chunk_of_their_thread() -> None:
    first, other, then = (
        chunk(0, (0, 1, 100), (1, 2, 40)),
        chunk(1, (0, 2, 9)),
        chunk(0, (2, 1, 30), (1, 2, 8)),
    )
    assert sums(first, other, then) == {1: (2, 100, 52 + 30), 2: (3, 57, 10 + 9 + 8)}


def test_deep_recursion_takes_no_longer_for_each_call() -> None:
    deep = chunk(0, *((depth, 3, 200_000 - depth) for depth in range(100_000)))
    assert sums(deep) == {3: (100_000, 200_000, 200_000)}


@pytest.mark.parametrize("calls", [[(1, 0, 1)], [(0, 0, 5), (2, 0, 1)]])
def test_a_call_without_a_caller_is_refused(calls: Any) -> None:
    with pytest.raises(MalformedBundle):
        sums(chunk(0, *calls))


def test_no_calls() -> None:
    assert CallSums().by_function() == {}
    assert CallSum() == CallSum(0, 0, 0)
