from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracebin.analysis.trace_view import guard_of_parent, trace_view
from tracebin.analysis.traces import BridgeLink, TraceLinks, target_tokens
from tracebin.bundle.codec import to_json
from tracebin.bundle.records import Bytecode, Guard, Label, SourceFile, Stage
from tracebin.errors import BadRequest

needs_capstone = pytest.mark.skipif(find_spec("capstone") is None, reason="capstone is not installed")


@pytest.fixture(scope="session")
def view(make):
    code = [Bytecode(0, "LOAD_FAST", "n", 1), Bytecode(2, "FOR_ITER", "to 44", 2)]
    functions = {0: make.function("f", bytecode=code), 1: make.function("g", file=1)}
    files = {0: SourceFile("prog.py", "program", text="def f(n):\n    loop\n"), 1: SourceFile("g.py", "site")}

    def build(trace, *, bridges=None, targets=None, **options):
        row = make.findings(traces=[trace]).traces[0]
        given = {"functions": functions, "files": files, "bridges": bridges or {}, "targets": targets or {}}
        return trace_view(0, trace, row=row, **given, **options)

    return build


def all_ops(view):
    return [op for segment in view.segments for point in segment.points for op in point.ops]


# --- segments -------------------------------------------------------------------------


def test_bytecodes_of_one_line_stand_together(make, view):
    points = [make.point(0, offset=0), make.point(1, offset=2), make.point(1, offset=2, line=2)]
    one, two = view(make.trace([make.op(), make.op()], points)).segments
    assert [(p.name, p.argument, len(p.ops)) for p in one.points] == [
        ("LOAD_FAST", "n", 1),
        ("FOR_ITER", "to 44", 0),
    ]
    assert (one.line, one.source, one.title, one.path, one.file) == (1, "def f(n):", "f", "prog.py", 0)
    assert (two.line, two.source, len(two.points[0].ops)) == (2, "    loop", 1)


def test_a_new_call_or_depth_starts_a_segment(make, view):
    points = [
        make.point(0, call=1),
        make.point(0, call=2),
        make.point(0, call=2, depth=1),
        make.point(0, call=2, depth=1, function=1),
        make.point(0, call=2),
    ]
    segments = view(make.trace([make.op()], points)).segments
    assert [(s.call, s.depth, s.function) for s in segments] == [
        (1, 0, 0),
        (2, 0, 0),
        (2, 1, 0),
        (2, 1, 1),
        (2, 0, 0),
    ]


def test_ops_before_the_first_merge_point_have_no_place(make, view):
    first, second = view(make.trace([make.op("label"), make.op()], [make.point(1)])).segments
    assert (first.function, first.line, first.source, first.call) == (None, None, None, None)
    assert [op.name for op in first.points[0].ops] == ["label"]
    assert [op.op for op in second.points[0].ops] == [1]


def test_another_driver_has_its_text_alone(make, view):
    points = [make.point(0, function=None, offset=None, line=None, text="re Search at 5")]
    (segment,) = view(make.trace([make.op()], points, function=None)).segments
    assert (segment.text, segment.title, segment.path, segment.source) == ("re Search at 5", None, None, None)
    assert (segment.points[0].offset, segment.points[0].name) == (None, None)


def test_a_trace_without_ops_has_no_segments(make, view):
    assert view(make.trace()).segments == []
    assert view(make.trace(stages={})).segments == []


POINT_ROWS = st.tuples(st.integers(-2, 12), st.integers(0, 2), st.integers(0, 1), st.integers(0, 1))


@given(st.integers(0, 10), st.lists(POINT_ROWS, max_size=12), st.booleans())
def test_segments_hold_every_op_once_and_in_order(make, view, count, rows, is_sorted):
    rows = sorted(rows) if is_sorted else rows
    points = [make.point(op, depth=d, call=c, function=f) for op, d, c, f in rows]
    shown = view(make.trace([make.op() for _ in range(count)], points))
    assert [op.op for op in all_ops(shown)] == list(range(count))
    known = [point for segment in shown.segments if segment.call is not None for point in segment.points]
    assert len(known) == len(points)


@given(st.lists(POINT_ROWS, max_size=12))
def test_neighbouring_segments_differ(make, view, rows):
    points = [make.point(op, depth=d, call=c, function=f) for op, d, c, f in sorted(rows)]
    segments = view(make.trace([make.op()], points)).segments
    keys = [(s.depth, s.call, s.function, s.line) for s in segments]
    assert all(one != two for one, two in zip(keys, keys[1:]))


# --- links ----------------------------------------------------------------------------


def test_labels_guards_and_jumps_carry_what_is_known(make, view):
    ops = [
        make.op("label", descr="TargetToken(5)"),
        make.op("guard_true", descr="<Guard0x1>"),
        make.op("guard_true", descr="<Guard0x2>"),
        make.op("call_assembler_i", descr="<Loop7>"),
        make.op("jump", descr="TargetToken(5)"),
    ]
    trace = make.trace(ops, labels=[Label(0, "TargetToken(5)", 900)])
    shown = view(trace, bridges={2: BridgeLink(9, 1034)}, targets={"TargetToken(5)": 0, "<Loop7>": 4})
    label, guard, failing, call, jump = all_ops(shown)
    assert (label.runs, label.target, label.kind) == (900, None, "control")
    assert (guard.bridge, guard.runs) == (None, None)
    assert failing.bridge == BridgeLink(9, 1034)
    assert (call.target, jump.target) == (4, 0)


def test_links_are_found_in_another_stage_by_descr(make, view):
    optimised = Stage([], [make.op("guard_true", descr="<Guard0x2>"), make.op("label", descr="T")], [])
    assembled = Stage(
        ["i0"], [make.op(), make.op("label", descr="T"), make.op("guard_true", descr="<Guard0x2>")], []
    )
    stages = {"assembled": assembled, "optimised": optimised}
    trace = make.trace(stages=stages, labels=[Label(1, "T", 5)])
    shown = view(trace, bridges={0: BridgeLink(3, None)}, stage="assembled")
    assert (shown.stage, shown.stages, shown.inputs) == ("assembled", ["optimised", "assembled"], ["i0"])
    assert [op.bridge for op in all_ops(shown)] == [None, None, BridgeLink(3, None)]
    assert [op.runs for op in all_ops(shown)] == [None, 5, None]


def test_a_stage_that_is_not_there_is_refused(make, view):
    with pytest.raises(BadRequest, match="trace 0 has no stage 'traced'; it has: optimised"):
        view(make.trace(), stage="traced")


def test_trace_links_know_bridges(make):
    links = TraceLinks()
    links.add(0, make.trace(number=7))
    links.add(1, make.trace(kind="bridge", number=None, parent=Guard(0, 3), runs=8))
    assert links.bridges(0) == {3: BridgeLink(1, 8)}
    assert links.bridges(1) == {}


def test_a_token_used_again_means_its_latest_bearer_by_then(make):
    call = make.op("call_assembler_i", descr="<Loop7>")
    unknown = make.op("jump", descr="TargetToken(9)")
    links = TraceLinks()
    for index, ops in enumerate([[], [call, unknown], [], [call]]):
        links.add(index, make.trace(ops, number=7 if index % 2 == 0 else 8))
    assert links.targets_of(1) == {"<Loop7>": 0}
    assert links.targets_of(3) == {"<Loop7>": 2}
    assert links.targets_of(0) == links.targets_of(99) == {}


def test_a_name_means_a_trace_of_the_same_process(make):
    links = TraceLinks()
    links.add(0, make.trace(number=7))
    links.add(1, make.trace([make.op("call_assembler_i", descr="<Loop7>")], process=1, number=8))
    assert links.targets_of(1) == {}


def test_helpers_of_the_jit_are_no_target(make):
    assert target_tokens(make.trace(number=-1)) == []


def test_the_guard_of_a_parent_is_named_with_its_line(make):
    ops = [make.op(), make.op("guard_class"), make.op()]
    parent = make.trace(ops, [make.point(0, line=3), make.point(1, function=1, line=8), make.point(2)])
    places = {
        "functions": {0: make.function("f"), 1: make.function("g")},
        "files": {0: SourceFile("prog.py", "program")},
    }
    guard = guard_of_parent(Guard(4, 1), parent, title="f", **places)
    assert (guard.trace, guard.op, guard.name, guard.title, guard.line) == (4, 1, "guard_class", "g", 8)
    gone = guard_of_parent(Guard(4, 1), make.trace(stages={}, line=5), title="f", **places)
    assert (gone.name, gone.title, gone.line) == (None, "f", 5)


# --- machine code -----------------------------------------------------------------------


def offsets(instructions):
    return [instruction.offset for instruction in instructions]


@needs_capstone
def test_an_op_covers_the_code_up_to_the_next_greater_offset(make, view):
    ops = [make.op(offset=6), make.op(offset=8), make.op(), make.op(offset=8), make.op(offset=10)]
    shown = view(make.trace(ops, asm=make.asm(b"\x90" * 14, entry=4, failures=12)))
    assert [offsets(op.code) for op in all_ops(shown)] == [[6, 7], [], [], [8, 9], [10, 11]]
    assert offsets(shown.prologue) == [4, 5]
    assert shown.recovery == []
    assert (shown.asm.entry, shown.asm.size, shown.asm.backend) == (4, 14, "x86_64")


@needs_capstone
def test_the_recovery_code_comes_when_asked_for(make, view):
    trace = make.trace([make.op(offset=0)], asm=make.asm(b"\x90" * 4, failures=2))
    assert offsets(view(trace, with_recovery=True).recovery) == [2, 3]


@needs_capstone
@given(
    st.lists(st.none() | st.integers(-5, 40), min_size=1, max_size=10),
    st.integers(0, 30),
    st.integers(0, 30),
)
def test_the_instructions_are_handed_out_once_each(make, view, starts, entry, failures):
    trace = make.trace(
        [make.op(offset=start) for start in starts],
        asm=make.asm(b"\x90" * 30, entry=entry, failures=failures),
    )
    shown = view(trace, with_recovery=True)
    parts = [shown.prologue, *(op.code for op in all_ops(shown)), shown.recovery]
    whole = list(range(entry, 30)) if any(start is not None for start in starts) else []
    assert sorted(offset for part in parts for offset in offsets(part)) == whole
    assert all(op.offset is not None or not op.code for op in all_ops(shown))


def test_a_trace_without_machine_code_is_shown_without(make, view):
    shown = view(make.trace([make.op(offset=3)]))
    assert (shown.asm, shown.prologue, all_ops(shown)[0].code) == (None, [], [])


@needs_capstone
def test_the_view_is_json_with_the_keys_of_the_api(make, view):
    trace = make.trace([make.op("guard_true", offset=0, fail=["p1", None])], [make.point(0)], asm=make.asm())
    data = json.loads(json.dumps(to_json(view(trace, bridges={0: BridgeLink(2, 5)}))))
    assert list(data)[-9:] == [
        *("phases", "asm", "stage", "stages", "inputs", "parent_guard", "segments", "prologue", "recovery"),
    ]
    (segment,) = data["segments"]
    assert list(segment) == [
        *("depth", "call", "function", "title", "path", "file", "line", "source", "text", "points"),
    ]
    (op,) = segment["points"][0]["ops"]
    assert list(op) == [
        *(
            "op",
            "kind",
            "name",
            "result",
            "args",
            "descr",
            "offset",
            "fail",
            "runs",
            "bridge",
            "target",
            "code",
        ),
    ]
    assert op["bridge"] == {"trace": 2, "runs": 5}
    assert op["fail"] == ["p1", None]
    assert op["code"][0] == [0, "90", "nop", ""]
