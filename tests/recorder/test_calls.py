"""The file of calls: written here as the agent does, read back, damaged, cut."""

from __future__ import annotations

import json
import marshal
import os
import random
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tracebin.bundle.codec import decode_line
from tracebin.bundle.records import CHUNK_ROWS, CallChunk
from tracebin.errors import RecordingUnreadable
from tracebin.recorder import remote_calls
from tracebin.recorder.bootstrap import PATH
from tracebin.recorder.call_choice import CallChoice
from tracebin.recorder.call_notes import CallNotes
from tracebin.recorder.call_records import CallRecords
from tracebin.recorder.calls import (
    C_RETURN,
    GAP,
    RETURN,
    TAG,
    TICK_BITS,
    TICK_MASK,
    TURN,
    BlockReader,
    CallReading,
)
from tracebin.recorder.clock import Clock
from tracebin.recorder.functions import Functions, FunctionTable
from tracebin.recorder.kept_calls import Settled, duration_of, fineness
from tracebin.recorder.remote_calls import CallServer, CallsReader, RemoteCalls
from tracebin.recorder.sources import Files

CLOCK = Clock([(0, 0), (1 << 60, 1 << 60)], 0, (0, 0))
NAMES = [
    (1, "main", "/prog/main.py", 1, None),
    (2, "f", "/prog/main.py", 10, None),
    (3, "g", "/prog/other.py", 20, None),
    (70_000, "append", "<builtin>/list", 0, "list.append"),
    (9, "on_compile", "/agent/tracebin_agent/agent.py", 5, None),
    (8, "run_toplevel", "<builtin>/app_main.py", 7, None),
]
LINES = {number: line for number, _, _, line, _ in NAMES}


def called(number: int, tick: int) -> int:
    return (tick & TICK_MASK) | number << TICK_BITS


def returned(number: int, tick: int) -> int:
    end = RETURN | LINES[number] if LINES[number] else C_RETURN
    return (tick & TICK_MASK) | end << TICK_BITS


def block(words: list[int], *, ident: int = 7, serial: int = 0, high: int = 0, tick: int = 0) -> bytes:
    return struct.pack(f"<{6 + len(words)}q", TAG, ident, serial, len(words), high, tick, *words)


class Read:
    """What is read of a file of these bytes."""

    def __init__(self, folder: Path, data: bytes, notes: CallNotes | None = None, **choice: Any) -> None:
        self.path = folder / "1.calls"
        self.path.write_bytes(data)
        self.notes = notes or CallNotes()
        self.notes.take(NAMES)
        self.table = FunctionTable()
        self.reading = self.reader()
        self.called = self.reading.finish()
        functions = Functions(Files("/prog", "/usr/lib/pypy"), None, table=self.table)
        self.records = CallRecords(
            self.called, CallChoice("exact", **choice), CLOCK, functions, "/agent", lambda ident, _: ident
        )
        self.finish()

    def reader(self) -> CallsReader:
        return CallReading(self.path, self.notes, lambda: None)

    def finish(self) -> None:
        self.chunks = [decode_line(CallChunk, line) for line in self.records.lines()]
        self.problems = {problem.kind: problem.count for problem in self.records.problems("here")}

    def rows(self) -> list[tuple[int, int, int, str]]:
        """Give start, duration, depth and name of all."""
        names = [function.qualname for function in self.table.records()]
        found = []
        for chunk in self.chunks:
            start = chunk.first_ns
            for row in zip(chunk.start, chunk.duration, chunk.depth, chunk.function):
                start += row[0]
                found.append((start, *row[1:3], names[row[3]] if row[3] >= 0 else "?"))
        return found


SIMPLE = [called(1, 10), called(2, 12), returned(2, 15), called(3, 20), returned(3, 30), returned(1, 40)]


def test_calls_and_returns_make_rows_in_order_of_start(tmp_path: Path) -> None:
    read = Read(tmp_path, block(SIMPLE, tick=50))
    assert read.rows() == [(10, 30, 0, "main"), (12, 3, 1, "f"), (20, 10, 1, "g")]
    assert read.problems == {}
    assert [chunk.thread for chunk in read.chunks] == [7]


def test_a_call_goes_on_from_block_to_block_and_threads_lie_between(tmp_path: Path) -> None:
    blocks = [
        block(SIMPLE[:2], tick=13),
        block([called(3, 14), returned(3, 16)], ident=8, serial=1),
        block(SIMPLE[2:], tick=41),
        block([called(2, 50), returned(2, 51)], ident=8, serial=2),
    ]
    read = Read(tmp_path, b"".join(blocks))
    assert [chunk.thread for chunk in read.chunks] == [7, 8, 8]
    assert read.rows()[:3] == [(10, 30, 0, "main"), (12, 3, 1, "f"), (20, 10, 1, "g")]
    assert read.rows()[3:] == [(14, 2, 0, "g"), (50, 1, 0, "f")]


def test_the_ticks_upper_bits_come_with_the_block_and_with_a_turn(tmp_path: Path) -> None:
    one = 1 << TICK_BITS
    words = [called(1, one + 5), called(2, one + 6), 3 | TURN << TICK_BITS, returned(2, 3 * one + 1)]
    read = Read(tmp_path, block(words, high=1) + block([returned(1, 3 * one + 9)], high=3))
    assert read.rows() == [(one + 5, 2 * one + 4, 0, "main"), (one + 6, 2 * one - 5, 1, "f")]
    again = Read(tmp_path, block([1 | TURN << TICK_BITS, called(1, 5), returned(1, 8)], high=-1))
    assert again.rows() == [(one + 5, 3, 0, "main")]


def test_open_calls_end_with_the_last_block_or_with_the_last_event_if_the_thread_was_lost(
    tmp_path: Path,
) -> None:
    assert [row[1] for row in Read(tmp_path, block(SIMPLE[:3], tick=100)).rows()] == [90, 3]
    notes = CallNotes()
    notes.lose(7, 0)
    lost = Read(tmp_path, block(SIMPLE[:3], tick=100), notes)
    assert [row[1] for row in lost.rows()] == [5, 3]
    assert lost.problems == {"calls-lost": 1}


def test_of_threads_with_one_ident_the_one_that_was_lost_is_told(tmp_path: Path) -> None:
    notes = CallNotes()
    notes.lose(7, 1)
    threads = [block(SIMPLE[:2], serial=serial, tick=100) for serial in range(3)]
    read = Read(tmp_path, b"".join(threads), notes)
    assert [row[1] for row in read.rows()] == [90, 88, 2, 0, 90, 88]
    assert [thread.is_lost for thread in read.called.threads] == [False, True, False]


def test_a_thread_that_ends_in_start_up_code_is_not_lost(tmp_path: Path) -> None:
    notes = CallNotes()
    notes.lose(7, 0)
    read = Read(tmp_path, block([called(8, 1), *SIMPLE], tick=100), notes)
    assert read.problems == {}
    assert [row[2:] for row in read.rows()] == [(0, "main"), (1, "f"), (1, "g")]


def test_returns_of_calls_from_before_the_recording_are_left_out(tmp_path: Path) -> None:
    assert Read(tmp_path, block([returned(3, 1), returned(2, 2), *SIMPLE])).rows()[0] == (10, 30, 0, "main")


def test_a_return_that_does_not_fit_ends_what_is_inside_and_is_counted(tmp_path: Path) -> None:
    words = [called(1, 1), called(2, 2), called(3, 3), returned(2, 9), returned(3, 10), returned(1, 11)]
    read = Read(tmp_path, block(words))
    assert read.rows() == [(1, 10, 0, "main"), (2, 7, 1, "f"), (3, 6, 2, "g")]
    assert read.problems == {"calls-unfit": 2}


def test_builtin_functions_have_an_end_of_their_own(tmp_path: Path) -> None:
    words = [called(1, 1), called(70_000, 2), returned(70_000, 3), returned(1, 4)]
    assert Read(tmp_path, block(words)).rows()[1] == (2, 1, 1, "list.append")


def test_the_recorders_own_calls_go_with_all_inside_and_start_up_code_without(tmp_path: Path) -> None:
    own = [called(9, 41), called(2, 42), returned(2, 43), returned(9, 44)]
    words = [called(8, 1), *SIMPLE[:5], *own, returned(1, 50), returned(8, 60)]
    read = Read(tmp_path, block(words))
    assert read.rows() == [(10, 40, 0, "main"), (12, 3, 1, "f"), (20, 10, 1, "g")]
    assert read.problems == {}


def test_a_pause_ends_what_is_open(tmp_path: Path) -> None:
    notes = CallNotes()
    notes.paused(17)
    notes.resumed(19)
    read = Read(tmp_path, block(SIMPLE), notes)
    assert read.rows() == [(10, 7, 0, "main"), (12, 3, 1, "f"), (20, 10, 0, "g")]
    assert read.problems == {}


def test_what_is_open_after_a_pause_is_another_call_and_builtins_are_not_taken_up(tmp_path: Path) -> None:
    notes = CallNotes()
    notes.paused(17)
    notes.resumed(19)
    words = [called(1, 1), called(70_000, 2), called(2, 3)]
    resumed = [called(1, 19), called(2, 19), returned(2, 25), returned(70_000, 26), returned(1, 30)]
    read = Read(tmp_path, block(words + resumed), notes)
    before = [(1, 16, 0, "main"), (2, 15, 1, "list.append"), (3, 14, 2, "f")]
    assert read.rows() == [*before, (19, 11, 0, "main"), (19, 6, 1, "f")]
    assert read.problems == {}


def gap(high: int = 0) -> int:
    return high | GAP | TURN << TICK_BITS


def lost_texts(read: Read) -> list[str]:
    return [problem.text for problem in read.records.problems("here") if problem.kind == "calls-lost"]


def test_a_gap_ends_what_is_open_with_the_last_event_and_is_told(tmp_path: Path) -> None:
    words = [*SIMPLE[:4], gap(), called(1, 50), called(2, 55), returned(2, 56), returned(1, 60)]
    for cut in 4, 5, 6:
        read = Read(tmp_path, block(words[:cut], tick=22) + block(words[cut:], tick=70))
        before = [(10, 10, 0, "main"), (12, 3, 1, "f"), (20, 0, 1, "g")]
        assert read.rows() == [*before, (50, 10, 0, "main"), (55, 1, 1, "f")]
        assert read.problems == {"calls-lost": 1}
        (text,) = lost_texts(read)
        assert "from 0.000000 s to 0.000000 s:" in text
        assert read.called.threads[0].gaps == [[20, 50]]


def test_a_thread_that_begins_in_a_gap_and_never_leaves_it_is_lost(tmp_path: Path) -> None:
    read = Read(tmp_path, block([gap()], high=-1, tick=5_000_000_000))
    assert (read.rows(), read.problems) == ([], {"calls-lost": 1})
    assert "from 5.000000 s on:" in lost_texts(read)[0]


def test_the_first_gaps_are_told_with_their_times_and_the_others_counted(tmp_path: Path) -> None:
    words = [word for at in range(12) for word in (called(2, 10 * at + 1), gap())]
    read = Read(tmp_path, block([*words, called(2, 200), returned(2, 201)]))
    assert read.problems == {"calls-lost": 12}
    (text,) = lost_texts(read)
    assert (text.count(" to "), "in 2 stretches after that:" in text) == (10, True)


def test_functions_left_out_give_their_place_to_what_they_call(tmp_path: Path) -> None:
    words = [called(1, 1), called(3, 2), called(2, 3), returned(2, 4), returned(3, 5), returned(1, 6)]
    read = Read(tmp_path, block(words), exclude=["other.py"])
    assert read.rows() == [(1, 5, 0, "main"), (3, 1, 1, "f")]
    assert read.problems == {"calls-left-out": 1}


def test_the_longest_calls_are_kept_and_of_equal_ones_the_first(tmp_path: Path) -> None:
    words = [called(1, 0)]
    for number in range(10):
        words += [called(2, 100 * number + 1), returned(2, 100 * number + (50 if number == 5 else 3))]
    read = Read(tmp_path, block([*words, returned(1, 2000)]), max_calls=4)
    assert [(row[0], row[3]) for row in read.rows()] == [(0, "main"), (1, "f"), (101, "f"), (501, "f")]
    assert read.problems == {"calls-left-out": 7}


def test_a_duration_is_never_finer_than_a_longer_one() -> None:
    durations = [*range(5000), *(1 << bits for bits in range(13, 60))]
    found = [fineness(duration) for duration in durations]
    assert found == sorted(found)
    assert all(duration_of(fine) <= duration for duration, fine in zip(durations, found))
    assert all(fineness(duration_of(fine)) == fine for fine in found)


def test_long_calls_get_their_end_when_their_chunk_is_in_the_file_already(tmp_path: Path) -> None:
    count = CHUNK_ROWS + 10
    inside = [word for at in range(count) for word in (called(2, 10 + 2 * at), returned(2, 11 + 2 * at))]
    words = [called(1, 1), *inside, returned(1, 10 + 2 * count)]
    read = Read(tmp_path, b"".join(block(words[at : at + 5000]) for at in range(0, len(words), 5000)))
    assert [len(chunk.start) for chunk in read.chunks] == [CHUNK_ROWS, 11]
    assert read.rows()[0] == (1, 9 + 2 * count, 0, "main")
    assert read.rows()[-1] == (8 + 2 * count, 1, 1, "f")


@pytest.mark.parametrize("size", [0, 1, 47, 48, 55, 87])
def test_a_cut_file_is_read_as_far_as_its_blocks_are_whole(tmp_path: Path, size: int) -> None:
    read = Read(tmp_path, (block(SIMPLE[:1]) + block(SIMPLE[1:]))[: 56 + size])
    assert [row[3] for row in read.rows()] == ["main"]
    assert ("calls-cut" in read.problems) is (size > 0)


def test_reading_goes_on_behind_what_was_dropped_for_room(tmp_path: Path) -> None:
    first, last = (
        block(SIMPLE[:2], tick=13),
        block([called(3, 90_000), returned(3, 90_010), returned(1, 90_020)]),
    )
    data = first.ljust(8192, b"\0") + last
    note_hole(tmp_path, len(first), 8192)
    read = Read(tmp_path, data)
    assert read.rows() == [(10, 2, 0, "main"), (12, 0, 1, "f"), (90_000, 10, 0, "g")]
    assert read.reading.dropped == 8192 - len(first)


def note_hole(folder: Path, start: int, stop: int) -> None:
    (folder / "drops.json").write_text(json.dumps({"1.calls": [start, stop]}))


@pytest.fixture
def followed(tmp_path: Path) -> tuple[Path, BlockReader]:
    """A file that is read up to its first block, of which all behind that was dropped."""
    path = tmp_path / "1.calls"
    path.write_bytes(block(SIMPLE[:2]).ljust(8192, b"\0") + b"\1" * 800)
    reader = BlockReader(path)
    assert reader.next() is not None
    note_hole(tmp_path, 64, 8192)
    return path, reader


def test_a_block_that_is_not_there_yet_behind_what_was_dropped_is_waited_for(
    tmp_path: Path, followed: tuple[Path, BlockReader]
) -> None:
    # GIVEN the rest of a long block behind the hole
    path, reader = followed
    assert [reader.next(), reader.next()] == [None, None]
    # WHEN more of it is dropped, and the next blocks come piece by piece
    note_hole(tmp_path, 64, 8600)
    more = block(SIMPLE[:3], tick=5)
    append(path, b"\1" * 104 + more[:4])
    assert reader.next() is None
    append(path, more[4:] + block(SIMPLE[:1], tick=6))
    # THEN reading goes on with the first of them
    found = [reader.next(), reader.next(), reader.next()]
    assert [(each.tick, each.is_after_gap) for each in found if each] == [(5, True), (6, False)]
    reader.end()
    assert (reader.cut, reader.dropped) == (None, 8192 + 904 - 64)


def test_what_is_dropped_while_a_block_is_looked_for_is_passed_over(
    tmp_path: Path, followed: tuple[Path, BlockReader]
) -> None:
    path, reader = followed
    assert reader.next() is None
    with path.open("r+b") as stream:
        stream.truncate(1 << 30)
    note_hole(tmp_path, 64, 1 << 30)
    append(path, block(SIMPLE[:1], tick=7))
    found = reader.next()
    reader.end()
    assert found is not None
    assert (found.tick, reader.cut, reader.dropped) == (7, None, (1 << 30) - 64)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


def test_a_file_without_a_block_behind_what_was_dropped_is_cut(
    followed: tuple[Path, BlockReader],
) -> None:
    _, reader = followed
    assert reader.next() is None
    reader.end()
    assert (reader.cut, reader.dropped) == ("its end was dropped", 8192 + 800 - 64)


def test_of_a_file_that_is_cut_nobody_knows_whose_profile_function_it_was(tmp_path: Path) -> None:
    notes = CallNotes()
    notes.lose(7, 0)
    assert Read(tmp_path, block(SIMPLE[:2]), notes).problems == {"calls-lost": 1}
    assert Read(tmp_path, block(SIMPLE[:2]) + b"cut", notes).problems == {"calls-cut": 1}


def test_any_bytes_give_a_well_nested_tree(tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(200):
        words = [
            chance.choice([*SIMPLE, gap()]) + chance.randrange(1000) for _ in range(chance.randrange(60))
        ]
        data = bytearray(block(words[:20]) + block(words[20:], serial=chance.randrange(2)))
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        read = Read(tmp_path, bytes(data))
        for chunk in read.chunks:
            assert min(chunk.start) >= 0
            ends: list[int] = []
            start = chunk.first_ns
            for delta, duration, depth in zip(chunk.start, chunk.duration, chunk.depth):
                start += delta
                assert depth <= len(ends)
                del ends[depth:]
                assert duration >= 0
                assert not ends or start + duration <= ends[-1]
                ends.append(start + duration)


class ReadByServer(Read):
    """The same, read by a process of its own."""

    def reader(self) -> CallsReader:
        command = [sys.executable, "-I", "-S", PATH, "calls", str(self.path.parent)]
        self.server = CallServer(command, os.environ)
        self.path.with_suffix(".notes").write_bytes(marshal.dumps(("called", NAMES), 2))
        return RemoteCalls(self.path, self.notes, lambda: None, self.server)


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ReadByServer]]:
    monkeypatch.setattr(remote_calls, "LEAST_BYTES", 1)
    made: list[ReadByServer] = []

    def read(data: bytes, **choice: Any) -> ReadByServer:
        made.append(ReadByServer(tmp_path, data, **choice))
        return made[-1]

    yield read
    for each in made:
        each.server.close()


@pytest.mark.parametrize("choice", [{}, {"max_calls": 2}, {"min_duration_ns": 5, "exclude": ["other.py"]}])
def test_another_process_gives_the_same_lines(
    tmp_path: Path, remote: Callable[..., ReadByServer], choice: dict[str, Any]
) -> None:
    first, second = block(SIMPLE, tick=50), block([*SIMPLE[:2], returned(3, 60)], ident=8, tick=70)
    data = first.ljust(8192, b"\0") + second + block([gap(), *SIMPLE], serial=9) + b"cut"
    (tmp_path / "drops.json").write_text(json.dumps({"1.calls": [len(first), 8192]}))
    here, there = Read(tmp_path, data, **choice), remote(data, **choice)
    assert there.server.is_there
    assert there.chunks == here.chunks != []
    assert there.problems == here.problems
    assert there.called.threads == here.called.threads
    assert there.reading.dropped == here.reading.dropped == 8192 - len(first)


def test_calls_are_read_here_if_there_are_few_or_no_other_process_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1.calls").write_bytes(block(SIMPLE))
    for least_bytes, is_there in (1 << 20, True), (1, False):
        monkeypatch.setattr(remote_calls, "LEAST_BYTES", least_bytes)
        server = CallServer([str(tmp_path / "nothing")], os.environ)
        called = RemoteCalls(tmp_path / "1.calls", CallNotes(), lambda: None, server).finish()
        (line,) = called.kept(Settled([7], {}, CLOCK)).lines()
        assert decode_line(CallChunk, line).duration == [30, 3, 10]
        assert server.is_there is is_there


def test_what_another_process_has_read_and_not_told_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_calls, "LEAST_BYTES", 1)
    (tmp_path / "1.calls").write_bytes(block(SIMPLE))
    ends_early = "input(), input(), print('[[[7, 40, 0, false, [], 0]], null, 0]')"
    server = CallServer([sys.executable, "-I", "-S", "-c", ends_early], os.environ)
    called = RemoteCalls(tmp_path / "1.calls", CallNotes(), lambda: None, server).finish()
    with pytest.raises(RecordingUnreadable, match="read the calls has ended"):
        list(called.kept(Settled([7], {}, CLOCK)).lines())
    server.close()


@pytest.mark.parametrize(
    ("pattern", "path", "module", "fits"),
    [
        ("numpy", "/lib/numpy/core.py", "numpy.core", True),
        ("numpy", "/lib/numpyx/core.py", "numpyx.core", False),
        ("*.tests", "/lib/a/tests/x.py", "a.tests.x", True),
        ("src/*.py", "/home/me/src/x.py", "x", True),
        ("/lib/*", "/lib/a/b.py", None, True),
        ("/lib", "/lib/a/b.py", None, True),
        ("prog.py", "/home/prog.py", "prog", True),
        ("<string>", "<string>", "string", True),
    ],
)
def test_a_pattern_names_a_module_or_a_path(pattern: str, path: str, module: str | None, fits: bool) -> None:
    assert CallChoice("exact", include=[pattern]).keeps(path, module) is fits
    assert CallChoice("exact", exclude=[pattern]).keeps(path, module) is not fits
