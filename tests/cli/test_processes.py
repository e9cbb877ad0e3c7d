"""Processes that a recorded program starts: each is one of the bundle's."""

from __future__ import annotations

from typing import Any

import pytest

from tracebin.bundle.records import Exit, Process

HOT = "def hot(n):\n    total = 0\n    for i in range(n): total += i % 7\n    return total\n"
FAMILY = f"""\
import os, subprocess, sys
{HOT}
hot(3_000_000)
def fork(end):
    pid = os.fork()
    if pid == 0:
        hot(20_000_000)
        end()
    os.waitpid(pid, 0)
fork(lambda: sys.exit(3))
fork(lambda: os._exit(4))
fork(lambda: os.kill(os.getpid(), 9))
subprocess.run([sys.executable, "other.py", "a b"], check=True)
subprocess.run("$PYPY other.py; exit 5", shell=True, env={{**os.environ, "PYPY": sys.executable}})
subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
subprocess.run(["env"], check=True)
os.spawnl(os.P_WAIT, sys.executable, sys.executable, "other.py")
os.execl(sys.executable, sys.executable, "other.py", "last")
"""
OTHER = f"import os, sys\n{HOT}hot(10_000_000)\nprint(sys.argv, *sorted(os.environ), sys.path, flush=True)\n"


class Family:
    """One program and all it starts, recorded once."""

    def __init__(self, twice: Any) -> None:
        twice.write("prog.py", FAMILY)
        twice.write("other.py", OTHER)
        self.plain = twice.same("prog.py")
        self.opened = twice.opened()
        self.processes: list[Process] = self.opened.of("processes")

    def functions_of(self, process: int) -> set[str]:
        """Name what was sampled in a process."""
        functions = self.opened.of("functions")
        (stacks,) = self.opened.of("stacks")
        threads = [number for number, row in enumerate(self.opened.of("threads")) if row.process == process]
        rows = [row for chunk in self.opened.of("samples") if chunk.thread in threads for row in chunk.stack]
        return {functions[stacks.function[row]].name for row in rows if stacks.function[row] >= 0}


@pytest.fixture(scope="module")
def family(twice_in: Any) -> Family:
    return Family(twice_in("family"))


def test_each_has_its_command_parent_and_exit(family: Family) -> None:
    found = [(process.parent, process.command, process.exit) for process in family.processes]
    assert found == [
        (None, ["prog.py"], None),
        (0, ["prog.py"], Exit(3, None)),
        (0, ["prog.py"], Exit(4, None)),
        (0, ["prog.py"], Exit(None, 9)),
        (0, ["other.py", "a b"], Exit(0, None)),
        (0, ["other.py"], None),
        (0, ["other.py"], Exit(0, None)),
        (0, ["other.py", "last"], Exit(0, None)),
    ]
    # The last is the program itself, become another by exec.
    assert family.processes[0].pid == family.processes[-1].pid
    assert family.opened.run.exit == Exit(0, None)


def test_their_times_lie_one_after_the_other(family: Family) -> None:
    children = family.processes[1:]
    times = [time for process in children for time in (process.start_ns, process.end_ns)]
    assert times == sorted(times)
    assert family.processes[0].end_ns <= children[-1].start_ns + 1_000_000_000
    assert children[-1].end_ns <= family.opened.run.duration_ns


def test_each_has_samples_with_the_names_of_functions(family: Family) -> None:
    for process in range(len(family.processes)):
        assert "hot" in family.functions_of(process)


def test_a_started_one_has_traces_of_its_own_and_a_forked_one_its_parents(family: Family) -> None:
    functions, traces = family.opened.of("functions"), family.opened.of("traces")
    hot = {number for number, function in enumerate(functions) if function.name == "hot"}
    with_hot = {trace.process for trace in traces if trace.function in hot and trace.kind == "loop"}
    assert {0, 4, 5, 6, 7} <= with_hot
    assert not with_hot & {1, 2, 3}
    # Forked children were sampled in the machine code of the trace that their parent had compiled.
    (stacks,) = family.opened.of("stacks")
    threads = family.opened.of("threads")
    for chunk in family.opened.of("samples"):
        if threads[chunk.thread].process in (1, 2, 3):
            inside = {stacks.trace[row] for row in chunk.stack if stacks.trace[row] >= 0}
            assert 0 in {traces[trace].process for trace in inside}


def test_one_function_of_one_file_is_one_in_all_processes(family: Family) -> None:
    files, functions = family.opened.of("files"), family.opened.of("functions")
    hot = [files[function.file].path for function in functions if function.name == "hot"]
    assert sorted(path.rpartition("/")[2] for path in hot) == ["other.py", "prog.py"]


def test_what_could_not_be_recorded_is_told(family: Family) -> None:
    told = {(problem.kind, problem.count) for problem in family.opened.of("problems")}
    # -I keeps PyPy from reading PYTHONPATH. What was killed had no trace of its own to count; its log may end
    # in the middle of a collection.
    assert told - {("log-cut", 1)} == {("children", 1), ("no-end", 1)}


# Both workers are there before one of them begins.
POOLS = f"""\
import concurrent.futures, multiprocessing, sys
{HOT}
def meet(barrier): barrier.wait()
if __name__ == "__main__":
    kind = sys.argv[1]
    context = multiprocessing.get_context("fork" if kind == "futures" else kind)
    both = dict(initializer=meet, initargs=(context.Barrier(2),))
    if kind == "futures":
        with concurrent.futures.ProcessPoolExecutor(2, context, **both) as pool:
            print(sorted(pool.map(hot, [3_000_000] * 2)))
    else:
        with context.Pool(2, **both) as pool:
            print(pool.map(hot, [3_000_000] * 2))
"""


@pytest.mark.parametrize(("kind", "least"), [("fork", 3), ("spawn", 4), ("futures", 3)])
def test_the_workers_of_a_pool_are_processes(twice: Any, kind: str, least: int) -> None:
    twice.write("prog.py", POOLS)
    assert twice.same("prog.py", kind).stdout == b"[8999994, 8999994]\n"
    opened = twice.opened()
    assert len(opened.of("processes")) >= least
    assert {process.parent for process in opened.of("processes")} == {None, 0}
    assert opened.problems() <= {"no-counts", "no-end", "log-cut"}


# The child has no stream of the launcher's, and goes on when the program's end of the pipe is closed.
OUTLIVING = """\
import os
wait, held = os.pipe()
if os.fork() == 0:
    os.close(held)
    for number in range(3): os.dup2(os.open(os.devnull, os.O_RDWR), number)
    os.read(wait, 1)
    # pytest removes the folder, maybe before the child has seen the file.
    while os.path.exists("prog.py") and not os.path.exists("stop"): pass
    for number in range(10_000): pass
"""


def test_a_child_that_outlives_the_program_is_waited_for(twice: Any) -> None:
    twice.write("prog.py", OUTLIVING)
    twice.write("stop", "")
    assert twice.recorded("--wait", "100", "prog.py").returncode == 0
    opened = twice.opened()
    assert opened.problems() == set()
    program, child = opened.of("processes")
    # The child says its end itself, the program's is when the launcher saw it: which comes first is chance.
    assert max(program.end_ns, child.end_ns) <= opened.run.duration_ns
    assert child.summary["total_number_of_loops"] > 0, "what PyPy writes at the end is there"


def test_a_child_that_goes_on_is_left_out(twice: Any) -> None:
    twice.write("prog.py", OUTLIVING)
    try:
        assert twice.recorded("--wait", "0", "prog.py").returncode == 0
    finally:
        twice.write("stop", "")
    opened = twice.opened()
    assert len(opened.of("processes")) == 1
    assert opened.problems() == {"children-left-out"}
