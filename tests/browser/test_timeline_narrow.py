"""The time line in a small window: nothing that is needed is out of sight."""

from __future__ import annotations

from typing import Any, Callable

from playwright.sync_api import Page, expect

When = Callable[..., dict[str, Any]]

MS = 1_000_000
SMALL = {"width": 1000, "height": 700}


def test_a_selected_time_stays_in_sight_and_can_be_taken_away(page: Page, run: str, when: When) -> None:
    page.set_viewport_size(SMALL)
    chosen = f"range={20 * MS}-{700 * MS}"
    page.goto(f"/runs/{run}/timeline?filter=cat:program%20file:prog.py%20cat:jit&function=0&{chosen}")
    place = page.locator(".picture").bounding_box()
    assert place is not None
    for zooms in (1, 2, 3):
        box = max(
            (b for b in when("d => d.boxes.length > 0")["boxes"] if b["depth"] < 3), key=lambda b: b["width"]
        )
        left, right = max(0, box["x"]), min(place["width"], box["x"] + box["width"])
        page.mouse.dblclick(place["x"] + (left + right) / 2, place["y"] + box["y"] + 8)
        when(f"d => d.zooms.length === {zooms}")
    expect(page.locator("#filter-count")).to_contain_text("events")
    away = page.get_by_label("All times again")
    whole = page.get_by_role("button", name="Whole run")
    expect(whole).to_be_in_viewport(ratio=1)
    expect(away).to_be_in_viewport(ratio=1)
    away.click()
    when("d => d.chosen === null")
    expect(page.locator("#filter")).to_be_in_viewport(ratio=1)


def test_the_table_has_room_for_names_and_all_columns(page: Page, run: str, when: When) -> None:
    page.set_viewport_size(SMALL)
    page.goto(f"/runs/{run}/timeline?view=table")
    when("d => d.view === 'table'")
    names = page.locator("tr[data-function] button")
    expect(names.first).to_be_visible()
    room = "all => all.map((each) => each.closest('td').clientWidth)"
    assert min(names.evaluate_all(room)) >= 220
    for column in page.locator(".table-pane thead th").all():
        expect(column).to_be_in_viewport(ratio=1)


def test_what_the_status_line_has_no_room_for_ends_in_an_ellipsis(page: Page, run: str, when: When) -> None:
    page.goto(f"/runs/{run}/timeline")
    when()
    # Texts that are children of a flex box are cut without one.
    style = page.locator(".status").evaluate(
        "each => [getComputedStyle(each)].map((s) => [s.display, s.textOverflow])"
    )
    assert style == [["block", "ellipsis"]]
