from __future__ import annotations

import pytest

from tracebin.analysis.places import Places, source_lines
from tracebin.bundle.records import SourceFile
from tracebin.errors import MalformedBundle


def places(make, text):
    return Places({0: make.function("f")}, {0: SourceFile("prog.py", "program", text=text)})


def test_lines_end_where_python_ends_them():
    assert source_lines("a\nb\r\nc\rd\x0ce\u2028f\x1cg") == ["a", "b", "c", "d\x0ce\u2028f\x1cg"]


@pytest.mark.parametrize(("line", "text"), [(1, "x = 1"), (2, "y"), (3, None), (0, None), (-1, None)])
def test_a_line_is_looked_up_by_number(make, line, text):
    assert places(make, "x = 1\ny").source(0, line) == text


def test_what_is_not_known_stays_unknown(make):
    there = places(make, None)
    assert there.source(0, 1) is None
    assert there.source(None, 1) is None
    assert there.title(None) is None
    assert there.path(None) is None


def test_a_missing_function_is_said(make):
    with pytest.raises(MalformedBundle, match="no function 4"):
        places(make, "").title(4)
