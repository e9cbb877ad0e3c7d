from __future__ import annotations

from tracebin.analysis import marks as module
from tracebin.analysis.marks import OTHERS, MarkSums
from tracebin.analysis.rows import MarkRow
from tracebin.bundle.records import Mark


def sums(*marks):
    found = MarkSums()
    for mark in marks:
        found.add(Mark(*mark))
    return found.rows()


def test_spans_come_first_by_time_then_marks_by_number():
    rows = sums((0, 5, None, "m"), (0, 6, 10, "a"), (0, 7, 20, "b"), (0, 8, None, "n"), (0, 9, None, "n"))
    assert [(row.name, row.kind, row.count) for row in rows] == [
        ("b", "span", 1),
        ("a", "span", 1),
        ("n", "mark", 2),
        ("m", "mark", 1),
    ]


def test_a_mark_and_a_span_of_one_name_are_two():
    assert len(sums((0, 5, None, "x"), (0, 5, 1, "x"))) == 2


def test_a_span_inside_one_of_its_name_counts_once():
    rows = sums((0, 0, 100, "r"), (0, 10, 20, "r"), (0, 90, 20, "r"), (0, 200, 5, "r"))
    assert rows == [MarkRow("r", "span", 4, 115, 100, 0)]


def test_threads_add_up():
    assert sums((0, 0, 100, "r"), (1, 10, 20, "r"))[0].total_ns == 120


def test_names_beyond_a_number_are_one_row(monkeypatch):
    monkeypatch.setattr(module, "MOST_NAMES", 2)
    rows = sums(*((0, n, 1, f"n{n % 4}") for n in range(8)))
    assert sorted((row.name, row.count) for row in rows) == [(OTHERS, 4), ("n0", 2), ("n1", 2)]


def test_the_tally_has_them(make):
    assert make.findings(marks=[Mark(0, 5, None, "here")]).marks == [MarkRow("here", "mark", 1, 0, 0, 5)]
