"""Have PyPys that the program starts recorded as well.

They are told through their environment, and theirs alone: what the program itself
sees of it stays as it is.  So the functions that start a process are replaced, in modules, by ones that
PyPy hides from tracebacks.  A shell gets less: under it, PyPy starts once more with a log.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import marshal
import os
import sys

from .hiding import hidden
from .libc import Libc
from .places import claim
from .programs import CARRIER, OTHER, PYPY, kind_of, lets_us_in
from .seldom import seldom, when_needed

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from .agent import Agent

AGENT, LOG, PATH = b"TRACEBIN_AGENT", b"PYPYLOG", b"PYTHONPATH"
# Each is some 40 bytes of the notes.
MOST_WAITS = 10_000


class Children:
    """The ways to start a process, and to hear of its end."""

    ENDING = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM)

    @seldom
    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.libc = Libc()
        self.putenv = os.putenv
        self.unsetenv = os.unsetenv
        self.access = os.access
        self.getpid = os.getpid
        self.getsignal = _signal.getsignal
        # A fork that is there for an exec is no child of its own.
        self.is_starting = False
        self.unrecorded = 0
        self.waits = 0
        self.systems = 0
        self.users_path: Optional[bytes] = None

    @seldom
    def watch(self) -> None:
        """Take the place of those functions."""
        import _posixsubprocess

        posix = sys.modules["posix"]
        subprocess = sys.modules.get("subprocess")
        self.replace(self.fork_exec, "fork_exec", _posixsubprocess, subprocess)
        for name in ("execv", "execve", "system", "_exit", "kill", "wait", "waitpid", "wait3", "wait4"):
            make = self.waiting if name.startswith("wait") else getattr(self, name)
            self.replace(make, name, posix, os)
        for name in ("posix_spawn", "posix_spawnp"):
            if hasattr(posix, name):
                self.replace(self.posix_spawn, name, posix, os)

    @seldom
    def replace(self, make: Callable[[Any], Any], name: str, *modules: Any) -> None:
        """Put what ``make`` makes of a function where the modules have the function."""
        original = getattr(modules[0], name)
        made = make(original)
        made.__name__ = made.__qualname__ = original.__name__
        made.__module__ = original.__module__
        made.__doc__ = original.__doc__
        for module in modules:
            for place in (name, "_" + name):
                if getattr(module, place, None) is original:
                    setattr(module, place, made)

    # --- the environment --------------------------------------------------------

    @when_needed
    def environment(self, env: List[bytes], path: str, words: List[str]) -> Optional[List[bytes]]:
        """Give the environment of a process to be started, so that the agent gets in; None to leave it."""
        agent = self.agent
        kind = kind_of(path, words[1:]) if agent.is_active() else OTHER
        if kind == OTHER:
            return None
        known = dict(item.partition(b"=")[::2] for item in env)
        users = {name.decode(): _text(known.get(name)) for name in (LOG, PATH)}
        if (kind == PYPY and not lets_us_in(words[1:])) or users["PYPYLOG"] != agent.settings["environ"][
            "PYPYLOG"
        ]:
            self.unrecorded += 1
            return None
        if kind == PYPY and not claim(agent.settings["folder"]):
            return None
        rest = [item for item in env if item.partition(b"=")[0] not in (AGENT, LOG, PATH)]
        return rest + self.additions(kind, users)

    @when_needed
    def additions(self, kind: str, users: Dict[str, Optional[str]]) -> List[bytes]:
        """Give the variables that let the agent in; ``users`` are those that it has to put back."""
        agent = self.agent
        now = agent.notes.now()
        settings = {
            **agent.settings,
            "environ": users,
            "parent": agent.notes.name,
            "since_ns": now,
            "token": f"{now:x}",
            "starts_again": kind == CARRIER,
        }
        paths = os.pathsep.join(filter(None, [agent.folder, users["PYTHONPATH"]]))
        found = [PATH + b"=" + os.fsencode(paths), AGENT + b"=" + marshal.dumps(settings, 2).hex().encode()]
        if kind == PYPY:
            found.append(LOG + b"=" + log_of(settings).encode())
        return found

    @when_needed
    def own_environment(self) -> List[bytes]:
        """Read the environment as the C library has it: what the program may have changed by putenv, too."""
        found: List[bytes] = []
        row = self.libc.word(self.libc.address("environ"))
        while row and self.libc.word(row):
            found.append(self.libc.text(self.libc.word(row)))
            row += 8
        if not self.systems:
            return found
        # Another thread is in system(), for which ours is set.
        found = [item for item in found if item.partition(b"=")[0] not in (AGENT, PATH)]
        return found if self.users_path is None else [*found, PATH + b"=" + self.users_path]

    # --- starting -------------------------------------------------------------------

    @seldom
    def fork_exec(self, original: Any) -> Any:
        """Make the function behind subprocess and multiprocessing's spawn."""

        @hidden
        def fork_exec(*args):  # type: ignore[no-untyped-def]
            self.is_starting = True
            try:
                return original(*self.prepared(args))
            finally:
                self.is_starting = False

        return fork_exec

    @when_needed
    @hidden
    def prepared(self, args: Any) -> Any:
        """Give the arguments of fork_exec; the fifth is the folder, the sixth the environment."""
        try:
            words, executables, cwd, env = args[0], args[1], args[4], args[5]
            path = self.first_of(executables, cwd)
            changed = self.environment(
                self.own_environment() if env is None else [*env], path, [_word(word) for word in words]
            )
        except Exception as fault:
            self.agent.notes.fault("starting a process", fault)
            return args
        return args if changed is None else (*args[:5], changed, *args[6:])

    @when_needed
    def first_of(self, executables: Any, cwd: Any) -> str:
        """Find the one that will be run: the first that is there."""
        for each in executables:
            path = os.path.join(os.fsdecode(cwd or ""), os.fsdecode(each))
            if self.access(path, os.X_OK):
                return path
        return ""

    @seldom
    def execv(self, original: Any) -> Any:
        """Make os.execv; those with an environment go through os.execve."""
        execve = sys.modules["posix"].execve

        @hidden
        def execv(path, argv):  # type: ignore[no-untyped-def]
            return self.take_over(path, argv, None, lambda: original(path, argv), execve)

        return execv

    @seldom
    def execve(self, original: Any) -> Any:
        """Make os.execve."""

        @hidden
        def execve(path, argv, env):  # type: ignore[no-untyped-def]
            return self.take_over(path, argv, env, lambda: original(path, argv, env), original)

        return execve

    @when_needed
    @hidden
    def take_over(self, path: Any, argv: Any, env: Any, call: Callable[[], Any], execve: Any) -> Any:
        """End the recording of this process, as another program takes its place."""
        changed = None
        try:
            if not isinstance(path, int) and self.access(path, os.X_OK):
                own = self.own_environment() if env is None else _as_list(env)
                changed = self.environment(own, os.fsdecode(path), [_word(word) for word in argv])
                self.agent.leave_to_exec()
        except Exception as fault:
            self.agent.notes.fault("exec", fault)
        try:
            if changed is None:
                return call()
            return execve(path, argv, dict(item.partition(b"=")[::2] for item in changed))
        finally:
            self.agent.stay()

    @seldom
    def posix_spawn(self, original: Any) -> Any:
        """Make os.posix_spawn and os.posix_spawnp."""

        @hidden
        def posix_spawn(path, argv, env, *args, **kwargs):  # type: ignore[no-untyped-def]
            changed = None
            try:
                found = self.first_of([path], None)
                changed = self.environment(_as_list(env), found, [_word(word) for word in argv])
            except Exception as fault:
                self.agent.notes.fault("starting a process", fault)
            if changed is not None:
                env = dict(item.partition(b"=")[::2] for item in changed)
            return original(path, argv, env, *args, **kwargs)

        return posix_spawn

    @seldom
    def system(self, original: Any) -> Any:
        """Make os.system: the C library's runs a shell with the environment of this process."""

        @hidden
        def system(command):  # type: ignore[no-untyped-def]
            self.begin_system()
            try:
                return original(command)
            finally:
                self.end_system()

        return system

    @when_needed
    def begin_system(self) -> None:
        """Set our variables in this process while the shell is started and runs."""
        self.systems += 1
        if self.systems > 1 or not self.agent.is_active():
            return
        self.systems -= 1
        env = self.own_environment()
        self.systems += 1
        self.users_path = dict(item.partition(b"=")[::2] for item in env).get(PATH)
        changed = self.environment(env, "/bin/sh", ["sh"])
        for item in [] if changed is None else changed:
            name, _, value = item.partition(b"=")
            if name in (AGENT, PATH):
                self.putenv(name, value)

    @when_needed
    def end_system(self) -> None:
        """Put them back, if no other thread is still in it."""
        self.systems -= 1
        if self.systems:
            return
        self.unsetenv(AGENT)
        if self.users_path is None:
            self.unsetenv(PATH)
        else:
            self.putenv(PATH, self.users_path)

    # --- ending ---------------------------------------------------------------------

    @seldom
    def _exit(self, original: Any) -> Any:
        """Make os._exit, which runs no atexit functions: multiprocessing's children end by it."""

        @hidden
        def _exit(status):  # type: ignore[no-untyped-def]
            if isinstance(status, int):
                self.agent.stop_at_once()
            original(status)

        return _exit

    @seldom
    def kill(self, original: Any) -> Any:
        """Make os.kill, by which PyPy ends itself after an uncaught Ctrl-C, 7.3.11 without atexit functions.

        So do programs that have handled a signal and then let it end them.
        """

        @hidden
        def kill(pid, signal):  # type: ignore[no-untyped-def]
            if signal in self.ENDING and pid == self.getpid() and self.getsignal(signal) == _signal.SIG_DFL:
                self.agent.stop_at_once()
            return original(pid, signal)

        return kill

    @seldom
    def waiting(self, original: Any) -> Any:
        """Make a function that waits for a child, and gives its pid and status first."""

        @hidden
        def wait(*args, **kwargs):  # type: ignore[no-untyped-def]
            found = original(*args, **kwargs)
            self.heard(found[0], found[1])
            return found

        return wait

    @when_needed
    def heard(self, pid: int, status: int) -> None:
        """Note how a child ended."""
        agent = self.agent
        # Stopped and continued children have 0x7f and 0xffff there.
        if pid <= 0 or status & 0xFF == 0x7F or status == 0xFFFF or self.waits >= MOST_WAITS:
            return
        self.waits += 1
        try:
            if agent.is_active():
                agent.notes.add("waited", pid, status, agent.notes.now())
        except OSError:
            pass  # the disk is full, or our files are closed: its exit stays unknown

    @seldom
    def follow(self) -> None:
        """Begin to count anew, in a child made by fork."""
        self.unrecorded = self.waits = self.systems = 0
        self.is_starting = False


@seldom
def log_of(settings: Dict[str, Any]) -> str:
    """Give PYPYLOG for a process of its own."""
    return f"{settings['categories']}:{settings['folder']}/{settings['token']}.%d.log"


@seldom
def start_again(settings: Dict[str, Any], folder: str) -> None:
    """Replace this PyPy, which a shell or the like has started without a log, by one that has it.

    Comes back where that can't be: then there is no recording of this process.
    """
    if not claim(settings["folder"]):
        return
    with open("/proc/self/cmdline", "rb") as stream:
        words = stream.read().split(b"\0")[:-1]
    settings = {**settings, "starts_again": False}
    paths = os.pathsep.join(filter(None, [folder, settings["environ"]["PYTHONPATH"]]))
    env = dict(os.environ)
    env["PYTHONPATH"] = paths
    env["PYPYLOG"] = log_of(settings)
    env["TRACEBIN_AGENT"] = marshal.dumps(settings, 2).hex()
    os.execve("/proc/self/exe", words, env)


@when_needed
def _text(value: Optional[bytes]) -> Optional[str]:
    return None if value is None else os.fsdecode(value)


@when_needed
def _word(word: Any) -> str:
    return os.fsdecode(word)


@when_needed
def _as_list(env: Any) -> List[bytes]:
    return [os.fsencode(name) + b"=" + os.fsencode(env[name]) for name in env]
