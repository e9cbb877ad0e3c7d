"""Bundles that arrive whole and say nonsense: refused with the place, nothing left behind."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any, Iterator, Union, get_type_hints

import pytest

from tracebin.bundle import records as r

Path = tuple[Union[str, int], ...]
WRONG: list[Any] = [True, "x", 1.5, 1.0, None, [], {}, [[]]]


def accepts(hint: Any, value: Any) -> bool:
    """Say whether a value may stand where the annotation is ``hint``."""
    origin = getattr(hint, "__origin__", None)
    if origin is Union:
        return any(accepts(one, value) for one in hint.__args__)
    if origin is list:
        return type(value) is list and all(accepts(hint.__args__[0], one) for one in value)
    if origin is dict:
        return type(value) is dict
    if dataclasses.is_dataclass(hint):
        return value == {} and not required(hint)
    return hint in (bool, int, float, str, type(None)) and type(value) is hint


def required(cls: Any) -> list[str]:
    """Name the fields that have no default."""
    missing = dataclasses.MISSING
    return [f.name for f in dataclasses.fields(cls) if f.default is missing and f.default_factory is missing]


def places(hint: Any, value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Walk to every place of a record that has an annotation."""
    yield path, hint
    if value is not None:
        for inner, part in children(hint, value):
            yield from places(inner, value[part], (*path, part))


def children(hint: Any, value: Any) -> list[tuple[Any, Any]]:
    """Name the places inside a value; of a list or an object the first stands for all."""
    origin = getattr(hint, "__origin__", None)
    if origin is Union:
        (hint,) = [one for one in hint.__args__ if one is not type(None)][:1]
        return children(hint, value)
    if origin is list:
        return [(hint.__args__[0], 0)] if value else []
    if origin is dict:
        return [(hint.__args__[1], key) for key in list(value)[:1]]
    if hasattr(hint, "_fields"):
        return [(one, index) for index, one in enumerate(get_type_hints(hint).values())]
    return (
        [(one, name) for name, one in get_type_hints(hint).items()] if dataclasses.is_dataclass(hint) else []
    )


def put(document: Any, path: Path, value: Any) -> Any:
    """Give a copy with another value at the path; what lies beside the path is shared."""
    part, *rest = path
    spoilt = copy.copy(document)
    spoilt[part] = put(document[part], tuple(rest), value) if rest else value
    return spoilt


@pytest.mark.parametrize("key", ["run", *r.SECTIONS])
def test_wrong_types_at_each_place(refused: Any, frame: Any, document: Any, key: str) -> None:
    """Every field of every record, with every type it doesn't have."""
    record = document[key] if key == "run" else document[key][-1]
    start: Path = (key,) if key == "run" else (key, len(document[key]) - 1)
    cls = r.Run if key == "run" else r.SECTIONS[key]
    plain = json.loads(json.dumps(document))
    seen = 0
    for path, hint in places(cls, json.loads(json.dumps(record)), start):
        for wrong in WRONG:
            if not accepts(hint, wrong):
                problem = refused(422, "malformed-bundle", frame(put(plain, path, wrong)))
                assert problem["where"], (path, wrong)
                seen += 1
    assert seen > len(dataclasses.fields(cls)) * 4


@pytest.mark.parametrize("key", ["run", *r.SECTIONS])
def test_missing_fields(refused: Any, frame: Any, document: Any, key: str) -> None:
    cls = r.Run if key == "run" else r.SECTIONS[key]
    for name in required(cls):
        spoilt = json.loads(json.dumps(document))
        del (spoilt[key] if key == "run" else spoilt[key][0])[name]
        refused(422, "malformed-bundle", frame(spoilt))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "\n",
            "null",
            "true",
            "1",
            '"text"',
            "[]",
            "[\n]",
            "{}",
            "{",
            "{\n}",
            "not json",
            "<html>",
        ),
        *('{\n"format": "other",\n', '{\n"version": 1,\n"format": "tracebin"\n}', "\ufeff{\n"),
    ],
)
def test_not_a_bundle(refused: Any, text: str) -> None:
    refused(400 if not text else 422, "malformed-bundle" if text else "empty_body", text.encode())


@pytest.mark.parametrize(
    "version", ["2", "0", "99", '"1"', "null", "true", "[1]", "{}", "-1", "1e400", "NaN", "9" * 5000]
)
def test_versions(refused: Any, body: bytes, version: str) -> None:
    response = refused.upload(body.replace(b'"version": 1', f'"version": {version}'.encode(), 1))
    assert response.get_json()["reason"] in ("unsupported-version", "malformed-bundle")
    assert response.status_code == 422
    refused.nothing_is_left()


def test_another_version_says_which_are_read(refused: Any, body: bytes) -> None:
    problem = refused(422, "unsupported-version", body.replace(b'"version": 1', b'"version": 2', 1))
    assert "1.x" in problem["detail"]


def test_a_later_minor_version_is_read(upload: Any, body: bytes) -> None:
    assert upload(body.replace(b'"version": 1', b'"version": 1.4', 1)).status_code == 201


def test_unknown_keys_are_left_alone(upload: Any, frame: Any, document: Any) -> None:
    document["processes"][0]["invented_later"] = {"__proto__": [1]}
    assert upload(frame(document)).status_code == 201


@pytest.mark.parametrize("line", ['"version": 1,\n', '"format": "tracebin",\n'])
def test_missing_head(refused: Any, body: bytes, line: str) -> None:
    refused(422, "malformed-bundle", body.replace(line.encode(), b"", 1))


def test_more_after_the_end(refused: Any, body: bytes) -> None:
    refused(422, "malformed-bundle", body + body)


def test_a_list_twice(refused: Any, body: bytes) -> None:
    refused(422, "malformed-bundle", body.replace(b'"threads": [', b'"processes": [', 1))


def test_a_list_missing(refused: Any, body: bytes) -> None:
    refused(422, "malformed-bundle", body.replace(b'"marks": [', b'"remarks": [', 1))


# Every field that holds a position in another list, with the bound of that list.
REFERENCES: list[Path] = [
    ("processes", 1, "parent"),
    ("threads", 0, "process"),
    ("functions", 0, "file"),
    ("traces", 0, "process"),
    ("traces", 0, "function"),
    ("traces", 1, "parent", 0),
    ("traces", 1, "parent", 1),
    ("traces", 0, "labels", 0, 0),
    ("traces", 0, "stages", "optimised", "points", 0, 0),
    ("traces", 0, "stages", "optimised", "points", 0, 3),
    ("traces", 0, "stages", "traced", "points", 1, 3),
    ("aborts", 0, "process"),
    ("aborts", 0, "function"),
    ("aborts", 0, "path", 0, 0),
    ("gc", 0, "process"),
    ("gc", 0, "kind", 0),
    ("stacks", 0, "parent", 1),
    ("stacks", 0, "function", 1),
    ("stacks", 0, "state", 1),
    ("stacks", 0, "trace", 1),
    ("samples", 0, "thread"),
    ("samples", 0, "stack", 1),
    ("calls", 0, "thread"),
    ("calls", 0, "function", 1),
    ("marks", 0, "thread"),
    ("coverage", 0, "file"),
]


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: ".".join(map(str, path)))
def test_references_out_of_range(refused: Any, frame: Any, document: Any, path: Path) -> None:
    plain = json.loads(json.dumps(document))
    for index in (99, -2, -(2**63), 2**63 - 1):
        refused(422, "malformed-bundle", frame(put(plain, path, index)))


@pytest.mark.parametrize("path", [("stacks", 0, "parent", 1), ("stacks", 0, "parent", 0)])
def test_a_stack_that_is_its_own_parent(refused: Any, frame: Any, document: Any, path: Path) -> None:
    refused(422, "malformed-bundle", frame(put(document, path, path[-1])))


@pytest.mark.parametrize("key", ["gc", "stacks", "samples", "calls"])
def test_columns_of_unequal_length(refused: Any, frame: Any, document: Any, key: str) -> None:
    for name, column in document[key][0].items():
        if isinstance(column, list):
            refused(422, "malformed-bundle", frame(put(document, (key, 0, name), column[:-1])))
            refused(422, "malformed-bundle", frame(put(document, (key, 0, name), [*column, 0])))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("run", "duration_ns"), -1),
        (("processes", 0, "end_ns"), -1),
        (("traces", 0, "end_ns"), 0),
        (("traces", 0, "kind"), "hoop"),
        (("traces", 0, "phases", "tracing_ns"), -1),
        (("traces", 0, "runs"), -1),
        (("traces", 0, "asm", "size"), 15),
        (("traces", 0, "asm", "size"), -1),
        (("traces", 0, "asm", "address"), -1),
        (("traces", 0, "asm", "entry"), 17),
        (("traces", 0, "asm", "code"), "AAA"),
        (("traces", 0, "asm", "code"), "AAAA*AAA"),
        (("traces", 0, "asm", "code"), "A" * 400_000),
        (("traces", 0, "stages", "hidden"), {"inputs": [], "ops": [], "points": []}),
        (("aborts", 0, "end_ns"), 0),
        (("gc", 0, "start", 1), -1),
        (("gc", 0, "duration", 1), -1),
        (("samples", 0, "time", 1), -1),
        (("calls", 0, "start", 1), -1),
        (("calls", 0, "depth", 1), -1),
        (("files", 0, "origin"), "moon"),
        (("run", "output", "stdout", "encoding"), "rot13"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else str(value)[:8],
)
def test_contradictions(refused: Any, frame: Any, document: Any, path: Path, value: Any) -> None:
    refused(422, "malformed-bundle", frame(put(json.loads(json.dumps(document)), path, value)))


def test_numbers_past_64_bits(refused: Any, frame: Any, document: Any) -> None:
    for key in ("run", "processes", "traces", "aborts", "gc", "stacks", "samples", "calls", "marks"):
        cls = r.Run if key == "run" else r.SECTIONS[key]
        start: Path = (key,) if key == "run" else (key, 0)
        plain = json.loads(json.dumps(document))
        record = plain[key] if key == "run" else plain[key][0]
        for path, hint in places(cls, record, start):
            if accepts(hint, 0):
                for number in (2**63, 2**64, -(2**63) - 1, int("9" * 4000)):
                    refused(422, "malformed-bundle", frame(put(plain, path, number)))


MOST = 2**63 - 1


@pytest.mark.parametrize(
    "changes",
    [
        {("traces", 0, "phases"): {"tracing_ns": MOST, "optimising_ns": MOST, "backend_ns": MOST}},
        {("aborts", 0, "start_ns"): -MOST, ("aborts", 0, "end_ns"): MOST},
        {("gc", 0, "start"): [MOST, MOST, MOST, MOST]},
        {("gc", 0, "duration"): [MOST, MOST, MOST, MOST]},
        {("calls", 0, "duration"): [MOST, MOST, MOST]},
        {("samples", 0, "time"): [MOST, MOST, MOST]},
        {("samples", 0, "first_ns"): MOST},
    ],
    ids=lambda changes: ".".join(map(str, next(iter(changes)))),
)
def test_sums_past_64_bits(refused: Any, frame: Any, document: Any, changes: dict[Path, Any]) -> None:
    spoilt = json.loads(json.dumps(document))
    for path, value in changes.items():
        spoilt = put(spoilt, path, value)
    refused(422, "malformed-bundle", frame(spoilt))


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "01", "+1", "0x1", "1_0", "9" * 5000]
)
def test_numbers_json_does_not_have(refused: Any, body: bytes, number: str) -> None:
    refused(
        422,
        "malformed-bundle",
        body.replace(b'"duration_ns":2000000', b'"duration_ns":' + number.encode(), 1),
    )
    refused(422, "malformed-bundle", body.replace(b'{"loops":1}', b'{"loops":' + number.encode() + b"}", 1))


@pytest.mark.parametrize("depth", [65, 1_025, 100_000])
def test_depth(refused: Any, frame: Any, document: Any, depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    for line in (deep, b"[" * depth, b'{"pid":' + deep + b"}", b'{"a":' * depth):
        document["processes"][0] = line
        refused(422, "malformed-bundle", frame(document))


def test_depth_in_a_key_nobody_reads(refused: Any, frame: Any, document: Any) -> None:
    line = json.dumps(document["processes"][0])[:-1] + ', "later": ' + "[" * 100_000 + "]" * 100_000 + "}"
    document["processes"][0] = line.encode()
    refused(422, "malformed-bundle", frame(document))


@pytest.mark.parametrize(
    "text", [b"\\ud800", b"\\udc00 x", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"a\nb", b"a\tb", b"\\x"]
)
def test_strings_that_are_not_unicode(refused: Any, body: bytes, text: bytes) -> None:
    refused(422, "malformed-bundle", body.replace(b"/x/prog.py", b"/x/" + text, 1))


LIMITED = [
    (("files", 0, "path"), "name_chars", 2001),
    (("functions", 0, "name"), "name_chars", 2001),
    (("functions", 0, "qualname"), "name_chars", 2001),
    (("traces", 0, "name"), "name_chars", 2001),
    (("traces", 0, "driver"), "name_chars", 2001),
    (("aborts", 0, "reason"), "name_chars", 2001),
    (("run", "started"), "name_chars", 2001),
    (("files", 0, "text"), "source_chars", 5001),
    (("run", "cwd"), "line_bytes", 2 << 20),
]


@pytest.mark.parametrize(("path", "reason", "size"), LIMITED, ids=lambda value: str(value))
def test_texts_too_long(refused: Any, frame: Any, document: Any, path: Path, reason: str, size: int) -> None:
    object.__setattr__(refused.config, "body_bytes", 4 << 20)
    problem = refused(413, reason, frame(put(json.loads(json.dumps(document)), path, "x" * size)))
    assert problem["limit"] == refused.config.limits()[reason]


def test_too_many_elements(refused: Any, frame: Any, document: Any) -> None:
    document["problems"] *= 1001
    problem = refused(413, "elements", frame(document))
    assert problem["limit"] == 1000


def test_a_chunk_too_long(refused: Any, frame: Any, document: Any) -> None:
    rows = r.CHUNK_ROWS + 1
    chunk = {"thread": 0, "first_ns": 0, "time": [0] * rows, "stack": [0] * rows, "memory": [0] * rows}
    refused(422, "malformed-bundle", frame({**document, "samples": [chunk]}))


def test_a_small_bundle_that_would_show_much(refused: Any, frame: Any, document: Any) -> None:
    """Long names that many things refer to: in rows, in an abort's path, in one trace's view."""
    object.__setattr__(refused.config, "shown_chars", 400_000)
    document["functions"][0]["qualname"] = "x" * 2000
    plain = json.loads(json.dumps(document))
    many = (
        put(plain, ("traces",), [put(plain["traces"][0], ("labels",), []) for _ in range(200)]),
        put(plain, ("aborts", 0, "path"), [(0, 3, 1, None)] * 200),
        put(plain, ("traces", 0, "stages", "optimised", "points"), [(0, 0, 0, 0, 20, 3, None)] * 200),
        put(
            plain, ("traces", 0, "stages", "optimised", "ops"), [("label", None, [], None, None, None)] * 2000
        ),
    )
    for spoilt in many:
        refused(413, "shown_chars", frame(spoilt))
