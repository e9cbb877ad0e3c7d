"""The first page: the list, and the upload with its ends."""

from __future__ import annotations

import gzip
from pathlib import Path

from playwright.sync_api import Page, expect

DROP = """async (place, text) => {
    const carried = new DataTransfer();
    carried.items.add(new File([text], "dropped.json"));
    for (const kind of ["dragover", "drop"]) {
        place.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));
    }
}"""


def test_a_run_is_listed_and_opens(page: Page, run: str) -> None:
    page.goto("/")
    row = page.locator("table.runs tbody tr").filter(has=page.locator(f"a[href='/runs/{run}']"))
    expect(row).to_contain_text("prog.py 1000")
    expect(row).to_contain_text("status 0")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("prog.py 1000")


def test_a_table_that_is_cut_shows_that_it_scrolls(page: Page, run: str) -> None:
    def picture(width: int, left: int) -> bytes:
        page.set_viewport_size({"width": width, "height": 700})
        frame.evaluate("(frame, left) => { frame.scrollLeft = left; }", left)
        return frame.screenshot()

    page.goto("/")
    frame = page.locator(".table-frame")
    frame.locator("table").evaluate("table => { table.style.visibility = 'hidden'; }")
    cut = [picture(500, 0), picture(500, 100), picture(500, 9999)]
    fits = picture(1280, 0)
    frame.evaluate("frame => { frame.style.background = 'none'; }")
    plain = [picture(500, 0), picture(500, 100), picture(500, 9999)]
    assert len({*cut, *plain}) > len({*plain})
    assert all(one != other for one, other in zip(cut, plain))
    assert len(set(cut)) == 3
    assert fits == picture(1280, 0)


def test_a_chosen_file_is_uploaded_and_its_token_remembered(
    page: Page, bundle_file: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "run.json.gz"
    packed.write_bytes(gzip.compress(bundle_file.read_bytes()))
    page.goto("/")
    page.set_input_files("#bundle", packed)
    expect(page.locator(".stored")).to_contain_text("run.json.gz is stored")
    token = page.locator(".stored code").inner_text()
    opened = page.get_by_role("link", name="Open the run")
    expect(opened).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete …").click()
    expect(page.get_by_label("Delete token")).to_have_value(token)


def test_a_dropped_file_is_uploaded_and_listed(page: Page, bundle_file: Path) -> None:
    page.goto("/")
    page.locator(".upload").wait_for()
    before = page.locator("table.runs tbody tr").count()
    page.locator(".upload").evaluate(DROP, bundle_file.read_text())
    expect(page.locator(".stored")).to_contain_text("dropped.json is stored")
    expect(page.locator("table.runs tbody tr")).to_have_count(before + 1)


def test_what_is_no_bundle_is_refused_in_a_sentence(page: Page, expected_faults: list[str]) -> None:
    expected_faults.append("422")
    page.goto("/")
    page.locator(".upload").evaluate(DROP, '{"format": "other"}')
    expect(page.locator(".upload [role=alert]")).to_contain_text("dropped.json: ")
    expect(page.locator(".stored")).to_have_count(0)


def test_what_is_too_large_is_not_sent(page: Page) -> None:
    page.route("**/api/v1/limits", lambda route: route.fulfill(json={"body_bytes": 10}))
    page.goto("/")
    page.locator(".upload").evaluate(DROP, '{"format": "tracebin"}')
    expect(page.locator(".upload [role=alert]")).to_contain_text("this server takes at most 10 B")


def test_a_broken_connection_is_told(page: Page, expected_faults: list[str]) -> None:
    expected_faults.append("ERR_FAILED")
    page.goto("/")
    page.route(
        "**/api/v1/runs", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    page.locator(".upload").evaluate(DROP, "{}")
    expect(page.locator(".upload [role=alert]")).to_contain_text("The connection broke")


def test_the_theme_is_chosen_and_kept(page: Page) -> None:
    page.goto("/")
    button = page.locator("#theme")
    expect(button).to_have_text("Theme: auto")
    button.click()
    expect(button).to_have_text("Theme: dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    button.click()
    button.click()
    expect(button).to_have_text("Theme: auto")
