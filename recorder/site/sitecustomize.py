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
        self.stamps: Optional[_Stamps] = None
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
            # Without the ops: to wrap each one for us cost pyperformance's go 18 % of its time.
            pypyjit.set_compile_hook(self.on_compile, False)

    def on_compile(self, info: Any) -> None:
        """Keep the code object of a loop: one made by exec is in no file."""
        try:
            if self.getpid() == self.pid:
                if info.type != "bridge" and info.jitdriver_name == "pypyjit":
                    code = info.greenkey[0]
                    if id(code) not in self.codes:
                        self.note_code(code)
                self.look_around()
        except Exception as fault:
            self.fault("compile hook", fault)

    def look_around(self) -> None:
        """Do what is to be done now and then, while the program runs."""
        self.most_threads = max(self.most_threads, self.count_threads())
        if self.now() - self.last_sync > self.SYNC_EVERY_NS:
            self.sync()
            if self.stamps is not None:
                self.stamps.flush()

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
            self.stamp()
            if self.timer is not None:
                self.timer.start(interval)
            self.note("sampling", {"started_ns": before, "interval_s": interval})
        except Exception as fault:
            self.fault("sampling", fault)

    def stamp(self) -> None:
        """Have each sample's time and program counter kept beside it, where that can be done."""
        import _signal
        import os

        try:
            flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
            file = os.open(f"{self.folder}/{self.pid}.stamps", flags, 0o600)
            stamps = _Stamps(_signal.SIGPROF, lambda rows: self.write(file, rows))
            stamps.install()
            self.stamps = stamps
        except OSError:
            pass  # another machine than x86-64, or memory that may not be run: samples are spread in time

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
                if self.stamps is not None:
                    self.stamps.flush()
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

    Unlike the timers of setitimer, exec and fork end it (timer_create(2)).
    """

    CLOCK_MONOTONIC = 1

    def __init__(self, number: int) -> None:
        self.libc = _Libc()
        # struct sigevent: value, signal, SIGEV_SIGNAL (0), and room for the rest of the union.
        event = self.libc.memory(self.bytes_of(0, 8) + self.bytes_of(number, 4) + self.bytes_of(0, 52))
        place = self.libc.memory(self.bytes_of(0, 8))
        self.libc.call("timer_create", "iPP", self.CLOCK_MONOTONIC, event.buffer, place.buffer)
        self.id = int.from_bytes(b"".join(place[i] for i in range(8)), self.order())

    def start(self, seconds: float) -> None:
        """Send the signal every ``seconds`` from now on."""
        whole = int(seconds)
        nanoseconds = int((seconds - whole) * 1e9)
        period = self.bytes_of(whole, 8) + self.bytes_of(nanoseconds, 8)
        times = self.libc.memory(period * 2)
        self.libc.call("timer_settime", "PiPP", self.id, 0, times.buffer, 0)

    def delete(self) -> None:
        """Send it no more."""
        self.libc.call("timer_delete", "P", self.id)

    def bytes_of(self, number: int, size: int) -> bytes:
        return number.to_bytes(size, self.order())

    def order(self) -> Any:
        import sys

        return sys.byteorder


class _Stamps:
    """Put the time and the program counter of each sample into memory of our own.

    PyPy's sampler (file version 6) writes neither, and finds machine code on the stack by
    the return address of the last call it made: a loop that makes none looks
    interpreted.  So a few instructions stand before its handler, which they jump to.  Only for x86-64.
    """

    MOST = 1 << 22  # 16 bytes each; an hour at one a millisecond. The kernel gives memory as it is used.
    MAP_FLAGS = 0x4022  # MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    SIGACTION_BYTES = 152

    def __init__(self, number: int, write: Any) -> None:
        import os

        if os.uname().machine != "x86_64":
            raise OSError("only x86-64 is known")
        self.number = number
        self.write = write
        self.written = 0
        self.libc = _Libc()
        self.memory = self.libc.call("mmap", "PPiiiP", 0, 16 + 16 * self.MOST, 3, self.MAP_FLAGS, -1, 0)
        self.code = self.libc.call("mmap", "PPiiiP", 0, 4096, 7, self.MAP_FLAGS, -1, 0)

    def install(self) -> None:
        """Stand before the handler that the signal has now."""
        action = self.libc.memory(b"\0" * self.SIGACTION_BYTES)
        self.libc.call("sigaction", "iPP", self.number, 0, action.buffer)
        instructions = self.instructions(b"".join(action[i] for i in range(8)))
        self.libc.copy(instructions, self.code)
        self.libc.copy(self.code.to_bytes(8, "little"), action.buffer)
        self.libc.call("sigaction", "iPP", self.number, action.buffer, 0)

    def instructions(self, handler: bytes) -> bytes:
        """Assemble: take a row, unless all are taken; store the clock and rip; go on in ``handler``.

        The row's number is in the first word of the memory.  rdx is the handler's third
        argument, a ucontext_t, whose rip lies at 0xa8 (sys/ucontext.h).
        """
        store = b"".join(
            (
                b"\x4c\x8b\x82\xa8\x00\x00\x00",  # mov r8, [rdx + 0xa8]
                b"\x48\xc1\xe0\x04",  # shl rax, 4
                b"\x4c\x8d\x4c\x01\x10",  # lea r9, [rcx + rax + 16]
                b"\x4d\x89\x41\x08",  # mov [r9 + 8], r8
                b"\x49\x89\xd2",  # mov r10, rdx
                b"\x0f\x31",  # rdtsc
                b"\x48\xc1\xe2\x20",  # shl rdx, 32
                b"\x48\x09\xd0",  # or rax, rdx
                b"\x49\x89\x01",  # mov [r9], rax
                b"\x4c\x89\xd2",  # mov rdx, r10
            )
        )
        return b"".join(
            (
                b"\x48\xb9" + self.memory.to_bytes(8, "little"),  # mov rcx, memory
                b"\xb8\x01\x00\x00\x00",  # mov eax, 1
                b"\xf0\x48\x0f\xc1\x01",  # lock xadd [rcx], rax
                b"\x48\x3d" + self.MOST.to_bytes(4, "little"),  # cmp rax, MOST
                b"\x73" + bytes([len(store)]),  # jae over it
                store,
                b"\x48\xb8" + handler,  # mov rax, handler
                b"\xff\xe0",  # jmp rax
            )
        )

    def flush(self) -> None:
        """Write out the rows that are new; one that is being stored now comes next time."""
        taken = int.from_bytes(self.libc.read(self.memory, 8), "little")
        whole = min(taken, self.MOST)
        if whole > self.written:
            rows = self.libc.read(self.memory + 16 + 16 * self.written, 16 * (whole - self.written))
            self.written = whole
            while rows:
                rows = rows[self.write(rows) :]


class _Libc:
    """Call C functions through PyPy's own _rawffi: ctypes would be noticed in ``sys.modules``."""

    def __init__(self) -> None:
        import _rawffi  # type: ignore[import-not-found]

        self.array = _rawffi.Array
        self.library = _rawffi.CDLL(None)

    def call(self, name: str, kinds: str, *values: int) -> int:
        """Call ``name``; kinds are i (int) and P (word).  Raises OSError where it gives -1."""
        arguments = []
        for kind, value in zip(kinds, values):
            argument = self.array(kind)(1, autofree=True)
            argument[0] = value
            arguments.append(argument)
        answer: int = self.library.ptr(name, list(kinds), "P")(*arguments)[0]
        if answer & 0xFFFFFFFF == 0xFFFFFFFF:
            raise OSError(name + " failed")
        return answer

    def memory(self, data: bytes) -> Any:
        """Give C memory that holds ``data`` and lives as long as what is given."""
        memory = self.array("c")(len(data), autofree=True)
        self.copy(data, memory.buffer)
        return memory

    def copy(self, data: bytes, address: int) -> None:
        """Put ``data`` at ``address``."""
        memory = self.array("c").fromaddress(address, len(data))
        for place, byte in enumerate(data):
            memory[place] = bytes([byte])

    def read(self, address: int, size: int) -> bytes:
        """Give the bytes at ``address``."""
        import _rawffi

        return bytes(_rawffi.charp2rawstring(address, size))


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
