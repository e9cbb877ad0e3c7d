"""How a run was recorded, in every answer that lists or adds up."""

from __future__ import annotations

import gzip
import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from tracebin.bundle import records as r
from tracebin.server.recorded import Recorded, recorded


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Recorded("sampled", None, False, [])),
        ({"calls": "sampled", "interval_s": 0.001}, Recorded("sampled", 1_000_000, False, [])),
        (
            {"interval_s": 0.001, "later_interval_s": 0.004},
            Recorded("sampled", 1_000_000, False, [], 4_000_000),
        ),
        ({"calls": "exact", "later_interval_s": 0.004}, Recorded("exact", None, False, [])),
        ({"interval_s": 0}, Recorded("off", None, False, [])),
        ({"calls": "exact", "interval_s": 0.0}, Recorded("exact", None, False, [])),
        ({"calls": "exact+c", "max_calls": 5}, Recorded("exact+c", None, False, ["max_calls"])),
        (
            {"calls": "exact", "include": "a b", "min_duration_ns": 0},
            Recorded("exact", None, False, ["include"]),
        ),
        ({"calls": "guessed", "interval_s": 1e300}, Recorded("sampled", None, False, [])),
        ({"calls": True, "interval_s": True}, Recorded("sampled", None, False, [])),
    ],
)
def test_it_is_read_from_what_the_recorder_was_asked_for(options: dict[str, Any], expected: Recorded) -> None:
    assert recorded(options, paused=False) == expected


@pytest.fixture
def paused(upload: Any, bundle: r.Bundle, encoded: Any) -> str:
    """The id of a run of exact calls with a filter and a pause."""
    asked = {"calls": "exact", "interval_s": 0, "exclude": '<b>"'}
    run = replace(bundle.run, options=replace(bundle.run.options, recorder=asked))
    first = replace(bundle.processes[0], paused=[r.Pause(5, 9)])
    changed = replace(bundle, run=run, processes=[first, *bundle.processes[1:]])
    found: str = upload(gzip.compress(encoded(changed)), "gzip").get_json()["id"]
    return found


EXPECTED = {
    "calls": "exact",
    "interval_ns": None,
    "later_interval_ns": None,
    "paused": True,
    "filters": ["exclude"],
}


@pytest.mark.parametrize("path", ["functions", "traces", "aborts", "threads", "totals"])
def test_every_answer_that_lists_or_adds_up_says_it(client: FlaskClient, paused: str, path: str) -> None:
    assert client.get(f"/api/v1/runs/{paused}/{path}").get_json()["recorded"] == EXPECTED


@pytest.mark.parametrize("path", ["", "/timeline", "/traces", "/traces/0", "/aborts"])
def test_every_page_of_a_run_knows_it(client: FlaskClient, paused: str, path: str) -> None:
    text = client.get(f"/runs/{paused}{path}").get_data(as_text=True)
    told = re.search('data-recorded="([^"]*)"', text)
    assert told is not None
    assert json.loads(html.unescape(told[1])) == EXPECTED
