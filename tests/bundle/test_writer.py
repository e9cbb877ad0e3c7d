"""The writer keeps the order of the lists, and refuses any other."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.codec import encode_line
from tracebin.bundle.writer import BundleWriter

THREAD, PROBLEM = r.Thread(0, 1), r.Problem("cut", "x")


@pytest.fixture
def out() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def writer(out: io.BytesIO, whole: r.Bundle) -> BundleWriter:
    return BundleWriter(out, whole.run)


def test_lists_that_are_passed_over_are_empty(writer: BundleWriter, out: io.BytesIO, read: Any) -> None:
    writer.add("threads", THREAD)
    writer.add("problems", PROBLEM)
    writer.close()
    document = json.loads(out.getvalue())
    assert [key for key in r.SECTIONS if document[key]] == ["threads", "problems"]
    assert document["coverage"] is None
    assert all(document[key] == [] for key in r.SECTIONS if not document[key] and key != "coverage")
    assert read(out.getvalue(), strict=True).threads == [THREAD]


def test_one_element_a_line(writer: BundleWriter, out: io.BytesIO) -> None:
    writer.add("threads", THREAD)
    writer.add_line("threads", encode_line(THREAD))
    writer.close()
    line = encode_line(THREAD)
    assert b'"threads": [\n' + line + b",\n" + line + b"\n],\n" in out.getvalue()
    assert out.getvalue().endswith(b'"problems": [\n]\n}\n')


def test_what_is_written_so_far_can_be_read(writer: BundleWriter, out: io.BytesIO, read: Any) -> None:
    writer.add("threads", THREAD)
    bundle = read(out.getvalue())
    assert bundle.threads == [THREAD]
    assert [problem.kind for problem in bundle.problems] == ["cut"]


def test_no_way_back(writer: BundleWriter) -> None:
    writer.add("threads", THREAD)
    with pytest.raises(ValueError, match="processes comes before threads"):
        writer.open_section("processes")


def test_coverage_that_was_passed_over_stays_null(writer: BundleWriter) -> None:
    writer.add("problems", PROBLEM)
    with pytest.raises(ValueError, match="coverage comes before problems"):
        writer.add("coverage", r.FileCoverage(0, [], []))


def test_coverage_of_no_file_can_be_written(writer: BundleWriter, out: io.BytesIO) -> None:
    writer.open_section("coverage")
    writer.close()
    assert json.loads(out.getvalue())["coverage"] == []


def test_a_list_that_the_format_has_not(writer: BundleWriter) -> None:
    with pytest.raises(ValueError, match="remarks"):
        writer.add("remarks", THREAD)
