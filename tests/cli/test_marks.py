"""Marks, spans and pauses of real programs, on a PyPy that has no tracebin."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracebin.bundle.records import GC_KINDS

CLOSE_NS = 1_000_000

PROGRAM = """\
import gc, json, threading, time
import tracebin

times = []

def mark(name, **data):
    before = time.perf_counter_ns()
    tracebin.mark(name, **data)
    times.append([name, before, time.perf_counter_ns()])

def counted(n):
    total = 0
    for i in range(n):
        total += i % 7
    return total

def counted_again(n):
    total = 1
    for i in range(n):
        total += i % 5
    return total

def resumed(n):
    total = 3
    for i in range(n):
        total += i % 4
    return total

def in_pause(n):
    total = 2
    for i in range(n):
        total += i % 3
    return total

mark("begin")
kept = [[i] for i in range(100_000)]
mark("collect", what="all")
gc.collect()
mark("collected")
counted(30_000_000)
mark("counted")
with tracebin.span("again", n=30_000_000):
    counted_again(30_000_000)
mark("counted again")
tracebin.pause()
mark("paused")
in_pause(30_000_000)
mark("resuming")
tracebin.resume()
resumed(30_000_000)

@tracebin.span("thread")
def work():
    mark("in thread", thread=threading.current_thread().name)

thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()

@tracebin.span("generator")
def rows():
    with tracebin.span("inside"):
        yield 1
    yield 2

try:
    with tracebin.span("raises"):
        list(rows())
        raise KeyError
except KeyError:
    mark("caught", odd=float("nan"), long="x" * 10_000)
tracebin.mark("n" * 1000)
print(json.dumps(times))
"""


class Marked:
    """The program recorded: its bundle, and what it says of its own times."""

    def __init__(self, twice: Any) -> None:
        twice.write("prog.py", PROGRAM)
        done = twice.recorded("prog.py")
        assert (done.returncode, done.stderr) == (0, b"")
        self.opened = twice.opened()
        self.times = {name: (before, after) for name, before, after in json.loads(done.stdout)}
        self.marks = self.opened.of("marks")
        self.by_name = {mark.name: mark for mark in self.marks}
        self.functions = [function.name for function in self.opened.of("functions")]

    def at(self, name: str) -> int:
        found: int = self.by_name[name].start_ns
        return found

    def sampled(self, function: str) -> list[int]:
        """Give the times of the samples with a function on their stack."""
        number = self.functions.index(function)
        within: list[bool] = []
        for chunk in self.opened.of("stacks"):
            for parent, own in zip(chunk.parent, chunk.function):
                within.append(own == number or (parent >= 0 and within[parent]))
        found = []
        for chunk in self.opened.of("samples"):
            at = chunk.first_ns
            for delta, row in zip(chunk.time, chunk.stack):
                at += delta
                found += [at] if within[row] else []
        return found


@pytest.fixture(scope="module")
def marked(twice_in: Any) -> Marked:
    return Marked(twice_in("marked"))


def test_marks_and_spans_are_there_in_order(marked: Marked) -> None:
    names = [mark.name for mark in marked.marks if mark.duration_ns is None]
    assert names == [*marked.times, "n" * 200]
    assert marked.opened.problems() == set()
    spans = {mark.name for mark in marked.marks if mark.duration_ns is not None}
    assert spans == {"again", "thread", "generator", "inside", "raises"}


def test_marks_lie_where_the_program_set_them(marked: Marked) -> None:
    # Both clocks are one and the same, but for the moment it counts from.
    first = marked.at("begin") - marked.times["begin"][0]
    last = marked.at("begin") - marked.times["begin"][1]
    for name, (before, after) in marked.times.items():
        assert before + last <= marked.at(name) <= after + first


def test_spans_hold_what_was_done_in_them(marked: Marked) -> None:
    def ends(name: str) -> tuple[int, int]:
        mark = marked.by_name[name]
        return mark.start_ns, mark.start_ns + mark.duration_ns

    outer, generator, inside = ends("raises"), ends("generator"), ends("inside")
    assert outer[0] <= generator[0] <= inside[0] <= inside[1] <= generator[1] <= outer[1]
    assert outer[1] <= marked.at("caught")
    assert marked.at("counted") <= ends("again")[0] < ends("again")[1] <= marked.at("counted again")


def test_data_is_json(marked: Marked) -> None:
    assert json.loads(marked.by_name["collect"].data) == {"what": "all"}
    assert marked.by_name["begin"].data is None
    cut = json.loads(marked.by_name["caught"].data)
    assert (cut["cut"], cut["start"][:24]) == (True, '{"odd": "nan", "long": "')


def test_marks_have_the_thread_that_set_them(marked: Marked) -> None:
    threads = marked.opened.of("threads")
    names = {name: threads[mark.thread].name for name, mark in marked.by_name.items()}
    assert (names["in thread"], names["thread"]) == ("worker", "worker")
    assert {names[name] for name in names if name not in ("in thread", "thread")} == {"MainThread"}


def test_a_forced_collection_lies_between_the_marks_around_it(marked: Marked) -> None:
    majors = []
    for chunk in marked.opened.of("gc"):
        at = chunk.first_ns
        for kind, delta, duration in zip(chunk.kind, chunk.start, chunk.duration):
            at += delta
            majors += [(at, at + duration)] if kind == GC_KINDS.index("major") else []
    start, end = marked.at("collect") - CLOSE_NS, marked.at("collected") + CLOSE_NS
    assert [start <= first <= last <= end for first, last in majors].count(True) >= 1


@pytest.mark.parametrize(
    ("function", "before", "after"),
    [("counted", "collected", "counted"), ("counted_again", "counted", "counted again")],
)
def test_samples_and_traces_lie_between_the_marks_around_their_function(
    marked: Marked, function: str, before: str, after: str
) -> None:
    start, end = marked.at(before) - CLOSE_NS, marked.at(after) + CLOSE_NS
    samples = marked.sampled(function)
    assert len(samples) > 0
    assert start <= min(samples) <= max(samples) <= end
    traces = [
        trace
        for trace in marked.opened.of("traces")
        if trace.function == marked.functions.index(function) and trace.parent is None
    ]
    assert len(traces) > 0
    assert all(start <= trace.start_ns <= trace.end_ns <= end for trace in traces)


def test_a_pause_has_traces_but_no_samples(marked: Marked) -> None:
    (process,) = marked.opened.of("processes")
    ((start, end),) = process.paused
    assert marked.at("counted again") < start < marked.at("paused") < marked.at("resuming") < end
    assert marked.sampled("in_pause") == []
    started = {trace.function for trace in marked.opened.of("traces")}
    assert marked.functions.index("in_pause") in started
    later = marked.sampled("resumed")
    assert len(later) > 0
    # Of samples the log's clock tells the time, of the pause the program's own.
    assert min(later) > end - CLOSE_NS


# --- other programs -------------------------------------------------------------------------


def test_a_program_may_start_paused(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import tracebin\n"
        "def before(n):\n    while n: n -= 1\n"
        "def after(n):\n    while n: n -= 1\n"
        "before(30_000_000)\n"
        "tracebin.mark('now')\n"
        "tracebin.resume(); tracebin.resume()\n"
        "after(30_000_000)\n"
        "tracebin.pause()\n",
    )
    assert twice.recorded("--start-paused", "prog.py").returncode == 0
    opened = twice.opened()
    (process,) = opened.of("processes")
    (mark,) = opened.of("marks")
    first, last = process.paused
    assert first.start_ns < mark.start_ns < first.end_ns < last.start_ns
    assert last.end_ns == process.end_ns
    names = [opened.of("functions")[n].name for chunk in opened.of("stacks") for n in chunk.function]
    assert "after" in names
    assert "before" not in names
    assert opened.run.options.recorder["start_paused"] is True


@pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), 9)", "raise SystemExit(3)"])
def test_a_span_that_never_ends_is_shown_to_the_end(twice: Any, end: str) -> None:
    twice.write(
        "prog.py",
        "import os, time, tracebin\n"
        "span = tracebin.span('open', n=1)\n"
        "span.__enter__()\n"
        "written = time.perf_counter_ns() + 60_000_000\n"  # what comes later is written at once
        "while time.perf_counter_ns() < written: pass\n"
        "tracebin.mark('last')\n"
        f"{end}\n",
    )
    assert twice.recorded("prog.py").returncode in (3, 137)
    opened = twice.opened()
    (process,) = opened.of("processes")
    span, mark = opened.of("marks")
    assert (span.name, span.start_ns + span.duration_ns, mark.name) == ("open", process.end_ns, "last")
    assert "open-spans" in opened.problems()


def test_marks_from_threads_and_signals_are_all_there_once(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import signal, threading, tracebin\n"
        "rings = []\n"
        "def ring(*rest):\n"
        "    tracebin.mark('ring', n=len(rings)); rings.append(1)\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.001)\n"
        "signal.signal(signal.SIGALRM, ring)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001)\n"
        "def work(number):\n"
        "    for n in range(1000):\n"
        "        with tracebin.span(str(number)): tracebin.mark('m', n=n)\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "work(4)\n"
        "for thread in threads: thread.join()\n"
        "while not rings: pass\n"
        "signal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
        "print(len(rings))\n",
    )
    done = twice.recorded("prog.py")
    opened = twice.opened()
    found: dict[str, list[Any]] = {}
    for mark in opened.of("marks"):
        found.setdefault(mark.name, []).append(mark)
    rings = sorted(json.loads(mark.data)["n"] for mark in found.pop("ring"))
    assert rings == list(range(int(done.stdout)))
    numbers = sorted(json.loads(mark.data)["n"] for mark in found.pop("m"))
    assert numbers == sorted(list(range(1000)) * 5)
    assert {name: len(spans) for name, spans in found.items()} == dict.fromkeys("01234", 1000)
    assert [len({mark.thread for mark in spans}) for spans in found.values()] == [1] * 5
    assert opened.problems() & {"open-spans", "marks-left-out", "agent-fault"} == set()


def test_marks_and_pauses_beyond_a_number_are_counted(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import sys, tracebin\n"
        "agent = sys.meta_path[-1].tracebin_marks\n"
        "agent.numbers = iter(range(1, 3))\n"
        "agent.pausing.left = 1\n"
        "for n in range(5):\n"
        "    tracebin.pause()\n"
        "    with tracebin.span('s'): tracebin.mark('m')\n"
        "    tracebin.resume()\n",
    )
    assert twice.recorded("prog.py").returncode == 0
    opened = twice.opened()
    assert [mark.name for mark in opened.of("marks")] == ["s", "m"]
    assert len(opened.of("processes")[0].paused) == 1
    counts = {problem.kind: problem.count for problem in opened.of("problems")}
    assert (counts["marks-left-out"], counts["pauses-left-out"]) == (8, 4)


def test_a_child_made_by_fork_leaves_its_parents_marks_alone(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import os, sys, tracebin\n"
        "tracebin.mark('before')\n"
        "with tracebin.span('both'):\n"
        "    pid = os.fork()\n"
        "    tracebin.mark('child' if pid == 0 else 'parent')\n"
        "    tracebin.pause(); tracebin.resume()\n"
        "if pid == 0: os._exit(0)\n"
        "os.waitpid(pid, 0)\n",
    )
    assert twice.recorded("prog.py").returncode == 0
    opened = twice.opened()
    process, *_ = opened.of("processes")
    mains = {n for n, thread in enumerate(opened.of("threads")) if thread.process == 0}
    assert [m.name for m in opened.of("marks") if m.thread in mains] == ["before", "both", "parent"]
    assert len(process.paused) == 1


def test_a_module_of_the_programs_own_comes_first(twice: Any) -> None:
    twice.write("tracebin.py", "def mark(name):\n    print('mine', name)\n")
    twice.write("prog.py", "import tracebin\ntracebin.mark('x')\n")
    assert twice.same("prog.py").stdout == b"mine x\n"
    assert twice.opened().of("marks") == []


def test_a_package_of_another_name_is_missing_as_ever(twice: Any) -> None:
    twice.write(
        "prog.py",
        "for name in 'tracebin_agent', 'tracebin.nothing', 'nothing':\n"
        "    try: __import__(name)\n"
        "    except ModuleNotFoundError as fault: print(fault.name)\n",
    )
    assert twice.recorded("prog.py").stdout == b"tracebin_agent\ntracebin.nothing\nnothing\n"


def test_show_lists_them(marked: Marked, twice: Any) -> None:
    twice.write("prog.py", "import tracebin\nwith tracebin.span('load'): tracebin.mark('here')\n")
    done = twice.tracebin("run", "-o", "out/run.json.gz", "prog.py")
    assert b"\n  marks     load " in done.stderr
    shown = json.loads(twice.tracebin("show", "--json", "out/run.json.gz").stdout)
    assert [(row["name"], row["kind"], row["count"]) for row in shown["marks"]] == [
        ("load", "span", 1),
        ("here", "mark", 1),
    ]
