"""The frame is held to the letter; what a later 1.x adds is skipped; limits are kept."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Callable, List, Optional

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.reader import BundleReader, Element, Limits, collect, read_bundle
from tracebin.errors import BundleTooLarge, MalformedBundle, UnsupportedVersion

LISTS = list(r.SECTIONS)


@pytest.fixture
def data(whole: r.Bundle, written: Callable[[r.Bundle], bytes]) -> bytes:
    return written(whole)


def elements(data: bytes, **options: Any) -> List[Element]:
    return list(BundleReader(io.BytesIO(data), **options))


def refused(data: bytes, match: Optional[str] = None) -> MalformedBundle:
    """The bundle is refused with and without ``strict``; give the error."""
    with pytest.raises(MalformedBundle):
        elements(data, strict=True)
    with pytest.raises(MalformedBundle, match=match) as caught:
        elements(data)
    return caught.value


def test_elements_come_in_order_with_their_place_and_line(data: bytes) -> None:
    seen = elements(data, strict=True)
    assert seen[0].key == "run"
    assert [key for key in LISTS if any(element.key == key for element in seen)] == LISTS
    for key in LISTS:
        mine = [element for element in seen if element.key == key]
        assert [element.index for element in mine] == list(range(len(mine)))
        assert all(type(element.record) is r.SECTIONS[key] for element in mine)
    assert all(element.line in data for element in seen)


@pytest.mark.parametrize(
    "text",
    [b"\n", b"{}\n", b"[\n", b"null\n", b"text\n", b" {\n", b"{ \n", b"{\r\n", b"\xef\xbb\xbf{\n", b"\x00\n"],
)
def test_not_a_bundle(text: bytes) -> None:
    fault = refused(text + b"more\n", "not a tracebin bundle")
    assert fault.where == "line 1"


def test_nothing_at_all_has_no_run() -> None:
    (only,) = elements(b"")
    assert only.record.kind == "cut"
    with pytest.raises(MalformedBundle, match="before its first element"):
        collect([only])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"format": "tracebin"', b'"format": "other"'),
        (b'"format": "tracebin",\n', b""),
        (b'"format": "tracebin",', b'"format": "tracebin"'),
        (b'"format": ', b'"format":'),
        (b'"format": ', b' "format": '),
        (b'"format": "tracebin"', b'"format": tracebin'),
        (b'"version": 1,\n', b""),
        (b'"version": 1', b'"version": '),
        (b'"version": 1,', b'"version": 1,,'),
        (b'"format": "tracebin",\n"version": 1,', b'"version": 1,\n"format": "tracebin",'),
        (b'"run": ', b'"ran": '),
        (b'},\n"processes"', b'}\n"processes"'),
        (b'"processes": [', b'"processes": ['[:-1]),
        (b'"processes": [', b'"processes":['),
        (b'"processes": [', b'"processes": [,'),
        (b'"processes": [', b'"processes": {'),
        (b'"processes": [', b'"processes": []'),
        (b'"processes": [\n', b'"processes": [ '),
        (b'"processes": [\n', b'"processes": [\n\n'),
        (b"],\n", b"]\n"),
        (b"],\n", b",\n],\n"),
        (b"],\n", b"]],\n"),
        (b"]\n}\n", b"],\n}\n"),
        (b"]\n}\n", b"]\n]\n}\n"),
        (b"]\n}\n", b"]\n{}\n}\n"),
        (b'"coverage": [', b'"coverage": null,\n"more": [\n1\n],\n"coverage": ['),
    ],
)
def test_a_wrong_frame(data: bytes, before: bytes, after: bytes) -> None:
    assert before in data
    assert (refused(data.replace(before, after, 1)).where or "").startswith("line ")


def test_a_comma_too_few_or_too_many(data: bytes) -> None:
    place = data.index(b'{"pid":11')
    refused(data[: place - 2] + b"\n" + data[place:], "comma")
    end = data.index(b'\n],\n"threads"')
    refused(data[:end] + b"," + data[end:], "comma")


def test_the_place_of_a_fault_is_its_line_and_field(data: bytes) -> None:
    fault = refused(data.replace(b'"pid":11', b'"pid":"11"', 1), "a whole number wanted, a text found")
    line = data[: data.index(b'{"pid":11')].count(b"\n") + 1
    assert fault.where == f"line {line}: pid"


@pytest.mark.parametrize("key", LISTS)
def test_a_list_twice(document: Any, framed: Any, key: str) -> None:
    text = framed({**document, "again": document[key] or []})
    refused(text.replace(b'"again"', f'"{key}"'.encode()), "there twice")


@pytest.mark.parametrize("key", LISTS)
def test_a_list_missing(document: Any, framed: Any, key: str) -> None:
    del document[key]
    refused(framed(document), "missing")


@pytest.mark.parametrize(("one", "other"), list(zip(LISTS, LISTS[1:])))
def test_lists_out_of_order(document: Any, framed: Any, one: str, other: str) -> None:
    swapped = {one: other, other: one}
    refused(framed({swapped.get(key, key): document[swapped.get(key, key)] for key in document}), "belongs")


@pytest.mark.parametrize("key", LISTS)
def test_only_coverage_may_be_null(document: Any, framed: Any, read: Any, key: str) -> None:
    text = framed({**document, key: None})
    if key == "coverage":
        assert read(text, strict=True).coverage is None
    else:
        refused(text, "can't be null")


@pytest.mark.parametrize("version", [b"1", b"1.0", b"1.5", b"1.99", b"1e0"])
def test_versions_that_are_read(data: bytes, version: bytes) -> None:
    assert elements(data.replace(b'"version": 1', b'"version": ' + version, 1), strict=True)


@pytest.mark.parametrize(
    "version",
    [b"2", b"2.0", b"0", b"0.9", b"-1", b'"1"', b"null", b"true", b"[1]", b"{}", b"1e400", b"1" * 30],
)
def test_versions_that_are_not_read(data: bytes, version: bytes) -> None:
    with pytest.raises(UnsupportedVersion, match=r"reads 1\.x") as caught:
        elements(data.replace(b'"version": 1', b'"version": ' + version, 1))
    assert caught.value.where == "line 3"


@pytest.mark.parametrize("rest", [b"x", b"{\n", b"\n\n]", b"\0", b"\n" * 100_000 + b"}"])
def test_more_after_the_end(data: bytes, rest: bytes) -> None:
    refused(data + rest, "after the bundle's end")


@pytest.mark.parametrize("rest", [b"\n", b" \t\r\n", b"\n" * 100_000])
def test_blanks_after_the_end(data: bytes, rest: bytes) -> None:
    assert elements(data + rest, strict=True) == elements(data, strict=True)


@pytest.mark.parametrize("key", ["processes", "coverage", "problems"])
@pytest.mark.parametrize("value", [None, [], [1], [{"a": [1]}, {"]": "]"}]])
def test_lists_of_a_later_version_are_skipped(
    document: Any, framed: Any, data: bytes, key: str, value: Optional[List[Any]]
) -> None:
    text = framed({**document, "invented": value})
    at = text.index(b'"%s": ' % key.encode())
    added = text[text.index(b'"invented"') : -len(b"\n}\n")]
    moved = text[:at] + added + b",\n" + text[at : text.index(b',\n"invented"')] + b"\n}\n"
    for extended in (text, moved):
        assert [e[:3] for e in elements(extended, strict=True)] == [e[:3] for e in elements(data)]


@pytest.mark.parametrize("size", [1, 2, 7, 4096])
def test_however_the_bytes_come(data: bytes, size: int) -> None:
    class Slow(io.BytesIO):
        def read(self, wanted: Optional[int] = -1, /) -> bytes:
            return super().read(size)

    assert list(BundleReader(Slow(data), strict=True)) == elements(data, strict=True)


def test_a_limit_on_elements(data: bytes) -> None:
    count = len(elements(data))
    assert elements(data, limits=Limits(elements=count))
    with pytest.raises(BundleTooLarge) as caught:
        elements(data, limits=Limits(elements=count - 1))
    assert (caught.value.reason, caught.value.limit) == ("elements", count - 1)


def test_a_limit_on_lines(data: bytes) -> None:
    longest = max(map(len, data.split(b"\n")))
    assert elements(data, limits=Limits(line_bytes=longest))
    with pytest.raises(BundleTooLarge) as caught:
        elements(data, limits=Limits(line_bytes=longest - 1))
    assert (caught.value.reason, caught.value.limit) == ("line_bytes", longest - 1)
    assert (caught.value.where or "").startswith("line ")


def test_a_line_without_end_is_not_read_to_its_end() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1, /) -> bytes:
            self.given += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(BundleTooLarge):
        list(BundleReader(stream, limits=Limits(line_bytes=1 << 20)))
    assert stream.given <= 1 << 21


def test_limits_hold_for_lists_of_a_later_version(document: Any, framed: Any) -> None:
    text = framed({**document, "invented": ["x" * 100_000]})
    with pytest.raises(BundleTooLarge):
        elements(text, limits=Limits(line_bytes=50_000))


def test_a_bundle_of_a_path(tmp_path: Path, data: bytes, whole: r.Bundle) -> None:
    (tmp_path / "bundle.json").write_bytes(data)
    assert read_bundle(tmp_path / "bundle.json", strict=True) == whole


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_path_that_cant_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(MalformedBundle, match="can't be read"):
        read_bundle(tmp_path / name)


def test_lists_that_are_not_wanted_are_passed_over(data: bytes) -> None:
    elements = list(BundleReader(io.BytesIO(data)))
    wanted = list(BundleReader(io.BytesIO(data), without=("traces", "samples")))
    assert {element.key for element in elements} > {"traces", "samples"}
    assert wanted == [element for element in elements if element.key not in ("traces", "samples")]
