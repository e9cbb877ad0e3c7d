from __future__ import annotations

import json
from typing import Any

import pytest

from tracebin.recorder.log_drafts import At
from tracebin.recorder.resops import parse_op
from tracebin.recorder.stage_text import StageReader, any_row

OPS = [
    "i3 = int_add(i1, 1)",
    "+396: i3 = int_add(i1, -1)",
    "guard_true(i3, descr=<Guard0x7f0a>) [p0, None, i1]",
    "+12: guard_not_invalidated(descr=<Guard0x7f0a>) []",
    "+7: guard_value(p1, ConstPtr(ptr9), descr=<Guard0x1>) [ConstPtr(ptr2), 12, None]",
    "guard_class(p1, 140079371877288)",
    "p5 = new()",
    "p5 = new(descr=<SizeDescr 16>)",
    "i1 = call_i(ConstClass(ll_str__find), p1, descr=<Calli 8 rii EF=4, OS=17>)",
    "p1 = getinteriorfield_gc_r(p0, i2, descr=<InteriorFieldDescr <FieldP odictentry.key 0>>)",
    "label(p0, i1, descr=TargetToken(139681464951136))",
    "+1: jump(descr=TargetToken(1))",
    "+007: jump(i1, descr=x) ",
    "guard_true(Nonesuch, descr=d) [None]",
]
BROKEN = ["+x: broken(", "+5: broken(", "guard_true(i1, descr=x]", "+: f()"]
# Of another form than PyPy writes, but to be read all the same.
ODD = [
    "i1 = f(a=b, p1, descr=<D 1>)",
    "i1 = f(a=b)",
    'i1 = f("x", descr=<D \\>)',
    "p0.x = f(é)",
    "+0012: jump() ",
]


@pytest.mark.parametrize("line", OPS + ODD)
def test_a_row_is_what_the_op_is(line: str) -> None:
    op = parse_op(line)
    row, name, descr = any_row(line)
    assert (json.loads(row), name, descr) == (json.loads(json.dumps(op)), op.name, op.descr)
    text, found, puzzles = stage(line)
    assert puzzles == []
    assert f'"ops":[{row}]' in found.text
    assert text["points"] == []


@pytest.mark.parametrize("line", BROKEN)
def test_a_line_that_is_no_op_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"substring|invalid"):
        any_row(line)
    text, _, puzzles = stage(line)
    assert (text["ops"], puzzles) == ([], [f"a line in a trace: {line}"])


def stage(*lines: str) -> tuple[dict[str, Any], Any, list[str]]:
    """Read a stage whose merge points are in function 7 if their text begins with f."""
    puzzles: list[str] = []

    def at(text: str) -> At:
        return At(7, 3, 9, None) if text.startswith("f") else At(None, None, None, text)

    found = StageReader(at, puzzles.append).read("\n".join(lines))
    return json.loads(found.text), found, puzzles


@pytest.mark.parametrize("odd", [[], ['i2 = f("é", \\)'], ["i2 = f(\x07)"]])
def test_labels_guards_and_points_are_found_in_any_text(odd: list[str]) -> None:
    text, found, puzzles = stage(
        "# Loop 1 (f) : loop with 3 ops",
        "[p0, i1]",
        *odd,
        "+5: label(p0, descr=TargetToken(9))",
        "debug_merge_point(0, 1, 'f;x.py:1-3~#9 NOP')",
        "guard_true(i1, descr=<Guard0xaa>) [p0]",
        "debug_merge_point(1, 2, 'a \"sly\" driver')" if odd else "debug_merge_point(1, 2, 'other driver')",
        "jump(descr=TargetToken(9))",
        "+99: --end of the loop--",
    )
    first = len(odd)
    assert puzzles == []
    assert text["inputs"] == ["p0", "i1"]
    assert [op[0] for op in text["ops"][first:]] == ["label", "guard_true", "jump"]
    assert [(label.op, label.token) for label in found.labels] == [(first, "TargetToken(9)")]
    assert found.guards == {0xAA: first + 1}
    assert found.first == At(7, 3, 9, None)
    other = 'a "sly" driver' if odd else "other driver"
    assert text["points"] == [
        [first + 1, 0, 1, 7, 9, 3, None],
        [first + 2, 1, 2, None, None, None, other],
    ]


def test_what_is_not_understood_is_told_and_left_out() -> None:
    text, _, puzzles = stage("[]", "+x: broken(", "what is this", "jump()", "debug_merge_point(0, 1)")
    assert [op[0] for op in text["ops"]] == ["jump"]
    assert puzzles == [f"a line in a trace: {line}" for line in ("+x: broken(", "what is this")] + [
        "a line in a trace: debug_merge_point(0, 1)"
    ]
