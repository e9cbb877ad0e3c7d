from __future__ import annotations

import pytest

from tracebin.analysis import machine_code
from tracebin.analysis.machine_code import Instruction
from tracebin.analysis.op_kinds import OP_KINDS
from tracebin.analysis.trace_view import ParentGuard, Point
from tracebin.analysis.traces import BridgeLink
from tracebin.bundle.records import LEFT_OUT
from tracebin.terminal import trace_text
from tracebin.terminal.trace_text import KIND_STYLES, show_trace
from tracebin.terminal.wording import NO_TEXT

CODE = [Instruction(396, "39d8", "cmp", "eax, ebx"), Instruction(398, "c3", "ret", "")]


def test_source_bytecode_ops_and_instructions_are_interleaved(make, printed):
    view = make.view(make.segment(make.op(bridge=BridgeLink(9, 1034), code=CODE)))
    assert printed(show_trace, view) == (
        "trace 0: loop Body.f prog.py:4\n"
        "  58556 runs, 380 samples, 3 ops, 1 guard, 1 bridge, 1.21 KiB of machine code\n"
        "  made in 4.00 ms: tracing 2.00 ms, optimising 1.50 ms, backend 500 µs\n"
        "  stage optimised; inputs p0, p1\n"
        "\n"
        "Body.f  prog.py\n"
        "    4     for step in range(n):\n"
        "     20 FOR_ITER  to 44\n"
        "      17 guard_true(i105) [p44, -]  -> bridge 9 (1034 runs)\n"
        "          396  cmp     eax, ebx\n"
        "          398  ret\n"
    )


def test_instructions_can_be_left_out(make, printed):
    text = printed(show_trace, make.view(make.segment(make.op(code=CODE)), prologue=CODE), code=False)
    assert "cmp" not in text
    assert "no instructions" not in text


def test_prologue_and_recovery_have_their_headings(make, printed):
    text = printed(show_trace, make.view(make.segment(make.op()), prologue=CODE[:1], recovery=CODE[1:]))
    assert text.index("entry\n") < text.index("cmp") < text.index("guard_true")
    assert text.index("guard_true") < text.index("recovery of the guards\n") < text.index("ret")


def test_inlined_calls_are_indented_below_their_caller(make, printed):
    inner = make.segment(make.op(op=18), depth=1, call=1, title="g", line=8, source="return 1")
    lines = printed(
        show_trace, make.view(make.segment(make.op()), inner, make.segment(make.op(op=19)))
    ).splitlines()
    assert lines.count("Body.f  prog.py") == 2
    assert "  g  prog.py" in lines
    assert "      8 return 1" in lines


def test_one_call_is_headed_once(make, printed):
    text = printed(show_trace, make.view(make.segment(make.op()), make.segment(make.op(op=18), line=5)))
    assert text.count("Body.f  prog.py\n") == 1


def test_another_driver_is_headed_by_its_text(make, printed):
    point = Point(None, None, None, [make.op()])
    bare = {"function": None, "title": None, "path": None, "file": None, "line": None, "source": None}
    text = printed(
        show_trace,
        make.view(
            make.segment(**bare, call=None, points=[point]),
            make.segment(**bare, text="re Search at 5", points=[point]),
        ),
    )
    assert text.index("before the first bytecode\n") < text.index("re Search at 5\n")


def test_why_there_is_no_source_is_told(make, printed):
    view = make.view(make.segment(make.op(), source=None))
    text = printed(show_trace, view, without_text={"prog.py": "asked"})
    assert "no source of prog.py: no source was to be kept (record again without --no-source)\n" in text
    assert set(NO_TEXT) == set(LEFT_OUT)


def test_labels_jumps_and_results_are_told(make, printed):
    view = make.view(
        make.segment(
            make.op(op=0, kind="control", name="label", runs=900, descr="TargetToken(5)", fail=None),
            make.op(
                op=1, kind="arithmetic", name="int_add", result="i1", args=["i0", "1"], descr=None, fail=None
            ),
            make.op(op=2, kind="control", name="jump", target=4, descr=None, fail=None),
            make.op(op=3, bridge=BridgeLink(9, None), descr=None, fail=[]),
        )
    )
    text = printed(show_trace, view)
    assert "label(i105) target …5  900 runs\n" in text
    assert "i1 = int_add(i0, 1)\n" in text
    assert "jump(i105)  -> trace 4\n" in text
    assert "guard_true(i105) []  -> bridge 9 (runs not known)\n" in text


def test_descrs_are_as_short_as_on_the_page(make, printed):
    descr = "<FieldP pypy.objspace.std.dictmultiobject.W_DictMultiObject.inst_dstorage 8>"
    op = make.op(kind="memory", name="getfield_gc_r", result="p7", args=["p3"], descr=descr, fail=None)
    text = printed(show_trace, make.view(make.segment(op)))
    assert "p7 = getfield_gc_r(p3) W_DictMultiObject.dstorage\n" in text


def test_a_bridge_says_where_it_leaves(make, printed):
    guard = ParentGuard(3, 17, "Body.f", "guard_true", 4)
    text = printed(show_trace, make.view(parent_guard=guard, stages=["traced", "optimised"], runs=None))
    assert "  leaves trace 3 at op 17, guard_true in Body.f, line 4\n" in text
    assert "  stage optimised (there are also: traced); inputs p0, p1\n" in text
    assert "runs not known" in text


def test_why_there_are_no_instructions_is_said(make, printed, monkeypatch):
    assert "no instructions: its machine code is not in the recording" in printed(
        show_trace, make.view(asm=None)
    )
    monkeypatch.setattr(trace_text, "can_disassemble", lambda backend: True)
    assert "no instructions: none is known for the stage optimised" in printed(show_trace, make.view())
    monkeypatch.setattr(trace_text, "can_disassemble", machine_code.can_disassemble)
    monkeypatch.setattr(machine_code, "find_spec", lambda name: None)
    assert "no disassembler for x86_64 here (install capstone)" in printed(show_trace, make.view())


def test_a_terminal_gets_lines_that_fit_a_pipe_whole_ones(make, printed):
    view = make.view(make.segment(make.op(args=["p123456"] * 30)))
    assert max(map(len, printed(show_trace, view).splitlines())) > 200
    plain = printed(show_trace, view, is_terminal=True)
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[36m", "\x1b[1;4m"):
        plain = plain.replace(code, "")
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 80


def test_every_kind_of_op_has_its_style():
    assert set(KIND_STYLES) == set(OP_KINDS)


@pytest.mark.parametrize("is_terminal", [False, True])
def test_names_cannot_drive_the_terminal(make, printed, hostile, is_terminal):
    op = make.op(
        kind="memory", name=hostile, result=hostile, args=[hostile], descr=hostile, fail=[hostile, None]
    )
    segment = make.segment(
        title=hostile, path=hostile, source=hostile, points=[Point(1, hostile, hostile, [op])]
    )
    other = make.segment(function=None, line=None, text=hostile)
    guard = ParentGuard(0, 1, hostile, hostile, 3)
    view = make.view(segment, other, inputs=[hostile], parent_guard=guard, title=hostile, path=hostile)
    text = printed(show_trace, view, is_terminal=is_terminal)
    assert {c for c in text if not c.isprintable()} <= ({"\n", "\x1b"} if is_terminal else {"\n"})
    assert "evil\x1b" not in text
    text.encode("utf-8")
