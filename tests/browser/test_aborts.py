"""The aborts' page."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def test_aborts_of_one_place_are_together_under_their_reason(page: Page, run: str) -> None:
    page.goto(f"/runs/{run}/aborts")
    section = page.get_by_role("region", name="Trace too long")
    expect(section.locator("h2")).to_contain_text("ABORT_TOO_LONG")
    expect(section.locator("article")).to_have_count(1)
    expect(section.locator("article h3")).to_contain_text("2 times, 10.0 ms lost")
    expect(section.locator(".first")).to_have_text("for step in range(n):")


def test_an_attempt_tells_what_pypy_did_and_where_it_went(page: Page, run: str) -> None:
    page.goto(f"/runs/{run}/aborts")
    attempt = page.locator("details.attempt").first
    attempt.locator("> summary").click()
    expect(attempt).to_contain_text("6\u202f001 merge points")
    expect(attempt).to_contain_text("no inlinable function found!")
    expect(attempt).to_contain_text("hot_loop")
    attempt.get_by_text("The path, 1 step").click()
    expect(attempt.locator(".steps tr")).to_contain_text("for step in range(n):")


def test_the_trace_compiled_later_is_a_link(page: Page, run: str) -> None:
    page.goto(f"/runs/{run}/aborts")
    page.locator("details.attempt").first.get_by_role("link", name="compiled later as trace 4").click()
    page.wait_for_url("**/traces/4")


def test_what_was_cut_into_a_segment_is_not_lost(page: Page, run: str) -> None:
    answer = page.request.get(f"/api/v1/runs/{run}/aborts").json()
    lost = answer["aborts"][0]
    cut = {**lost, "id": 1, "reason": "ABORT_SEGMENTED_TRACE", "lost": False}
    reasons = {"ABORT_TOO_LONG": 1, "ABORT_SEGMENTED_TRACE": 1}
    told = {**answer, "by_reason": reasons, "aborts": [cut, lost]}
    page.route("**/api/v1/runs/*/aborts", lambda route: route.fulfill(json=told))
    page.goto(f"/runs/{run}/aborts")
    expect(page.locator("main header p")).to_have_text(
        "1 tracing came to nothing, 5.00 ms lost. 1 tracing more was cut into a segment: what was traced "
        "until then became a trace."
    )
    expect(page.locator("h2")).to_have_text(
        [re.compile("TOO_LONG +1, 5.00 ms lost"), re.compile("SEGMENTED_TRACE +1, nothing lost")]
    )
    became = page.get_by_role("link", name="what was traced until then became trace 4")
    expect(page.get_by_role("region", name="Segmented").locator(became)).to_be_visible()


def test_a_long_path_is_shown_in_parts(page: Page, run: str) -> None:
    answer = page.request.get(f"/api/v1/runs/{run}/aborts").json()
    abort = answer["aborts"][0]
    many = {**abort, "path_steps": abort["path_steps"] * 1000}
    page.route("**/api/v1/runs/*/aborts", lambda route: route.fulfill(json={**answer, "aborts": [many]}))
    page.goto(f"/runs/{run}/aborts")
    page.get_by_text("The path, 1\u202f000 steps").click()
    expect(page.locator(".steps tr")).to_have_count(300)
    page.get_by_role("button", name="Show 700 more").click()
    expect(page.locator(".steps tr")).to_have_count(1000)


def test_a_run_without_aborts_says_so(page: Page, run: str) -> None:
    nothing = {"total": 0, "by_reason": {}, "aborts": []}
    page.route("**/api/v1/runs/*/aborts", lambda route: route.fulfill(json=nothing))
    page.goto(f"/runs/{run}/aborts")
    expect(page.get_by_text("No tracing was aborted in this run.")).to_be_visible()


def test_an_address_leads_to_one_abort_of_many(page: Page, run: str) -> None:
    answer = page.request.get(f"/api/v1/runs/{run}/aborts").json()
    abort = answer["aborts"][0]
    # Every third place was tried once; of the others each was tried twice.
    places = [abort | {"id": i, "line": i // 3 * 2 + (i % 3 > 0)} for i in range(600)]
    page.route("**/api/v1/runs/*/aborts", lambda route: route.fulfill(json={**answer, "aborts": places}))
    page.goto(f"/runs/{run}/aborts#abort-481")
    folded = page.locator("details#abort-481")
    expect(folded).to_be_in_viewport()
    expect(folded).to_have_class(re.compile("here"))
    expect(folded.locator("> summary")).to_be_focused()
    expect(folded).to_contain_text("no inlinable function found!")
    page.evaluate("location.hash = '#abort-42'")
    expect(page.locator("article#abort-42")).to_be_in_viewport()
    expect(page.locator("article#abort-42")).to_be_focused()
    expect(page.locator(".here")).to_have_count(1)
    page.evaluate("location.hash = '#abort-700'")
    expect(page.get_by_role("status")).to_have_text("There is no abort 700 in this run.")
    expect(page.locator(".here")).to_have_count(0)
