"""A process that goes on from a launcher: in a process of its own here, which has one thread for sure."""

from __future__ import annotations

import subprocess
import sys

START = """
import os, signal, sys, threading
from tracebin.recorder.forked import Forked, can_fork
"""


def said(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_is_talked_with_and_its_status_is_what_the_work_returns() -> None:
    code = """
def work():
    print(sys.stdin.readline().upper(), end="")
    return 7
with Forked(work) as child:
    child.stdin.write(b"tell\\n")
    print(child.stdout.read(), child.stderr.read())
print(child.returncode)
"""
    assert said(code) == "b'TELL\\n' b''\n7\n"


def test_what_the_launcher_had_to_write_is_written_once() -> None:
    assert said("sys.stdout.write('once')\nwith Forked(lambda: 0): pass\n") == "once"


def test_a_bug_in_the_work_is_said_on_stderr() -> None:
    code = """
with Forked(lambda: 1 // 0) as child:
    print(child.stderr.read().decode().splitlines()[-1])
print(child.returncode)
"""
    fault, status = said(code).splitlines()
    assert fault.startswith("ZeroDivisionError: ")
    assert status == "1"


def test_it_lives_in_a_session_of_its_own_and_holds_no_file_of_ours() -> None:
    code = """
reading, writing = os.pipe()
with Forked(lambda: sys.stdin.readline() and 0) as child:
    os.close(writing)
    print(os.read(reading, 1), os.getsid(child.pid) == child.pid)
"""
    assert said(code) == "b'' True\n"


def test_it_is_ended_with_a_kill() -> None:
    code = """
with Forked(lambda: signal.pause()) as child:
    child.kill()
print(child.returncode == -signal.SIGKILL)
"""
    assert said(code) == "True\n"


def test_where_descriptors_are_missing_its_pipes_take_none_of_their_places() -> None:
    code = """
said = os.dup(1)
for fd in range(3):
    os.close(fd)
with Forked(lambda: 0) as child:
    ends = [child.stdin.fileno(), child.stdout.fileno(), child.stderr.fileno()]
    os.write(said, str(min(ends) > 2).encode())
os._exit(0)
"""
    assert said(code) == "True"


def test_with_a_second_thread_nothing_is_forked() -> None:
    code = """
print(can_fork())
threading.Thread(target=signal.pause, daemon=True).start()
print(can_fork(), flush=True)
os._exit(0)
"""
    is_cpython = sys.implementation.name == "cpython"
    assert said(code) == f"{is_cpython}\nFalse\n"
