"""The ways out of a part of the run, whatever led to it."""

from __future__ import annotations

import re
from typing import Any, Callable

import pytest
from playwright.sync_api import Page, expect

When = Callable[..., dict[str, Any]]

MS = 1_000_000
END = 900 * MS
WHOLE = f"d => d.range[0] === 0 && d.range[1] === {END}"


def test_escape_leads_out_of_what_wheel_and_keys_zoomed_to(page: Page, run: str, when: When) -> None:
    here = page.locator(".zooms .here")
    page.goto(f"/runs/{run}/timeline")
    when("d => d.boxes.length > 0")
    expect(here).to_have_count(0)
    place = page.locator(".picture").bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 10, place["y"] + place["height"] - 10)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    when(f"d => d.range[1] < {END}")
    expect(here).to_be_visible()
    page.keyboard.press("Escape")
    when(WHOLE)
    expect(here).to_have_count(0)
    page.keyboard.press("w")
    when(f"d => d.range[1] - d.range[0] < {END}")
    expect(here).to_be_visible()
    page.keyboard.press("Backspace")
    when(WHOLE)


def test_after_a_link_escape_takes_selection_part_and_selected_time_away(
    page: Page, run: str, when: When
) -> None:
    here = page.locator(".zooms .here")
    part = f"at={100 * MS}-{300 * MS}&range={50 * MS}-{700 * MS}&call=0.sampled.0"
    page.goto(f"/runs/{run}/timeline?{part}")
    when("d => d.selected !== null && d.chosen !== null")
    expect(here).to_have_text("100.0 ms to 300.0 ms")
    page.keyboard.press("Escape")
    when(f"d => d.selected === null && d.range[0] === {100 * MS}")
    page.keyboard.press("Escape")
    when(f"d => d.chosen !== null && d.range[1] === {END}")
    expect(here).to_have_count(0)
    page.keyboard.press("Escape")
    when("d => d.chosen === null")


def test_merged_time_has_such_a_way_of_its_own(page: Page, run: str, when: When) -> None:
    page.goto(f"/runs/{run}/timeline?view=merged&in={2 * MS}-{12 * MS}")
    when(f"d => d.boxes.length > 0 && d.range[0] === {2 * MS}")
    expect(page.locator(".zooms .here")).to_have_text("2.000 ms to 12.000 ms")
    page.keyboard.press("Escape")
    when("d => d.range[0] === 0 && d.range[1] === d.domain[1]")
    expect(page.locator(".zooms .here")).to_have_count(0)


def test_a_click_beside_the_lens_moves_it_there(page: Page, run: str, when: When) -> None:
    page.goto(f"/runs/{run}/timeline?at={100 * MS}-{200 * MS}")
    width = when()["width"]
    for part in (0.25, 0.75):
        page.locator(".minimap svg").click(position={"x": part * width, "y": 20})
        middle = part * END
        found = when(f"d => Math.abs((d.range[0] + d.range[1]) / 2 - {middle}) < {2 * MS}")
        assert found["range"][1] - found["range"][0] == pytest.approx(100 * MS)
        assert found["chosen"] is None


def test_a_selected_time_is_of_whole_nanoseconds_as_its_link_is(page: Page, run: str, when: When) -> None:
    page.set_viewport_size({"width": 1111, "height": 700})
    page.goto(f"/runs/{run}/timeline")
    when("d => d.boxes.length > 0")
    for place in (".ruler svg", ".minimap svg"):
        box = page.locator(place).bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 101, box["y"] + 8)
        page.mouse.down()
        page.mouse.move(box["x"] + 307, box["y"] + 8)
        page.mouse.up()
        chosen = when("d => d.chosen !== null")["chosen"]
        expect(page).to_have_url(re.compile(f"range={chosen[0]}-{chosen[1]}"))
        page.get_by_label("All times again").click()
        page.keyboard.press("0")
        when("d => d.chosen === null")
