from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tracebin.terminal.page import Column, Page, Piece, crop, crop_start, make_console

TEXT = st.text(st.sampled_from("ab 漢é"), max_size=60)


def lines_of(console, width, *pieces, hang=2, wrap=True):
    page = Page(console(width), wrap=wrap)
    page.line(*pieces, hang=hang)
    page.print()
    return page_text(page)


def page_text(page):
    return page._console.file.getvalue()


@pytest.fixture(scope="session")
def console():
    def build(width):
        made = make_console(io.StringIO())
        made.width = width
        return made

    return build


@given(TEXT, TEXT, st.integers(8, 30))
def test_a_line_fits_the_console_and_loses_nothing_but_blanks(console, one, two, width):
    text = lines_of(console, width, Piece(one, "bold"), Piece(two))
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "".join(text.split()) == "".join((one + two).split())


def test_lines_break_after_a_blank_and_hang(console):
    text = lines_of(console, 12, Piece("alpha beta gamma"), hang=4)
    assert text == "alpha beta\n    gamma\n"


def test_a_pipe_gets_its_lines_whole(console):
    assert lines_of(console, 12, Piece("alpha beta gamma"), wrap=False) == "alpha beta gamma\n"


@given(TEXT, st.integers(1, 20))
def test_a_cropped_text_fits_and_says_so(text, width):
    short = crop(text, width)
    assert short == text or (short.endswith("…") and (cell_len(short) <= width or width <= 2))


def test_a_place_keeps_its_end():
    assert crop_start("some/long/way/module.py:12", 13) == "…module.py:12"
    assert crop_start("module.py", 13) == "module.py"


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_a_table_fits_and_stands_in_columns(console, rows):
    page = Page(console(40))
    page.table(
        [Column("n", right=True), Column("a", flexible=True), Column("b", flexible=True)],
        [("1", *row) for row in rows],
    )
    page.print()
    lines = page_text(page).splitlines()
    assert len(lines) == len(rows) + 1
    assert all(cell_len(line) <= 40 for line in lines)


def test_characters_the_stream_lacks_are_escaped():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    page = Page(make_console(stream))
    page.line(Piece("漢 …"))
    page.print()
    stream.flush()
    assert raw.getvalue() == b"\\u6f22 \\u2026\n"


def test_markup_and_emoji_codes_are_plain_text(console):
    assert lines_of(console, 40, Piece("[bold]:smile:[/]")) == "[bold]:smile:[/]\n"
