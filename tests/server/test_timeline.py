"""The time line over HTTP: the seven calls of the first sketch, stretches, events, states, caching."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from typing import Any

import pytest
import zstandard
from flask.testing import FlaskClient
from sqlalchemy import text

from tracebin.bundle import records as r
from tracebin.server.store import DERIVED, Store

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


# --- events and states ------------------------------------------------------------------


def test_events_are_where_the_bundle_has_them(api: Api) -> None:
    answer = api("/events", start=0, end=100_000, width=8192)
    tracks = answer["tracks"]
    assert list(tracks) == [
        *("tracing", "optimising", "backend", "abort"),
        *("minor", "major step", "major", "mark", "span"),
    ]
    # The trace from 1000 to 1300 took 100, 150 and 50; its bridge from 5000 likewise.
    for name, start, duration in (("tracing", 1000, 100), ("optimising", 1100, 150), ("backend", 1250, 50)):
        assert tracks[name]["start"] == [start, 4000]
        assert tracks[name]["duration"] == tracks[name]["busy"] == [duration, duration]
        assert tracks[name]["id"] == [0, 1]
    assert (tracks["abort"]["start"], tracks["abort"]["duration"]) == ([100], [300])
    assert (tracks["minor"]["start"], tracks["minor"]["id"]) == ([10_000, 500], [0, 1])
    assert tracks["mark"] == {"start": [60], "duration": [0], "count": [1], "busy": [0], "id": [0]}
    assert tracks["span"]["start"] == []


def test_events_that_are_close_are_counted(api: Api) -> None:
    tracks = api("/events", start=0, end=1 << 20, width=1)["tracks"]
    assert (tracks["backend"]["count"], tracks["backend"]["busy"]) == ([2], [100])
    assert (tracks["minor"]["count"], tracks["minor"]["busy"]) == ([2], [220])


def test_events_are_found_beyond_any_window(api: Api) -> None:
    mark = {"process": 0, "kind": "mark", "id": 0, "start_ns": 60, "duration_ns": 0}
    abort = {"process": 0, "kind": "abort", "id": 0, "start_ns": 100, "duration_ns": 300}
    assert api("/events/find", start_ns=0)["event"] == mark
    assert api("/events/find", start_ns=60, from_kind="mark", from_id=0)["event"] == abort
    assert api("/events/find", start_ns=100, direction="previous")["event"] == mark
    assert api("/events/find", start_ns=61, kind="mark")["event"] is None
    assert api("/events/find", start_ns=0, kind="abort,minor")["event"] == abort
    assert api("/events/one", kind="abort", id=0)["event"] == abort
    assert api("/events/one", kind="abort", id=0, near_ns=5)["event"] == abort
    assert api("/events/one", kind="abort", id=7)["event"] is None


def test_marks(api: Api) -> None:
    mark = {"id": 0, "thread": 0, "start_ns": 60, "duration_ns": None, "name": "here", "data": "{}"}
    assert api("/marks") == {"total": 1, "marks": [mark]}
    assert api("/marks", offset=1) == {"total": 1, "marks": []}


@pytest.mark.parametrize("width", [1, 7, 1000, 8192])
def test_shares_of_the_states_add_up(api: Api, width: int) -> None:
    answer = api("/states", width=width)
    assert {sum(bucket) for bucket in zip(*answer["shares"])} == {1000}
    assert min(map(min, answer["shares"])) >= 0
    assert sum(answer["samples"]) == 3
    assert max(answer["memory"]) == 1 << 20
    buckets = (answer["end_ns"] - answer["start_ns"]) // answer["resolution_ns"]
    assert {len(column) for column in (*answer["shares"], answer["samples"], answer["memory"])} == {buckets}


def test_the_ribbon_shows_what_the_samples_and_the_log_say(api: Api) -> None:
    # Three samples a microsecond apart: interpreted, jitted, interpreted.
    answer = api("/states", start=999_000, end=1_002_000, width=3)
    shares = dict(zip(answer["states"], answer["shares"]))
    known = [1000 - unknown for unknown in shares["unknown"]]
    assert sum(known) * answer["resolution_ns"] / 1000 == pytest.approx(3000, rel=0.01)
    assert sum(shares["jitted"]) * answer["resolution_ns"] / 1000 == pytest.approx(1000, rel=0.01)
    # A trace and a collection, by the log.
    assert api("/states", start=1024, end=1152, width=1)["shares"][3] == [1000]
    assert api("/states", start=11_008, end=11_040, width=1)["shares"][4] == [1000]


def test_sampled_stretches(api: Api) -> None:
    answer = api("/timeline", source="sampled", start=990_000, end=1_010_000, width=8192)
    # A frame stays while its caller and function do, whatever its state; each sample stands for 1000 ns.
    assert rows_of(answer) == [
        (0, 999_000, 3000, 1, 1),
        (1, 1_000_000, 2000, 0, 1),
        (2, 1_001_000, 1000, 0, 1),
    ]
    assert answer["rows"]["state"] == [0, 1, 0]
    assert answer["rows"]["trace"] == [-1, 0, -1]


def test_loops_of_other_drivers_are_a_function_of_their_own_everywhere(api: Api) -> None:
    # The third exact call of the small bundle has no function.
    inner = {"start_ns": 70, "duration_ns": 70_000}
    assert [row["self_ns"] for row in api("")["functions"] if row["id"] == -1] == [70_000]
    found = api("/totals")["functions"]
    at = found["function"].index(-1)
    assert (found["self_ns"][at], found["calls"][at], found["compiled_ns"][at]) == (70_000, 1, -1)
    middle = api("/sandwich", function=-1)
    assert (middle["total_ns"], middle["callers"]["function"]) == (70_000, [-1, 0])
    assert -1 in api("/left-heavy")["rows"]["function"]
    call = api("/find", function="-1", after=-1)["call"]
    assert {name: call[name] for name in inner} == inner
    assert api("/find", function="-1,1", after_ns=61)["call"] == call
    rows = api("/calls/of", function="1,-1")["rows"]
    assert (rows["function"], rows["busy"]) == ([-1, 1], [70_000, 5])
    assert api("/calls/2/path")["functions"] == [0, -1]
    assert len(api("/names")["functions"]["name"]) == 2
    listed = {row["id"]: row for row in api("/functions")["functions"]}
    assert (listed[-1]["self_ns"], listed[-1]["file"], listed[-1]["path"]) == (70_000, None, None)


# --- one call, sums ---------------------------------------------------------------------


def test_one_of_the_seven(seven: Api) -> None:
    assert seven("/calls/2") == {
        **{"call": 2, "function": NAMES.index("bar"), "depth": 1},
        **{"start_ns": 10 * MS, "duration_ns": 28 * MS, "self_ns": (28 - 1 - 1 - 14) * MS},
        **{"state": None, "trace": None, "parent": 0, "first_child": 3, "previous": 1, "next": 6},
        "children": 3,
    }
    assert seven("/find", function=3, after=3)["call"]["call"] == 4
    assert seven("/find", function=3, before=3)["call"] is None
    assert seven("/find", function="3,5", after_ns=20 * MS)["call"]["call"] == 6


def test_totals_of_the_seven(seven: Api) -> None:
    found = seven("/totals")["functions"]
    assert [NAMES[function] for function in found["function"]] == [
        *("main", "bar", "fizz", "foo", "cleanup", "baz"),
    ]
    assert found["total_ns"] == [ms * MS for ms in (50, 28, 14, 7, 6, 2)]
    assert found["self_ns"] == [ms * MS for ms in (9, 12, 14, 7, 6, 2)]
    assert found["calls"] == [1, 1, 1, 1, 1, 2]
    assert found["interpreted"] == []
    assert found["compiled_ns"] == [-1] * 6
    part = seven("/totals", start=12 * MS, end=20 * MS)["functions"]
    assert dict(zip(part["function"], part["total_ns"])) == {0: 8 * MS, 2: 8 * MS, 3: 1 * MS, 4: 2 * MS}
    assert dict(zip(part["function"], part["calls"])) == {0: 0, 2: 0, 3: 1, 4: 1}


def test_functions_are_compiled_since_the_first_trace_through_them(
    client: FlaskClient, upload: Any, bundle: r.Bundle, encoded: Any
) -> None:
    inlined = replace(bundle.traces[1], start_ns=500, end_ns=700)
    point = r.MergePoint(0, 1, 1, 1, 0, 10, None)
    stage = replace(inlined.stages["optimised"], points=[point])
    traces = [
        replace(bundle.traces[0], start_ns=600, end_ns=900),
        replace(inlined, stages={"optimised": stage}),
    ]
    calls = [r.CallChunk(0, 0, [0, 1, 10], [90, 8, 8], [0, 1, 1], [0, 1, 2])]
    third = r.Function(1, "other", "other", 30)
    changed = replace(bundle, traces=traces, calls=calls, functions=[*bundle.functions, third])
    answer = upload(gzip.compress(encoded(changed)), "gzip").get_json()
    found = Api(client, answer["id"])("/totals")["functions"]
    assert dict(zip(found["function"], found["compiled_ns"])) == {0: 900, 1: 700, 2: -1}


def test_the_seven_from_both_sides(seven: Api) -> None:
    answer = seven("/sandwich", function=NAMES.index("bar"))
    assert (answer["total_ns"], answer["self_ns"], answer["calls"]) == (28 * MS, 12 * MS, 1)
    assert [NAMES[function] for function in answer["callees"]["function"]] == ["bar", "fizz", "baz"]
    assert answer["callees"]["depth"] == [0, 1, 1]
    assert answer["callees"]["calls"] == [1, 1, 2]
    assert [NAMES[function] for function in answer["callers"]["function"]] == ["bar", "main"]
    assert answer["callers"]["total_ns"] == [28 * MS, 28 * MS]
    assert seven("/sandwich", function=5, start=0, end=1)["callers"]["total_ns"] == [0]


def test_the_seven_merged(seven: Api) -> None:
    answer = seven("/left-heavy", width=8192)
    assert (answer["start_ns"], answer["end_ns"], answer["depths"]) == (0, 50 * MS, 3)
    assert [(depth, start // MS, duration // MS, NAMES[function], count) for depth, start, duration, function,
            count in rows_of(answer)] == [
        (0, 0, 50, "main", 1),
        (1, 0, 28, "bar", 1),
        (1, 28, 7, "foo", 1),
        (1, 35, 6, "cleanup", 1),
        (2, 0, 14, "fizz", 1),
        (2, 14, 2, "baz", 2),
    ]  # fmt: skip


# --- what is asked wrongly, what is sent wrongly ------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/timeline?thread=1", 404),
        ("/timeline?start=5&end=5", 400),
        ("/timeline?width=0", 400),
        ("/timeline?width=8193", 400),
        ("/timeline?depths=4097", 400),
        ("/timeline?source=guessed", 400),
        ("/timeline?end=9999999999999999999999", 400),
        ("/events?process=2", 404),
        ("/events/find", 400),
        ("/events/find?start_ns=0&kind=mark,cats", 400),
        ("/events/find?start_ns=0&direction=up", 400),
        ("/events/find?start_ns=0&from_kind=mark", 400),
        ("/events/find?start_ns=0&from_id=0", 400),
        ("/events/one?kind=mark", 400),
        ("/events/one?kind=mark&id=0&number=1", 400),
        ("/events/find?start_ns=0&process=2", 404),
        ("/events/one?kind=mark&id=0&process=2", 404),
        ("/events/one?kind=cats&id=0", 400),
        ("/states?thread=7", 404),
        ("/calls/3", 404),
        ("/calls/99999999999999999999999", 404),
        ("/calls/of", 400),
        ("/calls/of?function=1,,2", 400),
        ("/calls/of?function=" + ",".join(["1"] * 201), 400),
        ("/find?function=1", 400),
        ("/find?function=1&after=1&before=1", 400),
        ("/sandwich?function=2", 400),
        ("/sandwich?function=-2", 400),
        ("/find?function=-2&after=0", 400),
        ("/sandwich", 400),
    ],
)
def test_what_makes_no_sense_is_refused(api: Api, path: str, status: int) -> None:
    response = api.client.get(api.base + path)
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/problem+json"


def test_windows_far_off_and_very_wide(api: Api) -> None:
    for path in ("/timeline", "/events"):
        api(path, start=-(1 << 60), end=1 << 60)
        api(path, start=1 << 59, end=1 << 60)
    assert api("/timeline", start=1 << 59, end=1 << 60)["rows"]["depth"] == []
    assert len(api("/states", start=-(1 << 60), end=1 << 60, width=10)["samples"]) < 40


NOT_NESTED = "one below|before it|its caller|inside of"
CALLS_REFUSED = [
    # Two at the outermost depth overlap.
    (r.CallChunk(0, 0, [0, 5], [10, 10], [0, 0], [0, 0]), NOT_NESTED),
    (r.CallChunk(0, 0, [0, 5], [10, 10], [0, 1], [0, 0]), NOT_NESTED),
    (r.CallChunk(0, 0, [0, 5], [10, 1], [0, 2], [0, 0]), NOT_NESTED),
    (r.CallChunk(0, 0, [0], [1], [1], [0]), NOT_NESTED),
    (r.CallChunk(0, 0, [0], [1], [10**18], [0]), NOT_NESTED),
    (r.CallChunk(0, 1 << 62, [0], [1], [0], [0]), "36 years"),
    (r.CallChunk(0, 0, [0], [1], [0], [2]), "no function 2"),
    (r.CallChunk(0, 0, [0], [1], [0], [1 << 40]), "no function"),
    (r.CallChunk(1, 0, [0], [1], [0], [0]), "no thread 1"),
]


@pytest.mark.parametrize(("chunk", "why"), CALLS_REFUSED)
def test_calls_that_cannot_be_are_refused(
    refused: Any, bundle: r.Bundle, encoded: Any, chunk: r.CallChunk, why: str
) -> None:
    problem = refused(422, "malformed-bundle", encoded(replace(bundle, calls=[chunk])))
    assert re.search(why, problem["detail"])


def test_calls_that_run_back_are_refused(refused: Any, bundle: r.Bundle, encoded: Any) -> None:
    chunks = [r.CallChunk(0, start, [0], [1], [0], [0]) for start in (10, 5)]
    problem = refused(422, "malformed-bundle", encoded(replace(bundle, calls=chunks)))
    assert problem["where"].startswith("calls[1]")


# --- what lasts -------------------------------------------------------------------------


def test_answers_may_be_kept(api: Api) -> None:
    first = api.client.get(api.base + "/timeline")
    assert first.headers["Cache-Control"] == "private, max-age=600"
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    again = api.client.get(api.base + "/timeline", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == tag
    other = api.client.get(api.base + "/timeline?width=7", headers={"If-None-Match": tag})
    assert other.status_code == 200
    assert api.client.get("/api/v1/runs/none/timeline", headers={"If-None-Match": tag}).status_code == 404


def test_long_answers_are_packed_as_the_client_takes_them(api: Api) -> None:
    plain = api.client.get(api.base + "/states").data
    packed = api.client.get(api.base + "/states", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain
    packed = api.client.get(api.base + "/states", headers={"Accept-Encoding": "gzip, zstd"})
    assert packed.headers["Content-Encoding"] == "zstd"
    assert zstandard.decompress(packed.data) == plain
    short = api.client.get(api.base + "/marks", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in short.headers


def test_a_run_of_before_is_made_anew_when_it_is_asked_for(api: Api, store: Store) -> None:
    before = {path: api(path) for path in ("", "/timeline", "/marks", "/traces")}
    # GIVEN a run as it was stored before there was a time line
    with store.database.writing() as session:
        session.execute(text("UPDATE runs SET derived = 0, timeline_key = NULL, overview = '{}'"))
        session.execute(text("DELETE FROM marks"))
    assert store.sweep() == 1
    # WHEN it is asked for THEN it is as if it had just been uploaded, and only once
    for path, answer in before.items():
        assert api(path) == answer
    with store.database.reading() as session:
        assert session.execute(text("SELECT derived FROM runs")).scalar() == DERIVED
    assert store.sweep() == 0


def test_aborts_of_a_run_of_before_say_whether_they_were_lost(api: Api, store: Store) -> None:
    before = api("/aborts")
    with store.database.writing() as session:
        session.execute(text("UPDATE runs SET derived = 6"))
        session.execute(text("UPDATE aborts SET row = json_remove(row, '$.lost')"))
    assert api("/aborts") == before


def test_an_empty_run(client: FlaskClient, upload: Any, bundle: r.Bundle, encoded: Any) -> None:
    nothing = r.Bundle(run=replace(bundle.run, duration_ns=0), processes=bundle.processes)
    api = Api(client, upload(encoded(nothing)).get_json()["id"])
    assert api("/threads")["threads"] == []
    assert all(track["start"] == [] for track in api("/events")["tracks"].values())
    assert client.get(api.base + "/timeline").status_code == 404


def test_one_sample(client: FlaskClient, upload: Any, bundle: r.Bundle, encoded: Any) -> None:
    one = replace(bundle, calls=[], samples=[r.SampleChunk(0, 5 * MS, [0], [0], [-1])])
    api = Api(client, upload(encoded(one)).get_json()["id"])
    assert rows_of(api("/timeline")) == [(0, 4 * MS, MS, 1, 1)]
    assert api("/threads")["threads"][0]["interval_ns"] == MS


def test_what_a_line_may_leave_out(client: FlaskClient, upload: Any, body: bytes) -> None:
    for left_out in (b',"name":"MainThread","start_ns":null,"end_ns":null', b',"data":"{}"', b',"paused":[]'):
        assert left_out in body
        body = body.replace(left_out, b"")
    api = Api(client, upload(body).get_json()["id"])
    assert api("/threads")["threads"][0]["name"] is None
    assert api("/threads")["processes"][0]["paused"] == []
    assert api("/marks")["marks"][0]["data"] is None
