"""The time line of the seven calls: what is drawn, and what every gesture and key does to it."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tracebin.bundle import records as r
from tracebin.bundle.writer import write_bundle

When = Callable[..., dict[str, Any]]

MS = 1_000_000
END = 50 * MS
# The picture's first sketch: function, from, to (ms), depth.
SEVEN = [
    ("main", 0, 50, 0),
    ("foo", 1, 8, 1),
    ("bar", 10, 38, 1),
    ("Box.baz", 11, 12, 2),
    ("Box.baz", 13, 14, 2),
    ("Box.fizz", 18, 32, 2),
    ("cleanup", 39, 45, 1),
]
FUNCTIONS = {
    "main": (0, 1),
    "foo": (0, 10),
    "bar": (0, 20),
    "Box.baz": (1, 5),
    "Box.fizz": (1, 9),
    "cleanup": (2, 3),
}


def seven_calls() -> r.Bundle:
    names = list(FUNCTIONS)
    starts = [start * MS for _, start, _, _ in SEVEN]
    calls = r.CallChunk(
        0,
        0,
        [start - before for start, before in zip(starts, [0, *starts])],
        [(end - start) * MS for _, start, end, _ in SEVEN],
        [depth for *_, depth in SEVEN],
        [names.index(name) for name, *_ in SEVEN],
    )
    return r.Bundle(
        run=r.Run(
            command=["seven.py"],
            target="script",
            cwd="/home/someone",
            started="2026-11-22T18:00:00.123456Z",
            duration_ns=END,
            exit=r.Exit(status=0),
            host=r.Host("Linux", "6.1", "x86_64", 2),
            pypy=r.PyPy("7.3.11", "3.9.16", "/usr/bin/pypy3"),
            options=r.Options(),
            output={},
            recorder="0.1.0",
        ),
        processes=[r.Process(7, None, ["seven.py"], 0, END, r.Exit(0))],
        threads=[r.Thread(0, 7, "MainThread")],
        files=[
            r.SourceFile("/home/someone/seven.py", "program", "__main__"),
            r.SourceFile("/home/someone/boxes/box.py", "program", "boxes.box", "boxes"),
            r.SourceFile("/usr/lib/pypy3/lib/atexit.py", "stdlib", "atexit"),
        ],
        functions=[
            r.Function(file, name.split(".")[-1], name, line) for name, (file, line) in FUNCTIONS.items()
        ],
        traces=[a_trace(2 * MS), a_trace(20 * MS)],
        aborts=[r.Abort(0, 30 * MS, 31 * MS, "ABORT_TOO_LONG", "pypyjit", 0, 0, 1, None, 6001, [], None, [])],
        gc=[r.GcChunk(0, 15 * MS, [0, 2], [0, 10 * MS], [MS, 2 * MS], [100, 200], [50, 60])],
        stacks=[r.StackChunk([-1, 0], [0, 2], [0, 1], [-1, 0])],
        samples=[r.SampleChunk(0, MS, [0] + [MS] * 48, [0] * 9 + [1] * 40, [10_000_000] * 49)],
        calls=[calls],
        marks=[r.Mark(0, 5 * MS, None, "tick", '{"at": 5}'), r.Mark(0, 40 * MS, 4 * MS, "phase")],
    )


def a_trace(start: int) -> r.Trace:
    return r.Trace(
        process=0,
        kind="loop",
        driver="pypyjit",
        name="Loop (bar)",
        number=1,
        function=2,
        offset=0,
        line=20,
        start_ns=start,
        end_ns=start + 2 * MS,
        phases=r.Phases(MS, MS // 2, MS // 2),
        parent=None,
        runs=5,
        labels=[],
        asm=None,
        freed_ns=None,
        own=False,
        stages={"optimised": r.Stage([], [], [])},
    )


@pytest.fixture(scope="module")
def seven(server: str, upload: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of the run with the seven calls."""
    return upload(written(seven_calls(), tmp_path_factory.mktemp("seven")))


def written(bundle: r.Bundle, folder: Path) -> Path:
    out = io.BytesIO()
    write_bundle(out, bundle)
    path = folder / "run.json"
    path.write_bytes(out.getvalue())
    return path


def asked(server: str, run: str, path: str) -> Any:
    with urllib.request.urlopen(f"{server}/api/v1/runs/{run}/{path}") as answer:
        return json.load(answer)


@pytest.fixture
def opened(page: Page, when: When) -> When:
    """Open the time line of a run: what its picture says of itself."""

    def open_it(run: str, query: str = "") -> dict[str, Any]:
        page.goto(f"/runs/{run}/timeline{query}")
        return when()

    return open_it


def box_of(found: dict[str, Any], name: str, nth: int = 0) -> dict[str, Any]:
    boxes: list[dict[str, Any]] = [box for box in found["boxes"] if box["name"] == name]
    return boxes[nth]


def point_at(page: Page, box: dict[str, Any]) -> tuple[float, float]:
    """The middle of a box in the window."""
    place = page.locator(".picture").bounding_box()
    assert place is not None
    return place["x"] + box["x"] + min(box["width"], 400) / 2, place["y"] + box["y"] + 8


@pytest.fixture
def click(page: Page, when: When) -> When:
    """Click on a call: what the picture says once it is selected."""
    selected = "d => d.pointed === null && d.selected?.name === '%s' && d.selected.children !== undefined"

    def click_it(found: dict[str, Any], name: str, nth: int = 0) -> dict[str, Any]:
        page.mouse.click(*point_at(page, box_of(found, name, nth)))
        page.mouse.move(2, 2)
        return when(selected % name)

    return click_it


def drag(page: Page, place: str, start: float, end: float, y: float = 10) -> None:
    box = page.locator(place).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + start, box["y"] + y)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2, box["y"] + y)
    page.mouse.move(box["x"] + end, box["y"] + y)
    page.mouse.up()


# --- what is drawn ----------------------------------------------------------------


def test_the_seven_calls_stand_where_they_ran(server: str, seven: str, opened: When) -> None:
    found = opened(seven)
    drawn = [
        (box["name"], box["start"] // MS, (box["start"] + box["duration"]) // MS, box["depth"])
        for box in found["boxes"]
    ]
    assert drawn == sorted(SEVEN, key=lambda call: (call[3], call[1]))
    width = found["width"]
    for box in found["boxes"]:
        assert box["x"] == pytest.approx(box["start"] / END * width)
        assert box["width"] == pytest.approx(box["duration"] / END * width)
    baz = [box["colour"] for box in found["boxes"] if box["name"] == "Box.baz"]
    assert baz[0] == baz[1]
    assert box_of(found, "foo")["colour"] != box_of(found, "bar")["colour"]
    rows = asked(server, seven, f"timeline?width={int(width)}")["rows"]
    assert [box["call"] for box in found["boxes"]] == rows["call"]


def test_pixels_are_where_the_model_says(page: Page, seven: str, opened: When) -> None:
    found = opened(seven)
    read = """([boxes]) => {
      const canvas = document.querySelector('.picture');
      const ratio = canvas.width / canvas.clientWidth;
      const copy = new OffscreenCanvas(canvas.width, canvas.height);
      const pen = copy.getContext('2d', {willReadFrequently: true});
      pen.drawImage(canvas, 0, 0);
      const hex = ({data}) => '#' + [0, 1, 2].map((i) => data[i].toString(16).padStart(2, '0')).join('');
      return boxes.map(({x, y, width}) =>
        hex(pen.getImageData((x + width / 2) * ratio, (y + 8) * ratio, 1, 1)));
    }"""
    assert page.evaluate(read, [found["boxes"]]) == [box["colour"] for box in found["boxes"]]
    gap = {"x": 0, "width": box_of(found, "foo")["x"], "y": box_of(found, "foo")["y"]}
    assert page.evaluate(read, [[gap]]) == [found["paper"]]


def test_events_are_those_of_the_bundle(seven: str, opened: When) -> None:
    found = opened(seven)
    events = {(each["kind"], each["start"] / MS, each["duration"] / MS) for each in found["events"]}
    assert {("abort", 30, 1), ("minor", 15, 1), ("major", 25, 2), ("mark", 5, 0), ("span", 40, 4)} <= events
    assert {("tracing", 2, 1), ("optimising", 3, 0.5), ("backend", 3.5, 0.5)} <= events


def test_a_pause_is_no_idle_time(
    page: Page, upload: Callable[[Path], str], tmp_path: Path, when: When, opened: When
) -> None:
    bundle = seven_calls()
    pauses = [r.Pause(40 * MS, 42 * MS), r.Pause(46 * MS, 46 * MS + 10), r.Pause(46 * MS + 20, 46 * MS + 30)]
    processes = [replace(bundle.processes[0], paused=pauses)]
    found = opened(upload(written(replace(bundle, processes=processes, samples=[]), tmp_path)))
    assert [(each["start"], each["count"]) for each in found["pauses"]] == [(40 * MS, 1), (46 * MS, 2)]
    expect(page.locator(".block-head")).to_contain_text("paused 3 times, 2.00 ms")
    expect(page.locator(".legend .marks")).to_contain_text("3 · 2.00 ms")
    x = 41 / 50 * found["width"]
    page.mouse.move(*point_at(page, {"x": x, "width": 0, "y": box_of(found, "Box.baz")["y"]}))
    expect(page.locator(".status")).to_contain_text(
        "paused for 2.00 ms: the program wanted no samples and calls"
    )
    page.locator(".ribbon canvas").hover(position={"x": x, "y": 20})
    expect(page.locator(".status")).to_contain_text("paused for 2.00 ms")
    page.keyboard.press("2")
    when("d => d.view === 'merged'")


# --- gestures ---------------------------------------------------------------------


def test_the_wheel_with_control_zooms_at_the_pointer(
    page: Page, seven: str, when: When, opened: When
) -> None:
    found = opened(seven)
    x, y = point_at(page, box_of(found, "Box.fizz"))
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    found = when("d => d.range[1] - d.range[0] < 40e6")
    left = page.locator(".picture").bounding_box()
    assert left is not None
    at = found["range"][0] + (x - left["x"]) / found["width"] * (found["range"][1] - found["range"][0])
    assert at == pytest.approx(25 * MS, rel=0.01)


def test_dragging_moves_and_a_short_press_selects(
    page: Page, seven: str, when: When, opened: When, click: When
) -> None:
    found = opened(seven, f"?at={10 * MS}-{20 * MS}")
    drag(page, ".picture", 600, 500, y=300)
    found = when("d => d.range[0] > 10e6")
    assert found["range"][0] == pytest.approx(10 * MS + 100 / found["width"] * 10 * MS, rel=0.001)
    assert found["selected"] is None
    found = click(found, "bar")
    assert (found["selected"]["start"], found["selected"]["duration"]) == (10 * MS, 28 * MS)
    expect(page.locator(".details")).to_contain_text("12.0 ms")
    expect(page.locator(".details")).to_contain_text("3 calls")
    page.mouse.click(*point_at(page, {"x": 400, "width": 0, "y": 300}))
    assert when("d => d.selected === null")


def test_pointing_tells_at_once_and_a_rest_brings_a_card(
    page: Page, seven: str, when: When, opened: When
) -> None:
    found = opened(seven)
    before = box_of(found, "Box.baz", 1)["colour"]
    page.mouse.move(*point_at(page, box_of(found, "Box.baz")))
    found = when("d => d.pointed?.name === 'Box.baz'")
    expect(page.locator(".status")).to_contain_text("1.00 ms")
    expect(page.locator(".status")).to_contain_text("all its 2 calls: 2.00 ms")
    assert box_of(found, "Box.baz", 0)["colour"] == box_of(found, "Box.baz", 1)["colour"] != before
    card = page.locator(".card")
    expect(card).to_be_visible()
    expect(card).to_contain_text("box.py:5")
    page.mouse.move(*point_at(page, {"x": 400, "width": 0, "y": 300}))
    expect(card).to_be_hidden()


def test_a_double_click_zooms_to_the_call_and_crumbs_lead_back(
    page: Page, seven: str, when: When, opened: When
) -> None:
    found = opened(seven)
    page.mouse.dblclick(*point_at(page, box_of(found, "bar")))
    found = when("d => d.zooms.length === 1")
    assert 8 * MS < found["range"][0] < 10 * MS
    assert 38 * MS < found["range"][1] < 40 * MS
    page.mouse.dblclick(*point_at(page, box_of(found, "Box.fizz")))
    assert when("d => d.zooms.length === 2")["zooms"] == ["bar", "Box.fizz"]
    page.get_by_label("Zooms").get_by_role("button", name="bar").click()
    assert when("d => d.zooms.length === 1")["range"] == found["range"]
    page.get_by_label("Zooms").get_by_role("button", name="Whole run").click()
    assert when("d => d.zooms.length === 0")["range"] == [0, END]


def test_shift_and_dragging_measures(page: Page, seven: str, when: When, opened: When) -> None:
    opened(seven)
    page.keyboard.down("Shift")
    drag(page, ".picture", 100, 300, y=300)
    page.keyboard.up("Shift")
    found = when("d => d.measured !== null")
    length = found["measured"]["to"] - found["measured"]["from"]
    assert length == pytest.approx(200 / found["width"] * END)
    assert found["range"] == [0, END]
    page.keyboard.press("Escape")
    assert when("d => d.measured === null")


def test_a_time_selected_in_the_ruler_filters_every_list(
    page: Page, server: str, seven: str, when: When, opened: When
) -> None:
    found = opened(seven)
    drag(page, ".ruler svg", 10 / 50 * found["width"], 20 / 50 * found["width"])
    found = when("d => d.chosen !== null")
    start, end = (round(time) for time in found["chosen"])
    assert [start, end] == pytest.approx([10 * MS, 20 * MS], rel=0.01)
    page.keyboard.press("5")
    totals = asked(server, seven, f"totals?start={start}&end={end}")["functions"]
    expect(page.locator("tbody tr")).to_have_count(len(totals["function"]))
    expect(page.locator("tbody")).not_to_contain_text("foo")
    expect(page.locator(".legend li")).to_have_count(len(totals["function"]))
    page.get_by_role("button", name="All times again").click()
    expect(page.locator("tbody")).to_contain_text("foo")
    expect(page.locator("tbody tr")).to_have_count(len(FUNCTIONS))


def test_the_overview_selects_and_its_lens_moves(page: Page, seven: str, when: When, opened: When) -> None:
    found = opened(seven)
    fifth = found["width"] / 5
    drag(page, ".minimap svg", fifth, 2 * fifth)
    found = when("d => d.chosen !== null && d.zooms.length === 1")
    assert found["range"] == found["chosen"] == pytest.approx([10 * MS, 20 * MS], rel=0.01)
    drag(page, ".minimap svg", 1.5 * fifth, 2.5 * fifth, y=25)
    found = when("d => d.range[0] > 15e6")
    assert found["range"] == pytest.approx([20 * MS, 30 * MS], rel=0.01)
    assert found["chosen"] == pytest.approx([10 * MS, 20 * MS], rel=0.01)


def test_a_click_on_jit_work_opens_its_trace_and_others_are_told_of(
    page: Page, seven: str, when: When, opened: When
) -> None:
    found = opened(seven)
    at = found["width"] / END
    page.locator('[data-track="marks"] canvas').click(position={"x": 5 * MS * at, "y": 7})
    assert when("d => d.event !== null")["event"]["kind"] == "mark"
    expect(page.locator(".details")).to_contain_text("tick")
    expect(page.locator(".details")).to_contain_text('{"at": 5}')
    page.locator('[data-track="GC"] canvas').click(position={"x": 26 * MS * at, "y": 7})
    expect(page.locator(".details")).to_contain_text("major collection")
    page.locator('[data-track="JIT"] canvas').click(position={"x": 20.5 * MS * at, "y": 7})
    expect(page).to_have_url(re.compile(f"/runs/{seven}/traces/1$"))
    page.go_back()
    assert when()["event"]["kind"] == "tracing"


def test_a_click_on_an_abort_opens_it_though_its_kind_is_filtered_out(
    page: Page, seven: str, when: When, opened: When
) -> None:
    found = opened(seven, "?filter=cat:gc")
    place = {"x": 30.5 * MS * found["width"] / END, "y": 7}
    page.locator('[data-track="aborts"] canvas').click(position=place)
    expect(page).to_have_url(re.compile(f"/runs/{seven}/aborts#abort-0$"))
    expect(page.locator("#abort-0.here")).to_be_in_viewport()
    page.go_back()
    when("d => d.event?.kind === 'abort'")
    page.locator(".details").get_by_role("link", name="abort 0").click()
    expect(page.locator("#abort-0.here")).to_be_in_viewport()


def test_a_trace_leads_to_its_place_in_the_time_line(page: Page, seven: str, when: When) -> None:
    page.goto(f"/runs/{seven}/traces/1")
    page.get_by_title("show it in the time line").click()
    event = when("d => d.event?.start !== undefined")["event"]
    assert (event["kind"], event["id"], event["start"]) == ("tracing", 1, 20 * MS)


def test_the_wheel_alone_scrolls_the_depth(page: Page, seven: str, when: When, opened: When) -> None:
    page.set_viewport_size({"width": 1280, "height": 380})
    opened(seven)
    page.mouse.move(*point_at(page, {"x": 400, "width": 0, "y": 8}))
    page.mouse.wheel(0, 30)
    found = when("d => d.scrolled > 0")
    assert found["range"] == [0, END]
    expect(page).to_have_url(re.compile(r"y=\d+"))
    page.set_viewport_size({"width": 1280, "height": 800})


# --- keys -------------------------------------------------------------------------

# Name of the command -> keys pressed one after the other, each with what must then be true.
KEYS: dict[str, list[tuple[str, str]]] = {
    "zoomIn": [("w", "d => d.range[1] - d.range[0] < 32e6"), ("0", "d => d.range[1] === 50e6")],
    "zoomOut": [("+", "d => d.range[1] < 50e6"), ("s", "d => d.range[1] === 50e6 && d.range[0] === 0")],
    "panRight": [("w", "d => d.range[0] > 0"), ("d", "d => d.range[1] > 45e6")],
    "panLeft": [("a", "d => d.range[1] < 45e6")],
    "wholeRun": [("Home", "d => d.range[0] === 0 && d.range[1] === 50e6")],
    "nextEvent": [
        (".", "d => d.event?.kind === 'tracing' && d.event.id === 0"),
        (".", "d => d.event?.kind === 'optimising'"),
        (".", "d => d.event?.kind === 'backend'"),
        (".", "d => d.event?.kind === 'mark'"),
    ],
    "previousEvent": [(",", "d => d.event?.kind === 'backend'")],
    "goDown": [("ArrowDown", "d => d.selected?.name === 'foo'")],
    "goRight": [("ArrowRight", "d => d.selected?.name === 'bar'")],
    "goLeft": [
        ("ArrowLeft", "d => d.selected?.name === 'foo'"),
        ("ArrowRight", "d => d.selected?.name === 'bar'"),
    ],
    "goUp": [
        ("ArrowDown", "d => d.selected?.start === 11e6"),
        ("ArrowUp", "d => d.selected?.name === 'bar'"),
    ],
    "zoomToCall": [("f", "d => d.zooms.at(-1) === 'bar' && d.range[0] > 8e6")],
    "back": [
        ("Escape", "d => d.zooms.length === 0 && d.range[0] === 0"),
        ("Enter", "d => d.zooms.length === 1"),
        ("Backspace", "d => d.zooms.length === 0"),
    ],
    "grayInside": [("i", "d => gray(d) === 'cleanup,foo,main'")],
    "grayNothing": [("r", "d => gray(d) === ''")],
    "graySame": [("e", "d => gray(d) === 'Box.baz,Box.fizz,cleanup,foo,main'"), ("r", "d => gray(d) === ''")],
    "grayModule": [("m", "d => gray(d) === 'Box.baz,Box.fizz,cleanup'"), ("r", "d => gray(d) === ''")],
    "grayPackage": [("p", "d => gray(d) === 'Box.baz,Box.fizz,cleanup'"), ("r", "d => gray(d) === ''")],
    "grayClass": [
        ("ArrowDown", "d => d.selected?.name === 'Box.baz'"),
        ("k", "d => gray(d) === 'bar,cleanup,foo,main'"),
        ("i", "d => gray(d).includes('Box.fizz')"),
        ("r", "d => gray(d) === ''"),
    ],
    "nextMatch": [("n", "d => d.selected?.start === 13e6")],
    "previousMatch": [("Shift+N", "d => d.selected?.start === 11e6")],
    "nextColour": [
        ("c", "d => d.colouring === 'frequency'"),
        *[("c", "d => true")] * 6,
        ("c", "d => d.colouring === 'frequency'"),
    ],
    "bandsJit": [("j", "d => d.bands.includes('jit')")],
    "bandsGc": [("g", "d => d.bands.includes('gc')"), ("g", "d => !d.bands.includes('gc')")],
    "viewMerged": [("2", "d => d.view === 'merged' && d.blocks.length === 1")],
    "viewLines": [("3", "d => d.view === 'lines' && d.blocks.length === 6")],
    "viewSandwich": [("4", "d => d.view === 'sandwich' && d.blocks.length === 2")],
    "viewTable": [("5", "d => d.view === 'table'")],
    "viewTime": [("1", "d => d.view === 'time' && d.boxes.length === 7")],
}
GRAY = """const gray = (d) =>
  [...new Set(d.boxes.filter((b) => b.colour === d.dim).map((b) => b.name))].sort().join();"""
# These leave the picture: they have tests of their own.
ELSEWHERE = {"openEvent", "copy", "filter", "help"}


def test_every_key_does_what_the_sheet_says(
    page: Page, seven: str, when: When, opened: When, click: When, ask: Callable[[str, str], Any]
) -> None:
    opened(seven)
    names = ask("timeline/commands.js", "m.COMMANDS.map((c) => c.name)")
    assert set(names) == set(KEYS) | ELSEWHERE
    for name, steps in KEYS.items():
        if name == "goDown":
            click(when(), "main")
        for key, then in steps:
            page.keyboard.press(key)
            when(f"(d) => {{ {GRAY} return ({then})(d); }}")


def test_the_sheet_of_keys_opens_and_lists_them(page: Page, seven: str, when: When, opened: When) -> None:
    opened(seven)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_contain_text("callers and callees of a function")
    page.keyboard.press("w")
    assert when()["range"] == [0, END]
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_o_opens_what_the_event_came_to(page: Page, seven: str, when: When, opened: When) -> None:
    opened(seven, "?filter=cat:abort")
    page.keyboard.press(".")
    assert when("d => d.event !== null")["event"]["kind"] == "abort"
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(f"/runs/{seven}/aborts"))


def test_copying_gives_name_and_place(page: Page, seven: str, opened: When, click: When) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    click(opened(seven), "Box.fizz")
    page.keyboard.press("Control+c")
    expect(page.get_by_role("status")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "Box.fizz /home/someone/boxes/box.py:9"


# --- the filter -------------------------------------------------------------------


def test_the_filter_grays_counts_and_steps(page: Page, seven: str, when: When, opened: When) -> None:
    opened(seven)
    page.keyboard.press("/")
    page.keyboard.type("pkg:boxes -name:fizz")
    found = when("d => d.boxes.filter((b) => b.colour === d.dim).length === 5")
    assert {box["name"] for box in found["boxes"] if box["colour"] != found["dim"]} == {"Box.baz"}
    expect(page.locator("#filter-count")).to_have_text("1 function, 2 calls, 4.0 %")
    page.keyboard.press("Enter")
    when("d => d.selected?.start === 11e6")
    page.keyboard.press("Enter")
    when("d => d.selected?.start === 13e6")
    page.keyboard.press("Shift+Enter")
    when("d => d.selected?.start === 11e6")
    page.keyboard.press("Escape")
    expect(page.locator(".pane")).to_be_focused()


def test_a_lane_shows_when_matches_run(page: Page, seven: str, when: When, opened: When) -> None:
    opened(seven)
    lane = page.locator('[data-track="matches"]')
    expect(lane).to_be_hidden()
    page.locator("#filter").fill("baz")
    found = when("d => d.matches.calls === 2")
    expect(lane).to_be_visible()
    per_ms = found["width"] / 50
    line = colours_at(lane.locator("canvas"), [ms * per_ms for ms in (5, 11.5, 12.5, 13.5, 25)])
    assert [colour == found["paper"] for colour in line] == [True, False, True, False, True]
    lane.locator("canvas").hover(position={"x": 13.5 * per_ms, "y": 7})
    expect(page.locator(".status")).to_contain_text("Box.baz")
    lane.locator("canvas").click(position={"x": 13.5 * per_ms, "y": 7})
    when("d => d.selected?.start === 13e6")
    page.get_by_text("Tracks").click()
    page.get_by_role("menuitemcheckbox", name="matches").click()
    expect(lane).to_be_hidden()
    expect(page).to_have_url(re.compile("hide=matches"))


def colours_at(canvas: Locator, places: list[float]) -> list[str]:
    """The colours of a canvas in its middle, as describe() writes them; many looks make Chromium warn."""
    found: list[str] = canvas.evaluate(
        """(canvas, places) => {
          const [ratio, y] = [canvas.width / canvas.clientWidth, canvas.height / 2];
          const { data } = canvas.getContext("2d").getImageData(0, y, canvas.width, 1);
          const hex = (part) => part.toString(16).padStart(2, "0");
          return places.map((x) => Math.round(x * ratio) * 4)
            .map((at) => "#" + [...data.slice(at, at + 3)].map(hex).join(""));
        }""",
        places,
    )
    return found


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("box.py:6", {"Box.baz"}),
        ("/^(foo|bar)$/", {"foo", "bar"}),
        ("cat:stdlib", {"cleanup"}),
        ("mod:boxes.box", {"Box.baz", "Box.fizz"}),
        ("FOO", {"foo"}),
    ],
)
def test_every_kind_of_term_leaves_its_matches(
    page: Page, seven: str, text: str, left: set[str], when: When, opened: When
) -> None:
    opened(seven)
    page.locator("#filter").fill(text)
    found = when("d => d.boxes.some((b) => b.colour === d.dim)")
    assert {box["name"] for box in found["boxes"] if box["colour"] != found["dim"]} == left


def test_a_bad_filter_is_refused_under_the_box(page: Page, seven: str, opened: When) -> None:
    opened(seven)
    page.locator("#filter").fill("/(/")
    expect(page.locator("#filter-fault")).to_contain_text("regular expression")
    page.locator("#filter").fill("foo")
    expect(page.locator("#filter-fault")).to_be_hidden()


# --- the views, and what survives them ---------------------------------------------


def test_selection_filter_colours_and_time_survive_each_view(
    page: Page, seven: str, when: When, opened: When, click: When
) -> None:
    found = opened(seven, f"?at={5 * MS}-{45 * MS}&filter=box&colour=package")
    click(found, "Box.fizz")
    for key in "23451":
        page.keyboard.press(key)
    found = when("d => d.view === 'time' && d.boxes.length === 7")
    assert found["selected"]["name"] == "Box.fizz"
    assert found["colouring"] == "package"
    assert found["range"] == [5 * MS, 45 * MS]
    expect(page.locator("#filter")).to_have_value("box")


def test_merged_calls_are_those_of_the_api(server: str, seven: str, opened: When) -> None:
    found = opened(seven, "?view=merged")
    rows = asked(server, seven, "left-heavy?width=8192")["rows"]
    assert [(box["depth"], box["duration"], box["count"]) for box in found["boxes"]] == list(
        zip(rows["depth"], rows["duration"], rows["count"])
    )
    assert [box["name"] for box in found["boxes"] if box["depth"] == 1] == ["bar", "foo", "cleanup"]


def test_a_line_for_each_function_has_its_calls(seven: str, opened: When) -> None:
    found = opened(seven, "?view=lines")
    assert [block["title"] for block in found["blocks"]][:3] == ["main", "bar", "Box.fizz"]
    starts = [box["start"] / MS for box in found["boxes"] if box["name"] == "Box.baz"]
    assert starts == [11, 13]


def test_a_filter_leaves_the_lines_of_its_matches(page: Page, seven: str, when: When, opened: When) -> None:
    opened(seven, "?view=lines&filter=baz")
    page.locator("#filter").fill("box")
    found = when("d => d.blocks.length === 2")
    assert [block["title"] for block in found["blocks"]] == ["Box.fizz", "Box.baz"]
    page.locator("#filter").fill("nobody")
    when("d => d.blocks.length === 0")
    expect(page.locator(".nothing")).to_contain_text("No function that was called in MainThread matches")
    page.locator("#filter").fill("")
    when("d => d.blocks.length === 6")
    expect(page.locator(".nothing")).to_be_hidden()


def test_a_zoom_into_merged_time_is_in_the_url(page: Page, seven: str, when: When, opened: When) -> None:
    opened(seven, "?view=merged")
    page.keyboard.press("w")
    found = when("d => d.range[1] - d.range[0] < 40e6")
    expect(page).to_have_url(re.compile(r"in=\d+-\d+"))
    page.reload()
    assert when("d => d.boxes.length > 0")["range"] == pytest.approx(found["range"], abs=1)


def test_the_sandwich_has_callers_above_and_callees_below(
    page: Page, seven: str, when: When, opened: When
) -> None:
    found = opened(seven, "?view=sandwich&of=2")
    rows = {block["key"]: [] for block in found["blocks"]}
    for box in found["boxes"]:
        rows[box["block"]].append((box["name"], box["duration"] / MS))
    assert rows == {
        "callers": [("bar", 28), ("main", 28)],
        "callees": [("bar", 28), ("Box.fizz", 14), ("Box.baz", 2)],
    }
    page.mouse.dblclick(*point_at(page, box_of(found, "Box.baz")))
    when("d => d.blocks[1]?.title === 'Box.baz'")


def test_the_table_sorts_and_selects(page: Page, seven: str, when: When, opened: When) -> None:
    opened(seven, "?view=table")
    rows = page.locator("tbody tr")
    expect(rows.first).to_contain_text("main")
    page.get_by_role("button", name="Calls").click()
    expect(rows.first).to_contain_text("Box.baz")
    expect(page.locator("th[aria-sort]")).to_have_text("Calls ↓")
    rows.first.get_by_role("button").click()
    assert when("d => d.selected !== null")["selected"]["name"] == "Box.baz"
    expect(rows.first).to_have_attribute("aria-selected", "true")


def test_the_table_says_what_is_known_of_compiled_code(page: Page, seven: str, opened: When) -> None:
    opened(seven, "?view=table")
    row = page.locator("tbody tr", has_text="bar").locator("td")
    expect(row.nth(5)).to_have_text("not known")
    expect(row.nth(6)).to_have_attribute("title", re.compile("Exact calls come without samples"))
    expect(row.nth(7)).to_have_text("since 4.00 ms")
    expect(page.locator("tbody tr", has_text="foo").locator("td").nth(7)).to_have_text("in no trace")
    opened(seven, "?view=table&sampled=0")
    expect(row.nth(5)).to_have_text("0 %")
    # Of its 40 samples six fell into tracing and collections.
    expect(row.nth(6)).to_have_text("85 %")


def test_the_url_shows_another_the_same_picture(
    page: Page, seven: str, when: When, opened: When, click: When
) -> None:
    found = click(opened(seven), "bar")
    for key in "fgec":
        page.keyboard.press(key)
    found = when("d => d.zooms.length === 1 && d.colouring === 'frequency'")
    expect(page).to_have_url(re.compile("colour=frequency.*gray=same.*bands=gc"))
    page.reload()
    again = when("d => d.selected?.children !== undefined")
    for key in ("boxes", "bands", "gray", "view", "selected"):
        assert again[key] == found[key]


def test_tracks_can_be_left_out(page: Page, seven: str, opened: When) -> None:
    opened(seven)
    page.get_by_text("Tracks", exact=True).click()
    page.get_by_role("menuitemcheckbox", name="marks").click()
    expect(page.locator('[data-track="marks"]')).to_be_hidden()
    expect(page).to_have_url(re.compile("hide=marks"))


# --- without eyes or a mouse ---------------------------------------------------------


def test_the_selection_is_told_to_those_who_listen(page: Page, seven: str, opened: When, click: When) -> None:
    click(opened(seven), "bar")
    expect(page.locator(".pane")).to_have_attribute("aria-activedescendant", "walk-here")
    expect(page.locator("#walk-here")).to_have_text("bar, 28.0 ms, level 1, at 10.00 ms")
    expect(page.get_by_role("status")).to_contain_text("bar, 28.0 ms")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#walk-here")).to_contain_text("Box.baz")


def test_forced_colours_and_themes_change_the_paper(page: Page, seven: str, when: When, opened: When) -> None:
    opened(seven)
    page.emulate_media(color_scheme="dark")
    dark = when("d => d.paper === '#15181b'")
    assert dark["boxes"][0]["colour"] != dark["paper"]
    page.emulate_media(color_scheme="light", forced_colors="active")
    when("d => d.paper === '#ffffff'")
    page.emulate_media(forced_colors="none", reduced_motion="reduce")
    assert page.locator(".progress").evaluate("each => getComputedStyle(each).animationName") == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_are_kept_of_every_view(
    page: Page, seven: str, scheme: Any, pytestconfig: pytest.Config, when: When, opened: When
) -> None:
    folder = Path(pytestconfig.getoption("--output")) / "timeline"
    page.emulate_media(color_scheme=scheme)
    opened(seven, "?bands=jit,gc")
    for key, view in zip("12345", ["time", "merged", "lines", "sandwich", "table"]):
        page.keyboard.press(key)
        when(f"d => d.view === '{view}'")
        page.screenshot(path=folder / f"{view}-{scheme}.png")
    assert len(list(folder.glob(f"*-{scheme}.png"))) == 5


def test_the_menus_are_walked_with_arrows(page: Page, seven: str, opened: When) -> None:
    opened(seven)
    page.locator("summary", has_text="Gray out").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitemcheckbox", name="all but the same function")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu", name="Gray out")).to_be_hidden()


def test_a_sandwich_without_selection_is_of_the_function_with_most_self_time(
    page: Page, seven: str, when: When, opened: When
) -> None:
    opened(seven, "?view=sandwich")
    assert when("d => d.blocks.length === 2")["blocks"][1]["title"] == "Box.fizz"
    expect(page).to_have_url(re.compile("of=4"))
