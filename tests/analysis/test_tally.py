from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracebin.analysis.rows import SHARE_STATES
from tracebin.analysis.tally import Tally
from tracebin.bundle.codec import to_json
from tracebin.bundle.records import (
    STATES,
    CallChunk,
    Guard,
    Options,
    Pause,
    Problem,
    Process,
    StackChunk,
    Thread,
)
from tracebin.errors import MalformedBundle


def shares(findings):
    return {share.state: share.ns for share in findings.time.shares}


def nonzero(findings):
    return {state: ns for state, ns in shares(findings).items() if ns}


@pytest.fixture
def two_frames(make):
    """g called by f, interpreted, and g in the machine code of trace 0."""
    return make.stacks((-1, 0, "interpreted", -1), (0, 1, "interpreted", -1), (0, 1, "jitted", 0))


# --- time ---------------------------------------------------------------------------


def test_a_run_nobody_sampled_is_unknown_time(make):
    findings = make.findings()
    assert nonzero(findings) == {"unknown": 1000}
    assert findings.time.sampled == 0


def test_a_run_of_no_length_has_no_shares(make):
    findings = make.findings(run=make.run(duration_ns=0))
    assert [share.share for share in findings.time.shares] == [0.0] * len(SHARE_STATES)


def test_a_sample_stands_for_the_time_since_the_one_before(make, two_frames):
    samples = make.samples((100, 0), (200, 1), (500, 2))
    findings = make.findings(
        stacks=[two_frames], samples=[samples], traces=[make.trace(start_ns=0, end_ns=0)]
    )
    assert nonzero(findings) == {"interpreted": 200, "jitted": 300, "unknown": 500}
    assert findings.time.sampled == 3


def test_time_runs_on_from_chunk_to_chunk(make, two_frames):
    chunks = [make.samples((100, 0), (200, 0)), make.samples((500, 0))]
    assert nonzero(make.findings(stacks=[two_frames], samples=chunks))["interpreted"] == 500


def test_the_first_sample_of_a_late_thread_stands_for_one_interval(make, two_frames):
    samples = make.samples((700, 0), (750, 0), (800, 0))
    assert nonzero(make.findings(stacks=[two_frames], samples=[samples])) == {
        "interpreted": 150,
        "unknown": 850,
    }


def test_one_sample_alone_stands_for_no_more_than_its_run(make, two_frames):
    findings = make.findings(stacks=[two_frames], samples=[make.samples((400, 0))])
    assert nonzero(findings) == {"interpreted": 400, "unknown": 600}


def test_no_sample_stands_for_a_pause(make, two_frames):
    process = replace(make.process(), paused=[Pause(0, 50), Pause(150, 450), Pause(900, 1000)])
    samples = make.samples((100, 0), (140, 0), (460, 0), (500, 2), (850, 2))
    findings = make.findings(
        processes=[process],
        gc=[make.gc((0, 200, 100))],
        stacks=[two_frames],
        samples=[samples],
        traces=[make.trace(start_ns=0, end_ns=0)],
    )
    # 10 ns before the second pause belong to the sample after it, as far as the whole run goes.
    assert nonzero(findings) == {"interpreted": 50 + 40 + 20, "jitted": 390, "gc": 100, "unknown": 400}
    assert findings.functions[0].total_ns == 50 + 40 + 10 + 390


def test_a_pause_holds_for_its_own_process(make, two_frames):
    processes = [make.process(), replace(make.process(11, parent=0), paused=[Pause(0, 1000)])]
    samples = make.samples((500, 0), (1000, 0))
    findings = make.findings(processes=processes, stacks=[two_frames], samples=[samples])
    assert nonzero(findings) == {"interpreted": 1000}


def test_a_thread_that_started_later_was_nowhere_before(make, two_frames):
    findings = make.findings(
        threads=[Thread(0, 10, "MainThread"), Thread(0, 11, "late", 800, 990)],
        stacks=[two_frames],
        samples=[make.samples((1000, 1), thread=0), make.samples((900, 1), thread=1)],
    )
    assert max(row.total_ns for row in findings.functions) == 1000 + 100


def test_collections_and_tracing_are_taken_exactly_and_gc_wins(make, two_frames):
    findings = make.findings(
        traces=[make.trace(start_ns=100, end_ns=300)],
        aborts=[make.abort(start_ns=250, end_ns=400)],
        gc=[make.gc((0, 150, 50), (0, 600, 100))],
        stacks=[two_frames],
        samples=[make.samples((500, 0), (1000, 2))],
    )
    assert nonzero(findings) == {"gc": 150, "tracing": 250, "interpreted": 200, "jitted": 400}


def test_nested_collections_count_once_on_the_bar(make):
    findings = make.findings(gc=[make.gc((1, 100, 400), (0, 200, 100))])
    assert nonzero(findings) == {"gc": 400, "unknown": 600}
    assert (findings.gc.minor_ns, findings.gc.major_ns, findings.gc.longest_ns) == (100, 400, 400)


def test_what_reaches_past_the_run_is_cut_off(make, two_frames):
    findings = make.findings(
        gc=[make.gc((0, -50, 100), (0, 900, 500))],
        stacks=[two_frames],
        samples=[make.samples((500, 0), (2000, 0))],
    )
    assert nonzero(findings) == {"gc": 150, "interpreted": 850}


def test_only_the_main_thread_of_the_main_process_makes_the_bar(make, two_frames):
    findings = make.findings(
        processes=[make.process(11, parent=10), make.process(10)],
        threads=[Thread(0, 11), Thread(1, 12), Thread(1, 10)],
        traces=[make.trace(process=1, start_ns=0, end_ns=0)],
        gc=[make.gc((0, 0, 500), process=0)],
        stacks=[two_frames],
        samples=[
            make.samples((600, 2), thread=0),
            make.samples((600, 2), thread=1),
            make.samples((600, 1), thread=2),
        ],
    )
    assert nonzero(findings) == {"interpreted": 600, "unknown": 400}
    assert findings.time.sampled == 1
    assert findings.counts["samples"] == 3


def test_a_main_thread_that_is_there_twice_counts_once(make, two_frames):
    findings = make.findings(
        threads=[Thread(0, 0, "MainThread"), Thread(0, 777, "Worker"), Thread(0, 778, "MainThread")],
        traces=[make.trace(start_ns=0, end_ns=0)],
        stacks=[two_frames],
        samples=[
            make.samples((100, 1), (200, 1)),
            make.samples((100, 2), (900, 2), thread=1),
            make.samples((150, 2), (600, 2), thread=2),
        ],
    )
    assert nonzero(findings) == {"interpreted": 200, "jitted": 400, "unknown": 400}
    assert findings.time.sampled == 4


INTERVAL = st.tuples(st.integers(-20, 130), st.integers(0, 60))


@given(
    duration=st.integers(0, 100),
    gc=st.lists(INTERVAL, max_size=6),
    tracing=st.lists(INTERVAL, max_size=6),
    samples=st.lists(st.tuples(st.integers(-10, 140), st.integers(0, 5)), max_size=12),
)
def test_the_shares_always_add_up_to_the_run(make, duration, gc, tracing, samples):
    findings = make.findings(
        run=make.run(duration_ns=duration),
        traces=[make.trace(start_ns=start, end_ns=start + length) for start, length in tracing],
        gc=[make.gc(*sorted((0, start, length) for start, length in gc))],
        stacks=[make.stacks(*((-1, 0, state, -1) for state in STATES))],
        samples=[make.samples(*sorted(samples))],
    )
    assert [share.state for share in findings.time.shares] == list(SHARE_STATES)
    assert sum(shares(findings).values()) == duration
    assert min(shares(findings).values()) >= 0


@given(
    busy=st.lists(INTERVAL, max_size=6),
    samples=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 5)), max_size=12),
)
def test_the_time_in_traces_that_call_no_c_code_is_the_jitted_time_of_functions(make, busy, samples):
    findings = make.findings(
        traces=[make.trace(start_ns=start, end_ns=start + length) for start, length in [(0, 0), *busy]],
        stacks=[make.stacks(*((-1, 0, state, -1 if state == "native" else 0) for state in STATES))],
        samples=[make.samples(*sorted(samples))],
    )
    function, traces = findings.functions[0], findings.traces
    assert sum(row.time_ns for row in traces) == function.jitted_ns
    assert function.interpreted_ns + function.jitted_ns <= function.self_ns == function.total_ns


# --- functions and traces -------------------------------------------------------------


def test_self_and_total_of_a_call(make, two_frames):
    findings = make.findings(
        stacks=[two_frames],
        samples=[make.samples((100, 0), (200, 1), (500, 2))],
        traces=[make.trace(function=1, start_ns=0, end_ns=0)],
    )
    f, g = findings.functions
    assert (f.self_ns, f.total_ns, f.self_samples, f.total_samples) == (100, 500, 1, 3)
    assert (g.self_ns, g.total_ns, g.interpreted_ns, g.jitted_ns) == (400, 400, 100, 300)
    assert (f.traces, g.traces) == (0, 1)
    (trace,) = findings.traces
    assert (trace.samples, trace.time_ns) == (1, 300)


def test_tracing_a_bridge_is_no_time_of_the_trace_it_leaves(make, two_frames):
    findings = make.findings(
        traces=[make.trace(start_ns=0, end_ns=0), make.trace(kind="bridge", start_ns=150, end_ns=250)],
        stacks=[two_frames],
        samples=[make.samples((100, 2), (200, 2), (300, 2))],
    )
    loop, _ = findings.traces
    assert (loop.samples, loop.time_ns) == (2, 200)
    assert nonzero(findings) == {"jitted": 200, "tracing": 100, "unknown": 700}


def test_a_function_that_calls_itself_counts_once_per_stack(make):
    chain = [(-1, 0, "interpreted", -1), (0, 1, "interpreted", -1), (1, 0, "interpreted", -1)]
    findings = make.findings(
        stacks=[make.stacks(*chain, (-1, 1, "interpreted", -1))],
        samples=[make.samples((100, 2), (300, 0), (400, 3))],
    )
    f, g = findings.functions
    assert (f.total_ns, f.total_samples) == (300, 2)
    assert (g.total_ns, g.total_samples) == (200, 2)


def test_exact_calls_are_a_functions_time(make):
    calls = CallChunk(0, 0, [0, 10, 20], [100, 40, 20], [0, 1, 0], [0, 1, 1])
    f, g = make.findings(calls=[calls]).functions
    assert (f.calls, f.total_ns, f.self_ns, f.total_samples) == (1, 100, 60, 0)
    assert (g.calls, g.total_ns, g.self_ns, g.jitted_ns) == (2, 60, 60, 0)


def test_a_call_of_no_function_is_refused(make):
    with pytest.raises(MalformedBundle, match="no function 9"):
        make.findings(calls=[CallChunk(0, 0, [0], [1], [0], [9])])


def test_very_deep_recursion_is_walked(make):
    rows = [(row - 1, row % 2, "interpreted", -1) for row in range(20_000)]
    findings = make.findings(stacks=[make.stacks(*rows)], samples=[make.samples((100, 19_999))])
    assert [row.total_ns for row in findings.functions] == [100, 100]


def test_c_code_that_a_trace_calls_is_time_of_the_trace_but_not_jitted(make):
    stacks = make.stacks((-1, 0, "jitted", 0), (-1, 0, "native", 0), (-1, 0, "native", -1))
    findings = make.findings(
        traces=[make.trace(start_ns=0, end_ns=0)],
        stacks=[stacks],
        samples=[make.samples((100, 0), (300, 1), (400, 2))],
    )
    (trace,) = findings.traces
    (function, *_) = findings.functions
    assert (trace.samples, trace.time_ns) == (2, 300)
    assert (function.self_ns, function.jitted_ns, function.interpreted_ns) == (400, 100, 0)
    assert nonzero(findings) == {"jitted": 100, "native": 300, "unknown": 600}


def test_frames_without_a_function_are_one_of_their_own(make):
    stacks = make.stacks((-1, 0, "interpreted", -1), (0, -1, "jitted", 1), (-1, -1, "native", -1))
    instant = {"start_ns": 0, "end_ns": 0}
    findings = make.findings(
        stacks=[stacks],
        samples=[make.samples((100, 1), (200, 2), (500, 1))],
        traces=[make.trace(**instant), make.trace(function=None, driver="re", **instant)],
    )
    f, _, other = findings.functions
    assert (f.self_ns, f.total_ns) == (0, 400)
    assert (other.id, other.qualname, other.path) == (-1, "(another driver's loop)", None)
    assert (other.self_ns, other.total_ns, other.jitted_ns, other.traces) == (500, 500, 400, 1)
    assert [row.id for row in findings.overview().functions] == [-1, 0]
    assert nonzero(findings) == {"jitted": 400, "native": 100, "unknown": 500}


def test_where_every_frame_has_a_function_there_is_no_other_row(make, two_frames):
    findings = make.findings(stacks=[two_frames], samples=[make.samples((100, 1))])
    assert [row.id for row in findings.functions] == [0, 1]


def test_exact_calls_of_no_known_function_are_that_one_too(make):
    calls = CallChunk(0, 0, [0, 10], [100, 40], [0, 1], [0, -1])
    f, _, other = make.findings(calls=[calls]).functions
    assert (f.self_ns, other.calls, other.self_ns) == (60, 1, 40)


def test_time_of_a_collection_is_self_time_but_neither_interpreted_nor_jitted(make, two_frames):
    findings = make.findings(
        gc=[make.gc((0, 190, 20))], stacks=[two_frames], samples=[make.samples((100, 0), (200, 0))]
    )
    assert (findings.functions[0].self_ns, findings.functions[0].interpreted_ns) == (200, 100)


@st.composite
def trees(draw):
    size = draw(st.integers(1, 25))
    parents = [draw(st.integers(-1, row - 1)) for row in range(size)]
    functions = draw(st.lists(st.integers(-1, 1), min_size=size, max_size=size))
    samples = draw(st.lists(st.integers(0, size - 1), max_size=20))
    return parents, functions, samples


@given(trees())
def test_totals_are_those_of_counting_every_stack_alone(make, tree):
    parents, functions, samples = tree
    chunk = StackChunk(parents, functions, [0] * len(parents), [-1] * len(parents))
    rows = [(10 * (i + 1), row) for i, row in enumerate(samples)]
    findings = make.findings(stacks=[chunk], samples=[make.samples(*rows)])
    totals, selves = [0, 0, 0], [0, 0, 0]
    for row in samples:
        stack = []
        while row >= 0:
            stack.append(functions[row])
            row = parents[row]
        for function in set(stack):
            totals[function] += 1
        selves[stack[0]] += 1
    found = {row.id: row for row in findings.functions}
    assert [found[i].total_samples if i in found else 0 for i in (0, 1, -1)] == totals
    assert [found[i].self_samples if i in found else 0 for i in (0, 1, -1)] == selves


def test_a_trace_is_called_by_its_function_or_by_what_its_driver_says(make):
    regex = make.trace(
        function=None, line=None, driver="re", points=[make.point(function=None, text="re Search at 5")]
    )
    findings = make.findings(
        traces=[make.trace(function=1, line=7), regex, make.trace(function=None, name="x")]
    )
    assert [row.title for row in findings.traces] == ["g", "re Search at 5", "x"]
    assert [row.path for row in findings.traces] == ["prog.py", None, None]
    assert findings.traces[0].line == 7


def test_a_bridge_without_a_function_takes_that_of_its_first_merge_point(make):
    bridge = make.trace(kind="bridge", function=None, line=None, points=[make.point(function=1, line=9)])
    (row,) = make.findings(traces=[bridge]).traces
    assert (row.function, row.title, row.line) == (1, "g", 9)


def test_a_bridge_without_merge_points_is_called_like_its_parent(make):
    bare = {"kind": "bridge", "function": None, "line": None}
    nameless = [make.trace(**bare, parent=Guard(parent, 0)) for parent in (0, 1, 9)]
    findings = make.findings(traces=[make.trace(), *nameless])
    assert [row.title for row in findings.traces] == ["f", "f", "f", "Loop 1"]


def test_ops_guards_bridges_and_own_traces_are_counted(make):
    ops = [make.op(), make.op("guard_true"), make.op("jump")]
    findings = make.findings(
        traces=[
            make.trace(ops, asm=make.asm()),
            make.trace(kind="bridge", parent=Guard(0, 1), runs=3),
            make.trace(own=True),
            make.trace(kind="entry bridge", stages={}),
        ],
        problems=[Problem("cut", "It was cut.")],
    )
    loop, bridge, _, bare = findings.traces
    assert (loop.ops, loop.guards, loop.bridges, loop.size_bytes, loop.compile_ns) == (3, 1, 1, 8, 100)
    assert (bridge.parent.trace, bridge.parent.op, bridge.runs) == (0, 1, 3)
    assert (bare.ops, bare.runs, bare.size_bytes) == (0, None, None)
    assert {k: v for k, v in findings.counts.items() if v} == {
        "loop": 1,
        "entry bridge": 1,
        "bridge": 1,
        "own_traces": 1,
        "functions": 2,
        "files": 1,
    }


def test_the_overview_shows_the_hottest_first_and_not_the_recorders_own(make):
    stacks = make.stacks(*((-1, 0, "jitted", trace) for trace in range(3)))
    findings = make.findings(
        traces=[make.trace(runs=5), make.trace(own=True), make.trace()],
        stacks=[stacks],
        samples=[make.samples((300, 0), (400, 1), (900, 2))],
    )
    overview = findings.overview()
    assert [row.id for row in overview.traces] == [2, 0]
    assert [row.id for row in overview.functions] == [0]
    assert findings.overview(top=1).traces == overview.traces[:1]


def test_the_overview_is_json_with_the_keys_of_the_api(make):
    data = json.loads(json.dumps(to_json(make.findings(traces=[make.trace(parent=Guard(0, 0))]).overview())))
    assert list(data) == [
        *("run", "processes", "threads", "time", "counts", "gc", "aborts", "compile_ns"),
        *("functions", "traces", "problems"),
    ]
    assert data["traces"][0]["parent"] == {"trace": 0, "op": 0}
    assert set(data["time"]["shares"][0]) == {"state", "ns", "share"}
    assert data["run"]["exit"] == {"status": 0, "signal": None}


# --- what isn't whole -------------------------------------------------------------------


def test_a_bundle_cut_after_its_run_has_findings(make):
    tally = Tally()
    tally.add("run", make.run(options=Options()))
    findings = tally.result()
    assert (findings.functions, findings.traces, findings.aborts) == ([], [], [])
    assert nonzero(findings) == {"unknown": 1000}


def test_a_bundle_without_a_run_is_refused():
    with pytest.raises(MalformedBundle, match="first element"):
        Tally().result()


def test_lists_of_a_later_version_are_passed_over(make):
    tally = make.tally(make.bundle())
    tally.add("weather", {"sun": True})
    assert tally.result().counts["functions"] == 2


MAKES_NO_SENSE = [
    (lambda m: {"run": m.run(-1)}, "duration below 0"),
    (lambda m: {"functions": [m.function(file=7)]}, "no file 7"),
    (lambda m: {"traces": [m.trace(function=9)]}, "no function 9"),
    (lambda m: {"aborts": [m.abort(function=9)]}, "no function 9"),
    (lambda m: {"samples": [m.samples((1, 5))]}, "stack that isn't there"),
    (lambda m: {"samples": [m.samples((1, -2))]}, "stack that isn't there"),
    (lambda m: {"stacks": [m.stacks((0, 0, "gc", -1))]}, "parent"),
    (lambda m: {"stacks": [StackChunk([-1], [0], [99], [-1])]}, "unknown state"),
    (lambda m: {"stacks": [StackChunk([-1], [0], [], [-1])]}, "different length"),
    (lambda m: sampled(m, (-1, 5, "gc", -1)), "no function 5"),
    (lambda m: sampled(m, (-1, 0, "jitted", 8)), "no trace 8"),
    (lambda m: sampled(m, (-1, 0, "gc", -1), thread=3), "no thread 3"),
    (lambda m: dict(processes=[], **sampled(m, (-1, 0, "gc", -1))), "no process 0"),
    (lambda m: sampled(m, (-1, 0, "gc", -1), times=(5, 1)), "runs back"),
    (lambda m: {"gc": [m.gc((9, 0, 1))]}, "unknown kind"),
]


def sampled(make, row, *, thread=0, times=(1,)):
    rows = [(time, 0) for time in times]
    return {"stacks": [make.stacks(row)], "samples": [make.samples(*rows, thread=thread)]}


@pytest.mark.parametrize(("lists", "words"), MAKES_NO_SENSE, ids=[words for _, words in MAKES_NO_SENSE])
def test_an_element_that_makes_no_sense_is_refused_in_a_sentence(make, lists, words):
    with pytest.raises(MalformedBundle, match=words):
        make.findings(**lists(make))


def test_processes_and_threads_are_handed_on(make):
    findings = make.findings()
    assert findings.processes == [Process(10, None, ["prog.py"], 0, None, None)]
    assert findings.threads == [Thread(0, 10)]
