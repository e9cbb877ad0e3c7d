"""Programs that do not behave: they run as they would, and the bundle has what can be had."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

HOT = "def hot(n):\n    s = 0\n    for i in range(n):\n        s += i % 7\n    return s\n"


def names(opened: Any) -> set[str]:
    """Name the functions that traces begin in."""
    functions = opened.of("functions")
    return {functions[trace.function].name for trace in opened.of("traces") if trace.function is not None}


def source(opened: Any, ending: str) -> Any:
    (found,) = [file for file in opened.of("files") if file.path.endswith(ending)]
    return found


# --- open files -------------------------------------------------------------------------

CLOSES = HOT + (
    "import os, sys\n"
    "hot(100_000)\n"
    "os.closerange(3, int(sys.argv[1]))\n"
    "files = [os.open('own.txt', os.O_CREAT | os.O_RDWR) for _ in range(9)]\n"
    "def hotter(n):\n"
    "    while n: n -= 1\n"
    "hotter(5_000_000)\n"
    "for n in range(3000): exec('def f%d(): pass' % n)\n"
    "print(files[0], os.path.getsize('own.txt'), {os.lseek(file, 0, 1) for file in files})\n"
)


def test_a_program_that_closes_its_files_is_recorded_on(twice: Any) -> None:
    twice.write("prog.py", CLOSES)
    assert twice.same("prog.py", "1024").stdout == b"3 0 {0}\n"
    opened = twice.opened()
    assert opened.problems() == set()
    assert {"hot", "hotter"} <= names(opened)


def test_a_program_that_closes_all_files_there_can_be_is_told(twice: Any) -> None:
    twice.write("prog.py", CLOSES)
    assert twice.same("prog.py", "1048576").stdout == b"3 0 {0}\n"
    opened = twice.opened()
    assert "files-closed" in opened.problems()
    assert "agent-fault" not in opened.problems()
    assert {"hot", "hotter"} <= names(opened)
    assert sum(trace.runs or 0 for trace in opened.of("traces")) > 0


def test_64_open_files_are_enough(twice: Any) -> None:
    twice.write(
        "prog.py", HOT + "files = [open('prog.py') for _ in range(40)]\nhot(100_000)\nprint(len(files))\n"
    )
    command = f"ulimit -n 64; exec {sys.executable} -m tracebin run -q -o {twice.bundle} prog.py"
    done = twice.call("sh", "-c", command, TRACEBIN_PYPY=twice.pypy)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"40\n", b"")
    opened = twice.opened()
    assert opened.problems() == set()
    assert "hot" in names(opened)


# --- sources ----------------------------------------------------------------------------


@pytest.mark.parametrize("does", ["os.unlink(__file__)", "open(__file__, 'w').write('def cold(): pass')"])
def test_source_is_as_it_was_when_it_ran(twice: Any, does: str) -> None:
    # GIVEN a program that is gone, or another, before its first trace, in another folder
    text = f"import os\n{does}\nos.chdir('/')\n{HOT}print(hot(100_000))\n"
    twice.write("prog.py", text)
    assert twice.recorded("prog.py").stdout == b"299995\n"
    opened = twice.opened()
    assert opened.problems() == set()
    assert source(opened, "/prog.py").text == text
    assert opened.run.cwd == str(twice.folder)


def test_source_that_was_written_meanwhile_is_told(twice: Any) -> None:
    twice.write(
        "prog.py", f"with open('made.py', 'w') as made: made.write({HOT!r})\nimport made\nmade.hot(100_000)\n"
    )
    assert twice.recorded("prog.py").returncode == 0
    opened = twice.opened()
    (problem,) = opened.of("problems")
    assert (problem.kind, problem.where) == ("source-changed", str(twice.folder / "made.py"))
    assert source(opened, "/made.py").text == HOT


def test_a_zipapp_has_its_source(twice: Any) -> None:
    with zipfile.ZipFile(twice.folder / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", "from inside.work import hot\nprint(hot(100_000))\n")
        archive.writestr("inside/__init__.py", "")
        archive.writestr("inside/work.py", HOT)
    assert twice.same("app.pyz").stdout == b"299995\n"
    opened = twice.opened()
    assert opened.problems() == set()
    work = source(opened, "app.pyz/inside/work.py")
    assert work.text == HOT
    (function,) = [function for function in opened.of("functions") if function.name == "hot"]
    assert {row.name for row in function.bytecode} >= {"FOR_ITER"}


def test_files_deep_down_are_told_apart(twice: Any) -> None:
    # PyPy's sampler writes 110 bytes of a path, and no colon.
    folder = "deep_down/" * 15 + "co:lon"
    twice.write(f"{folder}/one.py", HOT)
    twice.write(f"{folder}/two.py", HOT.replace("hot", "warm"))
    twice.write(f"{folder}/prog.py", "import one, two\none.hot(10_000_000)\ntwo.warm(10_000_000)\n")
    assert twice.recorded(f"{folder}/prog.py").returncode == 0
    opened = twice.opened()
    files = opened.of("files")
    places = [(function.name, files[function.file]) for function in opened.of("functions")]
    found = {(name, file.path.rpartition("/")[2]) for name, file in places if file.text is not None}
    assert {("hot", "one.py"), ("warm", "two.py")} <= found
    assert [name for name, _ in places if name in ("hot", "warm")] == ["hot", "warm"]
    assert opened.problems() <= {"names-cut"}


def test_relative_imports_under_m(twice: Any) -> None:
    twice.write("pkg/__init__.py", "")
    twice.write("pkg/sub/__init__.py", "from ..work import hot")
    twice.write("pkg/work.py", HOT)
    twice.write("pkg/__main__.py", "from . import sub\nprint(sub.hot(100_000), __package__)\n")
    assert twice.same("-m", "pkg").stdout == b"299995 pkg\n"
    opened = twice.opened()
    assert opened.problems() == set()
    work = source(opened, "/pkg/work.py")
    assert (work.module, work.package, work.text) == ("pkg.work", "pkg", HOT)


def test_modules_named_like_the_recorders_are_the_programs(twice: Any) -> None:
    modules = ("notes", "sampling", "tracebin_agent", "marshal_", "libc", "agent", "sections")
    for name in modules:
        twice.write(f"{name}.py", f"mine = {name!r}")
    twice.write(
        "prog.py",
        HOT + f"hot(100_000)\nfor name in {modules}: print(__import__(name).mine, end=' ')\n",
    )
    assert twice.same("prog.py").stdout.decode().split() == list(modules)
    opened = twice.opened()
    assert opened.problems() == set()
    assert "hot" in names(opened)


# --- streams ----------------------------------------------------------------------------


def test_bytes_that_are_no_text_behind_a_replaced_stdout(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import io, os, sys\n"
        "sys.stdout = io.StringIO()\n"
        "print('nobody sees this')\n"
        "os.write(1, bytes(range(256)))\n",
    )
    assert twice.same("prog.py").stdout == bytes(range(256))
    opened = twice.opened()
    assert opened.problems() == set()
    kept = opened.run.output["stdout"]
    assert (kept.encoding, kept.total_bytes) == ("base64", 256)


def test_200_mb_pass_through(twice: Any) -> None:
    program = "import sys\npiece = b'x' * (1 << 20)\nfor _ in range(200): sys.stdout.buffer.write(piece)\n"
    twice.write("prog.py", program)
    command = f"{sys.executable} -m tracebin run -q -o {twice.bundle} prog.py | wc -c"
    done = twice.call("sh", "-c", command, TRACEBIN_PYPY=twice.pypy)
    assert (done.stdout.strip(), done.stderr) == (b"%d" % (200 << 20), b"")
    opened = twice.opened()
    assert opened.problems() == set()
    assert opened.run.output["stdout"].total_bytes == 200 << 20


def test_a_program_that_talks_with_a_person(twice: Any) -> None:
    twice.write(
        "prog.py", f"import sys\n{HOT}name = input('name? ')\nprint(sys.stdin.isatty(), name, hot(100_000))\n"
    )
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "tracebin", "run", "-q", "-o", str(twice.bundle), "prog.py"]
    environ = {**twice.environ, "TRACEBIN_PYPY": twice.pypy, "TERM": "xterm"}
    process = subprocess.Popen(
        command,
        cwd=twice.folder,
        env=environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    seen = read_until(master, b"name? ")
    os.write(master, b"Ada\n")
    seen += read_until(master, b"299995")
    assert process.wait(timeout=120) == 0
    os.close(master)
    assert b"True Ada 299995" in seen
    opened = twice.opened()
    assert opened.problems() == set()
    assert "hot" in names(opened)


def read_until(master: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += os.read(master, 1000)
    return seen


# --- ends -------------------------------------------------------------------------------

ENDS = {
    "segmentation fault": (
        "import os, signal\nhot(100_000)\nsignal.signal(signal.SIGSEGV, signal.SIG_DFL)\n"
        "os.kill(os.getpid(), signal.SIGSEGV)\n",
        {"no-counts", "no-end"},
    ),
    "deep recursion": ("def f(n): return f(n + 1)\nhot(100_000)\nf(0)\n", set()),
    "recursion that is caught": (
        "def f(n): return f(n + 1)\nfor _ in range(20):\n    try: f(0)\n    except RecursionError: pass\n"
        "hot(100_000)\n",
        set(),
    ),
    "no memory": (
        "import resource\nhot(100_000)\nresource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))\n"
        "bytearray(1 << 36)\n",
        set(),
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_program_that_comes_to_grief(twice: Any, name: str) -> None:
    text, problems = ENDS[name]
    twice.write("prog.py", HOT + text)
    plain, recorded = twice.plain("prog.py"), twice.recorded("prog.py")
    status = plain.returncode if plain.returncode >= 0 else 128 - plain.returncode
    assert (recorded.returncode, recorded.stdout) == (status, plain.stdout)
    # A traceback of a deep recursion ends where the stack did, which is nowhere certain.
    assert recorded.stderr.splitlines()[-1:] == plain.stderr.splitlines()[-1:]
    opened = twice.opened()
    # How many samples a killed process got to write is chance.
    assert opened.problems() - {"no-stamps", "no-names"} == problems
    assert "hot" in names(opened)


def test_10_000_short_threads(twice: Any) -> None:
    twice.write(
        "prog.py",
        "import _thread\n"
        "lock = _thread.allocate_lock()\n"
        "def work(): lock.release()\n"
        "for _ in range(10_000):\n"
        "    lock.acquire()\n"
        "    _thread.start_new_thread(work, ())\n"
        "print('done')\n",
    )
    assert twice.recorded("prog.py").stdout == b"done\n"
    assert "agent-fault" not in twice.opened().problems()


def test_a_program_of_10_ms(twice: Any) -> None:
    twice.write("prog.py", "import time; time.sleep(0.01)")
    assert twice.recorded("prog.py").returncode == 0
    opened = twice.opened()
    assert opened.problems() == set()
    (process,) = opened.of("processes")
    assert 10_000_000 < process.end_ns <= opened.run.duration_ns
    assert source(opened, "/prog.py").text


# --- the PyPy ---------------------------------------------------------------------------


def test_no_pypy_anywhere(twice: Any, tmp_path: Path) -> None:
    done = twice.call(sys.executable, "-m", "tracebin", "run", "prog.py", PATH=str(tmp_path))
    if sys.implementation.name == "cpython":
        assert (done.returncode, done.stdout) == (69, b"")
        assert b"no PyPy on PATH; get one with" in done.stderr


def test_a_pypy_without_a_jit_is_refused(twice: Any) -> None:
    # GIVEN what answers as such a PyPy does
    fake = twice.folder / "pypy-nojit"
    fake.write_text(
        f"#!{twice.pypy}\n"
        "print({'implementation': 'pypy', 'version': [7, 3, 11], 'python': [3, 9, 16],"
        " 'jit': False, 'vmprof': True, 'build': {}})\n"
    )
    fake.chmod(0o755)
    done = twice.tracebin("run", "--python", str(fake), "-c", "open('ran', 'w')")
    assert (done.returncode, done.stdout) == (69, b"")
    assert (
        done.stderr.decode() == f"tracebin: {fake} is PyPy 7.3.11 without a JIT: there is nothing to record\n"
    )
    assert not (twice.folder / "ran").exists()


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="is a CPython")
def test_a_cpython_is_refused(twice: Any) -> None:
    done = twice.tracebin("run", "--python", sys.executable, "-c", "open('ran', 'w')")
    assert (done.returncode, done.stdout) == (69, b"")
    assert b"is CPython" in done.stderr
    assert not (twice.folder / "ran").exists()
