from __future__ import annotations

from tracebin.recorder.clock import Clock

NO_END = (0, 0)


def test_between_marks_time_is_a_straight_line() -> None:
    clock = Clock([(1000, 10_000), (2000, 20_000), (3000, 50_000)], 10_000, NO_END)
    assert [clock.ns(tick) for tick in (1000, 1500, 2000, 2500, 3000)] == [0, 5000, 10_000, 25_000, 40_000]


def test_outside_of_marks_the_nearest_rate_goes_on() -> None:
    clock = Clock([(1000, 10_000), (2000, 20_000), (3000, 50_000)], 0, NO_END)
    assert clock.ns(900) == 9000
    assert clock.ns(3100) == 53_000


def test_no_time_is_before_the_start() -> None:
    assert Clock([(1000, 10_000), (2000, 20_000)], 10_000, NO_END).ns(10) == 0


def test_one_mark_and_the_end_make_a_line() -> None:
    clock = Clock([(1000, 10_000)], 10_000, (3000, 50_000))
    assert clock.is_known
    assert clock.ns(2000) == 20_000


def test_without_two_points_no_time_is_known() -> None:
    for clock in (Clock([], 0, (10, 10)), Clock([(1000, 10)], 0, (1000, 20)), Clock([], 0, NO_END)):
        assert not clock.is_known
        assert clock.ns(5000) == 0


def test_marks_may_come_twice_and_unsorted() -> None:
    clock = Clock([(2000, 20_000), (1000, 10_000), (2000, 20_000), (2000, 20_001)], 0, NO_END)
    assert clock.ns(1500) in (15_000, 15_001)
