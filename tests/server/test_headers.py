"""Every answer of every route carries the security headers."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tracebin.server.headers import DATA_POLICY, HEADERS, PAGE_POLICY

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")


def assert_secure(response: Any) -> None:
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    is_page = response.mimetype in ("text/html", "text/css", "text/javascript")
    policy = response.headers["Content-Security-Policy"]
    assert policy in ((PAGE_POLICY,) if is_page else (DATA_POLICY, PAGE_POLICY))
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Set-Cookie" not in response.headers


def addresses(app: Flask, run: str) -> list[str]:
    """Every route, for a run that is there and one that is not, for numbers that are there and not."""
    built = [
        rule.build({**dict.fromkeys(rule.arguments, number), "run_id": run_id, "filename": "base.css"}, False)
        for rule in app.url_map.iter_rules()
        for run_id, number in ((run, 0), ("gone", 0), (run, 999))
    ]
    return sorted({found[1] for found in built if found is not None})


def test_every_route_and_method(app: Flask, client: FlaskClient, stored: dict[str, str]) -> None:
    statuses = set()
    for path in addresses(app, stored["id"]):
        for method in METHODS:
            with client.open(path, method=method) as response:
                assert_secure(response)
                assert response.status_code < 500, (method, path)
                statuses.add(response.status_code)
    assert {200, 401, 404, 405, 415} <= statuses


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api/v1/nothing",
        "/api/v1/runs/",
        "/static/nothing",
        "/static/base.css",
        "/static/../setup.cfg",
    ],
)
def test_what_is_not_there(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.get_json()["reason"]) == (404, "no_such_page")
    assert_secure(response)


def test_a_run_with_a_slash_leads_to_the_run(client: FlaskClient, stored: dict[str, str]) -> None:
    response = client.get(f"/runs/{stored['id']}/")
    assert (response.status_code, response.headers["Location"]) == (308, f"/runs/{stored['id']}")
    assert_secure(response)


def test_a_bug_shows_nothing_of_itself(app: Flask, client: FlaskClient, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(app.extensions["tracebin"], "runs", fail)
    response = client.get("/api/v1/runs")
    assert (response.status_code, response.get_json()["reason"]) == (500, "internal")
    assert b"secret" not in response.data
    assert_secure(response)


def test_pages_allow_no_inline_script() -> None:
    assert "script-src 'self';" in PAGE_POLICY
    assert "unsafe" not in PAGE_POLICY
    assert "frame-ancestors 'none'" in PAGE_POLICY
    assert "frame-ancestors 'none'" in DATA_POLICY


def test_heads_and_options_change_nothing(app: Flask, client: FlaskClient, stored: dict[str, str]) -> None:
    for method in ("HEAD", "OPTIONS"):
        for path in addresses(app, stored["id"]):
            client.open(
                path, method=method, headers={"Authorization": f"Bearer {stored['delete_token']}"}
            ).close()
    assert client.get("/api/v1/runs").get_json()["total"] == 1


def test_the_token_is_not_cached(upload: Any, body: bytes) -> None:
    assert upload(body).headers["Cache-Control"] == "no-store"
