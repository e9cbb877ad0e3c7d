"""The time line of real recordings: every gesture and key, against what stands in the bundle."""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any, Callable

import pytest
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from recorded_runs import Call, Recorded

When = Callable[..., dict[str, Any]]
Ask = Callable[[str, str], str]
Words = Callable[[float], str]


def asked(server: str, run: str, path: str) -> Any:
    with urllib.request.urlopen(f"{server}/api/v1/runs/{run}/{path}") as answer:
        return json.load(answer)


def starts_of(rows: dict[str, list[int]], start: int) -> list[int]:
    """The starts of an answer's rows, which count from the row before at the same depth."""
    found: list[int] = []
    for i, delta in enumerate(rows["start"]):
        same = i > 0 and rows["depth"][i] == rows["depth"][i - 1]
        found.append((found[-1] if same else start) + delta)
    return found


@pytest.mark.parametrize("name", ["hot", "structure", "threads"])
def test_boxes_are_the_calls_of_the_api(
    page: Page, server: str, recordings: dict[str, Recorded], name: str, when: When
) -> None:
    run = recordings[name].run
    page.goto(f"/runs/{run}/timeline")
    found = when()
    threads = {thread["id"]: thread for thread in asked(server, run, "threads")["threads"]}
    names = asked(server, run, "names")["functions"]["qualname"]
    assert [block["key"] for block in found["blocks"]] == [
        f"t{i}" for i, t in threads.items() if t["sources"]
    ]
    whole = f"start={found['domain'][0]}&end={found['domain'][1]}&width={int(found['width'])}"
    answer = asked(server, run, f"timeline?thread=0&{whole}&depths=4")
    expected = {
        (depth, start, duration, names[function] if function >= 0 else "not known", count)
        for depth, start, duration, function, count in zip(
            answer["rows"]["depth"],
            starts_of(answer["rows"], answer["start_ns"]),
            answer["rows"]["duration"],
            answer["rows"]["function"],
            answer["rows"]["count"],
        )
    }
    drawn = {
        (box["depth"], box["start"], box["duration"], box["name"], box["count"])
        for box in found["boxes"]
        if box["block"] == "t0" and box["depth"] < 4
    }
    assert drawn == expected


def test_jit_work_of_a_hot_program_leads_to_its_traces(
    page: Page, server: str, recordings: dict[str, Recorded], when: When
) -> None:
    run = recordings["hot"].run
    page.goto(f"/runs/{run}/timeline?colour=state&filter=cat:jit")
    found = when()
    whole = f"start={found['domain'][0]}&end={found['domain'][1]}&width={int(found['width'])}"
    tracks = asked(server, run, f"events?{whole}")["tracks"]
    drawn = [each["kind"] for each in found["events"]]
    assert {kind: drawn.count(kind) for kind in tracks} == {
        kind: len(track["id"]) for kind, track in tracks.items()
    }
    page.keyboard.press(".")
    event = when("d => d.event !== null")["event"]
    assert event["kind"] in ("tracing", "abort")
    expect(page.locator(".legend")).to_contain_text("jitted")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(f"/runs/{run}/(traces/{event['id']}|aborts)"))


def test_threads_fold_and_one_is_chosen_for_the_tracks(
    page: Page, recordings: dict[str, Recorded], when: When
) -> None:
    page.goto(f"/runs/{recordings['threads'].run}/timeline")
    found = when("d => d.blocks.length === 3")
    first = found["blocks"][0]["title"]
    page.get_by_role("button", name=first).click()
    assert when("d => d.blocks[0].folded")["boxes"][0]["block"] != "t0"
    expect(page).to_have_url(re.compile("fold=0"))
    page.get_by_role("combobox", name="Thread").select_option(index=1)
    expect(page).to_have_url(re.compile("thread=1"))
    page.keyboard.press("3")
    page.locator(".pane").focus()
    page.keyboard.press("3")
    when("d => d.view === 'lines' && d.blocks.some((block) => block.title === 'inner')")


def test_matches_are_stepped_through_from_thread_to_thread(
    page: Page, recordings: dict[str, Recorded], when: When
) -> None:
    page.goto(f"/runs/{recordings['threads'].run}/timeline?filter=/^work$/")
    seen = []
    for _ in range(2):
        when()
        page.keyboard.press("n")
        seen.append(when(f"d => d.selected && ![{','.join(map(str, seen))}].includes(d.selected.thread)"))
        seen[-1] = seen[-1]["selected"]["thread"]
    assert seen == [1, 2]
    page.keyboard.press("Shift+N")
    when("d => d.selected.thread === 1")


# --- hands on a program with a clear structure ---------------------------------------


@pytest.fixture
def trees(recordings: dict[str, Recorded]) -> Recorded:
    return recordings["structure"]


@pytest.fixture
def opened(page: Page, trees: Recorded, when: When) -> When:
    """Open the time line where ``trunk`` ran: what its picture says of itself."""

    def open_it(query: str = "") -> dict[str, Any]:
        (trunk,) = trees.named("trunk")
        page.goto(f"/runs/{trees.run}/timeline?at={trunk.start}-{trunk.end}{query}")
        return when("d => d.boxes.length > 0")

    return open_it


def middle(page: Page, found: dict[str, Any], call: Call) -> tuple[float, float]:
    """Where in the window the middle of a call's box is."""
    box = next(b for b in found["boxes"] if (b["depth"], b["start"]) == (call.depth, call.start))
    place = page.locator(".picture").bounding_box()
    assert place is not None
    return place["x"] + box["x"] + box["width"] / 2, place["y"] + box["y"] + 8


def time_at(page: Page, found: dict[str, Any], x: float) -> float:
    place = page.locator(".picture").bounding_box()
    assert place is not None
    start, end = found["range"]
    return float(start + (x - place["x"]) / found["width"] * (end - start))


def is_call(call: Call) -> str:
    """The condition that a call is the selected one."""
    return f"d => d.selected?.name === '{call.name}' && d.selected.start === {call.start}"


@pytest.fixture
def in_words(ask: Ask) -> Words:
    """Write a time as the pages do."""
    return lambda duration: ask("format.js", f"m.duration({duration})")


def press(page: Page, key: str, when: When, then: str) -> dict[str, Any]:
    page.keyboard.press(key)
    return when(then)


def test_single_boxes_are_calls_of_the_bundle_and_wide_calls_are_boxes(trees: Recorded, opened: When) -> None:
    found = opened()
    drawn = {(b["depth"], b["start"], b["duration"], b["name"]) for b in found["boxes"] if b["count"] == 1}
    start, end = found["range"]
    there = {
        (c.depth, c.start, c.duration, c.name): c.duration / (end - start) * found["width"]
        for c in trees.calls()
        if c.end > start and c.start < end
    }
    assert drawn <= set(there)
    assert {call for call, pixels in there.items() if pixels > 3} <= drawn
    (gather,) = {b["depth"] for b in found["boxes"] if b["name"] == "gather"}
    folded = sum(b["count"] for b in found["boxes"] if b["depth"] == gather and b["start"] >= start)
    assert folded == sum(1 for depth, when, *_ in there if depth == gather and when >= start)


def test_wheel_and_drag_keep_the_time_under_the_pointer(
    page: Page, trees: Recorded, opened: When, when: When
) -> None:
    found = opened()
    second = trees.named("Tree.branch")[1]
    x, y = middle(page, found, second)
    page.mouse.move(x, y)
    before = time_at(page, found, x)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    length = found["range"][1] - found["range"][0]
    found = when(f"d => d.range[1] - d.range[0] < {length * 0.9}")
    assert time_at(page, found, x) == pytest.approx(before, abs=length / 1000)
    page.mouse.down()
    page.mouse.move(x - 50, y)
    page.mouse.move(x - 100, y)
    page.mouse.up()
    found = when(f"d => d.range[0] > {found['range'][0]}")
    assert time_at(page, found, x - 100) == pytest.approx(before, abs=length / 1000)


def test_keys_move_the_picture_as_the_hand_does(
    page: Page, trees: Recorded, opened: When, when: When
) -> None:
    found = opened()
    whole = found["range"]
    second = trees.named("Tree.branch")[1]
    x, y = middle(page, found, second)
    page.mouse.move(x, y)
    before = time_at(page, found, x)
    length = whole[1] - whole[0]
    near = pytest.approx(before, abs=length / 1000)
    press(page, "w", when, f"d => d.range[1] - d.range[0] < {length * 0.9}")
    found = press(page, "w", when, f"d => d.range[1] - d.range[0] < {length * 0.7}")
    assert time_at(page, found, x) == near
    closer = found["range"][1] - found["range"][0]
    found = press(page, "s", when, f"d => d.range[1] - d.range[0] > {closer * 1.1}")
    assert time_at(page, found, x) == near
    start, end = found["range"]
    later = press(page, "d", when, f"d => d.range[0] > {start}")["range"]
    assert later[1] - later[0] == pytest.approx(end - start, rel=1e-6)
    earlier = press(page, "a", when, f"d => d.range[0] < {later[0]}")["range"]
    assert earlier == pytest.approx([start, end], abs=length / 1000)
    run = found["domain"]
    found = press(page, "Home", when, f"d => d.range[0] === {run[0]} && d.range[1] === {run[1]}")
    # Of neighbours within some pixels the pointer takes the longest.
    branch = max(trees.named("Tree.branch"), key=lambda call: call.duration)
    page.mouse.click(*middle(page, found, branch))
    when(is_call(branch))
    found = press(page, "Enter", when, "d => d.zooms.length === 1")
    assert found["range"][0] <= branch.start < branch.end <= found["range"][1]
    assert press(page, "Backspace", when, "d => d.zooms.length === 0")["range"] == run
    press(page, "2", when, "d => d.view === 'merged'")
    press(page, "1", when, "d => d.view === 'time'")


def test_a_click_tells_of_the_call_what_the_bundle_has(
    page: Page, trees: Recorded, opened: When, when: When, in_words: Words
) -> None:
    found = opened()
    # Of neighbours within some pixels the pointer takes the longest.
    branch = max(trees.named("Tree.branch"), key=lambda call: call.duration)
    x, y = middle(page, found, branch)
    page.mouse.move(x, y)
    when("d => d.pointed?.name === 'Tree.branch'")
    branches = trees.named("Tree.branch")
    total = in_words(sum(each.duration for each in branches))
    expect(page.locator(".status")).to_contain_text(f"all its {len(branches)} calls: {total}")
    expect(page.locator(".card")).to_contain_text("structure.py:13")
    page.mouse.click(x, y)
    when(is_call(branch))
    own = branch.duration - sum(c.duration for c in trees.inside(branch) if c.depth == branch.depth + 1)
    for duration in (branch.duration, own):
        expect(page.locator(".details")).to_contain_text(in_words(duration))
    page.mouse.dblclick(x, y)
    found = when("d => d.zooms.length === 1")
    assert found["range"][0] <= branch.start
    assert branch.end <= found["range"][1]
    assert found["range"][1] - found["range"][0] < 1.2 * branch.duration
    press(page, "Backspace", when, "d => d.zooms.length === 0")


def test_arrows_walk_the_calls_of_the_bundle(page: Page, trees: Recorded, opened: When, when: When) -> None:
    found = opened()
    (trunk,) = trees.named("trunk")
    page.mouse.click(*middle(page, found, trunk))
    when(is_call(trunk))
    inside = trees.inside(trunk)
    children = [call for call in inside if call.depth == trunk.depth + 1]
    comprehension = children[1]
    press(page, "ArrowDown", when, is_call(children[0]))
    press(page, "ArrowRight", when, is_call(comprehension))
    first, second, third = trees.named("Tree.branch")
    press(page, "ArrowDown", when, is_call(first))
    press(page, "ArrowRight", when, is_call(second))
    press(page, "ArrowRight", when, is_call(third))
    press(page, "ArrowLeft", when, is_call(second))
    leaf = next(call for call in trees.inside(second) if call.name == "Tree.leaf")
    press(page, "ArrowDown", when, is_call(leaf))
    press(page, "ArrowUp", when, is_call(second))
    found = press(page, "f", when, "d => d.zooms.length === 1")
    assert found["range"][0] <= second.start
    assert second.end <= found["range"][1]


# Of single calls: the colour of several in one box is weaker the less of it they fill.
GRAY = """[...new Set(d.boxes.filter((b) => b.count === 1 && b.colour !== d.dim).map((b) => b.name))]
  .sort().join()"""


def test_each_key_leaves_the_colours_of_those_it_names(
    page: Page, trees: Recorded, opened: When, when: When
) -> None:
    found = opened()
    first = trees.named("Tree.leaf")[0]
    x, y = middle(page, found, first)
    page.mouse.click(x, y)
    when(is_call(first))
    page.mouse.move(2, 2)
    shown = sorted({box["name"] for box in found["boxes"] if box["count"] == 1})
    of_class = [name for name in shown if name.startswith("Tree.")]
    modules = {call.name: call.module for call in trees.calls()}
    of_module = [name for name in shown if modules.get(name) == "structure"]
    for key, left in {"e": ["Tree.leaf"], "k": of_class, "m": of_module, "p": of_module}.items():
        press(page, key, when, f"d => d.pointed === null && {GRAY} === '{','.join(left)}'")
        press(page, "r", when, f"d => {GRAY} === '{','.join(shown)}'")
    branch = trees.named("Tree.branch")[0]
    press(page, "ArrowUp", when, is_call(branch))
    below = ",".join(sorted({call.name for call in trees.inside(branch)}))
    press(page, "i", when, f"d => {GRAY} === '{below}'")
    page.keyboard.press("r")


def self_times(calls: list[Call]) -> Counter[str]:
    """Self time of each function, worked out from where calls lie in each other."""
    found: Counter[str] = Counter()
    stack: list[Call] = []
    for call in calls:
        del stack[call.depth :]
        found[call.name] += call.duration
        if stack and stack[-1].depth == call.depth - 1:
            found[stack[-1].name] -= call.duration
        stack.append(call)
    return found


def test_the_filter_counts_what_the_bundle_has(
    page: Page, trees: Recorded, opened: When, when: When, ask: Ask
) -> None:
    opened()
    page.keyboard.press("/")
    page.keyboard.type("leaf")
    leaves = trees.named("Tree.leaf")
    found = when("d => d.boxes.some((b) => b.colour === d.dim)")
    single = [box for box in found["boxes"] if box["count"] == 1]
    assert {box["name"] for box in single if box["colour"] != found["dim"]} == {"Tree.leaf"}
    own = self_times(trees.calls())
    share = ask("format.js", f"m.share({own['Tree.leaf'] / sum(own.values())})")
    expect(page.locator("#filter-count")).to_have_text(f"1 function, {len(leaves)} calls, {share}")
    # Where longer calls fold some of them, the lane above has all the same.
    assert found["matches"] == {"shown": True, "functions": 1, "calls": len(leaves)}
    page.keyboard.press("Enter")
    when(is_call(leaves[0]))
    page.keyboard.press("Enter")
    when(is_call(leaves[1]))
    page.keyboard.press("Shift+Enter")
    when(is_call(leaves[0]))


def test_the_ruler_selects_a_time_and_totals_are_of_it(
    page: Page, trees: Recorded, opened: When, when: When, in_words: Words
) -> None:
    found = opened()
    x = [middle(page, found, call)[0] for call in trees.named("Tree.branch")]
    ruler = page.locator(".ruler svg").bounding_box()
    assert ruler is not None
    y = ruler["y"] + 10
    page.mouse.move(x[0], y)
    page.mouse.down()
    page.mouse.move(x[1], y)
    page.mouse.move(x[2], y)
    page.mouse.up()
    start, end = when("d => d.chosen !== null")["chosen"]
    page.keyboard.press("5")
    branches = [call for call in trees.named("Tree.branch") if call.end > start and call.start < end]
    clipped = sum(min(call.end, end) - max(call.start, start) for call in branches)
    row = page.locator("tbody tr", has_text="Tree.branch").locator("td")
    expect(row.nth(1)).to_contain_text(in_words(round(clipped)))
    expect(row.nth(3)).to_have_text(str(sum(call.start >= start for call in branches)))
    press(page, "1", when, "d => d.view === 'time'")


def test_measuring_tells_the_time_between(page: Page, trees: Recorded, opened: When, when: When) -> None:
    found = opened()
    first, _, third = trees.named("Tree.branch")
    (from_x, y), (to_x, _) = middle(page, found, first), middle(page, found, third)
    page.keyboard.down("Shift")
    page.mouse.move(from_x, y)
    page.mouse.down()
    page.mouse.move(to_x, y)
    page.mouse.up()
    page.keyboard.up("Shift")
    measured = when("d => d.measured !== null")["measured"]
    between = (third.start + third.duration / 2) - (first.start + first.duration / 2)
    pixel = (found["range"][1] - found["range"][0]) / found["width"]
    assert measured["to"] - measured["from"] == pytest.approx(between, abs=3 * pixel)
    press(page, "Escape", when, "d => d.measured === null")


def test_the_overview_chooses_and_its_lens_moves(page: Page, opened: When, when: When) -> None:
    found = opened()
    whole, width = found["domain"][1] - found["domain"][0], found["width"]
    box = page.locator(".minimap svg").bounding_box()
    assert box is not None

    def drag(start: float, end: float) -> None:
        page.mouse.move(box["x"] + start * width, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + (start + end) / 2 * width, box["y"] + 20)
        page.mouse.move(box["x"] + end * width, box["y"] + 20)
        page.mouse.up()

    press(page, "0", when, f"d => d.range[1] === {found['domain'][1]}")
    drag(0.2, 0.4)
    found = when("d => d.chosen !== null")
    assert found["range"] == pytest.approx([0.2 * whole, 0.4 * whole], rel=0.02)
    drag(0.3, 0.5)
    found = when(f"d => d.range[0] > {0.35 * whole}")
    assert found["range"] == pytest.approx([0.4 * whole, 0.6 * whole], rel=0.02)


# --- the other orders of the same calls -----------------------------------------------


def test_merged_calls_add_up_those_of_the_bundle(trees: Recorded, opened: When) -> None:
    found = opened("&view=merged")
    merged: Counter[tuple[str, ...]] = Counter()
    path: list[str] = []
    for call in trees.calls():
        path[call.depth :] = [call.name]
        merged[tuple(path)] += call.duration
    calls = Counter(call.depth for call in trees.calls())
    top = sorted((time for path, time in merged.items() if len(path) == 1), reverse=True)
    drawn = [box["duration"] for box in found["boxes"] if box["depth"] == 0]
    assert drawn[0] == top[0]
    assert sum(b["count"] for b in found["boxes"] if b["depth"] == 0) == calls[0]
    assert sum(drawn) == sum(top)


def test_lines_sandwich_and_table_have_the_times_of_the_bundle(
    page: Page, trees: Recorded, opened: When, when: When, in_words: Words
) -> None:
    opened("&filter=structure.py")
    (trunk,) = trees.named("trunk")
    branches, leaves = trees.named("Tree.branch"), trees.named("Tree.leaf")
    found = press(page, "3", when, "d => d.view === 'lines' && d.boxes.length > 0")
    drawn = [(b["start"], b["duration"]) for b in found["boxes"] if b["name"] == "Tree.branch"]
    assert drawn == [(call.start, call.duration) for call in branches]
    page.keyboard.press("5")
    row = page.locator("tbody tr", has_text="Tree.leaf").locator("td")
    expect(row.nth(3)).to_have_text(str(len(leaves)))
    expect(row.nth(4)).to_contain_text(in_words(max(call.duration for call in leaves)))
    page.locator("tbody tr", has_text="Tree.leaf").get_by_role("button").click()
    found = press(page, "4", when, "d => d.view === 'sandwich' && d.blocks[1]?.title === 'Tree.leaf'")
    above = {b["name"]: b["duration"] for b in found["boxes"] if b["block"] == "callers"}
    total = sum(call.duration for call in leaves)
    assert above["Tree.leaf"] == above["Tree.branch"] == above["trunk"] == total
    assert trunk.duration > total
    press(page, "1", when, "d => d.view === 'time'")


# --- events of a program that is compiled ---------------------------------------------


def test_events_are_stepped_through_in_the_order_of_the_bundle(
    page: Page, recordings: dict[str, Recorded], when: When
) -> None:
    hot = recordings["hot"]
    page.goto(f"/runs/{hot.run}/timeline?filter=cat:tracing")
    when()
    starts = sorted((t.start_ns, i) for i, t in enumerate(hot.bundle.traces) if t.start_ns is not None)
    for start, number in starts[:3]:
        page.keyboard.press(".")
        event = when(f"d => d.event?.id === {number}")["event"]
        assert (event["kind"], event["start"]) == ("tracing", start)
    press(page, ",", when, f"d => d.event?.id === {starts[1][1]}")
    assert when("d => true")["bands"] == []
    press(page, "j", when, "d => d.bands.includes('jit')")
    press(page, "g", when, "d => d.bands.includes('gc')")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(f"/runs/{hot.run}/traces/{starts[1][1]}$"))


def test_every_colouring_paints_a_real_run(page: Page, recordings: dict[str, Recorded], when: When) -> None:
    page.goto(f"/runs/{recordings['hot'].run}/timeline")
    colours = {(found := when("d => d.boxes.length > 0"))["colouring"]: found}
    while len(colours) < 6:
        before = json.dumps(found["colouring"])
        found = press(page, "c", when, f"d => d.colouring !== {before} && d.boxes.every((b) => b.colour)")
        colours[found["colouring"]] = found
        expect(page.locator(".legend li").first).to_be_visible()
    assert set(colours) == {"function", "frequency", "self", "package", "state", "thread"}
