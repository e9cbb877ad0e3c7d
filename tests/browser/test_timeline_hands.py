"""Hands that go on: from view to view, thread to thread, link to link, on real recordings."""

from __future__ import annotations

import json
import re
import urllib.request
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from recorded_runs import Call, Recorded

    from tracebin.bundle import records as r

When = Callable[..., dict[str, Any]]


class Hand:
    """What a person does with the picture of one run."""

    def __init__(self, page: Page, when: When) -> None:
        self.page = page
        self.when = when

    def open(self, run: str, query: str = "", then: str = "d => d.boxes.length > 0") -> dict[str, Any]:
        self.page.goto(f"/runs/{run}/timeline?{query}")
        return self.when(then)

    def press(self, key: str, then: str = "d => true") -> dict[str, Any]:
        self.page.keyboard.press(key)
        return self.when(then)

    def corner(self, selector: str = ".picture") -> tuple[float, float]:
        place = self.page.locator(selector).first.bounding_box()
        assert place is not None
        return place["x"], place["y"]

    def at(self, box: dict[str, Any], part: float = 0.5) -> tuple[float, float]:
        """Where in the window a box is, as far as it is in sight."""
        width = self.when()["width"]
        left, right = max(0, box["x"]), min(width, box["x"] + box["width"])
        x, y = self.corner()
        return x + left + (right - left) * part, y + box["y"] + 8

    def box(self, condition: str) -> dict[str, Any]:
        """The widest box that a condition on ``b`` holds for, once there is one."""
        found = self.when(f"d => d.boxes.some((b) => {condition})")
        picked = f"(text) => JSON.stringify(JSON.parse(text).filter((b) => {condition}))"
        chosen = json.loads(self.page.evaluate(picked, json.dumps(found["boxes"])))
        return max(chosen, key=lambda box: box["width"])

    def click(self, condition: str) -> dict[str, Any]:
        self.page.mouse.click(*self.at(self.box(condition)))
        return self.when("d => d.selected !== null")

    def drag(self, selector: str, start: float, end: float, held: str | None = None) -> None:
        """Drag over parts of the width of the picture, within what a selector names."""
        x, _ = self.corner()
        _, y = self.corner(selector)
        width = self.when()["width"]
        if held:
            self.page.keyboard.down(held)
        self.page.mouse.move(x + start * width, y + 8)
        self.page.mouse.down()
        self.page.mouse.move(x + (start + end) / 2 * width, y + 8)
        self.page.mouse.move(x + end * width, y + 8)
        self.page.mouse.up()
        if held:
            self.page.keyboard.up(held)

    def wheel(self, selector: str, part: float, by: tuple[float, float], held: str | None = None) -> None:
        x, _ = self.corner()
        _, y = self.corner(selector)
        self.page.mouse.move(x + part * self.when()["width"], y + 8)
        if held:
            self.page.keyboard.down(held)
        self.page.mouse.wheel(*by)
        if held:
            self.page.keyboard.up(held)


@pytest.fixture
def hand(page: Page, when: When) -> Hand:
    return Hand(page, when)


@pytest.fixture
def trees(recordings: dict[str, Recorded]) -> Recorded:
    return recordings["structure"]


def around(call: Call) -> str:
    return f"at={call.start}-{call.end}"


def same(range_: list[float]) -> str:
    return f"d => Math.abs(d.range[0] - {range_[0]}) < 2 && Math.abs(d.range[1] - {range_[1]}) < 2"


# --- from view to view ----------------------------------------------------------------


def test_each_kind_of_time_has_its_own_way_back(hand: Hand, trees: Recorded) -> None:
    (trunk,) = trees.named("trunk")
    first = hand.open(trees.run, around(trunk))["range"]
    hand.page.mouse.dblclick(*hand.at(hand.box("b.name === 'Tree.branch'")))
    inside = hand.when("d => d.zooms.length === 1")["range"]
    merged = hand.press("2", "d => d.view === 'merged' && d.boxes.length > 0")
    assert merged["zooms"] == []
    hand.page.mouse.dblclick(*hand.at(hand.box("b.name === 'Tree.branch'")))
    assert hand.when("d => d.zooms.length === 1")["range"] != merged["range"]
    back = hand.press("1", "d => d.view === 'time' && d.zooms.length === 1")
    assert back["range"] == inside
    hand.press("2", "d => d.view === 'merged' && d.zooms.length === 1")
    hand.press("Escape", "d => d.zooms.length === 0")
    hand.when(same(merged["range"]))
    hand.press("3", "d => d.view === 'lines' && d.zooms.length === 1")
    hand.press("0", "d => d.zooms.length === 0 && d.range[1] === d.domain[1]")
    hand.press("1", "d => d.view === 'time' && d.zooms.length === 0")
    hand.page.goto(f"/runs/{trees.run}/timeline?{around(trunk)}")
    assert hand.when(same(first))["zooms"] == []


def test_a_selection_goes_through_every_view(hand: Hand, trees: Recorded) -> None:
    (trunk,) = trees.named("trunk")
    hand.open(trees.run, around(trunk))
    chosen = hand.click("b.name === 'Tree.branch' && b.count === 1")["selected"]
    drawn = "d => d.drawn !== null && d.selected?.name === 'Tree.branch'"
    branches = sum(call.duration for call in trees.named("Tree.branch"))
    merged = hand.press("2", f"d => d.view === 'merged' && ({drawn})(d)")
    assert merged["drawn"]["duration"] == branches
    hand.press("f", "d => d.zooms.length === 1")
    hand.press("Escape", "d => d.zooms.length === 0")
    lines = hand.press("3", f"d => d.view === 'lines' && ({drawn})(d)")
    assert (lines["drawn"]["start"], lines["drawn"]["duration"]) == (chosen["start"], chosen["duration"])
    sandwich = hand.press("4", f"d => d.view === 'sandwich' && ({drawn})(d)")
    assert sandwich["drawn"]["duration"] == branches
    hand.page.mouse.click(*hand.at(hand.box("b.block === 'callees' && b.name === 'Tree.leaf'")))
    leaf = hand.when("d => d.selected?.name === 'Tree.leaf'")["selected"]
    assert leaf["duration"] == max(call.duration for call in trees.named("Tree.leaf"))
    assert hand.when("d => d.drawn !== null")["drawn"]["depth"] == 1
    hand.press("5", "d => d.view === 'table'")
    expect(hand.page.locator('tr[aria-selected="true"]')).to_contain_text("Tree.leaf")
    assert hand.press("1", "d => d.view === 'time'")["selected"]["call"] == leaf["call"]


def test_lines_and_sandwich_are_of_the_thread_of_the_call(
    hand: Hand, recordings: dict[str, Recorded]
) -> None:
    threads = recordings["threads"]
    work = [call for call in threads.calls() if call.name == "work"][1]
    hand.open(threads.run, f"{around(work)}&fold=0", "d => d.boxes.some((b) => b.name === 'work')")
    hand.click(f"b.block === 't{work.thread}' && b.name === 'work'")
    inner = [call for call in threads.calls() if (call.thread, call.name) == (work.thread, "inner")]
    lines = hand.press("3", "d => d.view === 'lines' && d.boxes.length > 0")
    (key,) = {block["key"] for block in lines["blocks"] if block["title"] == "work"}
    (drawn,) = [(box["start"], box["duration"]) for box in lines["boxes"] if box["block"] == key]
    assert drawn == (work.start, work.duration)
    head = hand.page.locator(".block-head", has_text=re.compile("^inner"))
    expect(head).to_contain_text(f"{len(inner):,} calls".replace(",", "\u202f"))
    sandwich = hand.press("4", "d => d.view === 'sandwich' && d.boxes.length > 0")
    (own,) = [b for b in sandwich["boxes"] if b["block"] == "callees" and b["depth"] == 0]
    assert (own["name"], own["duration"], own["count"]) == ("work", work.duration, 1)
    row = hand.page.locator("tbody tr", has_text="work").locator("td")
    hand.press("5", "d => d.view === 'table'")
    expect(row.nth(3)).to_have_text("2")
    assert hand.press("1", "d => d.view === 'time'")["selected"]["thread"] == work.thread


def test_a_function_that_a_thread_never_calls_has_no_sandwich_there(
    hand: Hand, recordings: dict[str, Recorded]
) -> None:
    threads = recordings["threads"]
    number = next(i for i, each in enumerate(threads.bundle.functions) if each.qualname == "inner")
    hand.open(threads.run, f"view=sandwich&of={number}", "d => d.view === 'sandwich'")
    expect(hand.page.locator(".nothing")).to_contain_text("inner isn't called in MainThread")
    hand.open(threads.run, "view=sandwich&of=99999", "d => d.view === 'sandwich'")
    expect(hand.page.locator(".nothing")).to_contain_text("no function 99999")


def test_dragging_the_ruler_of_merged_calls_zooms(hand: Hand, trees: Recorded) -> None:
    found = hand.open(trees.run, "view=merged")
    whole = found["range"][1]
    hand.drag(".ruler svg", 0.25, 0.5)
    found = hand.when("d => d.zooms.length === 1")
    assert found["range"] == pytest.approx([0.25 * whole, 0.5 * whole], rel=0.02)
    assert found["chosen"] is None
    hand.press("Backspace", f"d => d.range[1] === {whole}")


def test_the_overview_selects_a_time_for_merged_calls_too(hand: Hand, trees: Recorded) -> None:
    found = hand.open(trees.run, "view=merged")
    (trunk,) = trees.named("trunk")
    quarter, whole = trunk.duration / 4, trees.bundle.run.duration_ns
    hand.drag(".minimap svg", (trunk.start + quarter) / whole, (trunk.end - quarter) / whole)
    chosen = hand.when("d => d.chosen !== null && d.boxes.length > 0")
    start, end = chosen["chosen"]
    assert chosen["range"][1] <= end - start + 2 < found["range"][1]
    clipped = [min(call.end, end) - max(call.start, start) for call in trees.calls() if call.depth == 0]
    total = sum(time for time in clipped if time > 0)
    assert sum(box["duration"] for box in chosen["boxes"] if box["depth"] == 0) == pytest.approx(total, abs=4)
    hand.page.get_by_role("button", name=re.compile("^only ")).click()
    time = hand.when("d => d.view === 'time'")
    assert time["range"] == pytest.approx([start, end], abs=2)
    hand.page.get_by_label("All times again").click()
    hand.when("d => d.chosen === null")


def test_a_measure_ends_with_its_view(hand: Hand, trees: Recorded) -> None:
    hand.open(trees.run)
    hand.drag(".picture", 0.3, 0.6, "Shift")
    hand.when("d => d.measured !== null")
    hand.press("2", "d => d.view === 'merged' && d.measured === null")


def test_merged_calls_are_told_as_what_they_are(hand: Hand, trees: Recorded) -> None:
    hand.open(trees.run, "view=merged&filter=Tree")
    hand.page.mouse.move(*hand.at(hand.box("b.name === 'Tree.leaf'")))
    expect(hand.page.locator(".status")).to_contain_text("6 calls this way")
    expect(hand.page.locator(".card")).to_contain_text("6 calls this way")
    hand.press("4", "d => d.view === 'sandwich' && d.boxes.length > 0")


# --- events ---------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", ["cat:tracing", "cat:gc", "cat:backend cat:abort"])
def test_every_event_is_stepped_through_from_any_link(
    hand: Hand, recordings: dict[str, Recorded], kinds: str
) -> None:
    hot = recordings["hot"]
    hand.open(hot.run, f"at=0-2000&filter={kinds}", "d => true")
    shown = hand.open(hot.run, f"filter={kinds}", "d => d.events.length > 0")["events"]
    wanted = {term.removeprefix("cat:") for term in kinds.split()}
    wanted = {"minor", "major step", "major"} if wanted == {"gc"} else wanted
    there = sum(event["count"] for event in shown if event["kind"] in wanted)
    hand.open(hot.run, f"at=0-2000&filter={kinds}", "d => true")
    found: list[tuple[float, str, int]] = []
    for _ in range(min(there, 12)):
        before = found[-1] if found else None
        told = json.dumps(before[1:] if before else None)
        is_next = f"d => d.event && `${{[d.event.kind, d.event.id]}}` !== `${{{told}}}`"
        event = hand.press(".", is_next)["event"]
        found.append((event["start"], event["kind"], event["id"]))
    assert found == sorted(found, key=lambda event: event[0])
    assert {kind for _, kind, _ in found} <= wanted
    tracing = sorted((t.start_ns, i) for i, t in enumerate(hot.bundle.traces) if t.start_ns is not None)
    if kinds == "cat:tracing":
        assert [(start, number) for start, _, number in found] == tracing[: len(found)]
    hand.press(",", f"d => d.event?.id === {found[-2][2]} && d.event.kind === '{found[-2][1]}'")


def test_the_last_event_says_that_there_is_no_later_one(hand: Hand, recordings: dict[str, Recorded]) -> None:
    hot = recordings["hot"]
    found = hand.open(hot.run, "filter=cat:tracing")
    last = max((t.start_ns, i) for i, t in enumerate(hot.bundle.traces) if t.start_ns is not None)
    end = found["domain"][1]
    hand.open(hot.run, f"at={end - 1000}-{end}&filter=cat:tracing", "d => true")
    event = hand.press(",", "d => d.event !== null")["event"]
    assert (event["start"], event["id"]) == last
    hand.page.keyboard.press(".")
    expect(hand.page.locator(".status")).to_have_text("No later event.")
    assert hand.when()["event"]["id"] == last[1]


def test_a_step_says_why_there_is_no_event_to_go_to(hand: Hand, recordings: dict[str, Recorded]) -> None:
    status = hand.page.locator(".status")
    hand.open(recordings["hot"].run, "hide=jit,gc,marks")
    hand.page.keyboard.press(".")
    expect(status).to_have_text("Nothing to step through: all tracks of events are hidden.")
    hand.open(recordings["hot"].run, "filter=cat:stdlib")
    hand.page.keyboard.press(",")
    expect(status).to_have_text("Nothing to step through: the filter matches no event.")


# --- links ----------------------------------------------------------------------------


VIEWS = ("time", "merged", "lines", "sandwich", "table")
LINKS = {
    "time": "view=time&colour=package&gray=class&bands=gc",
    "merged": "view=merged&gray=same",
    "lines": "view=lines&filter=Tree",
    "sandwich": "view=sandwich&colour=frequency",
    "table": "view=table&sort=calls&order=asc",
}


@pytest.mark.parametrize("view", sorted(LINKS))
def test_a_link_shows_another_the_same_picture(hand: Hand, trees: Recorded, view: str) -> None:
    hand.page.set_viewport_size({"width": 1100, "height": 420})
    (trunk,) = trees.named("trunk")
    hand.open(trees.run, around(trunk))
    hand.click("b.name === 'Tree.branch' && b.count === 1")
    # From the beginning, where the selected call is, however long the rest took.
    hand.drag(".ruler svg", 0.005, 0.9)
    hand.when("d => d.chosen !== null")
    expect(hand.page).to_have_url(re.compile("call=.*range=|range=.*call="))
    hand.open(trees.run, f"{hand.page.url.split('?')[1]}&{LINKS[view]}", "d => d.selected !== null")
    if view == "merged":
        hand.press("f", "d => d.zooms.length === 1")
        expect(hand.page).to_have_url(re.compile("in="))
    scroller = hand.page.locator(".table-pane" if view == "table" else ".pane")
    most = scroller.evaluate("(e) => { e.scrollTo(0, 24); return e.scrollTop; }")
    if most > 0:
        expect(hand.page).to_have_url(re.compile(f"y={most}"))
    mine = shown(hand.when("d => d.selected !== null"))
    link = hand.page.url
    hand.page.goto("about:blank")
    hand.page.goto(link)
    assert shown(hand.when("d => d.selected !== null && (d.boxes.length > 0 || d.view === 'table')")) == mine
    assert scroller.evaluate("(e) => e.scrollTop") == most


def shown(found: dict[str, Any]) -> dict[str, Any]:
    """What another person must see too; zooms are the way here, which a link doesn't tell."""
    kept = ("view", "colouring", "chosen", "blocks", "selected", "drawn", "gray", "bands", "hidden", "of")
    boxes = [(b["block"], b["depth"], b["name"], b["count"], b["y"], b["colour"]) for b in found["boxes"]]
    return {
        "range": [round(each) for each in found["range"]],
        "boxes": boxes,
        **{key: found[key] for key in kept},
    }


def test_a_link_to_an_event_shows_it(hand: Hand, recordings: dict[str, Recorded]) -> None:
    hot = recordings["hot"]
    start, number = sorted((t.start_ns, i) for i, t in enumerate(hot.bundle.traces) if t.start_ns)[1]
    found = hand.open(hot.run, f"event=tracing.{number}", "d => d.event !== null")
    assert (found["event"]["start"], found["event"]["count"]) == (start, 1)
    expect(hand.page.locator(".details")).to_contain_text(f"trace {number}")
    hand.open(hot.run, "event=tracing.99999", "d => d.event === null")
    expect(hand.page.locator(".status")).to_contain_text("no tracing 99999")
    expect(hand.page).not_to_have_url(re.compile("event="))


@pytest.mark.parametrize(
    "missing", ["thread=99", "call=0.exact.0", "call=7.sampled.3", "call=0.sampled.99999999"]
)
def test_what_a_link_names_in_vain_is_told_and_dropped(
    hand: Hand, recordings: dict[str, Recorded], missing: str
) -> None:
    hand.open(recordings["hot"].run, missing)
    expect(hand.page.locator(".status")).to_contain_text("The run has no ")
    expect(hand.page).not_to_have_url(re.compile(missing))
    hand.press("n")
    hand.press("4", "d => d.view === 'sandwich' && d.boxes.length > 0")


# --- keys, wheels and what is told ----------------------------------------------------


def test_the_wheel_zooms_and_moves_over_all_that_stands_on_the_scale(hand: Hand, trees: Recorded) -> None:
    (trunk,) = trees.named("trunk")
    for place in (".ruler svg", ".track canvas", ".ribbon canvas"):
        start, end = hand.open(trees.run, around(trunk))["range"]
        hand.wheel(place, 0.25, (0, -200), "Control")
        length = (end - start) * 0.9
        found = hand.when(f"d => d.range[1] - d.range[0] < {length}")["range"]
        kept = start + (end - start) / 4
        assert found[0] + (found[1] - found[0]) / 4 == pytest.approx(kept, abs=(end - start) / 500)
        hand.wheel(place, 0.25, (0, 200), "Shift")
        moved = hand.when(f"d => d.range[0] > {found[0]}")["range"]
        hand.wheel(place, 0.25, (-200, 0))
        hand.when(same(found))
        assert moved[1] - moved[0] == pytest.approx(found[1] - found[0])
    hand.press("w", f"d => d.range[1] - d.range[0] < {found[1] - found[0]} * 0.9")
    whole = hand.press("0", "d => d.range[1] === d.domain[1]")["range"]
    hand.wheel(".minimap", 0.9, (0, -200), "Meta")
    near = hand.when(f"d => d.range[0] > {whole[0]}")["range"]
    assert near[0] + (near[1] - near[0]) * 0.9 == pytest.approx(whole[1] * 0.9, rel=0.01)


def test_arrows_without_a_selection_move_the_picture(hand: Hand, trees: Recorded) -> None:
    hand.page.set_viewport_size({"width": 1100, "height": 420})
    (trunk,) = trees.named("trunk")
    start = hand.open(trees.run, around(trunk))["range"][0]
    later = hand.press("ArrowRight", f"d => d.range[0] > {start}")["range"][0]
    hand.press("ArrowLeft", f"d => d.range[0] < {later}")
    hand.press("ArrowDown", "d => d.scrolled > 0")
    hand.press("ArrowUp", "d => d.scrolled === 0")
    length = "d.range[1] - d.range[0]"
    before = hand.when()["range"]
    size = before[1] - before[0]
    hand.press("=", f"d => {length} < {size} * 0.9")
    hand.press("-", f"d => {length} > {size} * 0.9")


def test_a_drag_moves_through_the_depth(hand: Hand, trees: Recorded) -> None:
    hand.page.set_viewport_size({"width": 1100, "height": 420})
    (trunk,) = trees.named("trunk")
    hand.open(trees.run, around(trunk))
    x, y = hand.corner()
    hand.page.mouse.move(x + 300, y + 60)
    hand.page.mouse.down()
    hand.page.mouse.move(x + 300, y + 50)
    hand.page.mouse.move(x + 300, y + 30)
    hand.page.mouse.up()
    hand.when("d => d.scrolled >= 20")


def test_no_step_of_a_fast_hand_is_lost(hand: Hand, trees: Recorded) -> None:
    leaves = trees.named("Tree.leaf")
    hand.open(trees.run, "filter=Tree.leaf", "d => true")
    hand.page.locator("#filter").focus()
    for _ in range(5):
        hand.page.keyboard.press("Enter")
    hand.when(f"d => d.selected?.start === {leaves[4].start}")


def test_steps_stay_in_the_selected_time(hand: Hand, trees: Recorded) -> None:
    leaves = trees.named("Tree.leaf")
    start, end = leaves[2].start - 1, leaves[4].start + 1
    hand.open(trees.run, f"filter=Tree.leaf&range={start}-{end}", "d => true")
    for leaf in leaves[2:5]:
        hand.press("n", f"d => d.selected?.start === {leaf.start}")
    hand.page.keyboard.press("n")
    expect(hand.page.locator(".status")).to_contain_text("No further match in the selected time.")
    assert hand.when()["selected"]["start"] == leaves[4].start
    hand.press("Shift+N", f"d => d.selected?.start === {leaves[3].start}")


def test_the_first_step_back_goes_to_the_last_match_in_view(hand: Hand, trees: Recorded) -> None:
    leaves = trees.named("Tree.leaf")
    hand.open(trees.run, f"filter=Tree.leaf&at={leaves[1].start}-{leaves[3].start}", "d => true")
    for leaf in (leaves[2], leaves[1], leaves[0]):
        hand.press("Shift+N", f"d => d.selected?.start === {leaf.start}")
    hand.open(trees.run, f"filter=Tree.leaf&range={leaves[1].start}-{leaves[3].start}", "d => true")
    hand.press("Shift+N", f"d => d.selected?.start === {leaves[2].start}")


def test_a_match_in_a_folded_thread_is_unfolded(hand: Hand, recordings: dict[str, Recorded]) -> None:
    threads = recordings["threads"]
    work = [call for call in threads.calls() if call.name == "work"]
    folded = ",".join(str(call.thread) for call in work)
    hand.open(threads.run, f"fold={folded}&filter=work", "d => d.blocks.some((b) => b.folded)")
    found = hand.press("n", "d => d.selected?.name === 'work' && d.drawn !== null")
    assert not next(b for b in found["blocks"] if b["key"] == f"t{work[0].thread}")["folded"]


def test_what_is_pointed_at_follows_the_picture(hand: Hand, trees: Recorded) -> None:
    (trunk,) = trees.named("trunk")
    hand.open(trees.run, around(trunk))
    hand.page.mouse.move(*hand.at(hand.box("b.name === 'Tree.leaf'"), 0.9))
    hand.when("d => d.pointed?.name === 'Tree.leaf'")
    hand.press("0", "d => d.range[1] === d.domain[1] && d.pointed?.name !== 'Tree.leaf'")


def test_escape_takes_the_card_away_before_anything_else(hand: Hand, trees: Recorded) -> None:
    (trunk,) = trees.named("trunk")
    hand.open(trees.run, around(trunk))
    hand.click("b.name === 'Tree.branch' && b.count === 1")
    hand.page.mouse.move(*hand.at(hand.box("b.name === 'Tree.leaf'")))
    expect(hand.page.locator(".card")).to_be_visible()
    hand.press("Escape", "d => d.selected !== null")
    expect(hand.page.locator(".card")).to_be_hidden()
    hand.press("Escape", "d => d.selected === null")


def test_a_menu_closes_before_anything_is_undone(hand: Hand, trees: Recorded) -> None:
    (trunk,) = trees.named("trunk")
    hand.open(trees.run, around(trunk))
    hand.click("b.name === 'Tree.branch' && b.count === 1")
    menu = hand.page.locator("details.menu").first
    menu.locator("summary").click()
    hand.page.get_by_role("menuitemcheckbox", name="all outside its class").click()
    assert hand.when("d => d.gray.length === 1")["gray"] == ["class"]
    hand.press("Escape", "d => d.selected !== null")
    assert menu.get_attribute("open") is None


def test_only_this_function_leaves_no_other_of_like_name(hand: Hand, trees: Recorded) -> None:
    (trunk,) = trees.named("trunk")
    hand.open(trees.run, around(trunk))
    hand.click("b.name === 'trunk'")
    hand.page.get_by_role("button", name="Only this function").click()
    found = hand.when("d => d.boxes.some((b) => b.colour === d.dim)")
    lit = {b["name"] for b in found["boxes"] if b["count"] == 1 and b["colour"] != found["dim"]}
    assert lit == {"trunk"}
    expect(hand.page.locator("#filter-count")).to_contain_text("1 function, 1 call")


def test_a_filter_with_a_fault_grays_nothing_and_counts_nothing(hand: Hand, trees: Recorded) -> None:
    hand.open(trees.run, "filter=trunk")
    hand.when("d => d.boxes.some((b) => b.colour === d.dim)")
    hand.page.locator("#filter").fill("trunk /(")
    hand.when("d => d.boxes.length > 0 && d.boxes.every((b) => b.colour !== d.dim)")
    expect(hand.page.locator("#filter-count")).to_have_text("")
    hand.page.locator("#filter").fill("cat:gc")
    expect(hand.page.locator("#filter-count")).to_contain_text("event")
    hand.page.locator("#filter").fill("cat:gcx")
    expect(hand.page.locator("#filter-count")).to_have_text("")
    hand.when("d => d.boxes.length > 0")
    expect(hand.page.locator("#filter-count")).to_have_text("")


def test_a_link_to_a_sandwich_shows_what_is_selected_there(hand: Hand, trees: Recorded) -> None:
    (trunk,) = trees.named("trunk")
    hand.open(trees.run, around(trunk))
    hand.click("b.name === 'Tree.branch' && b.count === 1")
    hand.press("4", "d => d.view === 'sandwich' && d.boxes.length > 0")
    hand.page.mouse.click(*hand.at(hand.box("b.name === 'trunk'")))
    drawn = hand.when("d => d.drawn !== null && d.selected?.name === 'trunk'")["drawn"]
    hand.page.wait_for_url(re.compile(r"spot=callers\."))
    hand.page.reload()
    assert hand.when("d => d.drawn !== null && d.selected?.name === 'trunk'")["drawn"] == drawn
    # What a sandwich merges has a card, too.
    hand.page.mouse.move(*hand.at(hand.box("b.name === 'trunk'"), 0.4))
    expect(hand.page.locator(".card")).to_contain_text("this way")
    expect(hand.page.locator(".card")).not_to_contain_text("of the longest")


def test_nothing_stays_highlighted_where_the_pointer_no_longer_is(hand: Hand, trees: Recorded) -> None:
    hand.open(trees.run, "view=merged")
    plain = {b["name"]: b["colour"] for b in hand.when("d => d.boxes.length > 2")["boxes"]}
    hand.page.mouse.move(*hand.at(hand.box("b.name === 'trunk'")))
    hand.when("d => d.pointed !== null")
    hand.page.keyboard.press("1")
    hand.page.mouse.move(5, 5)
    found = hand.when("d => d.view === 'time' && d.pointed === null && d.boxes.length > 2")
    assert {b["colour"] for b in found["boxes"] if b["name"] == "trunk"} == {plain["trunk"]}


@pytest.mark.parametrize("key", ["Control+f", "Meta+f"])
def test_both_keys_lead_to_the_filter_and_letters_stay_there(hand: Hand, trees: Recorded, key: str) -> None:
    hand.open(trees.run)
    hand.page.keyboard.press(key)
    field = hand.page.locator("#filter")
    expect(field).to_be_focused()
    hand.page.keyboard.type("s5")
    assert hand.when()["view"] == "time"
    hand.page.keyboard.press("Control+a")
    hand.page.keyboard.press("Control+c")
    expect(hand.page.locator(".status")).not_to_contain_text("Copied")
    hand.page.keyboard.press("Escape")
    hand.press("5", "d => d.view === 'table'")


def test_keys_go_to_what_is_shown(hand: Hand, trees: Recorded) -> None:
    hand.open(trees.run, "filter=structure.py")
    hand.press("5", "d => d.view === 'table'")
    expect(hand.page.locator(".table-pane")).to_be_focused()
    rows = [row.split()[0] for row in hand.page.locator("tbody tr").all_inner_texts()]
    for name in rows[:3]:
        hand.page.keyboard.press("ArrowDown")
        expect(hand.page.locator('tr[aria-selected="true"]')).to_contain_text(name)
    hand.page.keyboard.press("ArrowUp")
    expect(hand.page.locator('tr[aria-selected="true"]')).to_contain_text(rows[1])
    hand.press("1", "d => d.view === 'time'")
    expect(hand.page.locator("#calls")).to_be_focused()
    hand.page.get_by_label("Colour").select_option("package")
    hand.press("2", "d => d.view === 'merged' && d.colouring === 'package'")


def traced_moments(bundle: r.Bundle) -> list[int]:
    """When the program was in the machine code of a trace, by the samples of its first thread."""
    traces = [trace for chunk in bundle.stacks for trace in chunk.trace]
    return [
        chunk.first_ns + time
        for chunk in bundle.samples
        if chunk.thread == 0
        for time, row in zip(accumulate(chunk.time), chunk.stack)
        if traces[row] >= 0
    ]


def test_the_card_leads_to_the_trace(hand: Hand, recordings: dict[str, Recorded], server: str) -> None:
    hot = recordings["hot"]

    def has_trace(box: dict[str, Any]) -> bool:
        address = f"{server}/api/v1/runs/{hot.run}/calls/{box['call']}?thread=0&source=sampled"
        with urllib.request.urlopen(address) as answer:
            return json.load(answer)["trace"] is not None

    def traced(start: int, stop: int) -> list[dict[str, Any]]:
        boxes = hand.open(hot.run, f"range={start}-{stop}")["boxes"]
        return [box for box in boxes if box["count"] == 1 and box["width"] > 3 and has_trace(box)]

    # In the whole run a stretch of one sample may be too narrow to be a box of its own, and one that
    # begins in machine code may go on without.
    moments = traced_moments(hot.bundle)
    found = (traced(at - 4_000_000, at + 4_000_000) for at in moments[:: len(moments) // 8 or 1])
    boxes = sorted(next(filter(None, found)), key=lambda box: -box["width"])
    hand.page.mouse.move(*hand.at(boxes[0]))
    link = hand.page.locator(".card a")
    expect(link).to_be_visible()
    href = link.get_attribute("href")
    link.hover()
    link.click()
    expect(hand.page).to_have_url(re.compile(f"{href}$"))


@pytest.mark.parametrize("name", ["hot", "structure", "threads"])
def test_pictures_are_kept_of_real_runs(
    hand: Hand, recordings: dict[str, Recorded], pytestconfig: pytest.Config, name: str
) -> None:
    folder = Path(pytestconfig.getoption("--output")) / "timeline"
    hand.open(recordings[name].run, "bands=jit,gc")
    for key, view in zip("12345", VIEWS):
        hand.press(key, f"d => d.view === '{view}'")
        hand.page.screenshot(path=folder / f"{name}-{view}.png")
    assert len(list(folder.glob(f"{name}-*.png"))) == 5
