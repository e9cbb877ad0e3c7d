"""The sampler's timers, with the C library's functions written down instead of called."""

from __future__ import annotations

import struct
from typing import Any, Callable, List, Tuple, cast

import pytest

pytest.importorskip("__pypy__", reason="the agent runs in PyPy, and so do these tests")

from tracebin.recorder.site.tracebin_agent.sampling import Sampling
from tracebin.recorder.site.tracebin_agent.threads import Threads
from tracebin.recorder.site.tracebin_agent.timers import Timer

SIGPROF = 27
THREAD = 4321


class Words(List[int]):
    """What ``Libc.words`` gives: words of memory, which have a place."""

    buffer = 0


class Calls:
    """A C library that notes what is called, with the words that its last argument but one points to."""

    def __init__(self) -> None:
        self.made: List[Tuple[str, Tuple[int, ...], List[int]]] = []
        self.memory: List[Words] = []

    def words(self, *values: int) -> Words:
        self.memory.append(Words(values))
        self.memory[-1].buffer = len(self.memory) - 1
        return self.memory[-1]

    def call(self, name: str, kinds: str, *values: int) -> int:
        return self.prepared(name, kinds, *values)()

    def prepared(self, name: str, kinds: str, *values: int) -> Callable[[], int]:
        def call() -> int:
            self.made.append((name, values, list(self.memory[values[-2]]) if len(values) > 1 else []))
            return 0

        return call


def timer() -> Tuple[Timer, Calls]:
    calls = Calls()
    return Timer(cast(Any, calls), SIGPROF, THREAD), calls


def test_the_signal_goes_to_one_thread() -> None:
    _, calls = timer()
    name, (clock, _, _), event = calls.made[0]
    assert (name, clock) == ("timer_create", 1)
    number, kind, thread = struct.unpack_from("<8xiii", struct.pack("<3q", *event[:3]))
    assert (number, kind, thread) == (SIGPROF, 4, THREAD)


def test_it_starts_a_period_from_now() -> None:
    made, calls = timer()
    made.start(1.5)
    made.start(0)
    assert calls.made[1] == ("timer_settime", (0, 0, 2, 0), [1, 500_000_000, 1, 500_000_000])
    assert calls.made[2][2] == [0, 0, 0, 0]


def test_in_step_it_starts_at_the_next_multiple_of_the_period() -> None:
    made, calls = timer()
    for now_ns in (7_000_000_000, 6_999_999_999, 3_000_400_000):
        made.start_in_step(0.001, now_ns)
    assert [(flags, times[2:]) for _, (_, flags, _, _), times in calls.made[1:]] == [
        (1, [7, 1_000_000]),
        (1, [7, 0]),
        (1, [3, 1_000_000]),
    ]
    assert {tuple(times[:2]) for _, _, times in calls.made[1:]} == {(0, 1_000_000)}


def test_instructions_that_set_it_in_step_have_its_number_and_times() -> None:
    made, calls = timer()
    made.id = 0x01020304
    code = made.set_in_step(0.002, 7_000_000_001)
    assert len(calls.made) == 1
    assert list(calls.memory[-1]) == [0, 2_000_000, 7, 2_000_000]
    assert code.startswith(b"\xb8\xdf\0\0\0\xbf\x04\x03\x02\x01\xbe\x01\0\0\0\x48\xba")
    assert code[17:25] == calls.memory[-1].buffer.to_bytes(8, "little")


def test_a_timer_that_is_not_the_kernels_number_keeps_its_interval() -> None:
    made = Sampling(cast(Any, None), 0.001, 0.002)
    made.timer, _ = timer()
    made.timer.id = 0x5555_1234_5678
    assert made.slowing() == b""


class Gone:
    """A timer that another thread has deleted."""

    def start(self, seconds: float) -> None:
        raise OSError("timer_settime failed")

    def delete(self) -> None:
        raise OSError("timer_delete failed")


def sampling(*timers: Any) -> Sampling:
    made = Sampling(cast(Any, None), 0.001, 0.002)
    made.others = dict(enumerate(timers, 1))
    return made


def test_a_timer_that_is_deleted_meanwhile_keeps_no_other_from_its_rate() -> None:
    (first, first_calls), (last, last_calls) = timer(), timer()
    made = sampling(first, Gone(), last)
    made.set_timers(0.5)
    made.delete_others()
    for calls in first_calls, last_calls:
        assert [name for name, _, _ in calls.made] == ["timer_create", "timer_settime", "timer_delete"]


def test_a_thread_whose_timer_is_gone_gives_its_time_to_the_others() -> None:
    other, calls = timer()
    made = sampling(other, Gone())
    made.native = lambda: 2
    made.slowness = 4
    made.end_thread()
    assert (made.slowness, calls.made[-1][0]) == (1, "timer_settime")


class Noted:
    """Notes in memory."""

    def __init__(self) -> None:
        self.frames: List[Any] = []
        self.faults: List[str] = []

    def now(self) -> int:
        return 0

    def add(self, *frame: Any) -> None:
        self.frames.append(frame[0])

    def fault(self, where: str, fault: Exception) -> None:
        self.faults.append(f"{where}: {fault}")


class Listener:
    """Something that notes a thread's start and end, or fails at them."""

    def __init__(self, notes: Noted, fails: bool) -> None:
        self.notes = notes
        self.fails = fails

    def start_thread(self) -> None:
        self.hear("start")

    def end_thread(self) -> None:
        self.hear("end")

    def hear(self, what: str) -> None:
        if self.fails:
            raise OSError("no " + what)
        self.notes.frames.append(what)


def test_a_listener_that_fails_keeps_no_other_from_hearing_nor_the_end_from_the_notes() -> None:
    notes = Noted()
    threads = Threads(cast(Any, notes))
    threads.listeners += [Listener(notes, fails) for fails in (False, True, False)]
    threads.end(len, threads.begin(len))
    assert notes.frames == ["thread", "start", "start", "end", "end", "thread end"]
    assert notes.faults == ["thread: no start", "thread: no end"]
