from __future__ import annotations

from tracebin.bundle.records import Thread
from tracebin.recorder.threads import ThreadNote, Threads, ended, renamed

MAIN = ThreadNote(140, 7, 1000, None, "MainThread")


def registry(*others: ThreadNote) -> Threads:
    threads = Threads(1000)
    threads.learn(0, MAIN, list(others))
    return threads


def test_an_ident_used_again_is_another_thread() -> None:
    threads = registry(ThreadNote(9, 8, 1100, 1200, "a"), ThreadNote(9, 9, 1300, None, "b"))
    numbers = [threads.number(0, 9, time_ns) for time_ns in (150, 290, 300, 90)]
    assert numbers == [0, 0, 1, 0]
    assert threads.number(0, 9) == 1
    assert threads.records()[:2] == [Thread(0, 8, "a", 100, 200), Thread(0, 9, "b", 300, None)]


def test_the_main_thread_is_also_thread_0() -> None:
    threads = registry()
    assert threads.number(0, 0) == threads.number(0, 140, 5) == 0
    assert threads.records() == [Thread(0, 7, "MainThread", 0, None)]


def test_threads_of_two_processes_are_two_whatever_their_ident() -> None:
    threads = registry()
    threads.learn(1, ThreadNote(140, 70, 1500, None, "MainThread"), [])
    assert [threads.number(1, 140), threads.number(0, 140)] == [0, 1]
    assert [record.process for record in threads.records()] == [1, 0]


def test_a_thread_nobody_noted_has_its_ident_alone() -> None:
    threads = registry()
    assert threads.number(0, 55, 10) == threads.number(0, 55) == 0
    assert threads.records()[0] == Thread(0, 55)


def test_threads_without_a_sample_are_listed_last() -> None:
    threads = registry(ThreadNote(9, 8, 1100, 1200, "a"))
    threads.number(0, 9, 150)
    assert [record.name for record in threads.records()] == ["a", "MainThread"]


def test_an_end_is_the_last_ones_with_that_ident() -> None:
    notes = [ThreadNote(9, 8, 1, 2, "a"), ThreadNote(9, 9, 3, None, "b"), ThreadNote(5, 10, 4, None, "c")]
    ended(notes, 9, 7, None)
    ended(notes, 5, 8, "later")
    ended(notes, 1, 9, None)
    assert [(note.end_ns, note.name) for note in notes] == [(2, "a"), (7, "b"), (8, "later")]


def test_the_name_at_the_end_is_of_threads_that_still_run() -> None:
    names = {9: "new"}
    assert renamed(ThreadNote(9, 8, 1, 2, "old"), names).name == "old"
    assert renamed(ThreadNote(9, 8, 1, None, "old"), names).name == "new"
