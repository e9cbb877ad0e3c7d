"""What is on the time line's canvases, pixel by pixel, against the bundles of real recordings."""

from __future__ import annotations

import json
import math
import re
import urllib.request
from typing import TYPE_CHECKING, Any, Callable

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from recorded_runs import Call, Recorded

When = Callable[..., dict[str, Any]]
# From this width on a call ends in a blank pixel.
GAP_FROM = 4
# Who reaches no further into a pixel may be drawn as not touching it.
SLACK = 1 / 512
# What stands left of the calls on their second canvas.
GUTTER = 72
# A column or a row of a canvas, as one number for each pixel.
PIXELS = """([selector, x, y, width, height]) => {
  const canvas = document.querySelector(selector);
  const { data } = canvas.getContext('2d').getImageData(x, y, width, height);
  return [...new Uint32Array(data.buffer)];
}"""


def asked(server: str, run: str, path: str) -> Any:
    with urllib.request.urlopen(f"{server}/api/v1/runs/{run}/{path}") as answer:
        return json.load(answer)


def pixels(page: Page, selector: str, x: float, y: float, width: float = 1, height: float = 1) -> list[int]:
    found: list[int] = page.evaluate(PIXELS, [selector, int(x), int(y), int(width), int(height)])
    return found


@pytest.fixture
def expected_faults() -> list[str]:
    """The browser would rather not have its canvases read back."""
    return ["willReadFrequently"]


@pytest.fixture
def family(recordings: dict[str, Recorded]) -> Recorded:
    return recordings["family"]


def spans_of(run: Recorded) -> dict[str, tuple[int, int]]:
    return {
        mark.name: (mark.start_ns, mark.start_ns + mark.duration_ns)
        for mark in run.bundle.marks
        if mark.duration_ns is not None
    }


# --- calls ------------------------------------------------------------------------


def as_pixel(colour: str) -> int:
    """A colour as #rrggbb in the number that a canvas gives for it."""
    return int.from_bytes(bytes.fromhex(colour[1:]) + b"\xff", "little")


def touched(left: float, right: float) -> list[int]:
    """The pixels that something reaches into, one at least."""
    pixels = range(math.floor(left), math.floor(right) + 1)
    return [p for p in pixels if min(right, p + 1) - max(left, p) > SLACK] or [math.floor(left)]


def blanks(
    line: list[int], paper: int, calls: list[Call], start: float, per_ns: float
) -> list[tuple[int, float, float]]:
    """The pixels that are paper though a call touches them that doesn't just stand apart from the next.

    With each go the call's edges, in pixels.
    """
    found = []
    for call in calls:
        left, right = (call.start - start) * per_ns, (call.end - start) * per_ns
        if SLACK < right - left < GAP_FROM:
            seen = [pixel for pixel in touched(left, right) if 0 <= pixel < len(line)]
            found += [(pixel, left, right) for pixel in seen if line[pixel] == paper]
    return found


@pytest.mark.parametrize("part", [1, 0.3, 0.05, 0.01])
def test_no_pixel_of_a_busy_stretch_is_blank(page: Page, family: Recorded, when: When, part: float) -> None:
    loop = max(family.named("busy"), key=lambda call: call.duration)
    # Its end, where the JIT no longer comes between the calls.
    page.goto(f"/runs/{family.run}/timeline?at={int(loop.end - loop.duration * part)}-{loop.end}")
    found = when("d => d.boxes.some((b) => b.name === 'tiny')")
    box = next(b for b in found["boxes"] if b["name"] == "tiny")
    line = pixels(page, ".picture", 0, box["y"] + 6, found["width"])
    start, until = found["range"]
    tiny = [call for call in family.named("tiny") if call.depth == box["depth"]]
    seen = [call for call in tiny if call.end > start and call.start < until]
    assert len(seen) > 10
    paper = as_pixel(found["paper"])
    assert blanks(line, paper, seen, start, found["width"] / (until - start)) == []


def test_what_is_pointed_at_is_what_was_painted(page: Page, family: Recorded, when: When) -> None:
    first, last = (family.named("tiny")[number] for number in (15_000, 15_100))
    page.goto(f"/runs/{family.run}/timeline?at={first.start}-{last.end}")
    found = when("d => d.boxes.some((b) => b.name === 'tiny')")
    place = page.locator(".picture").bounding_box()
    assert place is not None
    boxes = [b for b in found["boxes"] if b["name"] == "tiny" and b["x"] > 5 and b["width"] > 0.6]
    for box in boxes[:: max(1, len(boxes) // 8)]:
        page.mouse.move(place["x"] + box["x"] + box["width"] / 2, place["y"] + box["y"] + 8)
        pointed = when("d => d.pointed !== null")["pointed"]
        assert pointed["name"] == "tiny"
        assert any(abs(b["x"] - box["x"]) < 1.5 and b["call"] == pointed["call"] for b in boxes)


@pytest.mark.parametrize("thread", [1, 2])
def test_calls_of_other_threads_are_those_of_the_bundle(
    page: Page, recordings: dict[str, Recorded], when: When, thread: int
) -> None:
    run = recordings["threads"]
    mine = [call for call in run.calls() if call.thread == thread]
    work = next(call for call in mine if call.name == "work")
    # Fifty calls close together: while another thread runs, there are none.
    begins = [call.start for call in mine if call.name == "inner"]
    since, until = min(zip(begins, begins[50:]), key=lambda pair: pair[1] - pair[0])
    others = "".join(f"{'' if i else '&fold='}{each}," for i, each in enumerate({0, 1, 2} - {thread}))
    page.goto(f"/runs/{run.run}/timeline?at={since}-{until}{others}")
    found = when(f"d => d.boxes.some((b) => b.block === 't{thread}' && b.name === 'inner')")
    start, end = found["range"]
    boxes = [box for box in found["boxes"] if box["block"] == f"t{thread}"]
    drawn = {(b["depth"], b["start"], b["duration"], b["name"]) for b in boxes if b["count"] == 1}
    there = {
        (c.depth, c.start, c.duration, c.name): c.duration / (end - start) * found["width"]
        for c in mine
        if c.end > start and c.start < end
    }
    assert drawn <= set(there)
    assert {call for call, wide in there.items() if wide > 3} <= drawn
    inner = next(c.depth for c in mine if c.name == "inner" and c.depth == work.depth + 1)
    folded = sum(b["count"] for b in boxes if b["depth"] == inner and b["start"] >= start)
    assert folded == sum(1 for depth, begin, *_ in there if depth == inner and begin >= start)


# --- events -----------------------------------------------------------------------


def test_a_span_in_a_span_stays_in_the_picture_however_far_one_zooms(
    page: Page, family: Recorded, when: When
) -> None:
    spans = spans_of(family)
    start, end = spans["inner"]
    middle = (start + end) // 2
    lane = '.track[data-track="marks"] canvas'
    for span in ((end - start) * 2, (end - start) // 2, (end - start) // 50):
        page.goto(f"/runs/{family.run}/timeline?at={middle - span // 2}-{middle + span // 2}")
        found = when("d => d.events.filter((event) => event.kind === 'span').length >= 2")
        column = pixels(page, lane, found["width"] // 2, 2, 1, 10)
        assert column[0] != column[-1]
        page.locator(lane).hover(position={"x": found["width"] // 2, "y": 7})
        expect(page.locator(".status")).to_contain_text("span inner")
    page.goto(f"/runs/{family.run}/timeline?at={end + 1000}-{spans['outer'][1]}")
    found = when("d => d.events.some((event) => event.kind === 'span')")
    column = pixels(page, lane, found["width"] // 2, 2, 1, 10)
    assert column[0] == column[-1]
    page.locator(lane).hover(position={"x": found["width"] // 2, "y": 7})
    expect(page.locator(".status")).to_contain_text("span outer")


def test_bands_lie_over_the_calls_of_their_own_process(page: Page, family: Recorded, when: When) -> None:
    trace = next(trace for trace in family.bundle.traces if trace.process == 1)
    around = (trace.end_ns - trace.start_ns) * 2
    middle = (trace.start_ns + trace.end_ns) // 2
    child = next(i for i, thread in enumerate(family.bundle.threads) if thread.process == 1)
    page.goto(f"/runs/{family.run}/timeline?at={middle - around}-{middle + around}")
    keys = ["t0", f"t{child}"]
    columns = {}
    for bands in ("none", "all"):
        if bands == "all":
            for name in ("JIT", "GC"):
                page.get_by_role("button", name=name, exact=True).click()
        found = when(f"d => {json.dumps(keys)}.every((key) => d.boxes.some((b) => b.block === key))")
        rows = {key: [b["y"] for b in found["boxes"] if b["block"] == key] for key in keys}
        columns[bands] = {
            key: pixels(page, ".glass .overlay", GUTTER + found["width"] / 2, min(ys), 1, 14)
            for key, ys in rows.items()
        }
    assert columns["all"]["t0"] == columns["none"]["t0"]
    assert columns["all"][keys[1]] != columns["none"][keys[1]]


# --- several threads and processes ------------------------------------------------


def test_the_overview_shows_every_thread_of_the_run(page: Page, family: Recorded, when: When) -> None:
    page.goto(f"/runs/{family.run}/timeline")
    found = when()
    threads = sorted({call.thread for call in family.calls()})
    assert found["overview"] == threads
    start, end = found["domain"]
    high = 48 // len(threads)
    for i, thread in enumerate(threads):
        longest = max((c for c in family.calls() if c.thread == thread), key=lambda call: call.duration)
        x = (longest.start + longest.duration / 2 - start) / (end - start) * found["width"]
        column = pixels(page, ".minimap canvas", x, i * high, 1, high)
        assert column[0] != column[-1]


def test_processes_and_threads_have_colours_and_counts_of_their_own(
    page: Page, server: str, family: Recorded, when: When
) -> None:
    page.goto(f"/runs/{family.run}/timeline?colour=process")
    found = when()
    colours = {key: {b["colour"] for b in found["boxes"] if b["block"] == key} for key in ("t0", "t1")}
    assert [len(each) for each in colours.values()] == [1, 1]
    assert colours["t0"] != colours["t1"]
    legend = page.locator(".legend li")
    for i, process in enumerate(family.bundle.processes):
        expect(legend.nth(i)).to_contain_text(str(process.pid))
    expect(page.locator('.track[data-track="JIT"] .label')).to_contain_text(
        str(family.bundle.processes[0].pid)
    )
    spans = spans_of(family)
    start, end = spans["inner"]
    page.goto(f"/runs/{family.run}/timeline?colour=thread&range={start}-{end}")
    when()
    for thread in (0, 1):
        rows = asked(server, family.run, f"totals?thread={thread}&start={start}&end={end}")["functions"]
        expect(legend.nth(thread)).to_contain_text(f"{sum(rows['calls']):,}".replace(",", "\u202f"))


def test_states_are_counted_of_the_selected_time_wherever_one_looks(
    page: Page, recordings: dict[str, Recorded], when: When
) -> None:
    run = recordings["hot"].run
    page.goto(f"/runs/{run}/timeline?colour=state")
    first, last = when()["domain"]
    span = last - first
    page.goto(f"/runs/{run}/timeline?colour=state&range={first + span // 2}-{first + span // 4 * 3}")
    when()
    legend = page.locator(".legend")
    expect(legend).to_contain_text("VM states in the selected time")
    told = legend.inner_text()
    page.goto(
        f"/runs/{run}/timeline?colour=state&range={first + span // 2}-{first + span // 4 * 3}"
        f"&at={first}-{first + span // 10}"
    )
    when()
    assert legend.inner_text() == told


def test_matching_events_are_counted(page: Page, server: str, family: Recorded, when: When) -> None:
    page.goto(f"/runs/{family.run}/timeline?filter=cat:jit")
    found = when()
    tracks = asked(server, family.run, "events")["tracks"]
    count = sum(sum(tracks[kind]["count"]) for kind in ("tracing", "optimising", "backend", "abort"))
    expect(page.locator("#filter-count")).to_have_text(f"{count} events")
    event = min(
        (each for each in found["events"] if each["kind"] == "backend"), key=lambda each: each["start"]
    )
    view = f"at={event['start']}-{event['start'] + event['duration']}"
    page.goto(f"/runs/{family.run}/timeline?filter=cat:backend+cat:call&{view}")
    when()
    expect(page.locator("#filter-count")).to_have_text(
        re.compile(r"\d+ functions, .* calls, 100 %; 1 event in view")
    )


# --- graying all but what a call calls --------------------------------------------


@pytest.fixture
def trees(recordings: dict[str, Recorded]) -> Recorded:
    return recordings["structure"]


def lit(found: dict[str, Any], block: str = "") -> set[str]:
    return {b["name"] for b in found["boxes"] if block in b["block"] and b["colour"] != found["dim"]}


def select(page: Page, found: dict[str, Any], name: str, block: str = "") -> None:
    place = page.locator(".picture").bounding_box()
    assert place is not None
    box = max(
        (b for b in found["boxes"] if b["name"] == name and block in b["block"]), key=lambda b: b["width"]
    )
    page.mouse.click(
        place["x"] + max(0, box["x"]) + min(found["width"], box["width"]) / 2, place["y"] + box["y"] + 8
    )


def test_merged_calls_gray_but_for_what_is_below_the_selected_path(
    page: Page, trees: Recorded, when: When
) -> None:
    page.goto(f"/runs/{trees.run}/timeline?view=merged&gray=inside")
    select(page, when("d => d.boxes.length > 0"), "gather")
    below = {"gather", "gather.<locals>.<listcomp>", "join", "_get_sep"}
    found = when("d => d.selected !== null && d.boxes.some((b) => b.colour === d.dim)")
    assert (
        {"gather", "join"}
        <= lit(found)
        <= {call.name for g in trees.named("gather") for call in trees.inside(g)}
    )
    assert below <= lit(found)


def test_a_sandwich_grays_the_callers(page: Page, trees: Recorded, when: When) -> None:
    gather = next(i for i, each in enumerate(trees.bundle.functions) if each.qualname == "gather")
    page.goto(f"/runs/{trees.run}/timeline?view=sandwich&of={gather}&gray=inside")
    select(page, when("d => d.boxes.length > 0"), "gather", "callees")
    page.mouse.move(0, 0)
    found = when("d => d.selected !== null && d.boxes.some((b) => b.colour === d.dim)")
    assert lit(found, "callers") == set()
    assert {"gather", "join"} <= lit(found, "callees")
    select(page, found, "trunk", "callers")
    when("d => d.selected?.name === 'trunk' && d.boxes.every((b) => b.colour !== d.dim)")
    expect(page.locator(".status")).to_contain_text("isn't told apart by its callers")


def test_lines_and_table_gray_but_for_what_the_selected_call_calls(
    page: Page, trees: Recorded, when: When
) -> None:
    branch = trees.named("Tree.branch")[1]
    (trunk,) = trees.named("trunk")
    page.goto(f"/runs/{trees.run}/timeline?at={trunk.start}-{trunk.end}&gray=inside")
    select(page, when("d => d.boxes.some((b) => b.name === 'Tree.branch')"), "Tree.branch")
    chosen = when("d => d.selected?.name === 'Tree.branch'")["selected"]
    branch = next(call for call in trees.named("Tree.branch") if call.start == chosen["start"])
    inside = {(call.start, call.duration, call.name) for call in trees.inside(branch)}
    page.keyboard.press("3")
    found = when("d => d.view === 'lines' && d.boxes.some((b) => b.colour === d.dim)")
    seen = [b for b in found["boxes"] if b["count"] == 1]
    are_inside = [(box["start"], box["duration"], box["name"]) in inside for box in seen]
    # How short its leaves are depends on the machine: some may be folded into one row.
    assert "trunk" in {box["name"] for box in seen}
    assert any(are_inside)
    for box, is_inside in zip(seen, are_inside):
        assert (box["colour"] != found["dim"]) == is_inside, box
    page.keyboard.press("5")
    expect(page.locator("tr.gray").first).to_be_visible()
    kept = page.locator("tbody tr:not(.gray) button").all_inner_texts()
    assert set(kept) == {name for _, _, name in inside}


def test_graying_by_class_says_where_there_is_none(page: Page, trees: Recorded, when: When) -> None:
    (trunk,) = trees.named("trunk")
    page.goto(f"/runs/{trees.run}/timeline?at={trunk.start}-{trunk.end}")
    select(page, when("d => d.boxes.some((b) => b.name === 'trunk')"), "trunk")
    when("d => d.selected !== null")
    page.keyboard.press("k")
    expect(page.locator(".status")).to_have_text("trunk belongs to no class.")
    found = when("d => d.gray.length === 0")
    assert all(b["colour"] != found["dim"] for b in found["boxes"])
