"""What is written is what is read, byte for byte and record for record."""

from __future__ import annotations

import io
import json
from types import ModuleType
from typing import Any, Callable

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.check import Checker
from tracebin.bundle.codec import decode_line, encode_line
from tracebin.bundle.reader import BundleReader, read_bundle


def test_a_bundle_by_hand(whole: r.Bundle, written: Any, read: Any) -> None:
    assert read(written(whole), strict=True) == whole


def test_the_smallest_bundle(whole: r.Bundle, written: Any, read: Any) -> None:
    assert read(written(r.Bundle(whole.run)), strict=True) == r.Bundle(whole.run)


def test_coverage_of_no_file_is_no_coverage(whole: r.Bundle, written: Any) -> None:
    assert written(r.Bundle(whole.run, coverage=[])) == written(r.Bundle(whole.run))


def test_a_bundle_is_one_json_document(whole: r.Bundle, written: Any, document: Any, framed: Any) -> None:
    assert list(document) == ["format", "version", "run", *r.SECTIONS]
    assert (document["format"], document["version"]) == (r.FORMAT, r.VERSION)
    assert json.loads(framed(document)) == document


def test_a_real_bundle_to_the_byte(real: bytes, written: Any, read: Any) -> None:
    assert written(read(real, strict=True)) == real
    for element in BundleReader(io.BytesIO(real), strict=True):
        assert encode_line(element.record) == element.line


def test_a_real_bundle_has_no_contradictions(real: bytes) -> None:
    checker, seen = Checker(), set()
    for element in BundleReader(io.BytesIO(real), strict=True):
        checker.add(element.key, element.record)
        seen.add(element.key)
    checker.finish()
    assert seen >= {"run", "processes", "threads", "files", "functions", "traces", "stacks", "samples"}


def test_all_stages_are_in_the_bundle_that_was_asked_for_all(real_files: Any) -> None:
    stages = {name for trace in read_bundle(real_files["all"]).traces for name in trace.stages}
    assert stages == set(r.STAGES)


RECORDS = sorted({r.Run, *r.SECTIONS.values()}, key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_any_record_comes_back(cls: Any, strategies: ModuleType) -> None:
    law(strategies.of(cls), lambda record: decode_line(cls, encode_line(record)) == record)


def test_any_bundle_comes_back(strategies: ModuleType, written: Any, read: Any) -> None:
    law(strategies.bundles(), lambda bundle: read(written(bundle), strict=True) == bundle)


def law(strategy: Any, holds: Callable[[Any], bool]) -> None:
    """Try ``holds`` on what the strategy gives."""
    from hypothesis import given

    @given(strategy)
    def check(value: Any) -> None:
        assert holds(value)

    check()
