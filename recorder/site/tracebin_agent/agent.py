"""Set the hooks, follow forks, and note the end."""

from __future__ import annotations

import _thread
import atexit
import os
import sys

from __pypy__ import debug_print, debug_start, debug_stop

from .finder import TracebinFinder
from .marks import Marks
from .notes import Notes
from .pausing import Pausing
from .sampling import Sampling
from .threads import Threads

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Dict, List, Optional, Tuple

    from .calls import Calls


class Agent:
    """All that is done in one process, from before the program to its end."""

    SYNC_EVERY_NS = 500_000_000
    NO_LOG = "tracebin:/dev/null"

    def __init__(self, settings: Dict[str, Any], folder: str) -> None:
        """Open the files; ``folder`` is where the agent's own code lies.  Raises OSError."""
        self.settings = settings
        self.folder = folder
        self.notes = Notes(settings["folder"])
        self.sampling = Sampling(self.notes, settings["interval"])
        self.pausing = Pausing(self.notes)
        self.marks = Marks(self.notes, self.pausing)
        self.threads = Threads(self.notes)
        self.calls = self.open_calls()
        self.count_threads = _thread._count
        self.most_threads = 0
        self.getpid = os.getpid
        self.putenv = os.putenv
        self.unsetenv = os.unsetenv
        self.pid = os.getpid()
        self.forks = 0
        self.codes: Dict[int, CodeType] = {}
        self.last_sync = 0

    def start(self) -> None:
        """Begin to record this process."""
        self.notes.add("start", self.about())
        self.sync()
        self.notes.lift_log()
        atexit.register(self.stop)
        os.register_at_fork(
            before=self.before_fork, after_in_parent=self.after_fork, after_in_child=self.leave_child
        )
        self.threads.watch()
        self.watch_compiling()
        if self.sampling.interval_s:
            self.sampling.start()
            self.pausing.parts.append(self.sampling)
            self.threads.listeners.append(self.sampling)
        if self.calls is not None:
            self.start_calls(self.calls)
        if self.settings["paused"]:
            self.pausing.pause()
        sys.meta_path.append(TracebinFinder(self.marks, self.settings["package"]))

    def open_calls(self) -> Optional[Calls]:
        """Give what records calls, where that is wanted: it needs a module of PyPy's that others don't."""
        if self.settings["calls"] not in ("exact", "exact+c"):
            return None
        from .calls import Calls

        return Calls(self.notes, self.settings["calls"], self.note_code)

    def start_calls(self, calls: Calls) -> None:
        """Record calls, with room in a trace for what that adds to it."""
        import pypyjit

        try:
            if self.settings["trace_limit"]:
                pypyjit.set_param(trace_limit=self.settings["trace_limit"])
            calls.start()
        except Exception as fault:
            self.notes.fault("calls", fault)
        else:
            self.threads.listeners.append(calls)
            self.pausing.parts.append(calls)

    def about(self) -> Dict[str, Any]:
        """Say what PyPy this is."""
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
            "native thread": _thread.get_native_id(),
            "started_ns": self.notes.now(),
            "agent": self.folder,
            "executable": sys.executable,
            "pypy": ".".join(map(str, version[:3])),
            "python": ".".join(map(str, sys.version_info[:3])),
            "build": build,
            "jit": dict(pypyjit.defaults),
            "prefix": sys.prefix,
            "stdlib": os.path.dirname(os.__file__),
            "flags": list(sys.flags),
        }

    def sync(self) -> None:
        """Tie the log's clock (ticks) to ours: a section of our own in PYPYLOG."""
        self.last_sync = self.notes.now()
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
        """Have PyPy open this child's log now, by a section, and take the sampler out of it."""
        debug_start("tracebin-fork")
        debug_stop("tracebin-fork")
        self.hide_log()
        self.sampling.leave_child()
        if self.calls is not None:
            self.calls.leave_child()
        self.marks.give_up()
        self.pausing.give_up()

    def hide_log(self) -> None:
        """Leave PYPYLOG to the processes the program starts as the user had it."""
        own = self.settings["environ"]["PYPYLOG"]
        if own is None:
            self.unsetenv("PYPYLOG")
        else:
            self.putenv("PYPYLOG", own)

    def watch_compiling(self) -> None:
        """Have PyPy tell us of each trace it compiles."""
        import pypyjit

        if self.settings["hooks"]:
            # Without the ops: to wrap each one for us cost pyperformance's go 18 % of its time.
            pypyjit.set_compile_hook(self.on_compile, False)

    def on_compile(self, info: Any) -> None:
        """Keep the code object of a loop: one made by exec is in no file."""
        try:
            if self.getpid() == self.pid:
                if info.type != "bridge" and info.jitdriver_name == "pypyjit":
                    self.note_code(info.greenkey[0])
                self.look_around()
        except Exception as fault:
            self.notes.fault("compile hook", fault)

    def look_around(self) -> None:
        """Do what is to be done now and then, while the program runs."""
        self.most_threads = max(self.most_threads, self.count_threads())
        if self.notes.now() - self.last_sync > self.SYNC_EVERY_NS:
            self.notes.descriptors.mend()
            self.sync()
            self.sampling.flush()
            self.marks.flush()

    def note_code(self, code: CodeType) -> None:
        """Hand over a code object, once; holding it keeps its id from being given to another."""
        if id(code) in self.codes:
            return
        self.codes[id(code)] = code
        qualname = getattr(code, "co_qualname", None)
        place = (code.co_name, code.co_filename, code.co_firstlineno, qualname)
        self.notes.add("code", place, self.notes.dumps(code))

    def stop(self) -> None:
        """Note the end, unless this is a child made by fork: the files are its parent's."""
        if self.getpid() != self.pid:
            return
        try:
            self.note_end()
        except OSError:
            pass  # the program closed our files or filled the disk: the notes end here, and say so by that

    def note_end(self) -> None:
        """Write what is known only now.  Raises OSError."""
        import pypyjit

        pypyjit.set_compile_hook(None)
        self.notes.descriptors.mend()
        self.sampling.stop()
        if self.calls is not None:
            self.calls.stop()
        self.marks.stop()
        self.pausing.stop()
        self.notes.add("threads", self.named_threads(), max(self.most_threads, self.count_threads()))
        self.notes.add("memory", pypyjit.get_stats_asmmemmgr())
        self.sync()
        for text in self.notes.faults:
            self.notes.add("fault", text)
        self.notes.add(
            "end",
            {"stopped_ns": self.notes.now(), "forks": self.forks, "closed": self.notes.descriptors.has_lost},
        )

    def named_threads(self) -> List[Tuple[int, str]]:
        """Name the threads that run now."""
        threading = sys.modules.get("threading")
        if threading is None:
            return []
        return [(thread.ident, thread.name) for thread in threading.enumerate()]
