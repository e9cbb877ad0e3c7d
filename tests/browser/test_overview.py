"""A run's own page, and the pages of what isn't there."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Page, expect


def test_it_says_what_ran_and_where_the_time_went(page: Page, run: str) -> None:
    page.goto(f"/runs/{run}")
    expect(page.locator("h1")).to_have_text("prog.py 1000")
    legend = page.locator(".legend li .state")
    states = ["interpreted", "jitted", "blackhole", "tracing", "gc", "native", "unknown"]
    expect(legend).to_have_text(states)
    expect(page.locator(".time-bar rect")).to_have_count(len(states))
    expect(page.locator(".problems")).to_contain_text("the log ended in the middle of a line")
    expect(page.get_by_text("Trace too long")).to_be_visible()


def test_tracings_cut_into_segments_are_no_aborts(page: Page, run: str) -> None:
    view = page.request.get(f"/api/v1/runs/{run}").json()
    view["counts"] = {**view["counts"], "aborts": 2, "segmented": 3}
    page.route(f"**/api/v1/runs/{run}", lambda route: route.fulfill(json=view))
    page.goto(f"/runs/{run}")
    figures = page.get_by_role("listitem")
    expect(figures.filter(has_text="abort").first).to_have_text("2 aborts")
    expect(figures.filter(has_text="segments")).to_have_text("3 cut into segments")
    expect(page.get_by_text("3 tracings cut into segments: what was traced")).to_be_visible()


def test_both_tables_are_whole_on_a_small_laptop(page: Page, run: str) -> None:
    # GIVEN names, places, kinds and numbers as long as they come
    view = page.request.get(f"/api/v1/runs/{run}").json()
    path, title = "/home/me/run_benchmark.py", "Planner.remove_propagate_from"
    long = {"path": path, "line": 1234, "title": title, "qualname": title, "self_ns": 94_100_000}
    view["traces"] = [{**view["traces"][0], **long, "kind": "entry bridge", "runs": 29_690_283}]
    view["functions"] = [{**view["functions"][0], **long}]
    page.route(f"**/api/v1/runs/{run}", lambda route: route.fulfill(json=view))
    # WHEN both are side by side
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"/runs/{run}")
    expect(page.get_by_text("29\N{NARROW NO-BREAK SPACE}690\N{NARROW NO-BREAK SPACE}283")).to_be_visible()
    # THEN no column is cut
    frames = page.locator(".pair").first.locator(".table-frame")
    assert frames.evaluate_all("all => all.map(each => each.scrollWidth - each.clientWidth)") == [0, 0]


def test_output_is_text_whatever_it_holds(page: Page, run: str) -> None:
    page.goto(f"/runs/{run}")
    expect(page.get_by_label("stdout", exact=True)).to_have_text("<b>499500</b>\n")
    expect(page.get_by_label("stdout, its end")).to_have_text("the end\n")
    expect(page.locator(".cut")).to_have_text("7.81 KiB were not kept")


def test_settings_are_folded_groups(page: Page, run: str) -> None:
    page.goto(f"/runs/{run}")
    jit = page.locator("details:has(summary:text-matches('^JIT'))")
    expect(jit.get_by_text("threshold")).to_be_hidden()
    jit.locator("summary").click()
    expect(jit.get_by_text("1039")).to_be_visible()
    garbage = page.locator("details", has_text="PYPY_GC_NURSERY")
    garbage.locator("summary").click()
    expect(garbage.get_by_text("not set")).to_be_visible()


@pytest.mark.parametrize("path", ["", "/traces", "/traces/0", "/traces/1", "/aborts"])
def test_no_link_is_dead(page: Page, run: str, path: str) -> None:
    page.goto(f"/runs/{run}{path}")
    page.locator(".waiting").wait_for(state="detached")
    links = page.locator("a[href]").evaluate_all(
        "all => [...new Set(all.map(link => link.href.split('#')[0]))]"
    )
    answers = {link: page.request.get(link).status for link in links}
    assert [link for link, status in answers.items() if status != 200] == []


def test_a_run_is_deleted_with_its_token_only(
    page: Page, own_run: dict[str, str], expected_faults: list[str]
) -> None:
    expected_faults += ["403", "404"]
    page.goto(f"/runs/{own_run['id']}")
    page.get_by_role("button", name="Delete …").click()
    page.get_by_label("Delete token").fill("not-it")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("alert")).to_contain_text("token")
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="Delete …").click()
    page.get_by_label("Delete token").fill(own_run["delete_token"])
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")
    page.goto(f"/runs/{own_run['id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")


@pytest.mark.parametrize(
    "path",
    [
        "/runs/none",
        "/runs/none/traces",
        "/nothing",
        "/runs/{run}/traces/99",
        "/runs/{run}/traces/99999999999999999999",
    ],
)
def test_what_is_not_there_has_a_page_that_says_so(
    page: Page, run: str, expected_faults: list[str], path: str
) -> None:
    expected_faults.append("404")
    answer = page.goto(path.format(run=run))
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")
    page.get_by_role("link", name="All runs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


def test_a_program_gets_a_problem_document_instead(server: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server}/api/v1/nothing")
    document = json.load(refused.value)
    assert document["status"] == 404
    assert refused.value.headers["Content-Type"] == "application/problem+json"


def test_no_script_runs_but_this_sites_own(page: Page, run: str) -> None:
    answer = page.goto(f"/runs/{run}")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", answer.text())


@pytest.mark.parametrize("path", ["", "/timeline", "/traces", "/traces/0", "/aborts"])
def test_every_page_says_how_calls_were_recorded(page: Page, run: str, path: str) -> None:
    page.goto(f"/runs/{run}{path}")
    told = page.get_by_role("banner").locator(".recorded")
    expect(told).to_have_text("calls sampled")
    expect(told).to_have_attribute("title", "How it was recorded: calls sampled.")
