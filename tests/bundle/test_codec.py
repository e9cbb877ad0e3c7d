"""Each field of each record takes its own type and no other, and a refusal names it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import Any, Dict, Iterator, List, Tuple, Union, get_type_hints

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.codec import decode_line, encode_line, from_json, parse_json
from tracebin.errors import MalformedBundle

RECORDS = [value for value in vars(r).values() if dataclasses.is_dataclass(value) and value is not r.Bundle]
# One value of every JSON type, and a number at each side of its bounds.
SAMPLES: List[Any] = [None, True, 1, 1.5, "text", [], {}, [[]], 1 << 63, -(1 << 63) - 1]
Case = Tuple[Any, str, Any]


def example(hint: Any) -> Any:
    """Give a value in JSON for an annotation, everything in it filled."""
    origin = getattr(hint, "__origin__", None)
    if origin is Union:
        return example(hint.__args__[0])
    if origin is list:
        return [example(hint.__args__[0])]
    if origin is dict:
        return {"key": example(hint.__args__[1])}
    if hasattr(hint, "_fields"):
        return [example(inner) for inner in get_type_hints(hint).values()]
    if dataclasses.is_dataclass(hint):
        return {name: example(inner) for name, inner in get_type_hints(hint).items()}
    return {int: 7, float: 0.5, str: "text", bool: True}[hint]


def takes(hint: Any, value: Any) -> bool:
    """Say whether an annotation takes a value, as the format has it."""
    origin = getattr(hint, "__origin__", None)
    if origin is Union:
        return any(takes(inner, value) for inner in hint.__args__)
    if origin is list:
        return type(value) is list and all(takes(hint.__args__[0], item) for item in value)
    if origin is dict:
        return type(value) is dict
    if dataclasses.is_dataclass(hint):
        return value == {} and not any(required(field) for field in dataclasses.fields(hint))
    return type(value) is hint and (hint is not int or -(1 << 63) <= value < 1 << 63)


def required(field: Any) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def places(hint: Any, value: Any, where: str, path: Tuple[Any, ...]) -> Iterator[Tuple[Any, str, Any]]:
    """Walk through a value: the path of each place, its name as errors give it, its annotation."""
    for key, name, inner in inside(hint, value):
        here = (*path, key)
        yield here, where + name, inner
        yield from places(inner, value[key], where + name, here)


def inside(hint: Any, value: Any) -> Iterator[Tuple[Any, str, Any]]:
    origin = getattr(hint, "__origin__", None)
    if origin is Union:
        yield from inside(hint.__args__[0], value)
    elif origin is list:
        yield 0, "[0]", hint.__args__[0]
    elif origin is dict:
        yield "key", ".key", hint.__args__[1]
    elif hasattr(hint, "_fields"):
        yield from ((at, f".{name}", inner) for at, (name, inner) in enumerate(get_type_hints(hint).items()))
    elif dataclasses.is_dataclass(hint):
        yield from ((name, f".{name}", inner) for name, inner in get_type_hints(hint).items())


def cases() -> Iterator[Any]:
    for cls in RECORDS:
        for path, where, hint in places(cls, example(cls), "", ()):
            yield pytest.param(cls, path, where, hint, id=f"{cls.__name__}{where}")


def put(value: Any, path: Tuple[Any, ...], new: Any) -> Any:
    at = value
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = new
    return value


@pytest.mark.parametrize(("cls", "path", "where", "hint"), list(cases()))
def test_a_wrong_type_is_refused_with_its_place(cls: Any, path: Any, where: str, hint: Any) -> None:
    for sample in SAMPLES:
        spoilt = put(example(cls), path, sample)
        if takes(hint, sample):
            assert encode_line(from_json(cls, spoilt))
            continue
        with pytest.raises(MalformedBundle) as caught:
            from_json(cls, spoilt)
        assert (caught.value.where or "").startswith(where.lstrip("."))


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_a_filled_record_comes_back(cls: Any) -> None:
    line = json.dumps(example(cls), separators=(",", ":")).encode()
    assert encode_line(decode_line(cls, line)) == line


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_keys_with_a_default_may_be_missing_and_no_others(cls: Any) -> None:
    for field in dataclasses.fields(cls):
        value = example(cls)
        del value[field.name]
        if required(field):
            with pytest.raises(MalformedBundle, match=repr(field.name)):
                from_json(cls, value)
        else:
            assert from_json(cls, value)


@pytest.mark.parametrize("cls", RECORDS, ids=lambda cls: cls.__name__)
def test_unknown_keys_are_ignored(cls: Any) -> None:
    assert from_json(cls, {**example(cls), "of_version_1_7": {"a": [1]}}) == from_json(cls, example(cls))


def test_a_row_may_be_longer_but_not_shorter() -> None:
    stage = {"inputs": [], "ops": [["jump", None, [], None, None, None]], "points": []}
    longer = {**stage, "ops": [[*stage["ops"][0], "of version 1.7"], stage["ops"][0]]}
    assert from_json(r.Stage, longer).ops == from_json(r.Stage, stage).ops * 2
    with pytest.raises(MalformedBundle, match="a list of 6"):
        from_json(r.Stage, {**stage, "ops": [["jump", None, [], None, None]]})


@pytest.mark.parametrize("index", [0, 1, 499, 999])
def test_one_bad_row_among_many_is_named(index: int) -> None:
    stage: Dict[str, Any] = example(r.Stage)
    stage["ops"] = [list(stage["ops"][0]) for _ in range(1000)]
    stage["ops"][index][2] = ["p0", 5]
    with pytest.raises(MalformedBundle) as caught:
        from_json(r.Stage, stage)
    assert caught.value.where == f"ops[{index}].args[1]"


@pytest.mark.parametrize("value", [-(1 << 63), (1 << 63) - 1, 0, -1])
def test_all_numbers_of_64_bits_are_taken(value: int) -> None:
    exit_ = from_json(r.Exit, {"status": value})
    assert exit_.status == value
    column = dataclasses.asdict(r.StackChunk([value], [value], [value], [value]))
    assert from_json(r.StackChunk, column).parent == [value]


PYPY = '{"version":"7","python":"3","executable":"","build":{"a":%s}}'


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9223372036854775808", "1" + "0" * 5000]
)
def test_numbers_that_no_reader_can_hold(value: str) -> None:
    with pytest.raises(MalformedBundle):
        decode_line(r.PyPy, (PYPY % value).encode())


@pytest.mark.parametrize(
    "value", ["1e300", "-0.0", "5e-324", "1E5", "-0", "true", "null", '"\\ud83d\\ude00"']
)
def test_values_at_the_edge_that_are_fine(value: str) -> None:
    assert decode_line(r.PyPy, (PYPY % value).encode()).build == {"a": json.loads(value)}


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udc00"', '"\\udc00\\ud800"', '"\\ud83dx"'])
def test_half_a_surrogate_pair(text: str) -> None:
    with pytest.raises(MalformedBundle, match="surrogate"):
        decode_line(r.PyPy, (PYPY % text).encode())
    with pytest.raises(MalformedBundle, match="surrogate"):
        decode_line(r.Exit, b'{"unknown":%s}' % text.encode())


@pytest.mark.parametrize("data", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"])
def test_bytes_that_are_no_utf_8(data: bytes) -> None:
    with pytest.raises(MalformedBundle, match="not JSON"):
        decode_line(r.PyPy, PYPY.encode() % (b'"' + data + b'"'))


@pytest.mark.parametrize(
    "line", [b"", b" ", b"{", b"{}x", b"nul", b"{'a':1}", b'{"a":1,}', b"\xef\xbb\xbf{}"]
)
def test_lines_that_are_no_json(line: bytes) -> None:
    with pytest.raises(MalformedBundle, match="not JSON"):
        decode_line(r.Exit, line)


@pytest.mark.parametrize("line", [b"null", b"1", b'"text"', b"[]", b"true"])
def test_json_that_is_no_record(line: bytes) -> None:
    with pytest.raises(MalformedBundle, match="an object wanted"):
        decode_line(r.Exit, line)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("text", [b"", b'"\\u0041"'])
def test_depths_that_no_reader_stands(opening: bytes, text: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    for depth in (*range(900, 1010), 100_000):
        line = b'{"unknown":' + opening * depth + (text or b"0") + closing * depth + b"}"
        # Where the limit lies is the interpreter's; at none may the error be another.
        with contextlib.suppress(MalformedBundle):
            assert decode_line(r.Exit, line) == r.Exit()
    with pytest.raises(MalformedBundle, match="nested too deeply"):
        decode_line(r.Exit, line)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a\udcffb", "a\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\udcff", "\ufffd"),
        ('\ud800"', '\ufffd"'),
        ("\udc00\ud800", "\ufffd\ufffd"),
    ],
)
def test_file_names_that_are_no_text_are_written_with_replacements(name: str, written: str) -> None:
    line = encode_line(r.SourceFile(name, "program", text="fine"))
    assert decode_line(r.SourceFile, line) == r.SourceFile(written, "program", text="fine")


def test_what_is_no_json_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode_line(r.Process(1, None, [], 0, None, None, {"tracing_s": float("nan")}))


def test_a_line_never_holds_a_line_feed() -> None:
    assert b"\n" not in encode_line(r.SourceFile("a\nb", "program", text="x\r\n\u2028\x85"))


def test_the_last_of_equal_keys_counts() -> None:
    assert parse_json(b'{"a":1,"a":2}') == {"a": 2}
