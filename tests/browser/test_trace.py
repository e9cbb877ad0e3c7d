"""A trace's page: four levels in one flow, and every gesture in it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

LINES = ["for step in range(n):", "total += advance(body, step)", "return body.push(step)"]


def open_trace(page: Page, run: str, trace: int = 0, rest: str = "") -> None:
    page.goto(f"/runs/{run}/traces/{trace}{rest}")
    page.locator(".row").first.wait_for()


def rows(page: Page, kind: str) -> Locator:
    return page.locator(f".row-{kind}")


def op(page: Page, number: int) -> Locator:
    return page.locator(f".row-op[data-op='{number}']")


def in_order(found: Locator) -> list[str]:
    """Texts by their place on the page: rows drawn later stand later in the document."""
    placed = found.evaluate_all("all => all.map(row => [parseFloat(row.style.top), row.textContent])")
    return [text for _, text in sorted(placed)]


def test_the_path_is_source_lines_in_order_with_calls_nested(page: Page, run: str) -> None:
    open_trace(page, run, rest="?show=source")
    texts = in_order(page.locator(".row-line, .row-call"))
    names = [
        "before the first",
        "hot_loop",
        *LINES[:2],
        "advance",
        LINES[2],
        "push",
        "if step % 5",
        "return self.mass - 1",
    ]
    assert len(texts) == len(names) + 2
    assert [name for name, text in zip(names, texts) if name not in text] == []
    assert LINES[2] in texts[-2]
    assert LINES[1] in texts[-1]
    assert "↩" in texts[-1]


def test_a_source_line_is_text_whatever_it_holds(page: Page, run: str) -> None:
    open_trace(page, run)
    expect(page.locator(".row-line", has_text="onerror")).to_contain_text("# <img src=x onerror=alert(1)>")
    assert page.locator(".pane img").count() == 0


def test_an_op_is_written_whole_and_shortened_with_the_full_text_on_hover(page: Page, run: str) -> None:
    open_trace(page, run)
    expect(op(page, 2)).to_contain_text("i3 = getfield_gc_i(p0)")
    expect(op(page, 2).locator(".descr")).to_have_text("W_IntObject.intval")
    expect(op(page, 2).locator(".descr")).to_have_attribute(
        "title", "<FieldS pypy.objspace.std.intobject.W_IntObject.inst_intval 8>"
    )
    expect(op(page, 5)).to_contain_text("guard_class(p0, W_IntObject)")
    expect(op(page, 5).locator(".constant")).to_have_attribute("title", "ConstClass(W_IntObject)")


def test_a_bytecode_is_named_where_it_is_known(page: Page, run: str) -> None:
    open_trace(page, run)
    expect(rows(page, "point").filter(has_text="FOR_ITER")).to_contain_text("to 44")
    expect(rows(page, "point").filter(has_text="bytecode not known")).to_have_count(3)


@pytest.mark.parametrize(("key", "kind"), [("1", "line"), ("2", "point"), ("3", "op"), ("4", "code")])
def test_each_level_goes_off_and_on_by_key_and_is_kept_in_the_url(
    page: Page, run: str, key: str, kind: str
) -> None:
    open_trace(page, run, rest="?show=source,bytecode,resops,code")
    page.locator("[data-level=code]").wait_for()
    page.keyboard.press(key)
    expect(rows(page, kind)).to_have_count(0)
    page.reload()
    page.locator(".row").first.wait_for()
    expect(rows(page, kind)).to_have_count(0)
    page.keyboard.press(key)
    expect(rows(page, kind).first).to_be_attached()


def test_levels_are_buttons_too(page: Page, run: str) -> None:
    open_trace(page, run)
    button = page.get_by_role("button", name="Machine code")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(rows(page, "code").first).to_contain_text("nop")
    assert "show=source,bytecode,resops,code" in page.url


def test_a_call_folds_by_click_and_unfolds_by_key(page: Page, run: str) -> None:
    open_trace(page, run)
    page.get_by_role("button", name="Fold advance").click()
    expect(op(page, 4)).to_have_count(0)
    expect(rows(page, "call").filter(has_text="advance")).to_contain_text("5 ops")
    assert "fold=" in page.url
    page.reload()
    expect(page.get_by_role("button", name="Unfold advance")).to_be_visible()
    rows(page, "call").filter(has_text="advance").click()
    page.keyboard.press("ArrowRight")
    expect(op(page, 4)).to_have_count(1)
    page.keyboard.press("ArrowLeft")
    expect(op(page, 4)).to_have_count(0)


def test_all_calls_fold_at_once(page: Page, run: str) -> None:
    open_trace(page, run)
    page.keyboard.press("f")
    expect(rows(page, "call")).to_have_count(2)
    assert "fold=all" in page.url
    page.keyboard.press("u")
    expect(rows(page, "call")).to_have_count(3)
    page.get_by_role("button", name="Fold calls").click()
    expect(rows(page, "call")).to_have_count(2)
    page.get_by_role("button", name="Unfold", exact=True).click()
    expect(rows(page, "call")).to_have_count(3)


def test_from_a_guard_to_its_bridge_and_back(page: Page, run: str) -> None:
    open_trace(page, run)
    expect(op(page, 3)).to_contain_text("bridge 1 → 200 \u00d7, 20 % of label #0")
    op(page, 3).get_by_role("link", name="bridge 1 →").click()
    page.wait_for_url("**/traces/1")
    expect(page.locator(".trace-head")).to_contain_text("guard_true #3 of trace 0")
    page.locator(".row").first.wait_for()
    page.keyboard.press("b")
    page.wait_for_url("**/traces/0#op-3")
    expect(page.locator(".row.target")).to_contain_text("guard_true(i2)")


def test_keys_go_to_a_guard_with_a_bridge_and_through_it(page: Page, run: str) -> None:
    open_trace(page, run)
    page.keyboard.press("g")
    expect(page.locator(".row.cursor")).to_have_attribute("data-op", "3")
    page.keyboard.press("Enter")
    page.wait_for_url("**/traces/1")


def test_a_link_to_an_op_unfolds_and_switches_on_what_hides_it(page: Page, run: str) -> None:
    open_trace(page, run, rest="?show=source&fold=all#op-4")
    expect(page.locator(".row.target")).to_contain_text("int_mod")
    expect(page.locator(".row.target")).to_be_in_viewport()


def test_what_is_as_usual_is_not_in_the_url(page: Page, run: str) -> None:
    open_trace(page, run, rest="#op-4")
    page.keyboard.press("2")
    expect(page.locator("[data-level=bytecode]")).to_have_attribute("aria-pressed", "false")
    assert page.url.endswith("/traces/0?show=source,resops#op-4")
    page.keyboard.press("2")
    expect(page.locator("[data-level=bytecode]")).to_have_attribute("aria-pressed", "true")
    assert page.url.endswith("/traces/0#op-4")


def test_the_jump_of_a_loop_leads_to_its_label(page: Page, run: str) -> None:
    open_trace(page, run)
    op(page, 8).get_by_role("link", name="label #0").click()
    expect(page.locator(".row.target")).to_have_attribute("data-op", "0")


def test_the_head_lists_the_bridges_and_the_phases(page: Page, run: str) -> None:
    open_trace(page, run)
    head = page.locator(".trace-head")
    expect(head).to_contain_text("loop 0")
    expect(head).to_contain_text("tracing 1.00 ms · optimising 1.50 ms · backend 500 µs")
    head.get_by_text("1 bridge").click()
    expect(head.get_by_role("link", name="guard_true #3")).to_be_visible()
    head.get_by_role("link", name="guard_true #3").click()
    expect(page.locator(".row.target")).to_have_attribute("data-op", "3")


def test_counts_that_are_not_known_are_said_to_be(page: Page, run: str) -> None:
    open_trace(page, run, 2)
    expect(page.locator(".trace-head")).to_contain_text("Runsnot known")
    expect(rows(page, "line")).to_contain_text("re RegularSearch at 5")


def test_pointing_at_a_variable_marks_its_definition_and_uses_apart(page: Page, run: str) -> None:
    open_trace(page, run)
    op(page, 4).locator("[data-variable=i2]").hover()
    expect(page.locator(".is-definition")).to_have_count(1)
    expect(op(page, 1).locator(".is-definition")).to_have_text("i2")
    expect(op(page, 3).locator(".is-use")).to_have_text("i2")
    expect(op(page, 8).locator(".is-use")).to_have_text("i2")
    page.locator("h1").hover()
    expect(page.locator(".is-definition")).to_have_count(0)


def test_an_input_is_marked_where_it_comes_in(page: Page, run: str) -> None:
    open_trace(page, run)
    op(page, 2).locator("[data-variable=p0]").hover()
    expect(rows(page, "inputs").locator(".is-definition")).to_have_text("p0")


def test_a_click_keeps_a_variable_marked_until_escape(page: Page, run: str) -> None:
    open_trace(page, run)
    op(page, 4).locator("[data-variable=i2]").click()
    page.locator("h1").hover()
    expect(page.locator(".is-definition")).to_have_count(1)
    assert "pin=i2" in page.url
    page.reload()
    expect(page.locator(".is-pinned.is-definition")).to_have_text("i2")
    page.keyboard.press("Escape")
    expect(page.locator(".is-definition")).to_have_count(0)


def test_fail_arguments_are_counted_until_asked_for(page: Page, run: str) -> None:
    open_trace(page, run)
    expect(op(page, 3).locator(".fail")).to_have_text("[3]")
    op(page, 3).locator(".fail").click()
    expect(op(page, 3)).to_contain_text("[p0, \u2013, i2]")
    expect(op(page, 5).locator(".fail")).to_have_text("[3]")
    page.keyboard.press("a")
    expect(op(page, 5)).to_contain_text("[p0, \u2013, i2]")
    assert "fails=1" in page.url


@pytest.mark.parametrize("key", ["/", "Control+f"])
def test_the_find_box_takes_the_place_of_the_browsers_own(page: Page, run: str, key: str) -> None:
    open_trace(page, run)
    page.keyboard.press(key)
    field = page.get_by_label("Find in this trace")
    expect(field).to_be_focused()
    page.keyboard.type("guard_")
    expect(page.locator(".hits")).to_have_text("1 of 2")
    expect(page.locator(".row.cursor")).to_have_attribute("data-op", "3")
    page.keyboard.press("Enter")
    expect(page.locator(".row.cursor")).to_have_attribute("data-op", "5")
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".row.cursor")).to_have_attribute("data-op", "3")
    field.fill("no such text")
    expect(page.locator(".hits")).to_have_text("not in what is shown")
    page.keyboard.press("Escape")
    expect(page.locator(".pane")).to_be_focused()


def test_keys_are_explained(page: Page, run: str) -> None:
    open_trace(page, run)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("guard: leaves the trace")
    page.keyboard.press("1")
    expect(page.locator("[data-level=source]")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_kind_of_op_has_a_mark_beside_its_colour(page: Page, run: str) -> None:
    open_trace(page, run)
    marks = [op(page, number).locator(".mark").inner_text() for number in (0, 1, 2, 3, 6, 7)]
    assert len(set(marks)) == len(marks)


def test_of_a_large_trace_only_what_is_seen_is_in_the_document(page: Page, run: str) -> None:
    open_trace(page, run, 4, "?show=source,bytecode,resops,code")
    pane = page.locator(".pane")
    total = int(pane.get_attribute("aria-rowcount") or 0)
    assert total > 3000 * 6
    assert page.locator(".row").count() < 120
    page.keyboard.press("End")
    expect(page.locator(".row.cursor")).to_have_attribute("aria-rowindex", str(total))
    expect(page.locator(".row.cursor")).to_be_in_viewport()
    assert page.locator(".row").count() < 120
    page.keyboard.press("Home")
    expect(page.locator(".row.cursor")).to_contain_text("inputs")


def test_the_calls_around_the_first_row_are_named(page: Page, run: str) -> None:
    open_trace(page, run, 4, "#op-1507")
    expect(page.locator(".row.target")).to_have_attribute("data-op", "1507")
    chain = page.locator(".chain button")
    expect(chain.first).to_have_text("hot_loop")
    chain.first.click()
    expect(page.locator(".row.cursor")).to_contain_text("hot_loop")


def test_the_outline_scrolls(page: Page, run: str) -> None:
    open_trace(page, run, 4)
    outline = page.locator(".outline")
    box = outline.bounding_box()
    assert box is not None
    outline.click(position={"x": 20, "y": box["height"] * 0.5})
    page.wait_for_function("() => document.querySelector('.pane').scrollTop > 10000")


def test_a_change_of_levels_keeps_what_is_looked_at_in_place(page: Page, run: str) -> None:
    open_trace(page, run, 4, "#op-1507")
    target = page.locator(".row.target")
    before = target.bounding_box()
    page.keyboard.press("4")
    expect(page.locator("[data-level=code]")).to_have_attribute("aria-pressed", "true")
    after = target.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) <= 1


def test_a_stage_the_trace_lacks_is_refused_in_a_sentence(
    page: Page, run: str, expected_faults: list[str]
) -> None:
    expected_faults.append("400")
    page.goto(f"/runs/{run}/traces/0?stage=traced")
    expect(page.get_by_role("alert")).to_contain_text("stage")
