"""Several processes of one recording: by their notes alone, and what the agent thinks of executables."""

from __future__ import annotations

import importlib
import marshal
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tracebin.bundle.compression import open_bundle
from tracebin.bundle.reader import BundleReader
from tracebin.bundle.records import Exit, Host, Problem, Process
from tracebin.recorder.assemble import assemble
from tracebin.recorder.decoding import LocalDecoder
from tracebin.recorder.process_problems import file_problems, merged
from tracebin.recorder.raw import MOST_PROCESSES, Finish, Launch, RawRecording
from tracebin.recorder.waiting import Outliving

AGENT = Path(__file__).resolve().parents[2] / "recorder" / "site" / "tracebin_agent"
ORIGIN = 1000


def load(name: str) -> ModuleType:
    """Load a module of the agent's that needs nothing of PyPy's, without the package's own."""
    package = sys.modules.setdefault("bare_agent", ModuleType("bare_agent"))
    package.__path__ = [str(AGENT)]
    return importlib.import_module(f"bare_agent.{name}")


class Recorded:
    """A raw recording made of notes alone."""

    def __init__(self, folder: Path) -> None:
        self.raw = RawRecording(folder)
        host = Host("Linux", "6", "x86_64", 2)
        launch = Launch(
            ["p.py"], "script", "/x", "2026-11-22T00:00:00.000000Z", ORIGIN, host, "0", {}, {}, {}
        )
        self.raw.write_launch(launch)

    def process(self, stem: str, *frames: tuple[Any, ...], **about: Any) -> None:
        start = {"pid": int(stem.rpartition(".")[2]), "stdlib": "/lib", "agent": "/agent", **about}
        data = b"".join(marshal.dumps(frame) for frame in [("start", start), *frames])
        (self.raw.folder / f"{stem}.notes").write_bytes(data)

    def finish(self, *left_out: str, seen: list[str] | None = None) -> None:
        self.raw.write_finish(Finish(7, ORIGIN + 900, Exit(0), {}, left_out=list(left_out), seen=seen))

    def processes(self) -> list[Process]:
        return [record for record in self.records() if isinstance(record, Process)]

    def problems(self) -> dict[str, int]:
        return {row.kind: row.count for row in self.records() if isinstance(row, Problem)}

    def records(self) -> list[Any]:
        out = self.raw.folder / "out.json"
        assemble(self.raw.folder, out, LocalDecoder())
        with open_bundle(out) as stream:
            return [element.record for element in BundleReader(stream, strict=True)]


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    made = Recorded(tmp_path)
    made.process("7", ("waited", 8, 3 << 8, 1500), ("waited", 8, 9, 1700), ("end", {"stopped_ns": 1800}))
    return made


def child(since_ns: int, parent: str = "7", **more: Any) -> dict[str, Any]:
    return {"parent": parent, "since_ns": since_ns, "command": ["c"], **more}


def test_children_stand_behind_their_parents_in_order_of_time(recorded: Recorded) -> None:
    recorded.process("c.9", **child(1300, "a.8"))
    recorded.process("b.10", **child(1250))
    recorded.process("a.8", **child(1200))
    recorded.finish()
    assert [(process.pid, process.parent) for process in recorded.processes()] == [
        (7, None),
        (8, 0),
        (10, 0),
        (9, 1),
    ]


def test_of_two_with_one_pid_each_has_its_own_end(recorded: Recorded) -> None:
    recorded.process("a.8", **child(1200))
    recorded.process("b.8", **child(1600))
    recorded.finish()
    first, second = recorded.processes()[1:]
    assert (first.exit, first.end_ns) == (Exit(3, None), 500)
    assert (second.exit, second.end_ns) == (Exit(None, 9), 700)


def test_a_fork_that_was_there_for_an_exec_is_none(recorded: Recorded) -> None:
    recorded.process("a.8", ("exec", 1250), **child(1200, forked=True))
    recorded.process("b.8", **child(1250, "a.8"))
    recorded.finish()
    assert [(process.pid, process.parent) for process in recorded.processes()] == [(7, None), (8, 0)]


def test_the_program_ends_where_it_became_another_which_has_its_exit(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    recorded.process("7", ("exec", 1400), ("end", {}))
    recorded.process("a.7", **child(1400))
    recorded.finish()
    first, second = recorded.processes()
    assert (first.end_ns, first.exit) == (400, None)
    assert (second.start_ns, second.end_ns, second.exit) == (400, 900, Exit(0))


def test_what_was_left_out_is_said(recorded: Recorded) -> None:
    recorded.process("a.8", **child(1200))
    recorded.process("b.9", **child(1300, "a.8"))
    (recorded.raw.folder / "processes").write_bytes(b"." * (MOST_PROCESSES + 4))
    recorded.finish("a.8")
    assert [(process.pid, process.parent) for process in recorded.processes()] == [(7, None), (9, 0)]
    problems = recorded.problems()
    assert (problems["children-left-out"], problems["children"]) == (1, 4)


def test_a_child_that_begins_when_nobody_waits_any_more_is_left_out(recorded: Recorded) -> None:
    recorded.process("a.8", ("end", {}), **child(1200))
    recorded.process("b.9", **child(1901))
    recorded.finish(seen=["7", "a.8"])
    assert [process.pid for process in recorded.processes()] == [7, 8]
    assert recorded.problems()["children-left-out"] == 1
    assert "no-end" not in recorded.problems()


def test_a_child_that_has_not_said_yet_what_it_is_still_runs(recorded: Recorded) -> None:
    stem = f"a.{os.getpid()}"
    (recorded.raw.folder / f"{stem}.notes").touch()
    outliving = Outliving(recorded.raw)
    assert (outliving.wait(0), outliving.seen) == ([stem], ["7", stem])


def test_equal_problems_of_several_processes_are_one() -> None:
    rows = [Problem(kind, "t", 2, f"process {pid}") for kind, pid in (("k", 1), ("k", 2), ("l", 1))]
    assert merged(rows) == [Problem("k", "t", 4, "2 processes"), Problem("l", "t", 2, "process 1")]


def test_files_with_the_same_fault_are_one_problem() -> None:
    assert list(file_problems(Problem("k", "t"), [])) == []
    assert list(file_problems(Problem("k", "t"), ["/b", "/b"])) == [Problem("k", "t", 1, "/b")]
    assert list(file_problems(Problem("k", "t"), ["/b", "/a", "/c"])) == [Problem("k", "t", 3, "/b, /a, /c")]
    (many,) = file_problems(Problem("k", "t"), [f"/{n}" for n in range(100)])
    assert many == Problem("k", "t", 100, "/0, /1, /2 and 97 more")


def test_waiting_ends_with_the_last_child(recorded: Recorded) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        stem = f"a.{process.pid}"
        recorded.process(stem, **child(1200))
        outliving = Outliving(recorded.raw)
        assert outliving.wait(0) == [stem]
        # WHEN it has ended, though nobody has waited for it
        assert process.stdin is not None
        process.stdin.close()
        assert outliving.wait(100) == []


def test_a_process_that_another_program_has_taken_is_not_waited_for(recorded: Recorded) -> None:
    recorded.process(f"a.{os.getpid()}", ("exec", 1250), **child(1200))
    assert Outliving(recorded.raw).wait(0) == []


# --- the agent's part ----------------------------------------------------------------------


def test_places_are_bounded_and_end_with_the_recording(tmp_path: Path) -> None:
    places = load("places")
    assert places.MOST_PROCESSES == MOST_PROCESSES
    (tmp_path / "processes").write_bytes(b"." * (MOST_PROCESSES - 1))
    assert [places.claim(str(tmp_path)) for _ in range(2)] == [True, False]
    assert not places.claim(str(tmp_path / "gone"))
    assert RawRecording(tmp_path).refused() == 1


@pytest.mark.parametrize(
    ("words", "lets"),
    [
        ([], True),
        (["prog.py", "-I"], True),
        (["-u", "-W", "-I", "-m", "x"], True),
        (["-Wignore", "-Xdev", "-c", "-I"], True),
        (["--jit", "off", "-"], True),
        (["-I", "prog.py"], False),
        (["-uE", "prog.py"], False),
        (["--jit", "off", "-S", "prog.py"], False),
        (["--", "-I"], True),
    ],
)
def test_options_that_keep_the_agent_out(words: list[str], lets: bool) -> None:
    assert load("programs").lets_us_in(words) is lets


def test_executables_are_told_by_what_they_are(tmp_path: Path) -> None:
    programs = load("programs")

    def made(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    real = made("pypy3.9-c", "")
    (tmp_path / "python").symlink_to(real)
    assert programs.kind_of(str(tmp_path / "python"), []) == programs.PYPY
    assert programs.kind_of(made("tool", "#!/usr/bin/env pypy3\n"), []) == programs.PYPY
    assert programs.kind_of(made("start", "#!/bin/sh -e\n"), []) == programs.CARRIER
    assert programs.kind_of("/bin/sh", ["-c", "true"]) == programs.CARRIER
    assert programs.kind_of(made("a.out", "\x7fELF"), []) == programs.OTHER
    assert programs.kind_of(str(tmp_path / "gone"), []) == programs.OTHER
    # What starts what it is told to is one only if that is told.
    assert programs.kind_of(made("env", ""), ["A=1", "pypy3"]) == programs.CARRIER
    assert programs.kind_of(str(tmp_path / "env"), []) == programs.OTHER
