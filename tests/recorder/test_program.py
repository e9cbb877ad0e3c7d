from __future__ import annotations

import functools
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[[str], list[str]]

CPYTHON = sys.implementation.name == "cpython"
# Signals are taken alike whatever their number: on PyPy one of the terminal's and a real-time one will do.
TO_US_ALONE = [1, 2, 3, 10, 12, 14, 18, 34] if CPYTHON else [2, 34]
TO_OUR_GROUP = [1, 2, 3, 10, 18, 34] if CPYTHON else [2, 34]


@pytest.mark.parametrize("status", [0, 1, 3, 255])
def test_the_exit_status_is_the_programs(launched: Any, status: int) -> None:
    assert launched.run("sh", "-c", f"exit {status}")[0] == status
    assert (launched.finished["status"], launched.finished["signal"]) == (status, None)


def test_a_killed_program_is_told_by_its_signal(launched: Any) -> None:
    assert launched.run("sh", "-c", "echo said; kill -KILL $$")[:2] == (137, b"said\n")
    assert (launched.finished["status"], launched.finished["signal"]) == (None, signal.SIGKILL)
    assert launched.finished["stdout"]["head"] == "said\n"


def test_pid_times_and_usage_are_the_programs(launched: Any, python: Command) -> None:
    code = (
        "import os, resource; print(os.getpid()); x = b'x' * 50_000_000\n"
        "while resource.getrusage(resource.RUSAGE_SELF).ru_utime < 0.05: pass"
    )
    _, out, _ = launched.run(*python(code))
    done = launched.finished
    assert done["pid"] == int(out)
    assert done["started_ns"] < done["ended_ns"]
    assert done["started_utc"].endswith("+00:00")
    assert done["rusage"]["user_s"] >= 0.05
    assert 50_000_000 < done["rusage"]["max_rss_bytes"] < 500_000_000


def test_streams_stay_apart_and_are_kept(launched: Any) -> None:
    assert launched.run("sh", "-c", "echo out; echo err >&2") == (0, b"out\n", b"err\n")
    assert launched.finished["stdout"]["head"] == "out\n"
    assert launched.finished["stderr"]["head"] == "err\n"
    assert launched.finished["joined"] is False


def test_two_streams_into_one_pipe_keep_their_order(launched: Any, python: Command) -> None:
    code = "import os\nfor i in range(5000): os.write(1 + i % 2, b'%d\\n' % i)"
    _, out, _ = launched.run(*python(code), stderr=subprocess.STDOUT)
    assert out == b"".join(b"%d\n" % i for i in range(5000))
    assert launched.finished["joined"] is True
    assert launched.finished["stdout"]["total_bytes"] == len(out)
    assert launched.finished["stderr"]["total_bytes"] == 0


def test_every_byte_value_passes_unchanged(launched: Any, python: Command) -> None:
    code = "import os; os.write(1, bytes(range(256)) * 7)"
    assert launched.run(*python(code))[1] == bytes(range(256)) * 7
    assert launched.finished["stdout"]["encoding"] == "base64"


def test_bytes_pass_on_while_the_program_runs(launched: Any) -> None:
    # GIVEN a program that says something and then waits for an answer
    process = launched.start("sh", "-c", "printf half; read x; echo got $x", stdin=-1, stdout=-1)
    # WHEN half a line is out, it can be read; stdin is the program's own
    assert os.read(process.stdout.fileno(), 100) == b"half"
    out, _ = process.communicate(b"answer\n", timeout=60)
    assert out == b"got answer\n"


def test_200_mb_pass_whole_in_bounded_memory(launched: Any) -> None:
    size = 200_000_000
    process = launched.start("sh", "-c", f"ulimit -n 64; head -c {size} /dev/zero", stdout=-1)
    got = 0
    while chunk := os.read(process.stdout.fileno(), 1 << 20):
        got += len(chunk)
    assert process.wait(timeout=60) == 0
    process.stdout.close()
    assert got == size
    assert launched.finished["stdout"]["total_bytes"] == size
    # PyPy's collector lets garbage grow to 70 MB; it stays there, were it 800 MB that passed.
    assert launched.finished["launcher_peak_kib"] < (100_000 if CPYTHON else 280_000)


def test_few_descriptors_are_enough(launched: Any) -> None:
    done = launched.shell("ulimit -n 64; LAUNCH | cat", "sh", "-c", "ulimit -n; echo err >&2")
    assert (done.stdout, done.stderr) == (b"64\n", b"err\n")


def test_a_reader_of_stderr_first_makes_no_deadlock(launched: Any, python: Command) -> None:
    # GIVEN more on stdout than all the pipes on the way hold
    code = (
        "import os, threading\n"
        "threading.Thread(target=os.write, args=(1, b'x' * 1_000_000)).start()\n"
        "os.write(2, b'y')"
    )
    process = launched.start(*python(code), stdout=-1, stderr=-1)
    # WHEN stderr is read while stdout is stuck
    assert os.read(process.stderr.fileno(), 10) == b"y"
    # THEN the rest comes too
    assert len(process.communicate(timeout=60)[0]) == 1_000_000


def test_a_slow_reader_holds_the_program_back(launched: Any, python: Command, fifo: Path) -> None:
    # GIVEN a program that tells how far it gets with a writing end that never blocks
    code = (
        "import os, select\n"
        "os.set_blocking(1, False)\n"
        "sent = 0\n"
        "while select.select([], [1], [], 0.2)[1]: sent += os.write(1, b'x' * 4096)\n"
        f"open({str(fifo)!r}, 'w').write(str(sent))"
    )
    process = launched.start(*python(code), stdout=-1)
    # THEN what is buffered on the way to a reader who doesn't read is bounded
    with open(fifo, encoding="ascii") as told:
        assert int(told.read()) <= 4 * 65536
    process.communicate(timeout=60)


def test_a_reader_who_leaves_ends_the_program_as_without_us(launched: Any) -> None:
    done = launched.shell("set -o pipefail; LAUNCH | head -n 1", "yes")
    assert done.stdout == b"y\n"
    assert (done.returncode, launched.finished["signal"]) == (128 + signal.SIGPIPE, signal.SIGPIPE)


def test_a_python_program_gets_its_broken_pipe_error(launched: Any, python: Command) -> None:
    code = "import os, sys\ntry:\n while True: os.write(1, b'x' * 4096)\nexcept BrokenPipeError: sys.exit(7)"
    assert (
        launched.shell("LAUNCH | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}", *python(code)).returncode == 7
    )


def test_the_first_write_after_the_reader_left_fails(launched: Any, python: Command, fifo: Path) -> None:
    code = (
        "import os, select, sys\n"
        f"open({str(fifo)!r}).read()\n"
        "poll = select.poll(); poll.register(1, 0); poll.poll()\n"
        "try: os.write(1, b'x')\n"
        "except BrokenPipeError: sys.exit(7)"
    )
    process = launched.start(*python(code), stdout=-1)
    process.stdout.close()
    fifo.write_text("")
    assert process.wait(timeout=60) == 7


def test_a_socket_is_served(launched: Any) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = launched.start("sh", "-c", "echo hello", stdout=theirs)
        assert ours.makefile("rb").read() == b"hello\n"
        assert process.wait(timeout=60) == 0
    assert launched.finished["stdout"]["head"] == "hello\n"


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_a_file_is_the_programs_own(launched: Any, python: Command, tmp_path: Path, mode: str) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old\n")
    with open(path, mode) as file:
        launched.run(
            *python("import os; os.write(1, b'new\\n'); print(os.readlink('/proc/self/fd/1'))"), stdout=file
        )
    new = f"new\n{path}\n"
    assert path.read_text() == ("old\n" if mode == "ab" else "") + new
    assert launched.finished["stdout"]["head"] == new


def test_both_streams_in_one_file_keep_their_order(launched: Any, tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as file:
        launched.run("sh", "-c", "echo 1; echo 2 >&2; echo 3", stdout=file, stderr=file)
    assert (tmp_path / "out").read_text() == "1\n2\n3\n"
    assert launched.finished["stdout"]["head"] == "1\n2\n3\n"
    assert launched.finished["joined"] is True


def test_the_null_device_stays_that_and_nothing_is_kept(launched: Any, python: Command) -> None:
    code = "import os, sys; sys.exit(5 if os.readlink('/proc/self/fd/1') == os.devnull else 6)"
    assert launched.run(*python(code), stdout=subprocess.DEVNULL)[0] == 5
    assert launched.finished["stdout"]["seen"] is False


@pytest.mark.parametrize("closed", ["0", "1", "2"])
def test_a_closed_stream_is_closed(launched: Any, python: Command, closed: str) -> None:
    code = f"import os, sys\ntry: os.fstat({closed})\nexcept OSError: os._exit(9)\nos._exit(1)"
    # Python itself opens nothing in a closed stream's place.
    assert launched.shell(f"LAUNCH {closed}>&- | cat; exit ${{PIPESTATUS[0]}}", *python(code)).returncode == 9


def test_further_open_files_are_the_programs(launched: Any, tmp_path: Path) -> None:
    done = launched.shell(f"LAUNCH 7>{tmp_path}/seven | cat", "sh", "-c", "echo seven >&7; ls /proc/self/fd")
    assert (tmp_path / "seven").read_text() == "seven\n"
    # 3 is the folder that ls lists; nothing else of ours came along.
    assert done.stdout.split() == [b"0", b"1", b"2", b"3", b"7"]


@pytest.mark.parametrize("spec", ["", "trap '' HUP INT QUIT USR1;"])
def test_group_folder_mask_and_dispositions_are_as_without_us(
    launched: Any, python: Command, spec: str
) -> None:
    # GIVEN what a program sees of itself when it is started plainly
    look = (
        "import os\n"
        "print(os.getpgrp(), os.getsid(0), os.getcwd(), os.umask(0), os.nice(0))\n"
        "rows = (l.split() for l in open('/proc/self/status') if l[:3] == 'Sig' and 'SigQ' not in l)\n"
        # 32 and 33 are glibc's own, which its posix_spawn has the child ignore, whatever it is told.
        "print([(name, hex(int(bits, 16) & ~(3 << 31))) for name, bits in rows])"
    )
    program = python(look)
    plain = launched.shell(f"{spec} {shlex.join(program)} | cat")
    ours = launched.shell(f"{spec} LAUNCH | cat", *program)
    # THEN it sees the same with us
    assert plain.stdout
    assert ours.stdout == plain.stdout


def test_a_program_that_is_not_there(launched: Any) -> None:
    status, _, err = launched.run("/nowhere/pypy3")
    assert (status, err) == (75, b"/nowhere/pypy3 can't be started: No such file or directory\n")


def test_a_program_that_may_not_be_run(launched: Any, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    status, _, err = launched.run(str(tmp_path / "plain"))
    assert (status, err) == (75, f"{tmp_path}/plain can't be started: Permission denied\n".encode())


def test_what_outlives_the_program_keeps_its_reader_and_we_do_not_wait(
    launched: Any, python: Command, fifo: Path
) -> None:
    # GIVEN a program that leaves a process behind, which holds its streams
    code = (
        f"import os\nprint('early')\nif os.fork() == 0:\n    open({str(fifo)!r}).read()\n    print('late')\n"
    )
    process = launched.start(*python(code), stdout=-1)
    # WHEN the program has ended, so have we
    assert process.wait(timeout=60) == 0
    assert launched.finished["stdout"]["head"] == "early\n"
    # THEN what is left behind can still write, and its end ends the stream
    fifo.write_text("")
    assert process.stdout.read() == b"early\nlate\n"
    process.stdout.close()


def test_output_that_waits_for_its_reader_is_not_lost_with_the_program(
    launched: Any, python: Command
) -> None:
    process = launched.start(*python("import os; os.write(1, b'x' * 150_000)"), stdout=-1)
    assert os.read(process.stdout.fileno(), 1) == b"x"
    assert len(process.communicate(timeout=60)[0]) == 149_999


TRAPS = (
    "import os, signal, sys\n"
    "got = []\n"
    "def note(n, _):\n"
    "    print(signal.Signals(n).name, flush=True)\n"
    "    if n == signal.SIGTERM: sys.exit(3)\n"
    "for n in (1, 2, 3, 10, 12, 14, 15, 18, 28, 34): signal.signal(n, note)\n"
    "print(os.getpid(), flush=True)\n"
    "while True: signal.pause()\n"
)


@pytest.mark.parametrize("number", TO_US_ALONE)
def test_a_signal_to_us_alone_reaches_the_program_once(launched: Any, python: Command, number: int) -> None:
    process = launched.start(*python(TRAPS), stdout=-1)
    process.stdout.readline()
    process.send_signal(number)
    assert process.stdout.readline().decode().strip() == signal.Signals(number).name
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == b"SIGTERM\n"
    assert process.returncode == 3


@pytest.mark.parametrize("number", TO_OUR_GROUP)
def test_a_signal_to_our_whole_group_reaches_the_program_once(
    launched: Any, python: Command, number: int
) -> None:
    process = launched.start(*python(TRAPS), stdout=-1, start_new_session=True)
    process.stdout.readline()
    for _ in range(3):
        os.killpg(process.pid, number)
        assert process.stdout.readline().decode().strip() == signal.Signals(number).name
    # We take signals one by one: had one been passed on, it would stand before this.
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[0] == b"SIGTERM\n"


def test_a_signal_to_us_alone_after_one_to_the_group_is_passed_on(launched: Any, python: Command) -> None:
    process = launched.start(*python(TRAPS), stdout=-1, start_new_session=True)
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGUSR1)
    assert process.stdout.readline() == b"SIGUSR1\n"
    process.send_signal(signal.SIGUSR2)
    assert process.stdout.readline() == b"SIGUSR2\n"
    process.terminate()
    assert process.communicate(timeout=60)[0] == b"SIGTERM\n"


def test_sigterm_ends_a_program_that_does_not_catch_it_and_not_us(launched: Any) -> None:
    process = launched.start("sh", "-c", "echo up; exec sleep 600", stdout=-1)
    process.stdout.readline()
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert launched.finished["signal"] == signal.SIGTERM


def test_a_second_interrupt_does_not_end_us_either(launched: Any, python: Command) -> None:
    process = launched.start(*python(TRAPS), stdout=-1)
    process.stdout.readline()
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"SIGINT\n"
    process.terminate()
    process.communicate(timeout=60)
    assert launched.finished["status"] == 3


def test_an_alarm_set_by_whoever_started_us_reaches_the_program(launched: Any, python: Command) -> None:
    # One that rings before the program is up ends it, as it must: a slow machine is given a later one.
    for seconds in (1, 4, 16, 64):
        process = launched.start(
            *python(TRAPS),
            stdout=-1,
            preexec_fn=functools.partial(signal.setitimer, signal.ITIMER_REAL, seconds),
        )
        process.stdout.readline()
        if told := process.stdout.readline():
            break
        process.communicate(timeout=60)
    assert told == b"SIGALRM\n"
    process.terminate()
    assert process.communicate(timeout=60)[0] == b"SIGTERM\n"


def test_a_stopped_program_can_be_continued(launched: Any, python: Command) -> None:
    code = (
        "import os, signal; print(os.getpid(), flush=True); os.kill(os.getpid(), signal.SIGSTOP); print('on')"
    )
    process = launched.start(*python(code), stdout=-1, start_new_session=True)
    pid = int(process.stdout.readline())
    while state_of(pid) != "T":
        os.sched_yield()
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=60)[0] == b"on\n"


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_the_launcher_runs_on_pypy_too(launched: Any, pypy: str, checkout: Path) -> None:
    launched.python = pypy
    env = {**os.environ, "PYTHONPATH": str(checkout / ".typing")}
    assert launched.run("sh", "-c", "echo out; echo err >&2; exit 4", env=env) == (4, b"out\n", b"err\n")
    assert launched.finished["stdout"]["head"] == "out\n"
