"""Recording with little room on disk."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import tracebin

PACKAGE = Path(tracebin.__file__).parent

# Each function is compiled, and puts some 20 KB into the log.
BUSY = """\
for n in range({rounds}):
    made = {{}}
    exec("def f(a):\\n    s = 0\\n    for i in range(2100):\\n        if i %% 3: s += i\\n"
         "        else: s -= %d\\n    return s\\nf(1)" % n, made)
print("done")
"""

CAN_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    ).returncode
    == 0
)
mounts = pytest.mark.skipif(not CAN_MOUNT, reason="this system gives nobody a disk of their own")


def on_small_disk(twice: Any, size: str, script: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell script with a disk of its own at ``small``, and TMPDIR on it."""
    (twice.folder / "small").mkdir()
    begin = f"mount -t tmpfs -o size={size} none small && mkdir small/tmp && "
    command = ["unshare", "-rm", "sh", "-c", begin + script]
    tmpdir = str(twice.folder / "small" / "tmp")
    done: subprocess.CompletedProcess[bytes] = twice.call(*command, TMPDIR=tmpdir, TRACEBIN_PYPY=twice.pypy)
    return done


def run(out: str) -> str:
    return f"{sys.executable} -m tracebin run -q -o {out} prog.py"


@mounts
def test_8_mb_are_enough_for_half_of_them_to_be_used(twice: Any) -> None:
    twice.write("prog.py", BUSY.format(rounds=30))
    done = on_small_disk(twice, "8m", f"{run('small/run.json.gz')} && cp small/run.json.gz {twice.bundle}")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")
    assert twice.opened().of("traces")


FILLS = """\
import os
with open("small/own", "wb", buffering=0) as own:
    try:
        while own.write(b"x" * 4096) == 4096: pass
    except OSError: pass
"""


@mounts
def test_a_disk_that_is_full_does_not_harm_the_program(twice: Any) -> None:
    # GIVEN a program that fills the disk, and makes code objects, which PyPy's sampler has to name
    twice.write("prog.py", FILLS + BUSY.format(rounds=30))
    recover = f"{sys.executable} -m tracebin recover small/tmp/tracebin-* -o {twice.bundle}"
    script = f"{run('small/run.json.gz')}; echo $?; {recover}"
    done = on_small_disk(twice, "8m", script)
    # THEN it runs on; the bundle finds no room, and is made elsewhere
    assert done.stdout.decode() == f"done\n73\n{twice.bundle}\n"
    assert re.fullmatch(
        rb"tracebin: the bundle \S+ can't be written: No space left .*; the raw recording is kept in .*\n",
        done.stderr,
    )
    opened = twice.opened()
    assert "launch" in opened.problems()
    assert opened.run.exit.status == 0
    assert (opened.run.output["stdout"].total_bytes, opened.of("processes")[0].exit.status) == (5, 0)


@mounts
def test_a_disk_without_room_is_told_before_the_program_runs(twice: Any) -> None:
    twice.write("prog.py", "print('ran')")
    done = on_small_disk(twice, "1m", run(str(twice.bundle)))
    assert (done.returncode, done.stdout) == (70, b"")
    assert b"there is no room for a recording in" in done.stderr


@mounts
def test_a_folder_that_can_only_be_read(twice: Any) -> None:
    twice.write("prog.py", "print('ran')")
    begin = "cp prog.py small && mount -o remount,ro small && cd small && "
    done = on_small_disk(
        twice, "8m", begin + f"TMPDIR= {run(str(twice.bundle))}; {sys.executable} -m tracebin run -q prog.py"
    )
    # The bundle can lie elsewhere; where it can't, that is told before the program runs.
    assert (done.returncode, done.stdout) == (73, b"ran\n")
    assert done.stderr.endswith(b"the folder can't be written to; name another with -o\n")
    assert twice.opened().run.cwd == str(twice.folder / "small")


@pytest.mark.parametrize("blocks", [16, 2000])
def test_a_limit_on_the_size_of_files_does_not_harm_the_program(twice: Any, blocks: int) -> None:
    twice.write("prog.py", BUSY.format(rounds=30))
    # What the launcher's Python would write of compiled modules is cut off too.
    environ = {"TRACEBIN_PYPY": twice.pypy, "PYTHONDONTWRITEBYTECODE": "1"}
    done = twice.call("sh", "-c", f"ulimit -f {blocks}; {run(str(twice.bundle))}", **environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")
    opened = twice.opened()
    assert opened.run.output["stdout"].head == "done\n"
    assert "too low for samples" in " ".join(problem.text for problem in opened.of("problems"))


def test_an_agent_whose_compiled_modules_were_cut_off_is_read_from_its_source(twice: Any) -> None:
    # GIVEN a copy of the package whose agent was compiled while the disk was full
    copy = twice.folder / "copy" / "tracebin"
    copy.mkdir(parents=True)
    names = (
        "__init__.py",
        "__main__.py",
        "cli.py",
        "errors.py",
        "marks.py",
        "bundle",
        "recorder",
        "terminal",
    )
    for name in (*names, "analysis"):
        source = PACKAGE / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    site = copy / "recorder" / "site" / "tracebin_agent"
    subprocess.run([twice.pypy, "-m", "compileall", "-q", str(site)], check=True)
    compiled = next((site / "__pycache__").glob("agent.pypy*.pyc"))
    compiled.write_bytes(compiled.read_bytes()[:900])
    # WHEN a program is recorded, and there is no cache that holds them whole
    twice.write("prog.py", "import sys; print(sys.implementation.cache_tag, sys.dont_write_bytecode)")
    done = twice.call(
        *(sys.executable, "-m", "tracebin", "run", "-q", "-o", str(twice.bundle), "prog.py"),
        TRACEBIN_PYPY=twice.pypy,
        PYTHONPATH=str(copy.parent),
        XDG_CACHE_HOME="",
        HOME="",
    )
    # THEN it is, and doesn't notice
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"pypy")
    assert done.stdout.endswith(b" False\n")
    assert twice.opened().of("processes")[0].exit.status == 0


def test_what_is_beyond_max_size_is_dropped_and_counted(twice: Any) -> None:
    # GIVEN one processor, so that the log isn't read before it is dropped
    twice.write("prog.py", BUSY.format(rounds=150))
    command = f"taskset -c 0 {sys.executable} -m tracebin run -q --max-size 1M -o {twice.bundle} prog.py"
    done = twice.call("sh", "-c", command, TRACEBIN_PYPY=twice.pypy)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")
    opened = twice.opened()
    assert opened.problems() <= {"dropped", "unmatched-code", "no-stamps"}
    (log,) = [each for each in opened.of("problems") if each.kind == "dropped" and "log" in each.text]
    assert log.count > 500_000
    # THEN the beginning is there, and the end with the counts
    traces = [trace for trace in opened.of("traces") if not trace.own]
    assert 10 < len(traces) < 150
    assert any(trace.runs for trace in traces)


CALLS = """\
def first(): pass
def f(): pass
def last(): pass
def many(n):
    for _ in range(n): f()
first()
for _ in range(20): many(100_000)
last()
"""


@pytest.mark.parametrize("size", ["4M", "8M"])
def test_of_exact_calls_beyond_max_size_both_ends_are_kept_and_the_others_counted(
    twice: Any, size: str
) -> None:
    twice.write("prog.py", CALLS)
    done = twice.recorded("--calls", "exact", "--max-size", size, "prog.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    opened = twice.opened()
    functions = opened.of("functions")
    names = Counter(functions[number].name for chunk in opened.of("calls") for number in chunk.function)
    assert (names["first"], names["last"]) == (1, 1)
    (dropped,) = opened.of("problems")
    assert dropped.kind == "dropped"
    # Of those that were open at a gap one end is dropped, of blocks there are 6 words more.
    assert 16 * sum(names.values()) + dropped.count == pytest.approx(16 * 2_000_000, rel=0.01)


@pytest.mark.parametrize(("size", "why"), [("12X", "no size"), ("900K", "too little")])
def test_a_size_that_is_none(twice: Any, size: str, why: str) -> None:
    done = twice.tracebin("run", "--max-size", size, "-c", "print(1)")
    assert (done.returncode, done.stdout) == (2, b"")
    assert why in done.stderr.decode()
