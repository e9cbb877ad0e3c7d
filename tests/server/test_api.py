"""What the API answers about a good bundle."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import Any

import pytest
import zstandard
from flask.testing import FlaskClient

from tracebin.bundle import records as r


@pytest.fixture
def get(client: FlaskClient, stored: dict[str, str]) -> Any:
    """Ask for something of the stored run."""

    def ask(path: str = "", **query: Any) -> Any:
        response = client.get(f"/api/v1/runs/{stored['id']}{path}", query_string=query)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()

    return ask


def test_an_upload_is_listed(client: FlaskClient, stored: dict[str, str], body: bytes) -> None:
    listed = client.get("/api/v1/runs").get_json()
    assert listed["total"] == 1
    (row,) = listed["runs"]
    assert row["id"] == stored["id"]
    assert len(row["id"]) == 32
    assert stored["url"] == f"http://localhost/runs/{row['id']}"
    assert row["command"] == ["prog.py", "1000"]
    assert row["exit"] == {"status": 0, "signal": None}
    assert row["traces"] == 2
    assert row["bundle_bytes"] == len(gzip.compress(body))


def test_location_leads_to_the_run(upload: Any, client: FlaskClient, body: bytes) -> None:
    location = upload(body).headers["Location"]
    assert client.get(location).get_json()["run"]["command"] == ["prog.py", "1000"]


@pytest.mark.parametrize("encoding", [None, "identity", "gzip", "zstd"])
def test_the_bundle_comes_back_as_it_came(
    upload: Any, client: FlaskClient, body: bytes, encoding: str | None
) -> None:
    encode = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}.get(encoding or "", bytes)
    sent = encode(body)
    created = upload(sent, encoding)
    assert created.status_code == 201
    with client.get(f"/api/v1/runs/{created.get_json()['id']}/bundle") as response:
        assert response.data == sent
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert "Content-Encoding" not in response.headers


def test_two_joined_gzip_members_are_one_bundle(upload: Any, body: bytes) -> None:
    half = len(body) // 2
    assert upload(gzip.compress(body[:half]) + gzip.compress(body[half:]), "gzip").status_code == 201


def test_overview(get: Any, stored: dict[str, str]) -> None:
    overview = get()
    assert overview["id"] == stored["id"]
    assert overview["run"]["pypy"]["build"] == {"jit": True}
    assert overview["counts"]["loop"] == 1
    assert overview["counts"]["bridge"] == 1
    assert overview["aborts"] == {"ABORT_TOO_LONG": 1}
    assert sum(share["ns"] for share in overview["time"]["shares"]) == overview["time"]["duration_ns"]
    assert overview["problems"] == [
        {"kind": "cut", "text": "something was lost", "count": 2, "where": "jit.log line 7"}
    ]


def test_traces(get: Any) -> None:
    answer = get("/traces")
    assert answer["total"] == 2
    assert answer["kinds"] == {"bridge": 1, "loop": 1}
    assert answer["drivers"] == {"pypyjit": 2}
    loop = next(row for row in answer["traces"] if row["kind"] == "loop")
    assert loop["bridges"] == 1
    assert loop["title"] == "hot"
    bridge = next(row for row in answer["traces"] if row["kind"] == "bridge")
    assert bridge["parent"] == {"trace": 0, "op": 1}


def test_kinds_are_counted_without_their_own_filter(get: Any) -> None:
    answer = get("/traces", kind="loop")
    assert (answer["total"], answer["kinds"]) == (1, {"bridge": 1, "loop": 1})
    assert answer["drivers"] == {"pypyjit": 1}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"sort": "runs"}, [0, 1]),
        ({"sort": "runs", "order": "asc"}, [1, 0]),
        ({"sort": "start"}, [0, 1]),
        ({"sort": "start", "order": "desc"}, [1, 0]),
        ({"sort": "id", "limit": 1}, [0]),
        ({"sort": "id", "limit": 1, "offset": 1}, [1]),
        ({"sort": "id", "offset": 5}, []),
        ({"q": "GUARD 0x7F"}, [1]),
        ({"q": "%"}, []),
        ({"q": "no such thing"}, []),
        ({"driver": "re"}, []),
    ],
)
def test_traces_are_sorted_filtered_and_paged(get: Any, query: dict[str, Any], ids: list[int]) -> None:
    assert [row["id"] for row in get("/traces", **query)["traces"]] == ids


@pytest.mark.parametrize(
    ("query", "ids"), [("", [1, 0]), ("sort=time&order=asc", [0, 1]), ("sort=samples", [0, 1])]
)
def test_the_hottest_traces_have_most_time_not_most_samples(
    upload: Any, client: FlaskClient, bundle: Any, encoded: Any, query: str, ids: list[int]
) -> None:
    # The last sample, in trace 1, stands for 900 µs; each of the two in trace 0 for one.
    stacks = [r.StackChunk([-1, -1, -1], [0, 0, 0], [0, 1, 1], [-1, 0, 1])]
    samples = [r.SampleChunk(0, 1_000_000, [0, 1000, 1000, 900_000], [0, 1, 1, 2], [-1] * 4)]
    run = upload(encoded(replace(bundle, stacks=stacks, samples=samples))).get_json()["id"]
    listed = client.get(f"/api/v1/runs/{run}/traces?{query}").get_json()
    assert [row["id"] for row in listed["traces"]] == ids


def test_of_traces_without_time_those_are_first_that_ran_more_often(
    upload: Any, client: FlaskClient, bundle: Any, encoded: Any
) -> None:
    traces = [bundle.traces[0], replace(bundle.traces[1], runs=2000), replace(bundle.traces[1], runs=None)]
    stacks = [r.StackChunk([-1], [0], [0], [-1])]
    samples = [r.SampleChunk(0, 1_000_000, [0], [0], [-1])]
    run = upload(encoded(replace(bundle, traces=traces, stacks=stacks, samples=samples))).get_json()["id"]
    listed = client.get(f"/api/v1/runs/{run}/traces?sort=time").get_json()
    overview = client.get(f"/api/v1/runs/{run}").get_json()
    assert [row["id"] for row in listed["traces"]] == [1, 0, 2]
    assert [row["id"] for row in overview["traces"]] == [1, 0, 2]


def test_the_recorders_own_traces_are_shown_on_demand(
    upload: Any, client: FlaskClient, bundle: Any, encoded: Any
) -> None:
    own = replace(bundle.traces[0], own=True)
    run = upload(encoded(replace(bundle, traces=[own, bundle.traces[1]]))).get_json()["id"]
    assert client.get(f"/api/v1/runs/{run}/traces").get_json()["total"] == 1
    assert client.get(f"/api/v1/runs/{run}/traces?own=1").get_json()["total"] == 2


def test_one_trace(get: Any) -> None:
    view = get("/traces/0")
    assert view["stage"] == "optimised"
    assert view["stages"] == ["traced", "optimised"]
    ops = [op for segment in view["segments"] for point in segment["points"] for op in point["ops"]]
    assert [op["name"] for op in ops] == ["label", "guard_true", "jump"]
    assert ops[1]["bridge"] == {"trace": 1, "runs": 30}
    assert ops[2]["target"] == 0
    assert view["segments"][1]["source"] == "    for i in range(n):"
    assert view["segments"][1]["points"][0]["name"] == "FOR_ITER"


def test_a_bridge_names_its_guard(get: Any) -> None:
    guard = get("/traces/1")["parent_guard"]
    assert guard == {"trace": 0, "op": 1, "title": "hot", "name": "guard_true", "line": 3}


def test_another_stage(get: Any) -> None:
    assert get("/traces/0", stage="traced")["stage"] == "traced"


def test_a_stage_that_is_not_there(client: FlaskClient, stored: dict[str, str]) -> None:
    response = client.get(f"/api/v1/runs/{stored['id']}/traces/0?stage=assembled")
    assert response.status_code == 400
    assert "assembled" in response.get_json()["detail"]


def test_aborts(get: Any) -> None:
    answer = get("/aborts")
    assert (answer["total"], answer["by_reason"]) == (1, {"ABORT_TOO_LONG": 1})
    (row,) = answer["aborts"]
    assert (row["later"], row["lost"]) == (0, True)
    assert row["path_steps"][0]["source"] == "    for i in range(n):"


def test_functions(get: Any) -> None:
    answer = get("/functions", sort="name", order="asc")
    names = ["(another driver's loop)", "Pattern.match", "hot"]
    assert [row["qualname"] for row in answer["functions"]] == names
    assert [row["id"] for row in get("/functions", q="RE.PY")["functions"]] == [1]
    assert get("/functions", q="nothing")["total"] == 0


def test_files(get: Any) -> None:
    assert get("/files/0")["text"].startswith("def hot")
    assert get("/files/0")["left_out"] is None
    assert (get("/files/1")["text"], get("/files/1")["left_out"]) == (None, "unused")


def test_limits(client: FlaskClient, config: Any) -> None:
    assert client.get("/api/v1/limits").get_json() == {**config.limits(), "compressed_members": 64}


def test_health(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=1001", "limit=x", "limit=1.5", "limit=9999999999999999999999", "limit="),
        *("offset=-1", "offset=99999999999999999999", "sort=name", "order=up", "kind=hoop", "own=2"),
        *("unknown=1", f"q={'x' * 201}"),
    ],
)
def test_parameters_are_checked(client: FlaskClient, stored: dict[str, str], query: str) -> None:
    response = client.get(f"/api/v1/runs/{stored['id']}/traces?{query}")
    assert response.status_code == 400
    problem = response.get_json()
    assert problem["reason"] == "bad-request"
    assert repr(query.partition("=")[0]) in problem["detail"]


@pytest.mark.parametrize(
    "path", ["traces/2", "files/2", "traces/99999999999999999999999", "files/9223372036854775808"]
)
def test_what_the_run_lacks_is_not_found(client: FlaskClient, stored: dict[str, str], path: str) -> None:
    response = client.get(f"/api/v1/runs/{stored['id']}/{path}")
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"


def test_runs_are_listed_newest_first_in_pages(
    upload: Any, client: FlaskClient, bundle: Any, encoded: Any
) -> None:
    ids = [upload(encoded(bundle)).get_json()["id"] for _ in range(5)]
    first = client.get("/api/v1/runs?limit=2").get_json()
    last = client.get("/api/v1/runs?limit=2&offset=4").get_json()
    assert [row["id"] for row in first["runs"] + last["runs"]] == [ids[4], ids[3], ids[0]]
    assert first["total"] == 5
