"""The time line of real recordings, and of runs with next to nothing in them."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import pytest
from playwright.sync_api import Page, expect

from tracebin.bundle import records as r
from tracebin.bundle.writer import write_bundle

When = Callable[..., dict[str, Any]]

STRUCTURE = """\
def leaf(n):
    total = 0
    for i in range(n):
        total += i % 7
    return total

def branch(n):
    return leaf(n) + leaf(2 * n)

def trunk():
    return [branch(20000) for _ in range(3)]

trunk()
"""
HOT = """\
def step(n):
    return n * 3 % 7

def churn(kind, rounds):
    total = 0
    for i in range(rounds):
        total += step(i) if kind % 2 else len(str(i))
    return total

for kind in range(8):
    churn(kind, 30000)
"""
THREADS = """\
import threading

def inner(n):
    return n % 3

def work():
    for n in range(2000):
        inner(n)

threads = [threading.Thread(target=work) for _ in range(2)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""
# The sampler of PyPy 7.3 sees the main thread alone; exact calls come from all.
PROGRAMS = {
    "structure": (STRUCTURE, ["--calls", "exact"]),
    "hot": (HOT, []),
    "threads": (THREADS, ["--calls", "exact"]),
}


def asked(server: str, run: str, path: str) -> Any:
    with urllib.request.urlopen(f"{server}/api/v1/runs/{run}/{path}") as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def recordings(
    pypy: str, upload: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The ids of recorded runs by the name of their program."""
    folder = tmp_path_factory.mktemp("recordings")
    tracebin = Path(sys.executable).with_name("tracebin")
    found = {}
    for name, (text, options) in PROGRAMS.items():
        program = folder / f"{name}.py"
        program.write_text(text)
        bundle = folder / f"{name}.json.gz"
        command = [tracebin, "run", "-q", *options, "--python", pypy, "-o", bundle, program]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        found[name] = upload(bundle)
    return found


def starts_of(rows: dict[str, list[int]], start: int) -> list[int]:
    """The starts of an answer's rows, which count from the row before at the same depth."""
    found: list[int] = []
    for i, delta in enumerate(rows["start"]):
        same = i > 0 and rows["depth"][i] == rows["depth"][i - 1]
        found.append((found[-1] if same else start) + delta)
    return found


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_boxes_are_the_calls_of_the_api(
    page: Page, server: str, recordings: dict[str, str], name: str, when: When
) -> None:
    run = recordings[name]
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
    page: Page, server: str, recordings: dict[str, str], when: When
) -> None:
    run = recordings["hot"]
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
    page: Page, recordings: dict[str, str], when: When
) -> None:
    page.goto(f"/runs/{recordings['threads']}/timeline")
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
    page: Page, recordings: dict[str, str], when: When
) -> None:
    page.goto(f"/runs/{recordings['threads']}/timeline?filter=/^work$/")
    seen = []
    for _ in range(2):
        when()
        page.keyboard.press("n")
        seen.append(when(f"d => d.selected && ![{','.join(map(str, seen))}].includes(d.selected.thread)"))
        seen[-1] = seen[-1]["selected"]["thread"]
    assert seen == [1, 2]
    page.keyboard.press("Shift+N")
    when("d => d.selected.thread === 1")


# --- next to nothing, and very much -------------------------------------------------


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
