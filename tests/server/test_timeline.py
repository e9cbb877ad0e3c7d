"""The time line over HTTP: the seven calls of the first sketch, spans, events, states, caching."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from tracebin.bundle import records as r

MS = 1_000_000
SEVEN = [
    ("main", 0, 50, 0),
    ("foo", 1, 8, 1),
    ("bar", 10, 38, 1),
    ("baz", 11, 12, 2),
    ("baz", 13, 14, 2),
    ("fizz", 18, 32, 2),
    ("cleanup", 39, 45, 1),
]
NAMES = ["main", "foo", "bar", "baz", "fizz", "cleanup"]


def seven_calls(bundle: r.Bundle) -> r.Bundle:
    starts = [start for _, start, _, _ in SEVEN]
    chunk = r.CallChunk(
        thread=0,
        first_ns=0,
        start=[(b - a) * MS for a, b in zip([0, *starts], starts)],
        duration=[(end - start) * MS for _, start, end, _ in SEVEN],
        depth=[depth for *_, depth in SEVEN],
        function=[NAMES.index(name) for name, *_ in SEVEN],
    )
    return replace(
        bundle,
        run=replace(bundle.run, duration_ns=50 * MS),
        functions=[r.Function(0, name, name, line) for line, name in enumerate(NAMES, 1)],
        stacks=[],
        samples=[],
        traces=[],
        aborts=[],
        gc=[],
        calls=[chunk],
        marks=[],
        coverage=None,
    )


class Api:
    def __init__(self, client: FlaskClient, run: str) -> None:
        self.client = client
        self.base = f"/api/v1/runs/{run}"

    def __call__(self, path: str, **query: Any) -> Any:
        response = self.client.get(self.base + path, query_string=query)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()


@pytest.fixture
def api(client: FlaskClient, stored: dict[str, str]) -> Api:
    return Api(client, stored["id"])


@pytest.fixture
def seven(client: FlaskClient, upload: Any, bundle: r.Bundle, encoded: Any) -> Api:
    answer = upload(gzip.compress(encoded(seven_calls(bundle))), "gzip").get_json()
    return Api(client, answer["id"])


def rows_of(answer: Any) -> list[tuple[int, ...]]:
    """Rows with their starts counted from 0 again."""
    rows, found, before = answer["rows"], [], (None, 0)
    for depth, start, duration, function, count in zip(
        *(rows[name] for name in ("depth", "start", "duration", "function", "count"))
    ):
        at = (before[1] if before[0] == depth else answer["start_ns"]) + start
        found.append((depth, at, duration, function, count))
        before = depth, at
    return found


def test_the_seven_calls_come_as_they_were(seven: Api) -> None:
    answer = seven("/timeline", width=1000)
    expected = sorted(
        (depth, start * MS, (end - start) * MS, NAMES.index(name), 1) for name, start, end, depth in SEVEN
    )
    assert rows_of(answer) == expected
    assert answer["source"] == "exact"
    assert answer["depths"] == 3
    assert answer["rows"]["busy"] == answer["rows"]["duration"]
    assert sorted(answer["rows"]["call"]) == list(range(7))
    assert answer["rows"]["state"] == answer["rows"]["trace"] == []


def test_what_is_shorter_than_a_pixel_is_merged_and_counted(seven: Api) -> None:
    # Two pixels: 25 ms each, down to 2**24 ns.
    answer = seven("/timeline", width=2)
    assert answer["resolution_ns"] == 1 << 24
    assert rows_of(answer) == [
        (0, 0, 50 * MS, 0, 1),
        (1, 1 * MS, 7 * MS, 1, 1),
        (1, 10 * MS, 28 * MS, 2, 1),
        (1, 39 * MS, 6 * MS, 5, 1),
        (2, 11 * MS, 3 * MS, 3, 2),
        (2, 18 * MS, 14 * MS, 4, 1),
    ]


def test_a_window_has_what_touches_it(seven: Api) -> None:
    answer = seven("/timeline", start=20 * MS, end=21 * MS, width=100)
    assert [row[3] for row in rows_of(answer)] == [NAMES.index(name) for name in ("main", "bar", "fizz")]


def test_threads(api: Api) -> None:
    answer = api("/threads")
    assert answer["threads"][0]["name"] == "MainThread"
    assert [source["source"] for source in answer["threads"][0]["sources"]] == ["exact", "sampled"]
    assert [process["pid"] for process in answer["processes"]] == [7, 8]


def test_everything_answers(api: Api) -> None:
    for path in ("/names", "/threads", "/timeline", "/events", "/marks", "/states"):
        api(path)
    api("/events", process=1)
    for source in ("exact", "sampled"):
        for path in ("/timeline", "/totals", "/left-heavy", "/calls/0"):
            api(path, source=source)
        for path in ("/sandwich", "/calls/of"):
            api(path, source=source, function=0)
        api("/find", source=source, function="0,1", after=-1)
