from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tracebin.terminal.descrs import MOST_CHARS, short_descr


def test_descrs_are_shortened_as_on_the_pages(checkout):
    for descr, text in json.loads((checkout / "tests" / "js" / "descrs.json").read_text()):
        assert short_descr(descr) == text


@given(st.text())
def test_what_nobody_knows_is_cut(text):
    assert len(short_descr(text)) <= MOST_CHARS
