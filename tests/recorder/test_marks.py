"""The agent's rows of marks, spans and pauses become records of the bundle."""

from __future__ import annotations

import marshal
import struct
from pathlib import Path
from typing import Any

import pytest

from tracebin.bundle.records import Mark, Pause
from tracebin.recorder.clock import Clock
from tracebin.recorder.marks import MarkNotes
from tracebin.recorder.pauses import ActiveTime, PauseNotes, Pauses
from tracebin.recorder.process_records import SampleRecords
from tracebin.recorder.raw import Notes, RawRecording
from tracebin.recorder.samples import Sample, SampleFile
from tracebin.recorder.stacks import RawStacks, Stacks, TraceFinder
from tracebin.recorder.stamps import Stamp, stamps_of
from tracebin.recorder.threads import ThreadNote, Threads


def marks_of(*rows: tuple[Any, ...]) -> MarkNotes:
    notes = MarkNotes()
    notes.take(rows)
    return notes


def records(notes: MarkNotes, ended_ns: int = 1100) -> list[Mark]:
    return list(notes.records(100, ended_ns, lambda ident, time_ns: ident - 7000))


def test_a_mark_counts_from_the_start_of_the_run() -> None:
    assert records(marks_of((0, 7001, 150, "here", '{"a": 1}'))) == [Mark(1, 50, None, "here", '{"a": 1}')]


def test_a_span_lasts_from_its_row_to_its_end() -> None:
    notes = marks_of((1, 7001, 150, "outer", None), (2, 7002, 160, "inner", None), (2, 170), (1, 400))
    assert records(notes) == [Mark(1, 50, 250, "outer"), Mark(2, 60, 10, "inner")]
    assert list(notes.problems("here")) == []


def test_marks_come_in_order_of_their_start() -> None:
    notes = marks_of((0, 7001, 300, "later", None), (0, 7001, 200, "earlier", None))
    assert [mark.name for mark in records(notes)] == ["earlier", "later"]


def test_a_span_without_an_end_lasts_to_the_end_of_its_process_and_is_counted() -> None:
    notes = marks_of((1, 7001, 150, "open", None), (5, 200))
    assert records(notes) == [Mark(1, 50, 950, "open")]
    (problem,) = notes.problems("process 3")
    assert (problem.kind, problem.count, problem.where) == ("open-spans", 1, "process 3")


def test_marks_that_were_left_out_are_counted() -> None:
    notes = marks_of()
    notes.leave_out(12)
    (problem,) = notes.problems("here")
    assert (problem.kind, problem.count) == ("marks-left-out", 12)


def test_the_notes_of_a_process_hold_marks_and_pauses(tmp_path: Path) -> None:
    frames = [
        ("marks", [(0, 7001, 150, "a", None)]),
        ("paused", 200),
        ("marks", [(0, 7001, 250, "b", "{}"), (1,)]),
        ("resumed", 300),
        ("marks left out", 3),
        ("pauses left out", 4),
    ]
    (tmp_path / "7.notes").write_bytes(b"".join(marshal.dumps(frame, 2) for frame in frames))
    notes = RawRecording(tmp_path).notes(7)
    assert [mark.name for mark in records(notes.marks)] == ["a", "b"]
    assert notes.pauses.records(100, 1100) == [Pause(100, 200)]
    assert [problem.count for problem in (*notes.marks.problems(""), *notes.pauses.problems(""))] == [3, 4]
    assert len(notes.faults) == 1  # the row that is none


# --- pauses ---------------------------------------------------------------------------------


def paused(*turns: tuple[str, int]) -> list[Pause]:
    notes = PauseNotes()
    for turn, time in turns:
        getattr(notes, turn)(time)
    return notes.records(100, 1100)


def test_pauses_are_stretches_of_the_run() -> None:
    turns = [("paused", 150), ("resumed", 250), ("paused", 400), ("resumed", 500)]
    assert paused(*turns) == [Pause(50, 150), Pause(300, 400)]


def test_a_pause_without_an_end_lasts_to_the_end_of_the_process() -> None:
    assert paused(("paused", 150)) == [Pause(50, 1000)]


def test_a_pause_from_before_the_start_begins_with_it() -> None:
    assert paused(("paused", 90), ("resumed", 95)) == [Pause(0, 0)]


def test_a_turn_that_changes_nothing_is_none() -> None:
    turns = [("resumed", 120), ("paused", 150), ("paused", 160), ("resumed", 200), ("resumed", 210)]
    assert paused(*turns) == [Pause(50, 100)]


@pytest.mark.parametrize(
    ("stretches", "length", "offsets", "times"),
    [
        ([], 100, [0, 50, 100], [100, 150, 200]),
        ([(120, 140)], 80, [0, 20, 21, 80], [100, 120, 141, 200]),
        ([(90, 110), (190, 300)], 80, [0, 80], [110, 190]),
        ([(0, 50), (120, 130), (130, 140), (400, 500)], 80, [20, 21], [120, 141]),
        ([(0, 1000)], 0, [0], [200]),
    ],
)
def test_active_time_leaves_pauses_out(
    stretches: list[tuple[int, int]], length: int, offsets: list[int], times: list[int]
) -> None:
    active = ActiveTime(100, 200, Pauses(stretches))
    assert active.length == length
    assert [active.at(offset) for offset in offsets] == times


def placed(stamps: list[Stamp], pauses: list[Pause], **sampling: Any) -> list[int]:
    """Give the times of three samples of a run of 1000 ns, whose clock ticks once in 10 ns."""
    samples = [Sample(1, struct.pack("<2q", 1, 1), -1, None, end) for end in (100, 200, 300)]
    found = SampleFile(6, samples)
    notes = Notes("1", sampling={"stopped_ns": 1000, "interval_s": 1e-7, **sampling})
    clock = Clock([(0, 0), (100, 1000)], 0, (100, 1000))
    threads = Threads(0)
    threads.learn(0, ThreadNote(1, 1, 0, None, "MainThread"), [])
    stacks = Stacks(lambda _: 0, RawStacks(TraceFinder()), lambda _: False)
    records = SampleRecords(0, found, stamps_of(samples, stamps), notes, clock, stacks, threads, pauses)
    records.place(0, 1000, 0)
    (chunk,) = records.chunks()
    return [chunk.first_ns + sum(chunk.time[: row + 1]) for row in range(len(chunk.time))]


def test_samples_without_a_time_are_not_spread_over_pauses() -> None:
    assert placed([], [Pause(100, 800)]) == [100, 900, 1000]


def test_samples_of_a_timer_that_was_taken_lie_where_it_still_ran() -> None:
    assert placed([], [Pause(100, 500)], timer_taken=True) == [100, 600, 700]


def test_ticks_of_a_pause_leave_stamps_that_belong_to_no_sample() -> None:
    # GIVEN ticks while the sampler was stopped, when its file did not grow
    ends = {3: 100, 20: 100, 30: 100, 40: 100, 50: 100, 90: 200, 95: 300}
    stamps = [Stamp(tick, 0, 1, end) for tick, end in ends.items()]
    assert placed(stamps, [Pause(200, 600)]) == [30, 900, 950]
