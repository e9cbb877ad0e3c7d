"""What those have of the time line who use a keyboard, or listen: the focus, and what is going on."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

When = Callable[..., dict[str, Any]]

MS = 1_000_000
CHOSEN = f"range={200 * MS}-{700 * MS}"
CONTROLS = {
    "a row of the table": ("view=table", "tr[data-function] button"),
    "a head of the table": ("view=table", "thead th:nth-child(4) button"),
    "an entry of the legend": ("", ".legend button"),
    "a thread's fold": ("", ".block-head button"),
    "the selected time": (CHOSEN, ".chosen-time button:first-child"),
    "the whole run": (CHOSEN, ".zooms button:first-child"),
}
PRESSED = "each => { each.dataset.pressed = true; each.focus(); }"


def opened(page: Page, run: str, when: When, query: str, control: str) -> Locator:
    page.goto(f"/runs/{run}/timeline?{query}")
    when("d => d.view === 'table' || d.boxes.length > 0")
    found = page.locator(control).first
    expect(found).to_be_visible()
    return found


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_that_is_pressed_keeps_the_focus(page: Page, run: str, when: When, name: str) -> None:
    query, control = CONTROLS[name]
    found = opened(page, run, when, query, control)
    found.evaluate(PRESSED)
    page.keyboard.press("Enter")
    # What was pressed has been replaced: the focus is on its successor.
    expect(page.locator("[data-pressed]")).to_have_count(0)
    when()
    expect(page.locator(control).first).to_be_focused()


def test_the_focus_goes_to_what_is_around_a_control_that_is_gone(page: Page, run: str, when: When) -> None:
    opened(page, run, when, CHOSEN, ".chosen-time button:last-child").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".chosen-time")).to_have_count(0)
    expect(page.get_by_role("button", name="Whole run")).to_be_focused()
    opened(page, run, when, "view=table&function=1", ".details button").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".details")).to_be_focused()


def test_a_menu_that_is_closed_gives_the_focus_to_its_button(page: Page, run: str, when: When) -> None:
    opened(page, run, when, "", "details.menu summary").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitemcheckbox").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("details.menu summary").first).to_be_focused()


def test_the_focus_goes_from_row_to_row_with_the_selection(page: Page, run: str, when: When) -> None:
    opened(page, run, when, "view=table", "tr[data-function] button").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    chosen = page.locator('tr[aria-selected="true"]')
    expect(chosen.locator("xpath=preceding-sibling::tr")).to_have_count(1)
    expect(chosen.get_by_role("button")).to_be_focused()


def test_loading_is_told_only_while_something_loads(page: Page, run: str, when: When) -> None:
    held: list[Route] = []
    page.route("**/left-heavy*", lambda route: held.append(route))
    opened(page, run, when, "", ".block-head")
    loading = page.get_by_role("progressbar")
    expect(loading).to_have_count(0)
    with page.expect_request("**/left-heavy*"):
        page.keyboard.press("2")
    expect(loading).to_have_count(1)
    expect(loading).to_be_visible()
    for route in held:
        route.continue_()
    when("d => d.view === 'merged' && d.boxes.length > 0")
    expect(loading).to_have_count(0)
