from __future__ import annotations

from tracebin.bundle.records import PathStep


def test_a_row_says_where_and_what_it_cost(make):
    step = PathStep(function=0, line=2, points=3, text=None)
    abort = make.abort(
        function=1, line=4, offset=16, inlining=["disabled inlining g"], longest="g", path=[step]
    )
    (row,) = make.findings(aborts=[abort]).aborts
    assert (row.title, row.path, row.line, row.offset) == ("g", "prog.py", 4, 16)
    assert (row.duration_ns, row.length, row.reason) == (20, 5, "ABORT_TOO_LONG")
    assert (row.inlining, row.longest) == (["disabled inlining g"], "g")
    assert row.path_steps[0].source == "\tpass"
    assert row.path_steps[0].title == "f"


def test_another_driver_is_called_by_its_text(make):
    (row,) = make.findings(aborts=[make.abort(function=None, driver="re", text="re Search at 5")]).aborts
    assert (row.title, row.path) == ("re Search at 5", None)


def test_a_place_compiled_after_the_abort_is_found(make):
    before = make.trace(start_ns=0, end_ns=5)
    elsewhere = make.trace(start_ns=40, offset=99)
    after = make.trace(start_ns=50)
    again = make.trace(start_ns=90)
    findings = make.findings(aborts=[make.abort()], traces=[before, elsewhere, again, after])
    assert findings.aborts[0].later == 3


def test_what_was_cut_into_a_segment_is_not_lost(make):
    aborts = [make.abort(), make.abort(start_ns=50, end_ns=80, reason="ABORT_SEGMENTED_TRACE")]
    findings = make.findings(aborts=aborts, traces=[make.trace(start_ns=50, end_ns=80)])
    assert [row.later for row in findings.aborts] == [0, 0]
    assert [row.lost for row in findings.aborts] == [True, False]


def test_a_bridge_cut_into_a_segment_is_found_beside_a_later_loop(make):
    abort = make.abort(start_ns=50, end_ns=80, reason="ABORT_SEGMENTED_TRACE")
    traces = [make.trace(kind="bridge", start_ns=50, end_ns=80), make.trace(start_ns=90)]
    (row,) = make.findings(aborts=[abort], traces=traces).aborts
    assert (row.later, row.lost) == (0, False)


def test_only_what_was_lost_counts_as_an_abort(make):
    segmented = make.abort(start_ns=50, end_ns=80, reason="ABORT_SEGMENTED_TRACE")
    never = make.abort(offset=99, reason="ABORT_SEGMENTED_TRACE")
    traces = [make.trace(start_ns=50, end_ns=80)]
    findings = make.findings(aborts=[make.abort(), segmented, never], traces=traces)
    assert (findings.counts["aborts"], findings.counts["segmented"]) == (2, 1)
    assert findings.overview().aborts == {"ABORT_TOO_LONG": 1, "ABORT_SEGMENTED_TRACE": 1}


def test_a_loop_is_taken_before_a_bridge_from_the_same_place(make):
    traces = [make.trace(kind="bridge", start_ns=40), make.trace(kind="entry bridge", start_ns=60)]
    assert make.findings(aborts=[make.abort()], traces=traces).aborts[0].later == 1
    assert make.findings(aborts=[make.abort()], traces=traces[:1]).aborts[0].later == 0


def test_another_process_is_another_place(make):
    findings = make.findings(aborts=[make.abort()], traces=[make.trace(process=1, start_ns=50)])
    assert findings.aborts[0].later is None


def test_drivers_are_matched_by_their_text(make):
    def trace(text):
        point = make.point(function=None, text=text)
        return make.trace(points=[point], function=None, offset=None, driver="re", start_ns=50)

    aborts = [make.abort(function=None, offset=None, driver="re", text="re Search at 5")]
    findings = make.findings(aborts=aborts, traces=[trace("re Search at 6"), trace("re Search at 5")])
    assert findings.aborts[0].later == 1


def test_a_place_nobody_knows_is_never_the_same(make):
    aborts = [make.abort(function=None, offset=None)]
    traces = [make.trace(function=None, offset=None, start_ns=50)]
    assert make.findings(aborts=aborts, traces=traces).aborts[0].later is None


def test_aborts_are_counted_by_reason(make):
    reasons = ["ABORT_TOO_LONG", "ABORT_ESCAPE", "ABORT_TOO_LONG"]
    findings = make.findings(aborts=[make.abort(reason=reason) for reason in reasons])
    assert findings.overview().aborts == {"ABORT_TOO_LONG": 2, "ABORT_ESCAPE": 1}
    assert findings.counts["aborts"] == 3
