"""Ids, tokens, hosts, origins: who may do what."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from flask.testing import FlaskClient


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def files(config: Any) -> list[Any]:
    return [path for path in config.blobs.rglob("*") if path.is_file()]


def test_delete(client: FlaskClient, stored: dict[str, str], config: Any) -> None:
    url = f"/api/v1/runs/{stored['id']}"
    response = client.delete(url, headers=bearer(stored["delete_token"]))
    assert (response.status_code, response.data) == (204, b"")
    assert client.get(url).status_code == 404
    assert client.get("/api/v1/runs").get_json()["total"] == 0
    assert files(config) == []
    assert client.delete(url, headers=bearer(stored["delete_token"])).status_code == 404


def test_delete_leaves_no_row(client: FlaskClient, stored: dict[str, str], store: Any) -> None:
    from tracebin.server.tables import Base

    client.delete(f"/api/v1/runs/{stored['id']}", headers=bearer(stored["delete_token"]))
    with store.database.reading() as session:
        for table in Base.metadata.sorted_tables:
            assert session.execute(table.select()).all() == [], table.name


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Basic YTpi"}, 401),
        (bearer("x" * 32), 403),
        (bearer("x" * 100_000), 403),
        (bearer("\u00e9"), 403),
    ],
)
def test_delete_with_a_bad_token(
    client: FlaskClient, stored: dict[str, str], headers: dict[str, str], status: int
) -> None:
    response = client.delete(f"/api/v1/runs/{stored['id']}", headers=headers)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["reason"] == ("token_missing" if status == 401 else "token-refused")
    assert (status == 401) == ("WWW-Authenticate" in response.headers)
    assert client.get(f"/api/v1/runs/{stored['id']}").status_code == 200


def test_another_runs_token(client: FlaskClient, upload: Any, body: bytes) -> None:
    one, other = upload(body).get_json(), upload(body).get_json()
    response = client.delete(f"/api/v1/runs/{one['id']}", headers=bearer(other["delete_token"]))
    assert (response.status_code, response.get_json()["reason"]) == (403, "token-refused")
    truncated = client.delete(f"/api/v1/runs/{one['id']}", headers=bearer(one["delete_token"][:-1]))
    assert truncated.status_code == 403


def test_the_token_is_not_kept(stored: dict[str, str], config: Any) -> None:
    kept = b"".join(path.read_bytes() for path in config.data.rglob("*") if path.is_file())
    assert stored["id"].encode() in kept
    assert stored["delete_token"].encode() not in kept


def test_the_same_bytes_twice_are_two_runs_and_one_blob(
    client: FlaskClient, upload: Any, body: bytes, config: Any
) -> None:
    one, other = upload(body).get_json(), upload(body).get_json()
    assert one["id"] != other["id"]
    # The bundle, its columns, its time line.
    assert len(files(config)) == 3
    client.delete(f"/api/v1/runs/{one['id']}", headers=bearer(one["delete_token"]))
    assert len(files(config)) == 3
    assert client.get(f"/api/v1/runs/{other['id']}/bundle", buffered=True).data == body
    client.delete(f"/api/v1/runs/{other['id']}", headers=bearer(other["delete_token"]))
    assert files(config) == []


@pytest.mark.parametrize("path", ["", "/traces", "/bundle", "/delete", "?delete_token=x", "?_method=DELETE"])
def test_get_changes_nothing(client: FlaskClient, stored: dict[str, str], path: str) -> None:
    with client.get(
        f"/api/v1/runs/{stored['id']}{path}",
        headers={**bearer(stored["delete_token"]), "X-HTTP-Method-Override": "DELETE"},
    ):
        pass
    assert client.get(f"/api/v1/runs/{stored['id']}").status_code == 200


@pytest.mark.parametrize(
    "run",
    [
        *(
            "../../etc/passwd",
            "..%2f..%2fetc%2fpasswd",
            "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "....//",
            "a%00b",
            "%00",
        ),
        *("CON", "x" * 10_000, "'; DROP TABLE runs; --", "%", "_" * 32, "%ff", "%0d%0aX-Evil:1", "\u202e"),
    ],
)
def test_ids_that_are_none(client: FlaskClient, stored: dict[str, str], run: str) -> None:
    for below in ("", "/bundle", "/traces", "/traces/0", "/aborts", "/functions", "/files/0"):
        response = client.get(f"/api/v1/runs/{run}{below}")
        assert response.status_code == 404, below
        assert response.mimetype == "application/problem+json"
        assert "X-Evil" not in response.headers


def test_an_id_in_another_case_is_another(client: FlaskClient, stored: dict[str, str]) -> None:
    assert client.get(f"/api/v1/runs/{stored['id'].swapcase()}").status_code == 404


def test_ids_differ(upload: Any, body: bytes) -> None:
    answers = [upload(body).get_json() for _ in range(20)]
    assert len({answer["id"] for answer in answers} | {answer["delete_token"] for answer in answers}) == 40


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Sec-Fetch-Site": ""}, False),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "http://localhost:81"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://["}, False),
    ],
)
def test_changes_asked_for_by_other_sites(
    upload: Any, client: FlaskClient, body: bytes, headers: dict[str, str], passes: bool
) -> None:
    response = upload(gzip.compress(body), "gzip", headers=headers)
    assert response.status_code == (201 if passes else 403)
    if not passes:
        assert response.get_json()["reason"] == "cross_site"
        assert client.get("/api/v1/runs", headers=headers).get_json()["total"] == 0


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1:1", "[::1]", "[::1]:8000"]
)
def test_own_hosts(client: FlaskClient, host: str) -> None:
    assert client.get("/api/v1/runs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.localhost", "[::2]", "", "a b", "127.0.0.2"]
)
def test_foreign_hosts(client: FlaskClient, host: str) -> None:
    for path in ("/api/v1/runs", "/healthz", "/", "/static/nothing", "/nothing"):
        response = client.get(path, headers={"Host": host})
        assert (response.status_code, response.get_json()["reason"]) == (400, "untrusted_host"), path


def test_configured_hosts(config: Any) -> None:
    from dataclasses import replace

    from tracebin.server import create_app

    app = create_app(replace(config, trusted_hosts=("bin.example", ".lab.example")))
    client = app.test_client()
    for host in ("bin.example", "bin.example:443", "a.lab.example", "a.b.lab.example"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200
    for host in ("xbin.example", "lab.example.evil"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 400
    app.extensions["tracebin"].close()


EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "a\0b",
    "a\r\nX-Evil: 1",
    "\x1b[31mred",
    "\u202etxt.exe",
    "'; DROP TABLE runs; --",
    "{{7*7}}",
    "__proto__",
]


@pytest.mark.parametrize("text", EVIL, ids=repr)
def test_names_are_data(client: FlaskClient, upload: Any, frame: Any, document: Any, text: str) -> None:
    document["run"]["command"] = [text]
    document["files"][0]["path"] = document["files"][0]["text"] = text
    for key in ("name", "qualname"):
        document["functions"][0][key] = text
    document["traces"][0]["driver"] = document["traces"][0]["name"] = text
    document["traces"][0]["function"] = None
    document["traces"][0]["stages"]["optimised"]["points"] = [(0, 0, 0, None, None, None, text)]
    document["aborts"][0]["reason"] = document["threads"][0]["name"] = text
    created = upload(frame(document))
    assert created.status_code == 201, created.get_json()
    # A NUL, which PostgreSQL refuses, is U+FFFD in what is searched.
    searched = text.replace("\0", "\ufffd")
    run = f"/api/v1/runs/{created.get_json()['id']}"
    assert client.get("/api/v1/runs").get_json()["runs"][0]["command"] == [text]
    assert client.get(run).get_json()["threads"][0]["name"] == text
    (function,) = client.get(f"{run}/functions", query_string={"q": text}).get_json()["functions"]
    assert (function["name"], function["path"]) == (searched, searched)
    (trace,) = client.get(f"{run}/traces", query_string={"driver": text}).get_json()["traces"]
    assert (trace["title"], trace["driver"]) == (searched, searched)
    assert client.get(f"{run}/traces/0").get_json()["segments"][0]["text"] == text
    assert client.get(f"{run}/files/0").get_json()["text"] == text
    assert client.get(f"{run}/aborts").get_json()["by_reason"] == {text: 1}
    with client.get(f"{run}/bundle") as download:
        assert text not in str(download.headers)
        assert "X-Evil" not in download.headers
