from __future__ import annotations

from dataclasses import replace

import pytest

from tracebin.analysis.rows import MarkRow
from tracebin.bundle.records import Exit, Pause, Problem, Process, Thread
from tracebin.terminal.run_text import report, show

ALLOWED = set("\n\x1b")


def hostile_findings(make, hostile):
    return make.findings(
        run=make.run(command=[hostile], pypy=replace(make.run().pypy, version=hostile)),
        functions=[make.function(qualname=hostile, path=hostile)],
        traces=[make.trace(title=hostile, path=hostile, kind=hostile)],
        aborts=[make.abort(reason=hostile, title=hostile, path=hostile, inlining=[hostile])],
        aborts_by_reason={hostile: 1},
        marks=[MarkRow(hostile, kind, 2, 10, 8, 5) for kind in ("span", "mark")],
        problems=[Problem("cut", hostile, 2, hostile)],
    )


def test_the_report_says_it_in_a_few_lines(make, printed):
    text = printed(report, make.findings(), bundle_path="run.json.gz")
    assert text == (
        "prog.py 'a b'\n"
        "  run       1.00 s, exit status 0, PyPy 7.3.11 (Python 3.9.16)\n"
        "  calls     sampled\n"
        "  time      interpreted 30%, jitted 50%, tracing <1%, gc 10%, unknown 10% (900\n"
        "            samples of the main thread)\n"
        "  traces    1 loop, 0 entry bridges, 2 bridges, made in 4.00 ms\n"
        "  aborts    1, 2.50 ms lost: 1 ABORT_TOO_LONG\n"
        "  gc        14 minor, 2 major, 96.0 ms, the longest 9.00 ms\n"
        "  hot       38%  loop 0  Body.f  prog.py:4\n"
        "  bundle    run.json.gz\n"
    )


def test_an_empty_run_is_said_to_be_empty(make, printed):
    text = printed(report, make.empty())
    assert "no samples" in text
    assert "traces    none" in text
    assert "aborts    none" in text
    assert "no collections" in text
    assert "hot" not in text
    assert printed(show, make.empty()) == text


def test_three_hot_traces_are_named(make, printed):
    traces = [make.trace(id=i, time_ns=10 - i) for i in range(5)]
    text = printed(report, make.findings(traces=traces))
    assert [f"loop {i} " in text for i in range(5)] == [True, True, True, False, False]


def test_the_recorders_own_traces_are_counted_apart(make, printed):
    counts = {**make.findings().counts, "own_traces": 3}
    traces = [make.trace(), make.trace(id=1, own=True)]
    text = printed(report, make.findings(counts=counts, traces=traces), width=120)
    assert "made in 4.00 ms; 3 of the recorder left out" in text


def test_the_first_problem_stands_in_the_report_and_all_in_the_page(make, printed):
    problems = [
        Problem("cut", "It was cut.", 1, "line 9"),
        Problem("lost", "Samples were lost.", 12),
        Problem("dropped", "The middle was dropped.", 3 << 20),
    ]
    findings = make.findings(problems=problems)
    assert "It was cut. (and 2 more: see tracebin show)" in printed(report, findings)
    text = printed(show, findings)
    assert "  It was cut. [line 9]\n" in text
    assert "  Samples were lost. (12 times)\n" in text
    assert "  The middle was dropped. (3.00 MiB)\n" in text


def test_a_bundle_that_was_cut_does_not_pass_for_whole(make, printed):
    warning = "  cut short what stood after the break is missing in all that follows\n"
    assert warning in printed(report, make.findings(problems=[Problem("cut", "It was cut.")]))
    assert warning not in printed(report, make.findings(problems=[Problem("lost", "Lost.")]))


def test_a_signal_is_said(make, printed):
    assert "killed by signal 9" in printed(report, make.findings(run=make.run(exit=Exit(signal=9))))


def test_the_page_has_a_bar_for_every_state_that_had_time(make, printed):
    text = printed(show, make.findings())
    assert "  jitted       50%   500 ms  ####################\n" in text
    assert "  tracing      <1%  4.00 ms  #\n" in text
    assert "native" not in text


def test_the_page_has_functions_traces_and_aborts(make, printed):
    aborts = [make.abort(), make.abort(later=None), make.abort(later=1, lost=False)]
    counts = {**make.findings().counts, "aborts": 2, "segmented": 1}
    reasons = {"ABORT_TOO_LONG": 2}
    findings = make.findings(aborts=aborts, aborts_by_reason=reasons, counts=counts)
    lines = printed(show, findings, width=100).splitlines()
    assert any(
        line.split() == ["500", "ms", "900", "ms", "200", "ms", "300", "ms", "Body.f", "prog.py:3"]
        for line in lines
    )
    assert any(line.split()[:2] == ["0", "loop"] and "58556" in line for line in lines)
    assert "    after 812 merge points, 2.50 ms lost; compiled later as trace 0" in lines
    assert "    after 812 merge points, 2.50 ms lost" in lines
    assert "    after 812 merge points, 2.50 ms; what was traced until then became trace 1" in lines
    assert "    disabled inlining g" in lines
    assert "  aborts    2, 5.00 ms lost: 2 ABORT_TOO_LONG; 1 tracing more was cut into a segment" in lines


def test_a_run_whose_tracings_were_only_cut_into_segments_lost_nothing(make, printed):
    counts = {**make.findings().counts, "aborts": 0, "segmented": 2}
    aborts = [make.abort(reason="ABORT_SEGMENTED_TRACE", lost=False)] * 2
    text = printed(report, make.findings(aborts=aborts, aborts_by_reason={}, counts=counts))
    assert "  aborts    none; 2 tracings were cut into segments\n" in text


def test_functions_of_exact_calls_have_their_number(make, printed):
    called = make.function(total_samples=0, self_samples=0, interpreted_ns=0, jitted_ns=0, calls=4_000_000)
    text = printed(show, make.findings(functions=[called]))
    assert "4,000,000" in text
    assert "interp." not in text


def test_what_is_not_known_is_not_nought(make, printed):
    text = printed(show, make.findings(traces=[make.trace(runs=None)]))
    (line,) = [line for line in text.splitlines() if line.split()[:2] == ["0", "loop"]]
    assert line.split().count("?") == 1


def test_traces_without_samples_are_ordered_by_runs(make, printed):
    traces = [make.trace(samples=0, time_ns=0)]
    assert "Traces by runs (no sample fell into one)" in printed(show, make.findings(traces=traces))


def test_spans_and_marks_are_in_the_report_and_by_name_in_the_page(make, printed):
    spans = [MarkRow(f"part {n}", "span", n + 1, (9 - n) * 1_000_000, 2_000_000, 5_000) for n in range(5)]
    findings = make.findings(marks=[*spans, MarkRow("loaded", "mark", 3, 0, 0, 7_000)])
    text = printed(report, findings, width=120)
    assert (
        "  marks     part 0 9.00 ms, part 1 8.00 ms, part 2 7.00 ms, 2 other names of spans, 3 marks\n"
        in text
    )
    assert "paused" not in text
    lines = printed(show, findings, width=120).splitlines()
    first = lines.index("Marks and spans of the program")
    assert [line.split() for line in lines[first + 1 : first + 8]] == [
        ["time", "longest", "count", "kind", "first", "at", "name"],
        *(
            [f"{9 - n}.00", "ms", "2.00", "ms", str(n + 1), "span", "5.00", "µs", "part", str(n)]
            for n in range(5)
        ),
        ["-", "-", "3", "mark", "7.00", "µs", "loaded"],
    ]


def test_many_names_of_marks_are_cut_with_their_number(make, printed):
    marks = [MarkRow(f"m{n}", "mark", 1, 0, 0, n) for n in range(25)]
    text = printed(show, make.findings(marks=marks))
    assert "m19" in text
    assert "m20" not in text
    assert "and 5 other names" in text


def test_pauses_are_in_the_report(make, printed):
    paused = [Pause(0, 1_000_000), Pause(2_000_000, 4_000_000)]
    process = Process(1, None, ["prog.py"], 0, None, None, paused=paused)
    text = printed(report, make.findings(processes=[process]))
    assert "  paused    2 times, 3.00 ms without samples and calls\n" in text


def test_processes_are_listed_when_there_are_several(make, printed):
    processes = [
        Process(10, None, ["prog.py"], 0, 2_000_000_000, Exit(0)),
        Process(11, 0, ["other.py", "a"], 500_000_000, 750_000_000, Exit(None, 9)),
        Process(12, 1, ["prog.py"], 600_000_000, None, None),
    ]
    findings = make.findings(processes=processes, threads=[Thread(0, 10), Thread(0, 13), Thread(1, 11)])
    assert "  processes 3; 3 threads, 2 of the program's own process\n" in printed(report, findings)
    lines = printed(show, findings).partition("Processes\n")[2].splitlines()
    assert lines[1].split() == ["0", "10", "-", "0", "ns", "2.00", "s", "exit", "status", "0", "prog.py"]
    assert lines[2].split() == [
        *["1", "11", "0", "500", "ms", "250", "ms", "killed", "by", "signal", "9", "other.py", "a"]
    ]
    assert lines[3].split() == ["2", "12", "1", "600", "ms", "?", "?", "prog.py"]
    assert "Processes" not in printed(show, make.findings(processes=processes[:1]))


def test_many_aborts_are_cut_with_their_number(make, printed):
    assert "and 5 more" in printed(show, make.findings(aborts=[make.abort()] * 25))


@pytest.mark.parametrize("width", [80, 40])
def test_no_line_is_wider_than_the_console(make, printed, width):
    long = "package.module.Class.method_with_a_name_" * 5
    findings = make.findings(
        functions=[make.function(qualname=long, path=long)],
        traces=[make.trace(title=long, path=long)],
        aborts=[make.abort(title=long, path=long, inlining=[long])],
    )
    for text in (
        printed(show, findings, width=width),
        printed(report, findings, width=width, bundle_path=long),
    ):
        assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("is_terminal", [False, True])
def test_names_cannot_drive_the_terminal(make, printed, hostile, is_terminal):
    findings = hostile_findings(make, hostile)
    for function in (show, report):
        text = printed(function, findings, is_terminal=is_terminal)
        assert "\x1b[31mevil" not in text
        assert "evil\\x1b[31m\\x07\\x9b2J" in text
        assert {c for c in text if not c.isprintable()} <= (ALLOWED if is_terminal else {"\n"})
        text.encode("utf-8")


def test_states_are_told_apart_by_colour_on_a_terminal(make, printed):
    text = printed(report, make.findings(), is_terminal=True)
    assert "\x1b[32mjitted 50%\x1b[0m" in text
