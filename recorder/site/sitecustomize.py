"""Set the hooks inside PyPy before the program begins, then get out of the way.

PyPy imports this by itself at start-up because the launcher put its folder first
in PYTHONPATH.  It takes itself out of ``sys.path`` and the environment, opens
the raw recording named in TRACEBIN_AGENT, and hands over to a sitecustomize of
the user's own, if there is one.  The program is then started by PyPy as always,
so that nothing of us is in its tracebacks.

Nothing here may disturb the program: only modules PyPy has built in are imported,
nothing is printed, and a fault of the agent is noted in the recording instead.

The notes file is a row of marshal frames, each a tuple whose first item is its
kind; recorder/raw.py reads them, and the two change together.
"""

from __future__ import annotations

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Dict, List, Optional, Tuple


def _start_agent() -> None:
    import os
    import sys

    settings = os.environ.pop("TRACEBIN_AGENT", None)
    if settings is None:
        return
    import marshal

    settings = marshal.loads(bytes.fromhex(settings))
    if "%d" not in (settings["environ"]["PYPYLOG"] or ""):
        # PyPy itself takes it out of the environment, unless each process is to have a log of its own.
        settings["environ"]["PYPYLOG"] = None
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    sys.path_importer_cache.pop(here, None)
    for name, value in settings["environ"].items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _Agent(settings, __file__).start()


class _Agent:
    """The recorder's part inside the program's process."""

    SYNC_EVERY_NS = 500_000_000
    NO_LOG = "tracebin:/dev/null"
    # The longest period PyPy's own timer takes: after each fork PyPy starts it again beside ours.
    IDLE_S = 0.999

    def __init__(self, settings: Dict[str, Any], file: str) -> None:
        import _thread
        import marshal
        import os
        import time

        self.settings = settings
        self.file = file
        self.dumps = marshal.dumps
        self.write = os.write
        self.now = time.perf_counter_ns
        self.count_threads = _thread._count
        self.most_threads = 0
        self.getpid = os.getpid
        self.putenv = os.putenv
        self.unsetenv = os.unsetenv
        self.pid = os.getpid()
        self.folder = settings["folder"]
        self.notes = -1
        self.samples = -1
        self.timer: Optional[_Timer] = None
        self.handler: Any = None
        self.forks = 0
        self.codes: Dict[int, CodeType] = {}
        self.last_sync = 0
        self.faults: List[str] = []

    def start(self) -> None:
        import atexit
        import os

        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
        stem = f"{self.folder}/{self.pid}"
        try:
            self.notes = os.open(stem + ".notes", flags, 0o600)
            self.samples = os.open(stem + ".prof", flags, 0o600)
        except OSError:
            return
        self.note("start", self.about())
        self.sync()
        atexit.register(self.stop)
        os.register_at_fork(
            before=self.before_fork, after_in_parent=self.after_fork, after_in_child=self.leave_child
        )
        self.watch_compiling()
        self.start_sampling()

    def about(self) -> Dict[str, Any]:
        import _thread
        import os
        import sys

        import pypyjit

        version = sys.pypy_version_info  # type: ignore[attr-defined]
        build = {
            key: value
            for key, value in sys.pypy_translation_info.items()  # type: ignore[attr-defined]
            if isinstance(value, (bool, int, float, str, type(None)))
        }
        return {
            "pid": os.getpid(),
            "thread": _thread.get_ident(),
            "agent": self.file,
            "executable": sys.executable,
            "pypy": ".".join(map(str, version[:3])),
            "python": ".".join(map(str, sys.version_info[:3])),
            "build": build,
            "jit": dict(pypyjit.defaults),
            "prefix": sys.prefix,
            "stdlib": os.path.dirname(os.__file__),
            "flags": list(sys.flags),
        }

    def note(self, *frame: Any) -> None:
        data = self.dumps(frame)
        while data:
            data = data[self.write(self.notes, data) :]

    def sync(self) -> None:
        """Tie the log's clock (ticks) to ours: a section of our own in PYPYLOG."""
        from __pypy__ import debug_print, debug_start, debug_stop

        self.last_sync = self.now()
        debug_start("tracebin-sync")
        debug_print(str(self.last_sync))
        debug_stop("tracebin-sync")

    def before_fork(self) -> None:
        """Name a log for the child: without one, PyPy would print its own to the child's stderr.

        It is one without categories: a daemon closes all its files, and what is written
        to the log's number after that goes into a file of the program's.
        """
        self.putenv("PYPYLOG", self.NO_LOG)

    def after_fork(self) -> None:
        """Count the child, in this process only."""
        self.hide_log()
        if self.getpid() == self.pid:
            self.forks += 1

    def leave_child(self) -> None:
        """Have PyPy open this child's log now, by a section, and take the sampler out of it.

        PyPy has closed the child's sample file, but would start the timer again after
        a fork of the child's own, and abort at the first tick.
        """
        from __pypy__ import debug_start, debug_stop

        debug_start("tracebin-fork")
        debug_stop("tracebin-fork")
        self.hide_log()
        try:
            import _vmprof

            if _vmprof.is_enabled():
                _vmprof.disable()
        except Exception as fault:
            # It can't write the names to the closed file, and is off all the same.
            self.fault("sampling", fault)

    def hide_log(self) -> None:
        """Leave PYPYLOG to the processes the program starts as the user had it."""
        own = self.settings["environ"]["PYPYLOG"]
        if own is None:
            self.unsetenv("PYPYLOG")
        else:
            self.putenv("PYPYLOG", own)

    def watch_compiling(self) -> None:
        import pypyjit

        if self.settings["hooks"]:
            pypyjit.set_compile_hook(self.on_compile, True)

    def on_compile(self, info: Any) -> None:
        """Keep the code objects a trace went through: the log only names them."""
        try:
            if self.getpid() == self.pid:
                self.note_codes(info.operations)
                self.most_threads = max(self.most_threads, self.count_threads())
                if self.now() - self.last_sync > self.SYNC_EVERY_NS:
                    self.sync()
        except Exception as fault:
            self.fault("compile hook", fault)

    def note_codes(self, operations: List[Any]) -> None:
        known = self.codes
        last = None
        for op in operations:
            if op.name == "debug_merge_point" and op.jitdriver_name == "pypyjit":
                code = op.pycode
                if code is not last:
                    last = code
                    if id(code) not in known:
                        self.note_code(code)

    def note_code(self, code: CodeType) -> None:
        # Holding the code object keeps its id from being given to another.
        self.codes[id(code)] = code
        qualname = getattr(code, "co_qualname", None)
        place = (code.co_name, code.co_filename, code.co_firstlineno, qualname)
        self.note("code", place, self.dumps(code))

    def start_sampling(self) -> None:
        """Have PyPy's sampler answer SIGPROF, and send that by a timer of our own.

        PyPy's own timers won't do. SIGALRM is a signal that programs use; ITIMER_PROF
        counts CPU time in steps of the kernel's tick (4 ms on many), and goes on into a
        program that takes the process by exec, and kills it.
        """
        import _signal  # type: ignore[import-not-found]

        import _vmprof

        interval = self.settings["interval"]
        if not interval:
            return
        try:
            self.timer = _Timer(_signal.SIGPROF)
        except Exception as fault:
            self.fault("timer", fault)
        try:
            before = self.now()
            self.handler = _signal.getsignal(_signal.SIGPROF)
            _vmprof.enable(self.samples, interval if self.timer is None else self.IDLE_S, 1, 0, 0, 0)
            if self.timer is not None:
                self.timer.start(interval)
            self.note("sampling", {"started_ns": before, "interval_s": interval})
        except Exception as fault:
            self.fault("sampling", fault)

    def stop_sampling(self) -> None:
        import _signal

        import _vmprof

        try:
            if self.timer is not None:
                self.timer.delete()
            if _vmprof.is_enabled():
                stopped = self.now()
                # A handler that the program has set for the signal has put an end to the sampler's.
                is_ours = _signal.getsignal(_signal.SIGPROF) == self.handler
                _vmprof.disable()
                self.note(
                    "sampled", {"stopped_ns": stopped, "written_ns": self.now(), "timer_taken": not is_ours}
                )
        except Exception as fault:
            self.fault("sampling", fault)

    def stop(self) -> None:
        import pypyjit

        if self.getpid() != self.pid:
            return  # a child made by fork: the files are its parent's
        try:
            pypyjit.set_compile_hook(None)
            self.stop_sampling()
            self.note("threads", self.threads(), max(self.most_threads, self.count_threads()))
            self.note("memory", pypyjit.get_stats_asmmemmgr())
            self.sync()
            for text in self.faults:
                self.note("fault", text)
            self.note("end", {"stopped_ns": self.now(), "forks": self.forks})
        except OSError:
            pass  # the program closed our files or filled the disk: the notes end here, and say so by that

    def threads(self) -> List[Tuple[int, str]]:
        import sys

        threading = sys.modules.get("threading")
        if threading is None:
            return []
        return [(thread.ident, thread.name) for thread in threading.enumerate()]

    def fault(self, where: str, fault: Exception) -> None:
        if len(self.faults) < 20:
            self.faults.append(f"{where}: {type(fault).__name__}: {fault}")


class _Timer:
    """A timer of the kernel's that sends this process a signal by the clock on the wall.

    Unlike the timers of setitimer, exec and fork end it (timer_create(2)).  Called
    through PyPy's own _rawffi, since ctypes would be noticed in ``sys.modules``.
    """

    CLOCK_MONOTONIC = 1

    def __init__(self, number: int) -> None:
        import _rawffi  # type: ignore[import-not-found]

        self.array = _rawffi.Array
        self.library = _rawffi.CDLL(None)
        # struct sigevent: value, signal, SIGEV_SIGNAL (0), and room for the rest of the union.
        event = self.memory(self.bytes_of(0, 8) + self.bytes_of(number, 4) + self.bytes_of(0, 52))
        place = self.memory(self.bytes_of(0, 8))
        self.call("timer_create", "iPP", self.CLOCK_MONOTONIC, event.buffer, place.buffer)
        self.id = int.from_bytes(b"".join(place[i] for i in range(8)), self.order())

    def start(self, seconds: float) -> None:
        """Send the signal every ``seconds`` from now on."""
        whole = int(seconds)
        nanoseconds = int((seconds - whole) * 1e9)
        period = self.bytes_of(whole, 8) + self.bytes_of(nanoseconds, 8)
        times = self.memory(period * 2)
        self.call("timer_settime", "PiPP", self.id, 0, times.buffer, 0)

    def delete(self) -> None:
        """Send it no more."""
        self.call("timer_delete", "P", self.id)

    def call(self, name: str, kinds: str, *values: int) -> None:
        arguments = []
        for kind, value in zip(kinds, values):
            argument = self.array(kind)(1, autofree=True)
            argument[0] = value
            arguments.append(argument)
        if self.library.ptr(name, list(kinds), "i")(*arguments)[0] != 0:
            raise OSError(name + " failed")

    def memory(self, data: bytes) -> Any:
        memory = self.array("c")(len(data), autofree=True)
        for place, byte in enumerate(data):
            memory[place] = bytes([byte])
        return memory

    def bytes_of(self, number: int, size: int) -> bytes:
        return number.to_bytes(size, self.order())

    def order(self) -> Any:
        import sys

        return sys.byteorder


def _hand_over() -> None:
    """Import the sitecustomize that would have been found without us.

    Where there is none, the ImportError goes on to site.py, which expects it, and
    the import system forgets this module: ``sys.modules`` is as it would be.
    """
    import sys

    sys.modules.pop("sitecustomize", None)
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401


_start_agent()
_hand_over()
