"""The program on a terminal: a person's part is played by the test, on the master of a pty."""

from __future__ import annotations

import fcntl
import os
import re
import select
import shlex
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Command = Callable[[str], list[str]]

PATIENCE_S = 60


class Screen:
    """A terminal with a session on it, as a terminal emulator sees both."""

    def __init__(self, argv: list[str], **popen: Any) -> None:
        self.master, slave = os.openpty()
        self.resize(24, 80)
        self.first = termios.tcgetattr(slave)
        self.slave = slave
        self.text = b""
        popen = {"stdin": slave, "stdout": slave, "stderr": slave, **popen}

        def control() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(argv, preexec_fn=control, env={**os.environ, "PS1": "$ "}, **popen)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def wait_for(self, pattern: bytes) -> re.Match[bytes]:
        """Read until what has not been matched yet holds the pattern."""
        while not (match := re.search(pattern, self.text)):
            if not select.select([self.master], [], [], PATIENCE_S)[0]:
                pytest.fail(f"{pattern!r} never came; the screen holds {self.text!r}")
            self.text += os.read(self.master, 4096)
        self.text = self.text[match.end() :]
        return match

    def settings(self) -> list[Any]:
        return termios.tcgetattr(self.slave)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def screen() -> Iterator[Callable[..., Screen]]:
    made: list[Screen] = []

    def make(argv: list[str], **popen: Any) -> Screen:
        made.append(Screen(argv, **popen))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ask(question: str) -> str:
    return f"import os, sys; print('<', {question}, '>')"


def test_the_program_is_on_a_terminal_of_the_same_size_and_settings(
    launched: Any, python: Command, screen: Callable[..., Screen]
) -> None:
    code = ask("[os.isatty(i) for i in range(3)], os.get_terminal_size(), os.tcgetpgrp(0) == os.getpgrp()")
    shown = screen(launched.command(*python(code)))
    shown.wait_for(rb"< \[True, True, True\] os.terminal_size\(columns=80, lines=24\) True >\r\n")
    assert shown.process.wait(PATIENCE_S) == 0
    assert shown.settings() == shown.first
    assert launched.finished["joined"] is True
    assert "True >" in launched.finished["stdout"]["head"]


def test_typing_is_echoed_once_and_ctrl_d_ends_it(launched: Any, screen: Callable[..., Screen]) -> None:
    shown = screen(launched.command("sh", "-c", "echo up; cat; echo over"))
    shown.wait_for(b"up\r\n")
    shown.type(b"hello\r")
    shown.wait_for(b"^hello\r\nhello\r\n")
    shown.type(b"\x04")
    shown.wait_for(b"^over\r\n")
    assert shown.process.wait(PATIENCE_S) == 0


def test_a_password_is_not_echoed(launched: Any, python: Command, screen: Callable[..., Screen]) -> None:
    shown = screen(launched.command(*python("import getpass; print('got', getpass.getpass('secret? '))")))
    shown.wait_for(rb"secret\? ")
    shown.type(b"xyzzy\r")
    shown.wait_for(b"^\r\ngot xyzzy\r\n")
    assert shown.process.wait(PATIENCE_S) == 0


def test_a_program_in_raw_mode_gets_each_key(
    launched: Any, python: Command, screen: Callable[..., Screen]
) -> None:
    code = "import os, tty; tty.setraw(0); os.write(1, b'up'); os.write(1, repr(os.read(0, 9)).encode())"
    shown = screen(launched.command(*python(code)))
    shown.wait_for(b"up")
    shown.type(b"\x03")
    shown.wait_for(rb"^b'\\x03'")
    assert shown.process.wait(PATIENCE_S) == 0
    assert shown.settings() == shown.first, "the terminal is put right though the program left it raw"


INTERRUPTED = (
    "import os, signal, sys\n"
    "count = 0\n"
    "def note(n, _):\n"
    "    global count; count += 1\n"
    "    print('<', signal.Signals(n).name, count, '>', flush=True)\n"
    "for n in (signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGWINCH): signal.signal(n, note)\n"
    "print('up', os.getpid(), flush=True)\n"
    "while True: signal.pause()\n"
)


@pytest.mark.parametrize("piped", [False, True])
def test_ctrl_c_arrives_exactly_once(
    launched: Any, python: Command, screen: Callable[..., Screen], piped: bool
) -> None:
    # With stdout a pipe the program is in our group, and has the terminal's signals from the terminal.
    command = launched.command(*python(INTERRUPTED))
    pipeline = f"trap : INT QUIT; {shlex.join(command)} | (trap '' INT QUIT; cat)"
    shown = screen(["bash", "-c", pipeline] if piped else command)
    pid = int(shown.wait_for(rb"up (\d+)\r\n")[1])
    for count, (key, name) in enumerate([(b"\x03", b"INT"), (b"\x03", b"INT"), (b"\x1c", b"QUIT")]):
        shown.type(key)
        shown.wait_for(b"< SIG%s %d >" % (name, 2 * count + 1))
        # Had it come twice, this would be one more.
        os.kill(pid, signal.SIGUSR1)
        shown.wait_for(b"< SIGUSR1 %d >" % (2 * count + 2))
    os.kill(pid, signal.SIGKILL)


def test_ctrl_c_ends_what_was_started_with_us_too(
    launched: Any, python: Command, screen: Callable[..., Screen]
) -> None:
    # GIVEN a script that starts the launcher and would go on after it
    command = shlex.join(launched.command(*python("print('up', flush=True); import time; time.sleep(600)")))
    shown = screen(["sh", "-c", f"trap 'echo told' INT; {command}; echo after"])
    shown.wait_for(b"up\r\n")
    shown.type(b"\x03")
    shown.wait_for(b"told\r\n")
    assert launched.finished["signal"] == signal.SIGINT


def test_the_windows_size_is_kept_in_step(
    launched: Any, python: Command, screen: Callable[..., Screen]
) -> None:
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGWINCH, lambda *_: print(os.get_terminal_size(), flush=True))\n"
        "print('up', flush=True)\n"
        "while True: signal.pause()\n"
    )
    shown = screen(launched.command(*python(code)))
    shown.wait_for(b"up\r\n")
    shown.resize(30, 100)
    shown.wait_for(rb"columns=100, lines=30\)")


def test_a_signal_to_us_reaches_the_program_on_its_terminal(
    launched: Any, python: Command, screen: Callable[..., Screen]
) -> None:
    shown = screen(launched.command(*python(INTERRUPTED)))
    shown.wait_for(rb"up \d+\r\n")
    shown.process.send_signal(signal.SIGUSR1)
    shown.wait_for(b"< SIGUSR1 1 >")
    shown.process.terminate()
    assert shown.process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    assert shown.settings() == shown.first


def test_a_terminal_that_goes_away_hangs_the_program_up(
    launched: Any, python: Command, tmp_path: Path, screen: Callable[..., Screen]
) -> None:
    code = (
        "import signal, sys\n"
        f"def note(*_): open({str(tmp_path / 'told')!r}, 'w').write('x'); sys.exit(6)\n"
        "signal.signal(signal.SIGHUP, note)\n"
        "print('up', flush=True)\n"
        "while True: signal.pause()\n"
    )
    shown = screen(launched.command(*python(code)))
    shown.wait_for(b"up\r\n")
    os.close(shown.slave)
    os.close(shown.master)
    shown.master, shown.slave = os.openpty()
    assert shown.process.wait(PATIENCE_S) == 6
    assert launched.finished["status"] == 6


def test_a_program_that_can_not_be_started_leaves_the_terminal_alone(
    launched: Any, screen: Callable[..., Screen]
) -> None:
    shown = screen(launched.command("/nowhere/pypy3"))
    shown.wait_for(b"/nowhere/pypy3 can't be started: No such file or directory\r\n")
    assert shown.process.wait(PATIENCE_S) == 75
    assert shown.settings() == shown.first


def test_the_terminal_is_put_right_when_we_are_killed(
    launched: Any, python: Command, screen: Callable[..., Screen]
) -> None:
    shown = screen(launched.command(*python("import time; print('up', flush=True); time.sleep(600)")))
    shown.wait_for(b"up\r\n")
    assert shown.settings() != shown.first
    shown.process.kill()
    end = time.monotonic() + PATIENCE_S
    while shown.settings() != shown.first:
        assert time.monotonic() < end, "nobody put the terminal right"


@pytest.fixture
def shell(screen: Callable[..., Screen]) -> Screen:
    """Give a shell with job control, at its prompt."""
    shown = screen(["bash", "--norc", "--noprofile", "--noediting", "-i"])
    shown.wait_for(rb"\$ ")
    return shown


def typed(launched: Any, command: list[str]) -> bytes:
    """Return a line for the shell to start the launcher with, which shows nothing of the program's text."""
    script = launched.result.with_name("start")
    script.write_text("exec " + shlex.join(launched.command(*command)))
    return b"sh " + bytes(script)


STOPPABLE = (
    "import sys; print('up', flush=True)\nfor line in sys.stdin: print('<', line.strip(), '>', flush=True)"
)


@pytest.mark.parametrize("rest", ["", " | cat", " 2>/dev/null"])
def test_ctrl_z_stops_and_fg_continues(launched: Any, python: Command, shell: Screen, rest: str) -> None:
    shell.type(typed(launched, python(STOPPABLE)) + rest.encode() + b"\r")
    shell.wait_for(b"\nup\r\n")
    # WHEN the program is stopped, the shell has the terminal as it was
    shell.type(b"\x1a")
    shell.wait_for(rb"Stopped.*\r\n\$ ")
    shell.type(b"echo a''b\r")
    shell.wait_for(rb"\nab\r\n\$ ")
    # THEN the program goes on where it was
    shell.type(b"fg\r")
    shell.wait_for(rb"sh /.*start")
    shell.type(b"hello\r")
    shell.wait_for(b"< hello >\r\n")
    shell.type(b"\x04")
    shell.wait_for(rb"\$ ")
    assert launched.finished["status"] == 0


def test_a_job_in_the_background_goes_on_and_can_be_fetched(
    launched: Any, python: Command, shell: Screen, fifo: Path
) -> None:
    code = (
        f"print('up', flush=True); open({str(fifo)!r}).read()\n"
        "print('told', flush=True); print('<', input(), '>')"
    )
    shell.type(typed(launched, python(code)) + b"\r")
    shell.wait_for(b"\nup\r\n")
    shell.type(b"\x1a")
    shell.wait_for(rb"Stopped.*\r\n\$ ")
    shell.type(b"bg\r")
    shell.wait_for(rb"&\r\n\$ ")
    shell.type(b"echo x >" + bytes(fifo) + b"\r")
    shell.wait_for(rb"told\r+\n")
    shell.type(b"fg\r")
    shell.wait_for(rb"sh /.*start")
    shell.type(b"hello\r")
    shell.wait_for(b"< hello >\r\n")


def test_what_the_program_leaves_running_is_not_hung_up(
    launched: Any, python: Command, shell: Screen, fifo: Path
) -> None:
    code = (
        f"import os; print('early', flush=True)\nif os.fork() == 0: open({str(fifo)!r}).read(); print('late')"
    )
    shell.type(typed(launched, python(code)) + b"\r")
    shell.wait_for(rb"\nearly\r\n\$ ")
    shell.type(b"echo x >" + bytes(fifo) + b"\r")
    # The shell's prompt may come between the word and the end of its line: two processes write at a time.
    shell.wait_for(rb"late")


def test_only_the_outputs_on_a_terminal(
    launched: Any, python: Command, screen: Callable[..., Screen]
) -> None:
    code = ask("[os.isatty(i) for i in range(3)], os.get_terminal_size(1), os.getpgrp() == os.getppid()")
    shown = screen(launched.command(*python(code)), stdin=subprocess.DEVNULL)
    shown.wait_for(rb"< \[False, True, True\] os.terminal_size\(columns=80, lines=24\) True >\r\n")
    assert shown.process.wait(PATIENCE_S) == 0
    assert launched.finished["stdout"]["head"].endswith("True >\n")
    assert launched.finished["joined"] is True


def test_only_stderr_on_a_terminal(
    launched: Any, python: Command, screen: Callable[..., Screen], tmp_path: Path
) -> None:
    code = "import os, sys; print('<', [os.isatty(i) for i in range(3)], input(), '>', file=sys.stderr)"
    with open(tmp_path / "out", "wb") as out:
        shown = screen(launched.command(*python(code)), stdout=out)
    shown.type(b"typed\r")
    shown.wait_for(rb"< \[True, False, True\] typed >\r\n")
    assert shown.process.wait(PATIENCE_S) == 0
    assert launched.finished["stderr"]["head"] == "< [True, False, True] typed >\n"


def test_much_output_on_a_terminal_is_whole(
    launched: Any, python: Command, screen: Callable[..., Screen]
) -> None:
    shown = screen(launched.command(*python("print('x' * 1_000_000, 'end')")))
    parts, size = [], 0
    while size < 1_000_006:
        parts.append(os.read(shown.master, 4096))
        size += len(parts[-1])
    assert b"".join(parts) == b"x" * 1_000_000 + b" end\r\n"
    assert shown.process.wait(PATIENCE_S) == 0
    assert launched.finished["stdout"]["total_bytes"] == 1_000_006


def test_the_last_words_go_out_before_the_terminal_is_given_back(
    launched: Any, python: Command, screen: Callable[..., Screen]
) -> None:
    # Lines that pile up while the program ends at once: given back, the terminal would add a CR to each.
    shown = screen(launched.command(*python("print('line\\n' * 2000, end='')")))
    got = b""
    while len(got) < 2000 * len("line\r\n"):
        got += os.read(shown.master, 4096)
    assert got == b"line\r\n" * 2000


def test_curses_works(launched: Any, python: Command, screen: Callable[..., Screen]) -> None:
    code = (
        "import curses\n"
        "def main(window):\n"
        "    window.addstr(2, 3, 'drawn'); window.refresh()\n"
        "    return window.getkey()\n"
        "print('key', curses.wrapper(main))"
    )
    env = {**os.environ, "TERM": "linux"}
    shown = screen(["env", "TERM=" + env["TERM"], *launched.command(*python(code))])
    shown.wait_for(b"drawn")
    shown.type(b"q")
    shown.wait_for(b"key q\r\n")
    assert shown.process.wait(PATIENCE_S) == 0
