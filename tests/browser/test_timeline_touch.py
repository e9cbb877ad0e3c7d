"""The time line under fingers: one moves it, two zoom it, a tap selects."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

When = Callable[..., dict[str, Any]]
Point = tuple[float, float]
MS = 1_000_000
STEPS = 5


@pytest.fixture(scope="module")
def window(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[Page]:
    """A page on a screen that can be touched."""
    context = browser.new_context(**browser_context_args, has_touch=True)
    yield context.new_page()
    context.close()


class Fingers:
    """Fingers on the calls' picture, at places in pixels from its left and top."""

    def __init__(self, page: Page, session: CDPSession) -> None:
        self.page = page
        self.session = session

    def send(self, kind: str, points: list[Point], place: str) -> None:
        box = self.page.locator(place).bounding_box()
        assert box is not None
        touches = [{"x": box["x"] + x, "y": box["y"] + y, "id": i} for i, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def move(self, starts: list[Point], ends: list[Point], place: str = ".picture") -> None:
        self.send("touchStart", starts, place)
        for step in range(1, STEPS + 1):
            part = step / STEPS
            between = [
                (x + (to_x - x) * part, y + (to_y - y) * part) for (x, y), (to_x, to_y) in zip(starts, ends)
            ]
            self.send("touchMove", between, place)
        self.send("touchEnd", [], place)

    def tap(self, x: float, y: float) -> None:
        self.send("touchStart", [(x, y)], ".picture")
        self.send("touchEnd", [], ".picture")


@pytest.fixture
def fingers(page: Page) -> Iterator[Fingers]:
    session = page.context.new_cdp_session(page)
    yield Fingers(page, session)
    session.detach()


@pytest.fixture
def found(page: Page, run: str, when: When) -> dict[str, Any]:
    """What the picture says of itself: 5 to 25 of its 900 ms."""
    page.goto(f"/runs/{run}/timeline?at={5 * MS}-{25 * MS}")
    return when("d => d.boxes.length > 0")


def span(found: dict[str, Any]) -> float:
    return float(found["range"][1] - found["range"][0])


def test_one_finger_moves_the_picture(found: dict[str, Any], fingers: Fingers, when: When) -> None:
    fingers.move([(400, 100)], [(300, 100)])
    moved = when("d => d.range[0] > 5e6")
    assert moved["range"][0] - found["range"][0] == pytest.approx(100 / found["width"] * 20 * MS, rel=0.02)
    assert span(moved) == pytest.approx(span(found))
    assert moved["selected"] is None


def test_one_finger_scrolls_through_the_depth(
    page: Page, found: dict[str, Any], fingers: Fingers, when: When
) -> None:
    page.keyboard.press("3")
    page.set_viewport_size({"width": 1280, "height": 400})
    height = when("d => d.view === 'lines' && d.blocks.length > 1")["height"]
    fingers.move([(300, height - 5)], [(300, 5)])
    moved = when("d => d.scrolled > 0")
    assert moved["range"] == pytest.approx(found["range"], rel=1e-6)


def test_two_fingers_zoom_between_them(found: dict[str, Any], fingers: Fingers, when: When) -> None:
    middle = found["range"][0] + 400 / found["width"] * span(found)
    fingers.move([(350, 100), (450, 100)], [(300, 100), (500, 100)])
    zoomed = when("d => d.range[1] - d.range[0] < 15e6")
    assert span(zoomed) == pytest.approx(span(found) / 2, rel=0.02)
    at = zoomed["range"][0] + 400 / found["width"] * span(zoomed)
    assert at == pytest.approx(middle, abs=0.02 * span(zoomed))
    fingers.move([(300, 100), (500, 100)], [(350, 100), (450, 100)])
    assert span(when("d => d.range[1] - d.range[0] > 15e6")) == pytest.approx(span(found), rel=0.02)


def test_a_tap_selects_and_two_zoom_to_the_call(
    page: Page, found: dict[str, Any], fingers: Fingers, when: When
) -> None:
    box = next(each for each in found["boxes"] if each["depth"] == 1)
    x, y = box["x"] + box["width"] / 2, box["y"] + 8
    fingers.tap(x, y)
    selected = when("d => d.selected?.children !== undefined")["selected"]
    assert (selected["name"], selected["depth"]) == (box["name"], 1)
    expect(page.locator(".details h2")).to_have_text(box["name"])
    fingers.tap(x, y)
    fingers.tap(x, y)
    assert when("d => d.zooms.length === 1")["zooms"] == [box["name"]]


def test_a_finger_in_the_ruler_selects_a_time(found: dict[str, Any], fingers: Fingers, when: When) -> None:
    width = found["width"]
    fingers.move([(width / 4, 10)], [(width / 2, 10)], place=".ruler svg")
    assert when("d => d.chosen !== null")["chosen"] == pytest.approx([10 * MS, 15 * MS], rel=0.02)
