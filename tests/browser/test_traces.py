"""The table of traces: order, filter, chips, keys, and the URL that holds it all."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def ids(page: Page) -> list[int]:
    page.locator(".waiting").wait_for(state="detached")
    return [
        int(each)
        for each in page.locator("tbody tr").evaluate_all("all => all.map(row => row.dataset.trace)")
    ]


def open_traces(page: Page, run: str, query: str = "") -> None:
    page.goto(f"/runs/{run}/traces{query}")
    page.locator("table.traces").wait_for()


def field(page: Page) -> Locator:
    return page.get_by_label("Filter the traces")


def test_the_hottest_are_first_and_the_recorders_own_are_hidden(page: Page, run: str) -> None:
    open_traces(page, run)
    assert ids(page) == [0, 4, 1, 2]
    expect(page.locator("[aria-sort=descending]")).to_have_text("Time▼")


def test_what_is_not_known_is_said(page: Page, run: str) -> None:
    open_traces(page, run)
    expect(page.locator("tr[data-trace='2'] td").nth(4)).to_have_text("not known")


def test_a_click_on_a_head_sorts_and_another_turns_the_order(page: Page, run: str) -> None:
    open_traces(page, run)
    page.get_by_role("button", name="Ops").click()
    assert ids(page) == [4, 0, 1, 2]
    page.get_by_role("button", name="Ops").click()
    assert ids(page) == [2, 1, 0, 4]
    page.reload()
    assert ids(page) == [2, 1, 0, 4]
    page.get_by_role("button", name="Runs").click()
    assert ids(page) == [0, 1, 4, 2]


def test_the_filter_narrows_as_one_types_and_is_kept_in_the_url(page: Page, run: str) -> None:
    open_traces(page, run)
    page.keyboard.press("/")
    expect(field(page)).to_be_focused()
    page.keyboard.type("kind:bridge file:prog")
    assert ids(page) == [1]
    expect(page.locator(".list-head .many")).to_have_text("1 of 4")
    page.reload()
    expect(field(page)).to_have_value("kind:bridge file:prog")
    assert ids(page) == [1]
    field(page).press("Escape")
    assert len(ids(page)) == 4


def test_a_filter_that_nothing_fits_says_so(page: Page, run: str) -> None:
    open_traces(page, run, "?q=nothing-like-it")
    expect(page.get_by_text("No trace fits the filter.")).to_be_visible()


def test_chips_count_and_narrow(page: Page, run: str) -> None:
    open_traces(page, run)
    chip = page.locator("[data-chip='kind:entry bridge']")
    expect(chip).to_have_text("entry bridge1")
    chip.click()
    assert ids(page) == [2]
    expect(field(page)).to_have_value('kind:"entry bridge"')
    expect(chip).to_be_focused()
    page.locator("[data-chip='kind:loop']").click()
    assert ids(page) == [0, 4, 2]
    page.locator("[data-chip='driver:re']").click()
    assert ids(page) == [2]


def test_chips_count_what_the_rest_of_the_filter_lets_pass(page: Page, run: str) -> None:
    def counts() -> dict[str, str]:
        page.locator(".waiting").wait_for(state="detached")
        found = page.locator("[data-chip]").evaluate_all(
            "all => all.map(chip => [chip.dataset.chip, chip.querySelector('.many').textContent])"
        )
        return dict(found)

    open_traces(page, run, "?q=driver:re")
    every = {
        "kind:loop": "0",
        "kind:bridge": "0",
        "kind:entry bridge": "1",
        "driver:pypyjit": "3",
        "driver:re": "1",
    }
    assert counts() == every
    field(page).fill("kind:bridge")
    assert counts() == {
        **{"kind:loop": "2", "kind:bridge": "1", "kind:entry bridge": "1"},
        **{"driver:pypyjit": "1", "driver:re": "0"},
    }
    field(page).fill("nothing-like-it")
    assert set(counts().values()) == {"0"}


def test_the_whole_head_of_a_column_sorts(page: Page, run: str) -> None:
    open_traces(page, run)
    for head, wanted in (("Trace", "ascending"), ("Ops", "descending"), ("Trace", "ascending")):
        cell = page.locator("th").filter(has=page.get_by_role("button", name=head))
        size = cell.bounding_box()
        assert size is not None
        cell.click(position={"x": 2 if head == "Ops" else size["width"] - 2, "y": size["height"] - 3})
        expect(cell).to_have_attribute("aria-sort", wanted)


def test_the_recorders_own_are_shown_when_asked_for(page: Page, run: str) -> None:
    open_traces(page, run)
    page.get_by_role("button", name="recorder's own").click()
    assert 3 in ids(page)
    expect(page.locator("tr[data-trace='3']")).to_contain_text("recorder's own")
    assert "own=1" in page.url


def test_arrows_move_and_enter_opens(page: Page, run: str) -> None:
    open_traces(page, run)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(page.locator("tr.cursor")).to_have_attribute("data-trace", "4")
    page.keyboard.press("Enter")
    page.wait_for_url("**/traces/4")


def test_enter_in_the_filter_goes_to_the_first_row(page: Page, run: str) -> None:
    open_traces(page, run)
    field(page).fill("re")
    field(page).press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/traces/*")


def test_a_bridge_names_the_guard_it_starts_at(page: Page, run: str) -> None:
    open_traces(page, run)
    page.get_by_role("link", name="← 0#3").click()
    expect(page.locator(".row.target")).to_contain_text("guard_true")


def test_many_traces_come_in_as_one_scrolls(page: Page, run: str) -> None:
    open_traces(page, run)
    row = page.request.get(f"/api/v1/runs/{run}/traces").json()["traces"][0]
    many = {"total": 900, "traces": [{**row, "id": i} for i in range(900)], "kinds": {}, "drivers": {}}
    page.route("**/traces?own=1*", lambda route: route.fulfill(json=many))
    open_traces(page, run)
    first = page.locator("tbody tr").count()
    assert first < 900
    page.keyboard.press("End")
    expect(page.locator("tbody tr")).to_have_count(900)
    expect(page.locator("tr.cursor")).to_have_attribute("data-trace", "899")
