from __future__ import annotations

import pytest

from tracebin.recorder.disk import DEFAULT_BYTES
from tracebin.recorder.launch import ROOM_TO_REST
from tracebin.recorder.pace import (
    LEAST_S,
    LONGEST_REST_S,
    MOST_S,
    SAMPLES_S,
    SHARE_BEHIND,
    SHORTEST_REST_S,
    Outlook,
    rest_s,
)

MB = 1_000_000


def outlook(
    elapsed_s: float, log: float, samples: float, *, unread_log: float = 0, unread_samples: float = 0
) -> Outlook:
    """Give the outlook of a reader that has begun, from megabytes."""
    sizes = (int(size * MB) for size in (log, samples, unread_log, unread_samples))
    return Outlook(elapsed_s, True, *sizes)


def before_work(elapsed_s: float, log: float, samples: float) -> Outlook:
    """Give the outlook of one that hasn't begun: nothing is read."""
    sizes = (int(size * MB) for size in (log, samples, log, samples))
    return Outlook(elapsed_s, False, *sizes)


def test_a_program_that_compiles_little_is_left_alone() -> None:
    # A thousand samples a second are 0.3 MB, and 12 ms of work.
    assert all(rest_s(before_work(second, 3, 0.3 * second)) for second in range(100))
    assert not rest_s(before_work(200, 3, 60))


@pytest.mark.parametrize(("elapsed_s", "log", "samples"), [(0.3, 0.8, 0.3), (0.9, 3, 0.3), (5, 2.7, 1.5)])
def test_what_is_read_in_half_a_second_waits_for_the_end(
    elapsed_s: float, log: float, samples: float
) -> None:
    assert rest_s(before_work(elapsed_s, log, samples)) > 0


def test_a_program_that_compiles_all_the_time_is_followed() -> None:
    # GIVEN one as sympy, with 3.5 MB of log a second
    begun = next(tenth / 10 for tenth in range(50) if not rest_s(before_work(tenth / 10, 0.35 * tenth, 0)))
    assert 0.5 < begun < 2
    # THEN after some seconds the reader can't be behind by more than a look's worth
    assert rest_s(outlook(5, 17.5, 7, unread_log=0.6)) == 0
    assert rest_s(outlook(5, 17.5, 7, unread_log=0.1)) == SHORTEST_REST_S


def test_the_longer_it_has_run_the_more_may_be_left() -> None:
    unread = {"unread_log": 8.0}
    assert rest_s(outlook(5, 8, 1, **unread)) == 0
    assert rest_s(outlook(20, 8, 1, **unread)) == LONGEST_REST_S


def test_where_the_end_alone_takes_too_long_a_small_share_is_left_all_the_same() -> None:
    late = outlook(1000, 2000, 100)
    assert late.end_s > MOST_S
    assert late.allowed_s == MOST_S
    early = outlook(10, 500, 100)
    assert early.end_s > LEAST_S
    assert early.allowed_s == 10 * SHARE_BEHIND


@pytest.mark.parametrize("unread", [0, 1, 2, 3, 4, 5])
def test_a_rest_ends_before_the_reader_is_too_far_behind(unread: float) -> None:
    # GIVEN a log that grows as fast as PyPy can write it, 20 MB a second
    before = outlook(10, unread, 0, unread_log=unread)
    rest = rest_s(before)
    # THEN after the rest what is behind is no more than was allowed, or a shortest rest's worth
    after = outlook(10, unread, 0, unread_log=unread + 20 * rest)
    assert after.behind_s <= max(before.allowed_s, before.behind_s + SHORTEST_REST_S) + 1e-9


def test_nothing_is_dropped_from_the_disk_before_it_is_read() -> None:
    # A sixteenth of the room is kept at the end of each file (disk.py).
    assert MOST_S / SAMPLES_S < ROOM_TO_REST / 16
    assert ROOM_TO_REST <= DEFAULT_BYTES
