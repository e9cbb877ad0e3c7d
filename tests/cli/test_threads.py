"""Threads of a recorded program: named, timed, and each with samples of its own."""

from __future__ import annotations

import platform
from typing import Any

import pytest

# Two threads that work, each in a function of its own, one that sleeps, and one of no class's.
PROGRAM = """\
import _thread, sys, threading, time
def first(work):
    total = 0
    while work(): total += sum(n % 7 for n in range(10_000))
def second(work):
    total = 0
    while work(): total += sum(n % 5 for n in range(10_000))
def asleep():
    stop.wait()
def raw(done):
    above = []
    frame = sys._getframe()
    while frame:
        above.append(frame.f_code.co_name)
        frame = frame.f_back
    print(above)
    done.release()
stop = threading.Event()
def goes_on():
    return time.thread_time() < 0.15
threads = [threading.Thread(target=each, args=(goes_on,), name=each.__name__) for each in (first, second)]
threads.append(threading.Thread(target=asleep, name="before"))
for thread in threads: thread.start()
threads[2].name = "after"
done = _thread.allocate_lock()
done.acquire()
_thread.start_new_thread(raw, (done,))
done.acquire()
for thread in threads[:2]: thread.join()
stop.set()
threads[2].join()
def fails(): raise ValueError("seen")
thread = threading.Thread(target=fails, name="fails")
thread.start()
thread.join()
"""


@pytest.fixture(scope="module")
def opened(twice_in: Any) -> Any:
    twice = twice_in("threads")
    twice.write("prog.py", PROGRAM)
    plain = twice.same("prog.py")
    assert b"['raw']" in plain.stdout
    assert b"tracebin" not in plain.stderr
    return twice.opened()


def test_all_threads_have_their_last_name_and_their_times(opened: Any) -> None:
    threads = opened.of("threads")
    assert [thread.name for thread in sorted(threads, key=lambda thread: thread.start_ns)] == [
        "MainThread",
        "first",
        "second",
        "after",
        None,
        "fails",
    ]
    assert all(thread.end_ns is None for thread in threads if thread.name == "MainThread")
    assert all(thread.start_ns <= thread.end_ns for thread in threads if thread.name != "MainThread")
    assert len({thread.native_id for thread in threads}) == len(threads)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="threads are told apart on x86-64 alone")
def test_each_thread_is_sampled_in_its_own_functions(opened: Any) -> None:
    (stacks,) = opened.of("stacks")
    names = [function.name for function in opened.of("functions")]
    sampled: dict[str, set[str]] = {}
    for chunk in opened.of("samples"):
        seen = sampled.setdefault(opened.of("threads")[chunk.thread].name or "", set())
        for row in set(chunk.stack):
            while row >= 0:
                seen.add(names[stacks.function[row]])
                row = stacks.parent[row]
    assert "first" in sampled["first"]
    assert "second" in sampled["second"]
    assert "asleep" in sampled["after"]
    assert not sampled["first"] & {"second", "asleep", "<module>"}
    assert not sampled["second"] & {"first", "asleep", "<module>"}
    assert opened.problems() == set()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="threads are told apart on x86-64 alone")
def test_samples_of_a_thread_lie_in_its_life(opened: Any) -> None:
    for chunk in opened.of("samples"):
        thread = opened.of("threads")[chunk.thread]
        last = chunk.first_ns + sum(chunk.time)
        # Ticks are turned into times with an error of some microseconds.
        assert thread.start_ns - 1_000_000 < chunk.first_ns
        assert last < (thread.end_ns or opened.run.duration_ns) + 1_000_000


TIMEOUTS = """\
import select, socket, threading
def wait():
    ours, theirs = socket.socketpair()
    ours.settimeout(0.05)
    try:
        ours.recv(1)
    except socket.timeout:
        print("in time", select.poll().poll(20))
wait()
thread = threading.Thread(target=wait)
thread.start()
thread.join()
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="poll can be taken up again on x86-64 alone")
def test_a_sockets_timeout_comes_though_signals_arrive_more_often(twice: Any) -> None:
    twice.write("prog.py", TIMEOUTS)
    assert twice.same("prog.py").stdout == b"in time []\n" * 2


def test_many_short_threads_are_all_known(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import threading\n"
        "for number in range(1000):\n"
        "    thread = threading.Thread(target=int, name=f't{number}')\n"
        "    thread.start()\n"
        "    thread.join()\n",
    )
    assert twice.recorded("prog.py").returncode == 0
    names = {thread.name for thread in twice.opened().of("threads")}
    assert names == {"MainThread", *(f"t{number}" for number in range(1000))}


def test_loops_that_threads_compile_have_their_code(twice: Any) -> None:
    # GIVEN a function that stands in no file, and is compiled while there are several threads
    twice.write(
        "prog.py",
        "import threading\n"
        "exec('def made(n):\\n    while n: n -= 1\\n')\n"
        "threads = [threading.Thread(target=made, args=(20_000,)) for _ in range(2)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n",
    )
    assert twice.recorded("--interval", "0", "prog.py").returncode == 0
    opened = twice.opened()
    # THEN the hook, which runs no Python code then, has kept it
    assert opened.problems() == set()
    assert [bool(each.bytecode) for each in opened.of("functions") if each.name == "made"] == [True]
