"""The OpenAPI document is valid, covers every route, and describes what is answered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator


@pytest.fixture
def document(client: FlaskClient) -> Any:
    return client.get("/api/v1/openapi.json").get_json()


def test_every_route_is_described(app: Flask, document: Any) -> None:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix("/api/v1"))
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                operation = document["paths"][path][method.lower()]
                assert operation["summary"].endswith("."), (path, method)
                named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
                assert named == rule.arguments, (path, method)


def test_no_more_than_the_routes_is_described(app: Flask, document: Any) -> None:
    routes = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule) for rule in app.url_map.iter_rules()}
    assert {"/api/v1" + path for path in document["paths"]} <= routes


def test_every_reference_leads_somewhere(document: Any) -> None:
    for name in re.findall(r"'#/components/schemas/([^']+)'", str(document)):
        assert name in document["components"]["schemas"]


ANSWERS = [
    ("/runs", "/runs"),
    ("/runs/{run_id}", "/runs/<run>"),
    ("/runs/{run_id}/traces", "/runs/<run>/traces"),
    ("/runs/{run_id}/traces/{index}", "/runs/<run>/traces/0"),
    ("/runs/{run_id}/traces/{index}", "/runs/<run>/traces/1"),
    ("/runs/{run_id}/aborts", "/runs/<run>/aborts"),
    ("/runs/{run_id}/functions", "/runs/<run>/functions"),
    ("/runs/{run_id}/files/{index}", "/runs/<run>/files/1"),
    ("/runs/{run_id}/names", "/runs/<run>/names"),
    ("/runs/{run_id}/threads", "/runs/<run>/threads"),
    ("/runs/{run_id}/timeline", "/runs/<run>/timeline?source=sampled"),
    ("/runs/{run_id}/events", "/runs/<run>/events"),
    ("/runs/{run_id}/events/find", "/runs/<run>/events/find?start_ns=0&kind=mark,abort"),
    ("/runs/{run_id}/events/find", "/runs/<run>/events/find?start_ns=0&direction=previous"),
    ("/runs/{run_id}/events/one", "/runs/<run>/events/one?kind=mark&id=0"),
    ("/runs/{run_id}/marks", "/runs/<run>/marks"),
    ("/runs/{run_id}/states", "/runs/<run>/states?width=10"),
    ("/runs/{run_id}/calls/{index}", "/runs/<run>/calls/1"),
    ("/runs/{run_id}/calls/of", "/runs/<run>/calls/of?function=0,1"),
    ("/runs/{run_id}/find", "/runs/<run>/find?function=0&after=-1"),
    ("/runs/{run_id}/find", "/runs/<run>/find?function=0&before=0"),
    ("/runs/{run_id}/totals", "/runs/<run>/totals?source=sampled"),
    ("/runs/{run_id}/sandwich", "/runs/<run>/sandwich?function=0"),
    ("/runs/{run_id}/sandwich", "/runs/<run>/sandwich?function=-1"),
    ("/runs/{run_id}/left-heavy", "/runs/<run>/left-heavy"),
]


@pytest.mark.parametrize(("path", "asked"), ANSWERS)
def test_answers_are_as_described(
    client: FlaskClient, stored: dict[str, str], document: Any, path: str, asked: str
) -> None:
    answer = client.get("/api/v1" + asked.replace("<run>", stored["id"])).get_json()
    pointer = path.replace("~", "~0").replace("/", "~1")
    at = f"#/paths/{pointer}/get/responses/200/content/application~1json/schema"
    errors = list(Draft202012Validator({**document, "$ref": at}).iter_errors(answer))
    assert errors == []


def test_refusals_are_as_described(client: FlaskClient, document: Any) -> None:
    schema = {**document, "$ref": "#/components/schemas/Refusal"}
    for path in ("/api/v1/runs/none", "/api/v1/runs?limit=0", "/api/v1/none"):
        problem = client.get(path).get_json()
        assert list(Draft202012Validator(schema).iter_errors(problem)) == []


def test_schemas_allow_nothing_unnamed(client: FlaskClient, stored: dict[str, str], document: Any) -> None:
    trace = client.get(f"/api/v1/runs/{stored['id']}/traces/0").get_json()
    assert set(document["components"]["schemas"]["TraceView"]["properties"]) == set(trace)
    run = client.get(f"/api/v1/runs/{stored['id']}").get_json()
    assert set(document["components"]["schemas"]["RunOverview"]["properties"]) == set(run)
