from __future__ import annotations

import pytest

from tracebin.bundle.records import Op
from tracebin.recorder.resops import (
    Header,
    Place,
    driver_of,
    parse_header,
    parse_inputs,
    parse_merge_point,
    parse_op,
    parse_place,
)

OPS = {
    "i3 = int_add(i1, 1)": Op("int_add", "i3", ["i1", "1"], None, None, None),
    "+396: i3 = int_add(i1, -1)": Op("int_add", "i3", ["i1", "-1"], None, 396, None),
    "guard_true(i3, descr=<Guard0x7f0a>) [p0, None, i1]": Op(
        "guard_true", None, ["i3"], "<Guard0x7f0a>", None, ["p0", None, "i1"]
    ),
    "+12: guard_not_invalidated(descr=<Guard0x7f0a>) []": Op(
        "guard_not_invalidated", None, [], "<Guard0x7f0a>", 12, []
    ),
    "+7: guard_value(p1, ConstPtr(ptr9), descr=<Guard0x1>) [ConstPtr(ptr2), 12, -3.5]": Op(
        "guard_value", None, ["p1", "ConstPtr(ptr9)"], "<Guard0x1>", 7, ["ConstPtr(ptr2)", "12", "-3.5"]
    ),
    "guard_class(p1, 140079371877288)": Op("guard_class", None, ["p1", "140079371877288"], None, None, None),
    "p5 = new()": Op("new", "p5", [], None, None, None),
    "p5 = new(descr=<SizeDescr 16>)": Op("new", "p5", [], "<SizeDescr 16>", None, None),
    "i1 = call_i(ConstClass(ll_str__find), p1, p2, descr=<Calli 8 rii EF=4 OS=17>)": Op(
        "call_i", "i1", ["ConstClass(ll_str__find)", "p1", "p2"], "<Calli 8 rii EF=4 OS=17>", None, None
    ),
    "p1 = getinteriorfield_gc_r(p0, i2, descr=<InteriorFieldDescr <FieldP odictentry.key 0>>)": Op(
        "getinteriorfield_gc_r",
        "p1",
        ["p0", "i2"],
        "<InteriorFieldDescr <FieldP odictentry.key 0>>",
        None,
        None,
    ),
    "label(p0, i1, descr=TargetToken(139681464951136))": Op(
        "label", None, ["p0", "i1"], "TargetToken(139681464951136)", None, None
    ),
    "+1: jump(descr=TargetToken(1))": Op("jump", None, [], "TargetToken(1)", 1, None),
    "f2 = cast_int_to_float(i1)": Op("cast_int_to_float", "f2", ["i1"], None, None, None),
    "finish(p1, descr=<DoneWithThisFrameDescrRef object at 0x7f>)": Op(
        "finish", None, ["p1"], "<DoneWithThisFrameDescrRef object at 0x7f>", None, None
    ),
    "i7 = cond_call_value_i(i5, ConstClass(g), descr=<Calli 8 r EF=2>)": Op(
        "cond_call_value_i", "i7", ["i5", "ConstClass(g)"], "<Calli 8 r EF=2>", None, None
    ),
}


@pytest.mark.parametrize("line", OPS)
def test_an_op_is_read_in_each_of_its_forms(line: str) -> None:
    assert parse_op(line) == OPS[line]


@pytest.mark.parametrize(
    "line", ["", "x", "i1 = int_add", "+x: int_add(i1)", "guard(i1 [p0]", "+5 int_add(i1"]
)
def test_what_is_no_op_is_refused(line: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        parse_op(line)


def test_a_merge_point_has_depth_call_and_text() -> None:
    line = "debug_merge_point(1, 15, 'f, g;/x, y/a (1).py:5-8~#20 LOAD_FAST')"
    assert parse_merge_point(line) == (1, 15, "f, g;/x, y/a (1).py:5-8~#20 LOAD_FAST")
    assert parse_merge_point(f"+77: {line}") == parse_merge_point(line)
    assert parse_merge_point("i3 = int_add(i1, 1)") is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("f;/x/prog.py:5-7~#16 FOR_ITER", Place("f", "/x/prog.py", 5, 7, 16, "FOR_ITER")),
        ("<lambda>;<string>:1-1~#0 LOAD_FAST", Place("<lambda>", "<string>", 1, 1, 0, "LOAD_FAST")),
        ("f;C:/a:b~#1/p.py:5-7~#16 NOP", Place("f", "C:/a:b~#1/p.py", 5, 7, 16, "NOP")),
        ("g;<builtin>/frozen _x:30-32~#0 NOP", Place("g", "<builtin>/frozen _x", 30, 32, 0, "NOP")),
        ("m;x.py:0--1~#0 RESUME", Place("m", "x.py", 0, -1, 0, "RESUME")),
        ("<code object f. file 'x.py'. line 8> #9 LOAD_FAST", Place("f", "x.py", 8, None, 9, "LOAD_FAST")),
        ("<code object f, file 'x.py', line 8>", Place("f", "x.py", 8, None, 0, "")),
    ],
)
def test_a_place_is_read_in_new_and_old_style(text: str, place: Place) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("re RegularSearch at 5 [14, 4, 0, 2]", "re RegularSearch"),
        ("re RepeatOne at 12 [14]", "re RepeatOne"),
        ("unpackiterable [dict_keyiterator]", "unpackiterable"),
        ("unicode.join [list]", "unicode.join"),
        ("_compute_keys_for_sorting [ObjectListStrategy, function]", "_compute_keys_for_sorting"),
        ("update_set", "update_set"),
        ("tuple.hash", "tuple.hash"),
        ("12", "12"),
    ],
)
def test_other_drivers_are_named_by_their_words(text: str, driver: str) -> None:
    assert parse_place(text) is None
    assert driver_of(text) == driver


@pytest.mark.parametrize(
    ("line", "header"),
    [
        (
            "# Loop 2 (f;/x/p.py:5-7~#16 FOR_ITER) : loop with 164 ops",
            Header("loop", "Loop 2 (f;/x/p.py:5-7~#16 FOR_ITER)", 2, "f;/x/p.py:5-7~#16 FOR_ITER", None),
        ),
        (
            "# Loop 13 (re X at 5 [1, 2]) : entry bridge with 35 ops",
            Header("entry bridge", "Loop 13 (re X at 5 [1, 2])", 13, "re X at 5 [1, 2]", None),
        ),
        ("# Loop -1 () : loop with 1 ops", Header("loop", "Loop -1 ()", -1, "", None)),
        (
            "# Loop 3 (f (a) : b;x.py:1-1~#0 NOP) : loop with 9 ops",
            Header("loop", "Loop 3 (f (a) : b;x.py:1-1~#0 NOP)", 3, "f (a) : b;x.py:1-1~#0 NOP", None),
        ),
        (
            "# bridge out of Guard 0x7fbb with 78 ops",
            Header("bridge", "bridge out of Guard 0x7fbb", None, None, 0x7FBB),
        ),
    ],
)
def test_a_header_names_its_trace(line: str, header: Header) -> None:
    assert parse_header(line) == header


def test_other_lines_are_no_header() -> None:
    assert parse_header("# Loop two (x) : loop with 1 ops") is None
    assert parse_header("[p0]") is None


def test_inputs_may_be_none() -> None:
    assert parse_inputs("[p0, i1]") == ["p0", "i1"]
    assert parse_inputs("[]") == []
