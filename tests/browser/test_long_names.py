"""No page is wider than its window, however long the names of a program are."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Callable

import pytest
from playwright.sync_api import Page

from tracebin.bundle import records as r
from tracebin.bundle.reader import read_bundle
from tracebin.bundle.writer import write_bundle

# One word, without a place to break it.
LONG = "TheNameOfSomething" * 12
PATHS = ("", "/traces", "/traces/0", "/traces/1", "/aborts")


@pytest.fixture(scope="module")
def long_run(
    bundle_file: Path, upload: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A run in which all that a program can name has a long name."""
    out = io.BytesIO()
    write_bundle(out, with_long_names(read_bundle(bundle_file)))
    path = tmp_path_factory.mktemp("long") / "run.json"
    path.write_bytes(out.getvalue())
    return upload(path)


def with_long_names(bundle: r.Bundle) -> r.Bundle:
    decided = {"inlining": [f"disabled inlining {LONG}"], "longest": LONG, "text": LONG}
    return replace(
        bundle,
        run=replace(bundle.run, command=[LONG], cwd=f"/{LONG}", options=r.Options({LONG: LONG}, {}, {})),
        processes=[replace(process, command=[LONG]) for process in bundle.processes],
        threads=[replace(thread, name=LONG) for thread in bundle.threads],
        files=[replace(file, path=f"/{LONG}/{LONG}.py") for file in bundle.files],
        functions=[replace(f, name=LONG, qualname=f"{LONG}.{f.name}") for f in bundle.functions],
        traces=[replace(trace, name=f"{trace.name}{LONG}", driver=LONG) for trace in bundle.traces],
        aborts=[replace(abort, driver=LONG, reason=f"ABORT_{LONG}", **decided) for abort in bundle.aborts],
        problems=[r.Problem("cut", f"{LONG} was lost", 2, f"{LONG}.log"), r.Problem("lost", LONG)],
    )


@pytest.mark.parametrize("width", [1400, 800, 400])
@pytest.mark.parametrize("path", PATHS)
def test_no_page_is_wider_than_the_window(page: Page, long_run: str, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/runs/{long_run}{path}")
    page.locator(".waiting").wait_for(state="detached")
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1400, 800, 400])
def test_the_list_of_runs_is_not_wider_than_the_window(page: Page, long_run: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/")
    page.locator(f"table.runs a[href='/runs/{long_run}']").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
