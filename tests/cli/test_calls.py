"""Exact calls of real programs, held against the tree that they are known to make."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SHAPES = Path(__file__).with_name("shapes.py")
TREE = """\
<module>
 main
  plain
   leaf
   leaf
  generators
   numbers
    leaf
   numbers
   numbers
    leaf
  exceptions
   fall
    fall
     fall
      fall
   leaf
  coroutines
   both
   part
   part
   both
   part
    leaf
   part
    leaf
   both
  recursion
  threads
  callbacks
   <lambda>
   <lambda>
  traced
   leaf
  leave
   leaf
"""
IN_THREAD = "in_thread\n plain\n  leaf\n  leaf\n"
HOT = "def hot(n):\n    return n + 1\ndef cold():\n    return sum(hot(i) for i in range(3000))\ncold()\n"


@dataclasses.dataclass(frozen=True)
class Call:
    name: str
    start: int
    end: int
    depth: int


def calls_by_thread(opened: Any) -> dict[int, list[Call]]:
    functions = opened.of("functions")
    found: dict[int, list[Call]] = {}
    for chunk in opened.of("calls"):
        start = chunk.first_ns
        rows = found.setdefault(chunk.thread, [])
        for delta, duration, depth, function in zip(chunk.start, chunk.duration, chunk.depth, chunk.function):
            start += delta
            name = functions[function].qualname.rpartition(".")[2]
            rows.append(Call(name, start, start + duration, depth))
    return found


def tree(calls: list[Call]) -> str:
    return "".join(f"{' ' * call.depth}{call.name}\n" for call in calls)


def is_nested(calls: list[Call]) -> bool:
    """Say whether each call lies in the one that it is inside of by its depth."""
    around: list[Call] = []
    for call in calls:
        if call.depth > len(around):
            return False
        del around[call.depth :]
        if around and not around[-1].start <= call.start <= call.end <= around[-1].end:
            return False
        around.append(call)
    return True


@pytest.fixture(scope="module")
def shapes(twice_in: Callable[[str], Any]) -> Any:
    twice = twice_in("shapes")
    twice.write("shapes.py", SHAPES.read_text())
    done = twice.recorded("--calls", "exact", "--include", "shapes.py", "shapes.py")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    return twice.opened()


def test_every_shape_of_call_is_in_the_tree_of_its_thread(shapes: Any) -> None:
    by_thread = calls_by_thread(shapes)
    names = [shapes.of("threads")[thread].name for thread in by_thread]
    assert names == ["MainThread", "deep", "other", "other", "other"]
    main, deep, *others = by_thread.values()
    assert tree(main) == TREE
    assert [tree(calls) for calls in others] == [IN_THREAD] * 3
    # As shapes.py has it.
    most = 10_000 if shapes.run.pypy.version.startswith("8.") else 100_000
    assert [(call.name, call.depth) for call in deep] == [("deep", depth) for depth in range(most + 1)]
    assert all(is_nested(calls) for calls in by_thread.values())


def test_what_the_patterns_leave_out_is_counted_and_nothing_else_is_missing(shapes: Any) -> None:
    (left_out,) = shapes.of("problems")
    assert left_out.kind == "calls-left-out"
    assert left_out.count > 1000  # asyncio and threading
    assert shapes.run.options.recorder["calls"] == "exact"
    assert shapes.run.options.recorder["include"] == "shapes.py"
    assert (shapes.of("samples"), shapes.of("stacks")) == ([], [])


def test_calls_end_with_the_last_event_where_the_program_takes_the_profile_function(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import sys\ndef f(): pass\ndef g():\n f()\n sys.setprofile(lambda *event: None)\n f()\ng()\nf()\n",
    )
    twice.same("prog.py")
    assert twice.recorded("--calls", "exact", "--include", "prog.py", "prog.py").returncode == 0
    opened = twice.opened()
    (calls,) = calls_by_thread(opened).values()
    assert tree(calls) == "<module>\n g\n  f\n"
    assert {call.end for call in calls[:2]} == {calls[2].end}
    (lost,) = [problem for problem in opened.of("problems") if problem.kind == "calls-lost"]
    assert f"from {calls[2].end / 1e9:.6f} s on" in lost.text


LOSES = """\
import sys, threading
def f(): pass
def lost():
    f()
    sys.setprofile(lambda *event: None)
    f()
def kept():
    for _ in range(10): f()
for work in lost, kept:
    thread = threading.Thread(target=work, name=work.__name__)
    thread.start()
    thread.join()
"""


def test_of_threads_one_after_the_other_the_one_that_lost_its_calls_is_told(twice: Any) -> None:
    twice.write("prog.py", LOSES)
    assert twice.recorded("--calls", "exact", "--include", "prog.py", "prog.py").returncode == 0
    opened = twice.opened()
    _, lost, kept = calls_by_thread(opened).values()
    assert [tree(lost), tree(kept)] == ["lost\n f\n", "kept\n" + " f\n" * 10]
    (problem,) = [problem for problem in opened.of("problems") if problem.kind == "calls-lost"]
    assert f"from {lost[-1].end / 1e9:.6f} s on" in problem.text


GAPS = """\
import os, sys, threading
def f(): pass
def away():
    global ours
    ours = sys.getprofile()
    sys.setprofile(None)
def back(): sys.setprofile(ours)
def inner():
    f()
    away()
    f()
def outer():
    inner()
    back()
    f()
def other():
    f()
    sys.setprofile(ours)
    f()
outer()
f()
thread = threading.Thread(target=other)
thread.start()
thread.join()
away()
if not os.fork(): f(), back(), f(), os._exit(0)
if not os.fork(): f(), os._exit(0)
os.wait(), os.wait()
back()
f()
"""


@pytest.mark.parametrize("mode", ["exact", "exact+c"])
def test_calls_go_on_where_the_program_puts_the_recorders_profile_function_back(
    twice: Any, mode: str
) -> None:
    twice.write("prog.py", GAPS)
    done = twice.recorded("--calls", mode, "--include", "prog.py", "prog.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    opened = twice.opened()
    main, other, child = calls_by_thread(opened).values()
    first, second = "<module>\n outer\n  inner\n   f\n   away\n", "<module>\n outer\n  back\n  f\n f\n away\n"
    assert tree(main) == first + second + "<module>\n back\n f\n"
    assert tree(other) == "other\n f\n f\n"
    assert tree(child) == "<module>\n back\n f\n"
    assert all(is_nested(calls) for calls in (main, other, child))
    lost = [problem for problem in opened.of("problems") if problem.kind == "calls-lost"]
    assert sorted(problem.count for problem in lost) == [1, 1, 2]
    stretch = f"from {main[4].end / 1e9:.6f} s to {main[5].start / 1e9:.6f} s, from"
    assert sum(stretch in problem.text for problem in lost) == 1


def test_a_killed_program_keeps_the_calls_that_were_written_and_invents_none(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import os\ndef f(): pass\ndef g():\n for _ in range(100_000): f()\n os.kill(os.getpid(), 9)\ng()\n",
    )
    assert twice.recorded("--calls", "exact", "--include", "prog.py", "prog.py").returncode == 137
    opened = twice.opened()
    (calls,) = calls_by_thread(opened).values()
    assert [call.name for call in calls[:3]] == ["<module>", "g", "f"]
    assert {call.name for call in calls[2:]} == {"f"}
    assert is_nested(calls)
    assert calls[0].end == calls[1].end == max(call.end for call in calls)


def test_builtin_functions_are_called_with_plus_c(twice: Any) -> None:
    twice.write("prog.py", "def f():\n x = []\n x.append(len('ab'))\n sorted(x, key=lambda n: abs(n))\nf()\n")
    assert twice.recorded("--calls", "exact+c", "prog.py").returncode == 0
    opened = twice.opened()
    (calls,) = calls_by_thread(opened).values()
    first = next(place for place, call in enumerate(calls) if call.name == "f")
    text = tree(calls[first : first + 5]).replace(" " * calls[first].depth, "", 1)
    assert [line.strip() for line in text.splitlines()] == ["f", "len", "append", "<lambda>", "abs"]
    files = opened.of("files")
    names = {function.qualname: files[function.file] for function in opened.of("functions")}
    assert names["list.append"].origin == names["len"].origin == "builtin"
    assert opened.problems() == set()


@pytest.mark.parametrize(
    ("options", "kept", "left_out"),
    [
        (["--max-calls", "10"], 10, True),
        (["--min-duration", "100"], 0, True),
        (["--exclude", "prog.py", "--include", "prog.py"], 0, True),
        (["--include", "prog"], 6003, True),
    ],
)
def test_what_is_left_out_is_counted(twice: Any, options: list[str], kept: int, left_out: bool) -> None:
    twice.write("prog.py", HOT)
    assert twice.recorded("--calls", "exact", *options, "prog.py").returncode == 0
    opened = twice.opened()
    rows = [call for calls in calls_by_thread(opened).values() for call in calls]
    assert len(rows) == kept
    assert is_nested(rows)
    assert ("calls-left-out" in opened.problems()) is left_out


def test_without_samples_and_calls_there_are_neither(twice: Any) -> None:
    twice.write("prog.py", HOT)
    assert twice.recorded("--calls", "off", "prog.py").returncode == 0
    opened = twice.opened()
    assert (opened.of("samples"), opened.of("calls"), opened.problems()) == ([], [], set())
    assert opened.run.options.recorder["calls"] == "off"


def test_a_pause_ends_open_calls_which_go_on_after_it(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import tracebin\ndef f(): pass\ndef g():\n f()\n tracebin.pause()\n f()\n tracebin.resume()\n f()\n"
        "g()\nf()\n",
    )
    assert twice.recorded("--calls", "exact", "--include", "prog.py", "prog.py").returncode == 0
    opened = twice.opened()
    (calls,) = calls_by_thread(opened).values()
    assert tree(calls) == "<module>\n g\n  f\n<module>\n g\n  f\n f\n"
    assert is_nested(calls)
    ((start, end),) = opened.of("processes")[0].paused
    assert (calls[0].end, calls[3].start) == (calls[1].end, calls[4].start)
    assert all(call.end <= start + 1_000_000 or call.start >= end - 1_000_000 for call in calls)


# More frames than a thread's memory has words.
DEEP_IN_PAUSE = """\
import sys, threading, tracebin
waiting, resumed = threading.Event(), threading.Event()
def leaf(): pass
def down(n):
    if n:
        return down(n - 1)
    waiting.set()
    resumed.wait()
    leaf()
def work():
    down(9000)
    leaf()
threading.stack_size(1 << 28)
sys.setrecursionlimit(10_000_000)
thread = threading.Thread(target=work)
thread.start()
waiting.wait()
for _ in range(2):
    tracebin.pause()
    tracebin.resume()
resumed.set()
thread.join()
leaf()
"""


def test_calls_of_other_threads_go_on_after_a_pause(twice: Any) -> None:
    twice.write("prog.py", DEEP_IN_PAUSE)
    assert twice.recorded("--calls", "exact", "--include", "prog.py", "prog.py").returncode == 0
    opened = twice.opened()
    main, other = calls_by_thread(opened).values()
    assert tree(main) == "<module>\n<module>\n<module>\n leaf\n"
    stack = ["work", *["down"] * 9001]
    shape = [(name, depth) for depth, name in enumerate(stack)]
    after = [call for call in other if call.start >= main[2].start]
    assert [(call.name, call.depth) for call in after] == [*shape, ("leaf", 9002), ("leaf", 1)]
    assert [(call.name, call.depth) for call in other[: len(shape)]] == shape
    assert {call.start for call in after[: len(shape)]} == {main[2].start}
    assert is_nested(other)
    assert opened.problems() == {"calls-left-out"}


def test_a_pause_may_end_in_a_builtin_functions_callback_and_be_followed_by_a_fork(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import os, tracebin\ndef f(): pass\n"
        "def key(n):\n tracebin.pause()\n tracebin.resume()\n f()\n return n\n"
        "sorted([1], key=key)\ntracebin.pause()\n"
        "tracebin.resume(); child = os.fork()\nf()\nif child: os.waitpid(child, 0)\n",
    )
    assert twice.recorded("--calls", "exact+c", "--include", "prog.py", "prog.py").returncode == 0
    opened = twice.opened()
    parent, child = (tree(calls) for calls in calls_by_thread(opened).values())
    assert parent == "<module>\n key\n<module>\n key\n  f\n<module>\n f\n"
    assert child == "<module>\n f\n"
    assert opened.problems() == {"calls-left-out"}


# A buffer has room for 256 events at first: some children find it nearly full.
FORKS = """\
import os, tracebin
def before(): pass
def inside(): pass
def work():
    for _ in range(10): inside()
for k in range(61):
    for _ in range(k): before()
    if not os.fork():
        work()
        tracebin.mark("child", k=k)
        os._exit(0)
    os.wait()
"""


def test_a_child_made_by_fork_has_its_own_calls_however_many_its_parent_holds(twice: Any) -> None:
    twice.write("prog.py", FORKS)
    done = twice.recorded("--calls", "exact", "--include", "prog.py", "prog.py")
    assert (done.returncode, done.stderr) == (0, b"")
    opened = twice.opened()
    parent, *children = (tree(calls) for calls in calls_by_thread(opened).values())
    assert parent == "<module>\n" + " before\n" * sum(range(61))
    assert children == ["<module>\n work\n" + "  inside\n" * 10] * 61
    assert [mark.data for mark in opened.of("marks")] == [f'{{"k": {k}}}' for k in range(61)]
    assert opened.problems() == {"calls-left-out"}


# The agent's own part fails in the child, at its start or at its end.
FAILS = """\
import os, sys
calls = sys.getprofile().__globals__["owner"]
def fail(*_): raise KeyError(1026)
child = os.fork() if sys.argv[1] == "stop" else 0
if not child:
    setattr(calls, sys.argv[1], fail)
    child = os.fork() if sys.argv[1] == "follow" else 0
    print("here", flush=True)
if not child: os._exit(3)
print(os.WEXITSTATUS(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize(("part", "where"), [("follow", "fork"), ("stop", "end")])
def test_a_fault_of_the_recorders_in_a_child_is_told_and_not_the_programs(
    twice: Any, part: str, where: str
) -> None:
    twice.write("prog.py", FAILS)
    done = twice.recorded("--calls", "exact", "prog.py", part)
    assert (done.returncode, done.stderr) == (0, b"")
    opened = twice.opened()
    faults = [problem for problem in opened.of("problems") if problem.kind == "agent-fault"]
    child = opened.of("processes")[1]
    assert [(each.where, f"{where}: KeyError: 1026" in each.text) for each in faults] == [
        (f"process {child.pid}", True)
    ]


# Its events, 8 bytes each, would be 77 MB.
LONG = """\
def resident():
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("VmHWM:"))
def one(n):
    return n + 1
def many(n):
    for i in range(n):
        one(i)
many(300_000)
before = resident()
many(4_500_000)
print(resident() - before)
"""


def test_the_programs_memory_does_not_grow_with_its_calls(twice: Any) -> None:
    twice.write("prog.py", LONG)
    done = twice.recorded("--calls", "exact", "--min-duration", "0.01", "prog.py")
    assert (done.returncode, done.stderr) == (0, b"")
    assert int(done.stdout) <= 64 * 1024, "KiB"
    assert sum(each.count for each in twice.opened().of("problems") if "left" in each.kind) > 4_500_000
