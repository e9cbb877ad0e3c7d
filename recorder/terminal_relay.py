"""Put a terminal of ours between a program and the person who talks with it.

The program gets a session and a controlling terminal of its own, so that echo,
line editing, passwords and full-screen programs work on it as on the real one,
which is in raw mode meanwhile and hands every key through.

Between us and the program stands a third process, the session's leader.  It does
nothing but wait.  Were the program itself the leader, it could not be stopped by
Ctrl-Z (its group would be orphaned), and what it leaves running would be hung up
with its end.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import termios
import time
import tty
from typing import Any, Callable, Dict, List, NoReturn, Optional, Set

from tracebin.errors import ProgramNotStarted
from tracebin.recorder.child import Change, Command, Ended, Stopped, Usage, send, spawn, wait_for
from tracebin.recorder.relay import Loop
from tracebin.recorder.signal_queue import Arrived, SignalQueue, stop_this_process
from tracebin.recorder.streams import Kind, PseudoTerminal, are_same, kind_of

_INPUT = 0
_LOCAL_FLAGS, _CONTROL_CHARACTERS = 3, 6

# How often to look whether a shell has put us in front again: `fg` tells it to
# nobody who is running already.
_LOOK_MS = 200


def is_interactive() -> bool:
    """Tell whether a person sits at the terminal that is our stdin and our stdout."""
    if kind_of(0) is not Kind.TERMINAL or kind_of(1) is not Kind.TERMINAL or not are_same(0, 1):
        return False
    return _is_in_front()


class SessionChild:
    """The program as the foreground of a session on a terminal of ours."""

    def __init__(self, command: Command, terminal: PseudoTerminal, queue: SignalQueue) -> None:
        self._terminal = terminal
        self.report, report = os.pipe()
        self._unread = b""
        self._leader = os.fork()
        if self._leader == 0:
            _lead(command, terminal, queue, report)
        os.close(report)
        first = self._next_message(wait=True)
        if "refused" in first:
            self._reap()
            raise ProgramNotStarted(first["refused"])
        self.pid, self.started_ns = int(first["pid"]), int(first["started_ns"])
        self._keyboard = _Keyboard(terminal)

    def attach(self, loop: Loop, on_changes: Callable[[], None]) -> None:
        """Let a loop serve the keyboard, and say when to ask for changes."""
        self._loop = loop
        loop.readable[self.report] = on_changes
        self._keyboard.attach(loop)

    def look_again_ms(self) -> Optional[int]:
        """Take the terminal if it is ours again; say when to look next, if at all."""
        self._keyboard.take()
        return None if self._keyboard.is_settled else _LOOK_MS

    def changes(self) -> List[Change]:
        """Return what the leader has told of the program, without waiting."""
        found: List[Change] = []
        while not found or isinstance(found[-1], Stopped):
            message = self._next_message(wait=False)
            if not message:
                break
            found.append(_change_of(message))
        return found

    def pass_on(self, arrived: Arrived) -> None:
        """Give the program a signal; all that came to us came to us alone."""
        if arrived.sender == os.getpid() or arrived.number == signal.SIGWINCH:
            return
        if not (arrived.number == signal.SIGHUP and _terminal_is_gone()):
            # A terminal that is gone makes us close ours, and that hangs up all who are on it.
            send(self.pid, arrived.number)

    def stopped(self, number: int) -> None:
        """Give the terminal back, stop as the whole of our group would have, and take it again."""
        self._keyboard.give_back()
        stop_this_process(number, group=number != signal.SIGSTOP)
        self._keyboard.take()
        self._terminal.copy_size()
        send(-os.tcgetpgrp(self._terminal.master), signal.SIGCONT)

    def release(self) -> None:
        """See off the leader, who held our terminal; what is typed from now on is the shell's."""
        del self._loop.readable[self.report]
        self._keyboard.detach()
        self._reap()

    def close(self) -> None:
        """Give the terminal back: last, as what still goes there has its line ends made already."""
        self._keyboard.close()

    def _reap(self) -> None:
        os.waitpid(self._leader, 0)
        os.close(self.report)

    def _next_message(self, *, wait: bool) -> Dict[str, Any]:
        os.set_blocking(self.report, wait)
        while b"\n" not in self._unread:
            try:
                data = os.read(self.report, 4096)
            except BlockingIOError:
                return {}
            if not data:
                raise RuntimeError("the session's leader ended without a word")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        message: Dict[str, Any] = json.loads(line)
        return message


class _Keyboard:
    """The real terminal's input, on its way to ours."""

    def __init__(self, terminal: PseudoTerminal) -> None:
        self._settings = terminal.settings
        self._keys = b""
        # A second number for the same end, as the loop wants one for each purpose.
        self._to = os.dup(terminal.master)
        self._loop: Optional[Loop] = None
        self._hung_up = False
        self._raw = False
        self.take()

    @property
    def is_settled(self) -> bool:
        return self._raw or self._hung_up

    def attach(self, loop: Loop) -> None:
        self._loop = loop
        self._watch()

    def detach(self) -> None:
        self._keys = b""
        if self._loop is not None:
            self._loop.readable.pop(_INPUT, None)
            self._loop.writable.pop(self._to, None)
            self._loop = None

    def take(self) -> None:
        """Set the terminal raw if it is ours to set: a background job may not."""
        if self._hung_up:
            return
        if _terminal_is_gone():
            self._hang_up()
        elif not self._raw and _is_in_front():
            # Not TCSAFLUSH: what was typed ahead is for the program.
            tty.setraw(_INPUT, termios.TCSANOW)
            self._raw = True
        self._watch()

    def give_back(self) -> None:
        if self._raw and not self._hung_up and not _terminal_is_gone():
            termios.tcsetattr(_INPUT, termios.TCSADRAIN, self._settings)
        self._raw = False
        self._watch()

    def close(self) -> None:
        self.give_back()
        if not self._hung_up:
            os.close(self._to)

    def _hang_up(self) -> None:
        self._hung_up = True
        self._keys = b""
        self._watch()
        os.close(self._to)

    def _watch(self) -> None:
        if self._loop is None:
            return
        self._loop.readable.pop(_INPUT, None)
        self._loop.writable.pop(self._to, None)
        if self._keys:
            self._loop.writable[self._to] = self._write
        elif self._raw and not self._hung_up:
            self._loop.readable[_INPUT] = self._read

    def _read(self) -> None:
        try:
            self._keys = os.read(_INPUT, 1024)
        except OSError:
            self._keys = b""
        if not self._keys:
            self._hang_up()
            return
        self._tell_our_group()
        self._write()

    def _write(self) -> None:
        try:
            self._keys = self._keys[os.write(self._to, self._keys) :]
        except BlockingIOError:
            pass
        except OSError:
            # Nobody has our terminal open any more: there is nobody to read keys.
            self._keys = b""
        self._watch()

    def _tell_our_group(self) -> None:
        """Interrupt what was started along with us, such as ``make``: the real terminal would have."""
        settings = termios.tcgetattr(self._to)
        if not settings[_LOCAL_FLAGS] & termios.ISIG:
            return
        characters = settings[_CONTROL_CHARACTERS]
        for index, number in ((termios.VINTR, signal.SIGINT), (termios.VQUIT, signal.SIGQUIT)):
            if characters[index] != b"\0" and characters[index] in self._keys:
                os.kill(0, number)


def _is_in_front() -> bool:
    return not _terminal_is_gone() and os.tcgetpgrp(_INPUT) == os.getpgrp()


def _terminal_is_gone() -> bool:
    """Tell whether stdin is no controlling terminal, or one that was hung up."""
    try:
        os.tcgetpgrp(_INPUT)
    except OSError:
        return True
    return False


def _lead(command: Command, terminal: PseudoTerminal, queue: SignalQueue, report: int) -> NoReturn:
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        streams = (fd for fd in (command.stdout, command.stderr) if fd)
        _close_what_is_ours({report, terminal.slave, queue.fd, *streams})
        os.setsid()
        fcntl.ioctl(terminal.slave, termios.TIOCSCTTY, 0)
        _watch_program(command, terminal, queue, report)
    finally:
        os._exit(0)


def _watch_program(command: Command, terminal: PseudoTerminal, queue: SignalQueue, report: int) -> None:
    slave = terminal.slave

    def before_exec() -> None:
        os.setpgid(0, 0)
        os.tcsetpgrp(slave, os.getpid())
        queue.restore_in_child()

    started_ns = time.monotonic_ns()
    try:
        pid = spawn(command, before_exec)
    except ProgramNotStarted as error:
        _tell(report, {"refused": str(error)})
        return
    _tell(report, {"pid": pid, "started_ns": started_ns})
    # Not a handler for SIGHUP: one that comes just before a wait for the program would run after it.
    events = select.poll()
    events.register(queue.fd, select.POLLIN)
    change: Optional[Change] = None
    while not isinstance(change, Ended):
        change = wait_for(pid, os.WUNTRACED | os.WNOHANG)
        if isinstance(change, Ended):
            _step_in_front(slave)
        if change:
            _tell(report, _message_of(change))
            continue
        events.poll()
        if any(arrived.number == signal.SIGHUP for arrived in queue.read()):
            _hang_up(pid, terminal)


def _hang_up(pid: int, terminal: PseudoTerminal) -> None:
    """Tell the program what the kernel tells only the leader: its terminal, or the launcher, is gone."""
    send(-pid, signal.SIGHUP)
    send(-pid, signal.SIGCONT)
    _put_right(terminal)


def _put_right(terminal: PseudoTerminal) -> None:
    """Do for a launcher that was killed what it could not do any more."""
    try:
        termios.tcsetattr(_INPUT, termios.TCSANOW, terminal.settings)
    except termios.error:
        # Gone.
        return


def _step_in_front(slave: int) -> None:
    """Take the terminal before the end: the end of a session's leader hangs up the group in front."""
    try:
        os.tcsetpgrp(slave, os.getpgrp())
    except OSError:
        # Hung up already, as the launcher was killed.
        return


def _close_what_is_ours(but: Set[int]) -> None:
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            if fd not in but and not os.get_inheritable(fd):
                os.close(fd)
        except OSError:
            # The descriptor that listed the folder.
            continue


def _tell(report: int, message: Dict[str, Any]) -> None:
    try:
        os.write(report, json.dumps(message).encode() + b"\n")
    except BrokenPipeError:
        # The launcher was killed; the program goes on.
        return


def _message_of(change: Change) -> Dict[str, Any]:
    if isinstance(change, Stopped):
        return {"stopped": change.signal}
    return {
        "status": change.status,
        "signal": change.signal,
        "ended_ns": change.ended_ns,
        "usage": [change.usage.user_s, change.usage.system_s, change.usage.max_rss_bytes],
    }


def _change_of(message: Dict[str, Any]) -> Change:
    if "stopped" in message:
        return Stopped(message["stopped"])
    return Ended(message["status"], message["signal"], message["ended_ns"], Usage(*message["usage"]))
