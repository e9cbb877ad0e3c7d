"""Programs whose greenlets take turns, with PyPy's own greenlet module."""

from __future__ import annotations

from typing import Any

import pytest

PROGRAM = """\
import greenlet, sys
def spin(n):
    total = 0
    for i in range(n):
        total += i % 7
    return total
def turns(others, n):
    for _ in range(n):
        spin(20_000)
        others[0].switch()
    raise KeyError(n)
def short():
    return spin(100)
def main(n):
    ping, pong = [], []
    ping.append(greenlet.greenlet(lambda: turns(pong, n)))
    pong.append(greenlet.greenlet(lambda: turns(ping, n)))
    try:
        ping[0].switch()
    except KeyError as fault:
        print(fault)
    for each in [greenlet.greenlet(short) for _ in range(1000)]:
        each.switch()
    # One that is never resumed.
    left = greenlet.greenlet(lambda: greenlet.getcurrent().parent.switch())
    left.switch()
    print(spin(10))
main(int(sys.argv[1]))
"""


@pytest.mark.parametrize("calls", ["exact", "exact+c"])
def test_exact_calls_of_greenlets_are_nested_and_not_certain(twice: Any, calls: str) -> None:
    twice.write("prog.py", PROGRAM)
    done = twice.recorded("--calls", calls, "prog.py", "20")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"20\n24\n", b"")
    opened = twice.opened()
    assert opened.problems() == {"calls-unfit"}
    names = [function.name for function in opened.of("functions")]
    for chunk in opened.of("calls"):
        depth, ends, start = -1, [], chunk.first_ns
        for delta, duration, deep in zip(chunk.start, chunk.duration, chunk.depth):
            start += delta
            assert deep <= depth + 1
            del ends[deep:]
            assert not ends or start + duration <= ends[-1]
            ends.append(start + duration)
            depth = deep
    counted = [names[function] for chunk in opened.of("calls") for function in chunk.function]
    # Twenty turns of one greenlet and, where the first ends, twenty of the other.
    assert counted.count("spin") == 20 + 20 + 1000 + 1
    assert counted.count("short") == 1000


def test_samples_have_the_stack_of_the_greenlet_that_runs(twice: Any) -> None:
    twice.write("prog.py", PROGRAM)
    twice.same("prog.py", "3000")
    opened = twice.opened()
    assert opened.problems() == set()
    names = [function.name for function in opened.of("functions")]
    parents: list[int] = []
    functions: list[int] = []
    for chunk in opened.of("stacks"):
        parents += chunk.parent
        functions += chunk.function
    frames = dict(enumerate(names[number] if number >= 0 else "?" for number in functions))
    sampled = [row for chunk in opened.of("samples") for row in chunk.stack]
    found = {frames.get(parents[row], "none") for row in sampled if frames[row] == "spin"}
    assert "turns" in found
    assert found <= {"turns", "short", "main"}
