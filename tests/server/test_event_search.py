"""Whatever the events and the size of leaves: what is found is what a plain search would find."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracebin.bundle.records import GcChunk, Mark, Process, Thread
from tracebin.errors import RunNotFound
from tracebin.server import pyramid, timeline_ingest
from tracebin.server.event_search import EVENT_KINDS, EventFinder
from tracebin.server.parts import Parts

Written = Callable[[list[tuple[str, Any]]], Parts]
Event = tuple[int, int, int, int]
MARK, MINOR = EVENT_KINDS.index("mark"), EVENT_KINDS.index("minor")
EXAMPLES = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(autouse=True, scope="module")
def small_leaves() -> Iterator[None]:
    """A few events make several leaves, nodes and levels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline_ingest, "LEAF_ROWS", 4)
        for name, value in {"LEAF_ROWS": 4, "NODE_ROWS": 3, "GROUP_ROWS": 8, "PART_ROWS": 2}.items():
            patch.setattr(pyramid, name, value)
        yield


def elements(marks: list[Any], collections: list[Any]) -> list[tuple[str, Any]]:
    return [
        ("processes", Process(1, None, [], 0, None, None)),
        ("threads", Thread(0, 1)),
        *(
            ("gc", GcChunk(0, start, [kind], [0], [duration], [-1], [-1]))
            for kind, start, duration in collections
        ),
        *(("marks", Mark(0, start, duration, "m")) for start, duration in marks),
    ]


def events_of(marks: list[Any], collections: list[Any]) -> list[Event]:
    """Start, kind, number and duration of all, in their order."""
    found = [
        (start, MARK + (duration is not None), number, duration or 0)
        for number, (start, duration) in enumerate(marks)
    ]
    found += [
        (start, MINOR + kind, number, duration) for number, (kind, start, duration) in enumerate(collections)
    ]
    return sorted(found)


TIMES = st.integers(-5, 40)
MARKS = st.lists(st.tuples(TIMES, st.one_of(st.none(), st.integers(0, 30))), max_size=30)
COLLECTIONS = st.lists(st.tuples(st.integers(0, 2), TIMES, st.integers(0, 30)), max_size=30)
KINDS = st.lists(st.sampled_from(EVENT_KINDS), unique=True)


def told(found: Any) -> Event | None:
    return found and (found.start_ns, EVENT_KINDS.index(found.kind), found.id, found.duration_ns)


@EXAMPLES
@given(MARKS, COLLECTIONS, KINDS, TIMES)
def test_stepping_goes_through_every_event_in_order(
    written: Written, marks: list[Any], collections: list[Any], kinds: list[str], time: int
) -> None:
    events = events_of(marks, collections)
    wanted = [event for event in events if not kinds or EVENT_KINDS[event[1]] in kinds]
    finder = EventFinder(written(elements(marks, collections)), 0, kinds)

    def walked(step: Callable[[Any], Any], place: tuple[int, int, int]) -> Iterator[Event]:
        while (found := told(step(place))) is not None:
            yield found
            place = found[:3]

    assert list(walked(finder.next, (time, -1, -1))) == [each for each in wanted if each[0] >= time]
    assert list(walked(finder.previous, (time, -1, -1))) == [each for each in wanted if each[0] < time][::-1]


@EXAMPLES
@given(MARKS, COLLECTIONS)
def test_each_event_is_found_by_its_number(
    written: Written, marks: list[Any], collections: list[Any]
) -> None:
    finder = EventFinder(written(elements(marks, collections)), 0)
    for event in events_of(marks, collections):
        assert told(finder.one(EVENT_KINDS[event[1]], event[2], None)) == event
    assert finder.one("mark", len(marks), 5) is None
    assert finder.one("tracing", 0, None) is None


def test_a_process_that_is_not_there_is_refused(written: Written) -> None:
    with pytest.raises(RunNotFound, match="no process 1"):
        EventFinder(written(elements([], [])), 1)
