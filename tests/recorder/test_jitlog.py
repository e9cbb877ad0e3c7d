"""What the log's reader makes of sections, on small logs written here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracebin.bundle.records import Guard, PathStep

AT = "f;/x/p.py:5-7~#16 FOR_ITER"


def section(tick: int, name: str, *lines: str, ticks: int = 10) -> list[str]:
    return [f"[{tick:x}] {{{name}", *lines, f"[{tick + ticks:x}] {name}}}"]


def loop(number: int, *ops: str, at: str = AT, kind: str = "loop") -> list[str]:
    return [f"# Loop {number} ({at}) : {kind} with {len(ops)} ops", "[p0]", *ops, "--end of the loop--"]


def bridge(guard: str, *ops: str) -> list[str]:
    return [f"# bridge out of Guard {guard} with {len(ops)} ops", "[p0]", *ops, "--end of the loop--"]


def tracing(tick: int, *inside: str, ticks: int = 1000) -> list[str]:
    return section(tick, "jit-tracing", *inside, ticks=ticks)


def text(*parts: list[str]) -> str:
    return "\n".join(line for part in parts for line in part) + "\n"


def test_ops_and_merge_points_stand_in_their_order(read_log: Any) -> None:
    lines = loop(
        2,
        "+1: label(p0, descr=TargetToken(77))",
        f"debug_merge_point(0, 3, '{AT}')",
        "+2: i1 = int_add(1, 2)",
        "debug_merge_point(1, 4, 're Search at 5 [1, 2]')",
        "+3: jump(p0, descr=TargetToken(77))",
    )
    read = read_log(text(tracing(1, *section(2, "jit-log-opt-loop", *lines))))
    stage = read.stage(0)
    assert stage["inputs"] == ["p0"]
    assert [op[0] for op in stage["ops"]] == ["label", "int_add", "jump"]
    assert stage["points"] == [
        [1, 0, 3, 0, 16, 7, None],
        [2, 1, 4, None, None, None, "re Search at 5 [1, 2]"],
    ]
    (draft,) = read.log.traces
    assert [(label.op, label.token) for label in draft.labels] == [(0, "TargetToken(77)")]
    assert (draft.at.function, draft.at.line, draft.at.offset) == (0, 7, 16)


def test_a_bridge_starts_from_the_guard_that_had_that_address_last(read_log: Any) -> None:
    guard = "guard_true(i0, descr=<Guard0xaa>) [p0]"
    read = read_log(
        text(
            section(1, "jit-log-opt-loop", *loop(1, guard)),
            section(20, "jit-log-opt-bridge", *bridge("0xaa", "jump()")),
            section(40, "jit-log-opt-loop", *loop(2, "jump()", guard)),
            section(60, "jit-log-opt-bridge", *bridge("0xaa", "jump()")),
            section(80, "jit-log-opt-bridge", *bridge("0xbb", "jump()")),
        )
    )
    assert [draft.parent for draft in read.log.traces] == [None, Guard(0, 0), None, Guard(2, 1), None]


def test_counts_of_reused_names_go_to_their_bearers_in_order(read_log: Any) -> None:
    label = "label(p0, descr=TargetToken(7))"
    guard = "guard_true(i0, descr=<Guard0xaa>) [p0]"
    read = read_log(
        text(
            section(1, "jit-log-opt-loop", *loop(5, label, guard)),
            section(20, "jit-log-opt-bridge", *bridge("0xaa", "jump()")),
            section(40, "jit-log-opt-loop", *loop(5, label, guard)),
            section(60, "jit-log-opt-bridge", *bridge("0xaa", "jump()")),
            section(80, "jit-log-opt-loop", *loop(6)),
            section(
                99,
                "jit-backend-counts",
                *("entry 5:10", "TargetToken(7):11", "bridge 170:12", "entry -1:13"),
                *("entry 5:20", "TargetToken(7):21", "bridge 170:22", "entry 99:1", "bridge 1:1", "nonsense"),
            ),
        )
    )
    assert [draft.runs for draft in read.log.traces] == [10, 12, 20, 22, None]
    assert [label.runs for draft in read.log.traces for label in draft.labels] == [11, 21]
    assert read.log.has_counts


def test_counts_that_break_off_are_no_counts(read_log: Any) -> None:
    read = read_log("[1] {jit-backend-counts\nentry 5:1\n")
    assert (read.log.has_counts, read.log.cut_sections) == (False, 1)


def test_phases_exclude_each_other(read_log: Any) -> None:
    inner = section(0x20, "jit-backend", *section(0x24, "jit-log-opt-loop", *loop(1)), ticks=0x20)
    optimise = section(0x10, "jit-optimize", *inner, ticks=0x40)
    (draft,) = read_log(text(tracing(0, *optimise, ticks=0x100))).log.traces
    assert (draft.start, draft.stop) == (0, 0x100)
    assert (draft.tracing, draft.optimising, draft.backend) == (0x100 - 0x40, 0x40 - 0x20, 0x20)


def test_code_traced_while_tracing_has_its_own_times(read_log: Any) -> None:
    def made(tick: int, number: int, *inside: str, ticks: int) -> list[str]:
        log = section(tick + 8, "jit-log-opt-loop", *loop(number), ticks=1)
        return tracing(tick, *inside, *section(tick + 6, "jit-optimize", *log, ticks=4), ticks=ticks)

    inner = made(0x20, 1, ticks=0x10)
    read = read_log(text(tracing(0, *inner, *made(0x40, 2, ticks=0x20)[1:-1], ticks=0x100)))
    first, second = read.log.traces
    assert (first.header.number, first.start, first.stop, first.tracing) == (1, 0x20, 0x30, 0x10 - 4)
    assert (second.header.number, second.start, second.stop) == (2, 0, 0x100)
    assert (second.tracing, second.optimising) == (0x100 - 0x10 - 4, 4)


def test_an_abort_has_its_path_decisions_and_reason(read_log: Any) -> None:
    read = read_log(
        text(
            tracing(
                0x10,
                *("f;/x/p.py:5-7~#16 A", "f;/x/p.py:5-7~#18 B", "f;/x/p.py:5-8~#20 C", "g;/x/p.py:1-1~#0 D"),
                *section(
                    0x20,
                    "jit-abort-longest-function",
                    "found new longest: f;/x/p.py:5-7~#0 A 650",
                    "found new longest: g;/x/p.py:1-1~#0 D 1733",
                ),
                *section(
                    0x30, "jit-disableinlining", "disabled inlining g", "force tracing loop next time f"
                ),
                "~~~ ABORTING TRACING ABORT_TOO_LONG",
            )
        )
    )
    (draft,) = read.log.aborts
    assert (draft.reason, draft.length, draft.longest) == ("ABORT_TOO_LONG", 4, "g;/x/p.py:1-1~#0 D")
    assert draft.inlining == ["disabled inlining g", "force tracing loop next time f"]
    assert (draft.at.function, draft.at.line, draft.at.offset) == (0, 7, 16)
    assert draft.path == [PathStep(0, 7, 2, None), PathStep(0, 8, 1, None), PathStep(1, 1, 1, None)]
    assert (draft.start, draft.stop) == (0x10, 0x10 + 1000)
    assert read.log.traces == []


def test_a_tracing_that_comes_to_nothing_is_no_abort_of_its_own(read_log: Any) -> None:
    read = read_log(text(tracing(1, "JIT starting (x86)"), tracing(5000, AT)))
    assert (read.log.traces, read.log.aborts, read.log.problems) == ([], [], {})


def test_collections_have_their_memory(read_log: Any) -> None:
    read = read_log(
        text(
            section(1, "gc-minor", "minor collect, total memory used: 4096", "number of pinned objects: 0"),
            section(20, "gc-collect-step", "starting gc state:  SCANNING"),
            section(
                40,
                "gc-collect-done",
                *(
                    "arenas:               3 => 2",
                    "bytes used in arenas: 1000",
                    "bytes raw-malloced:   70 => 50",
                ),
            ),
            section(60, "gc-minor"),
        )
    )
    assert [(row.kind, row.start, row.after) for row in read.log.collections] == [
        (0, 1, 4096),
        (1, 20, -1),
        (2, 40, 1050),
        (0, 60, -1),
    ]


def minor(tick: int, after: int) -> list[str]:
    inner = section(tick + 1, "gc-minor-walkroots", ticks=1)
    said = (f"minor collect, total memory used: {after}", "number of pinned objects: 0")
    return section(tick, "gc-minor", *inner, *said, "total size of surviving objects: 7")


def dump(tick: int, address: int) -> list[str]:
    said = ("BACKEND x86_64", "SYS_EXECUTABLE pypy3", f"CODE_DUMP @{address:x} +0  00FF")
    return section(tick, "jit-backend-dump", *said)


@pytest.mark.parametrize("cut", range(60))
def test_whole_sections_are_the_same_wherever_the_log_is_cut(read_log: Any, cut: int) -> None:
    # GIVEN some outside of sections, in one, and between the lines of a trace
    parts = [
        section(0, "jit-backend", *dump(0, 32), *dump(0, 48)),
        minor(1, 100),
        minor(20, 200),
        tracing(40, AT, *minor(50, 300), AT, *section(70, "jit-log-opt-loop", *loop(1, *minor(75, 400)))),
        minor(2000, 500),
    ]
    lines = text(*parts).splitlines(keepends=True)
    # WHEN it comes in two pieces, and line by line
    whole, single = (read_log("").log for _ in range(2))
    for piece in ("".join(lines[:cut]), "".join(lines[cut:])):
        whole.feed(piece)
    for line in lines:
        single.feed(line)
    # THEN both say the same
    for log in whole, single:
        log.end()
        assert [(row.start, row.stop, row.after) for row in log.collections] == [
            (1, 11, 100),
            (20, 30, 200),
            (50, 60, 300),
            (75, 85, 400),
            (2000, 2010, 500),
        ]
        assert (log.last_tick, log.problems, len(log.traces)) == (2010, {}, 1)
        assert (log.stubs, log.backend) == ([(32, 2), (48, 2)], "x86_64")
    assert whole.traces[0].stages == single.traces[0].stages


def test_stages_that_are_not_asked_for_are_not_kept(read_log: Any) -> None:
    parts = text(
        tracing(
            1,
            *section(2, "jit-log-noopt", *loop(0, "traced()")),
            *section(
                20, "jit-log-rewritten-loop", "# Loop 0 (x) : rewritten with 1 ops", "[]", "assembled()"
            ),
            *section(40, "jit-log-opt-loop", *loop(1, "optimised()")),
        )
    )
    assert [name for name, _ in read_log(parts).log.traces[0].stages] == ["optimised"]
    every = read_log(parts, stages=("traced", "optimised", "assembled"))
    stages = {name: json.loads(stage)["ops"][0][0] for name, stage in every.log.traces[0].stages}
    assert stages == {"traced": "traced", "optimised": "optimised", "assembled": "assembled"}


def test_a_line_nobody_understands_costs_only_itself(read_log: Any) -> None:
    lines = loop(1, "+1: i1 = int_add(1, 2)", "+x: broken(", "what is this", "+3: jump()")
    read = read_log(text(section(1, "jit-log-opt-loop", *lines)))
    assert [op[0] for op in read.stage(0)["ops"]] == ["int_add", "jump"]
    assert dict(read.log.problems) == {
        "a line in a trace: +x: broken(": 1,
        "a line in a trace: what is this": 1,
    }


def test_of_many_problems_some_are_told_and_all_are_counted(read_log: Any) -> None:
    read = read_log(text(section(1, "jit-log-opt-loop", *loop(1, *(f"what is {n}" for n in range(1000))))))
    assert sum(read.log.problems.values()) == 1000
    assert len(read.log.problems) < 100


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("jit-log-opt-loop", "no header"),
        ("jit-backend-dump", "CODE_DUMP @10 +0  abc"),
        ("jit-summary", "Tracing: x y"),
        ("tracebin-sync", "soon"),
        ("tracebin-sync", "1" + "0" * 30),
        ("tracebin-sync", ""),
    ],
)
def test_a_section_of_another_form_is_told(read_log: Any, name: str, line: str) -> None:
    read = read_log(text(section(1, name, line), section(20, "tracebin-sync", "12")))
    assert sum(read.log.problems.values()) == 1
    assert next(iter(read.log.problems)).startswith(f"{name}: ")
    assert read.log.sync == [(20, 12)]


def test_a_sync_mark_that_was_given_up_says_nothing(read_log: Any) -> None:
    log = read_log(text(section(1, "tracebin-sync"), section(20, "tracebin-sync", "12"))).log
    assert (log.sync, dict(log.problems)) == ([(20, 12)], {})


@pytest.mark.parametrize(("lines", "times"), [(["12"], [(20, 12)]), ([], [])])
def test_merge_points_of_the_agent_that_is_being_traced_are_no_times(
    read_log: Any, lines: list[str], times: list[tuple[int, int]]
) -> None:
    points = [f"sync;/agent/agent.py:141-155~#{at} LOAD_FAST" for at in (70, 72)]
    sync = section(20, "tracebin-sync", points[0], *lines, points[1])
    log = read_log(text(["[1] {jit-tracing"], sync, ["[40] jit-tracing}"])).log
    assert (log.sync, dict(log.problems)) == (times, {})


def test_sections_nobody_knows_are_counted_by_name(read_log: Any) -> None:
    read = read_log(text(section(1, "jit-new"), section(20, "jit-new"), section(40, "gc-hardware")))
    assert dict(read.log.unknown) == {"jit-new": 2}


def test_strays_and_crossings_are_told(read_log: Any) -> None:
    assert sorted(read_log("stray\n[1] x}\n").log.problems) == [
        "a line outside of any section",
        "a section's end fits no beginning",
    ]


def test_an_empty_log_says_nothing(read_log: Any) -> None:
    log = read_log("").log
    assert (log.traces, log.aborts, log.problems, log.last_tick) == ([], [], {}, 0)


def test_the_summary_has_pypys_own_labels(read_log: Any) -> None:
    lines = [
        "Tracing:      \t22\t0.113773",
        "TOTAL:      \t\t0.42",
        "  calls:  \t1191",
        "abort: bad loop: \t0",
    ]
    read = read_log(text(section(1, "jit-summary", *lines, "Total # of loops:\t11", "")))
    assert read.log.summary == {
        "tracing": 22,
        "tracing_s": 0.113773,
        "total_s": 0.42,
        "calls": 1191,
        "abort_bad_loop": 0,
        "total_number_of_loops": 11,
    }
