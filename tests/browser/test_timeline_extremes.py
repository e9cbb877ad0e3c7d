"""The time line of runs with next to nothing in them, and with very much."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

from playwright.sync_api import Page, expect

from tracebin.bundle import records as r
from tracebin.bundle.writer import write_bundle

When = Callable[..., dict[str, Any]]


def a_run(duration: int, **more: Any) -> r.Bundle:
    run = r.Run(
        command=["prog.py"],
        target="script",
        cwd="/home/someone",
        started="2026-11-22T18:00:00.123456Z",
        duration_ns=duration,
        exit=r.Exit(status=0),
        host=r.Host("Linux", "6.1", "x86_64", 2),
        pypy=r.PyPy("7.3.11", "3.9.16", "/usr/bin/pypy3"),
        options=r.Options(),
        output={},
        recorder="0.1.0",
    )
    bundle = r.Bundle(
        run=run,
        processes=[r.Process(7, None, ["prog.py"], 0, duration, r.Exit(0))],
        threads=[r.Thread(0, 7, "MainThread")],
        files=[r.SourceFile("/home/someone/prog.py", "program", "__main__")],
        functions=[r.Function(0, "main", "main", 1)],
    )
    return replace(bundle, **more)


def stored(bundle: r.Bundle, folder: Path, upload: Callable[[Path], str]) -> str:
    out = io.BytesIO()
    write_bundle(out, bundle)
    path = folder / "run.json"
    path.write_bytes(out.getvalue())
    return upload(path)


def test_an_empty_run_says_so(page: Page, tmp_path: Path, upload: Callable[[Path], str], when: When) -> None:
    page.goto(f"/runs/{stored(a_run(0), tmp_path, upload)}/timeline")
    expect(page.locator(".nothing")).to_contain_text("No call was recorded")
    is_black = """(all) => all.map((each) => {
      const [red, , , alpha] = each.getContext('2d').getImageData(9, 9, 1, 1).data;
      return alpha > 0 && red === 0;
    })"""
    assert not any(page.locator(".minimap canvas, .ribbon canvas, .track canvas").evaluate_all(is_black))
    for key in "12345w.0n":
        page.keyboard.press(key)
    assert when()["boxes"] == []
    expect(page.locator(".table-pane")).to_contain_text("No function was recorded.")


def test_a_view_without_calls_has_no_times(
    page: Page, tmp_path: Path, upload: Callable[[Path], str], when: When
) -> None:
    ruler, status, nothing = (page.locator(place) for place in (".ruler svg", ".status", ".nothing"))
    one = a_run(10_000_000, calls=[r.CallChunk(0, 0, [0], [5_000_000], [0], [0])])
    runs = [stored(each, tmp_path, upload) for each in (a_run(10_000_000), one)]
    empty = [(runs[0], "view=merged"), (runs[0], "view=sandwich"), (runs[1], "view=sandwich&of=-1")]
    for run, query in empty:
        page.goto(f"/runs/{run}/timeline?{query}")
        when()
        expect(nothing).to_be_visible()
        expect(ruler).to_be_hidden()
        expect(status).to_have_text("")
        page.keyboard.press("1")
        when("d => d.view === 'time'")
        expect(ruler).to_be_visible()
        expect(status).to_contain_text("10.0 ms of 10.0 ms")


def test_a_table_without_rows_says_why(
    page: Page, tmp_path: Path, upload: Callable[[Path], str], when: When
) -> None:
    run = stored(a_run(10_000_000, calls=[r.CallChunk(0, 0, [0], [5_000_000], [0], [0])]), tmp_path, upload)
    said = page.locator(".table-pane p")
    page.goto(f"/runs/{run}/timeline?view=table&filter=nosuch")
    expect(said).to_have_text("No function matches the filter.")
    page.goto(f"/runs/{run}/timeline?view=table&range=6000000-7000000")
    expect(said).to_have_text("No function was called in the selected time.")
    page.get_by_label("All times again").click()
    expect(page.locator("tr[data-function]")).to_have_count(1)
    expect(said).to_have_count(0)


def test_one_sample_is_a_stretch_of_one_interval(
    page: Page, tmp_path: Path, upload: Callable[[Path], str], when: When
) -> None:
    one = a_run(
        10_000_000,
        stacks=[r.StackChunk([-1], [0], [0], [-1])],
        samples=[r.SampleChunk(0, 5_000_000, [0], [0], [-1])],
    )
    page.goto(f"/runs/{stored(one, tmp_path, upload)}/timeline")
    found = when()
    assert [box["name"] for box in found["boxes"]] == ["main"]
    assert found["boxes"][0]["width"] > 1


def test_an_hour_reads_in_minutes_and_zooms_to_microseconds(
    page: Page, tmp_path: Path, upload: Callable[[Path], str], when: When
) -> None:
    hour = 3_600_000_000_000
    call = r.CallChunk(0, 0, [0, hour // 2], [hour, 2_000], [0, 1], [0, 0])
    run = stored(a_run(hour, calls=[call]), tmp_path, upload)
    page.goto(f"/runs/{run}/timeline")
    when("d => d.boxes.length === 2")
    expect(page.locator(".ruler")).to_contain_text("30:00 min")
    page.goto(f"/runs/{run}/timeline?call=0.exact.1")
    when("d => d.selected !== null")
    page.keyboard.press("f")
    found = when("d => d.range[1] - d.range[0] < 3000")
    short = next(box for box in found["boxes"] if box["depth"] == 1)
    assert short["width"] > found["width"] / 2
    expect(page.locator(".ruler")).to_contain_text("1799.9999 s")


def test_of_many_threads_the_overview_has_those_with_most_calls(
    page: Page, tmp_path: Path, upload: Callable[[Path], str], when: When
) -> None:
    many, ms = 30, 1_000_000
    bundle = a_run(
        many * ms,
        threads=[r.Thread(0, 7 + i, f"thread {i}") for i in range(many)],
        # The later a thread, the more calls it has.
        calls=[
            r.CallChunk(i, 0, [0] + [9] * i, [9] * (i + 1), [0] * (i + 1), [0] * (i + 1)) for i in range(many)
        ],
    )
    page.goto(f"/runs/{stored(bundle, tmp_path, upload)}/timeline")
    found = when(f"d => d.overview.length === 8 && d.range[1] === {many * ms}")
    assert found["overview"] == list(range(many - 8, many))
    expect(page.locator(".minimap .label")).to_have_text("whole run\n8 of 30\nthreads", use_inner_text=True)
    threads = page.locator(".minimap .label").bounding_box()
    canvas = page.locator(".minimap canvas").bounding_box()
    assert threads
    assert canvas
    assert threads["height"] <= canvas["height"]
