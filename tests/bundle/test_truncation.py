"""A bundle that breaks off anywhere gives what stands before the break, and one problem that says so."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from typing import Any, Callable, List

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.compression import open_inflated
from tracebin.bundle.reader import BundleReader, Element
from tracebin.errors import MalformedBundle

Tries = Callable[[int], int]


@pytest.fixture(scope="module")
def small(whole: r.Bundle, written: Callable[[r.Bundle], bytes]) -> bytes:
    return written(whole)


def elements(data: bytes, encoding: str = "identity", *, strict: bool = False) -> List[Element]:
    stream: Any = open_inflated(io.BytesIO(data), encoding)
    return list(BundleReader(stream, strict=strict))


def check_cut(whole: List[Element], cut: List[Element]) -> None:
    """The elements before the break are those of the whole bundle; the last says it is cut."""
    *before, last = cut
    assert [element[:3] for element in before] == [element[:3] for element in whole[: len(before)]]
    assert last.key == "problems"
    assert last.record.kind == "cut"
    assert last.index == sum(element.key == "problems" for element in before)
    assert not any(element.key == "problems" and element.record.kind == "cut" for element in before)


def ends(data: bytes) -> List[int]:
    """Give the places behind each line feed."""
    return [at + 1 for at in range(len(data)) if data[at : at + 1] == b"\n"]


def whole_before(data: bytes, size: int) -> int:
    """Count the elements whose lines end before ``size``."""
    lines = data[:size].split(b"\n")[:-1]
    return sum(line.startswith((b'"run": ', b"{")) and line != b"{" for line in lines)


def check_prefix(data: bytes, size: int, whole: List[Element]) -> None:
    cut = elements(data[:size])
    check_cut(whole, cut)
    # The last line may be whole though its end is missing.
    at_line = data[:size].endswith(b"\n") or not size
    assert len(cut) - 1 - whole_before(data, size) in ((0,) if at_line else (0, 1))


def test_at_every_byte_of_a_small_bundle(small: bytes, rng: random.Random, tries: Tries) -> None:
    whole = elements(small, strict=True)
    for size in rng.sample(range(len(small) - 1), tries(len(small) - 1)):
        check_prefix(small, size, whole)


def test_at_every_line_a_strict_reader_refuses(small: bytes) -> None:
    for size in [0, *ends(small)[:-1]]:
        with pytest.raises(MalformedBundle, match="cut off"):
            elements(small[:size], strict=True)


def test_at_lines_of_a_real_bundle(real: bytes, rng: random.Random) -> None:
    whole = elements(real, strict=True)
    for size in rng.sample(ends(real)[:-1], 15):
        check_prefix(real, size, whole)


def test_at_bytes_of_a_real_bundle(real: bytes, rng: random.Random) -> None:
    whole = elements(real, strict=True)
    for _ in range(15):
        check_prefix(real, rng.randrange(len(real) - 2), whole)


def test_without_its_last_line_feed_it_is_whole(real: bytes) -> None:
    assert elements(real[:-1], strict=True) == elements(real, strict=True)


def test_at_every_byte_of_a_small_gzip_file(small: bytes, rng: random.Random, tries: Tries) -> None:
    whole, packed = elements(small, strict=True), gzip.compress(small, 3)
    for size in rng.sample(range(len(packed)), tries(len(packed))):
        check_cut(whole, elements(packed[:size], "gzip"))
        with pytest.raises(MalformedBundle, match="cut off"):
            elements(packed[:size], "gzip", strict=True)
    cut = elements(packed[:-1], "gzip")
    assert len(cut) == len(whole) + 1
    assert "here to its end" in cut[-1].record.text


def test_at_bytes_of_a_real_gzip_file(real: bytes, rng: random.Random) -> None:
    whole, packed = elements(real, strict=True), gzip.compress(real, 3)
    for size in (rng.randrange(len(packed)) for _ in range(10)):
        check_cut(whole, elements(packed[:size], "gzip"))


def test_all_that_a_gzip_file_holds_comes_out(real: bytes, rng: random.Random) -> None:
    packed = gzip.compress(real, 3)
    for size in (rng.randrange(20, len(packed)) for _ in range(20)):
        inflated = open_inflated(io.BytesIO(packed[:size]), "gzip").read()
        assert real.startswith(inflated)
        assert inflated == zlib.decompressobj(31).decompress(packed[:size])


def test_where_it_breaks_off_is_said(real: bytes) -> None:
    (*_, last) = elements(real[:1000])
    assert last.record.where.endswith(", byte 1000")
    assert last.line.startswith(b'{"kind":"cut"')
