"""Set the hooks, follow forks, and note the end."""

from __future__ import annotations

import _thread
import atexit
import os
import sys

from __pypy__ import debug_print, debug_start, debug_stop

from .children import Children, log_of
from .compiling import Compiling
from .counting import print_counts
from .finder import TracebinFinder
from .flushing import Flushing
from .hiding import hidden
from .marks import Marks
from .module_files import ModuleFiles
from .modules import Modules
from .notes import Notes
from .origin import origin_of
from .pausing import Pausing
from .places import claim
from .sampling import Sampling
from .seldom import seldom, when_needed
from .threads import Threads, named

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

    from .calls import Calls


class Agent:
    """All that is done in one process, from before the program to its end."""

    SYNC_EVERY_NS = 500_000_000
    # What it takes is 1 to 15 us.
    SYNC_CLOSE_NS = 50_000
    SYNC_TRIES = 8
    NO_LOG = "tracebin:/dev/null"

    @seldom
    def __init__(self, settings: Dict[str, Any], folder: str) -> None:
        """Open the files; ``folder`` is where the agent's own code lies.  Raises OSError."""
        self.settings = settings
        self.folder = folder
        self.notes = Notes(settings["folder"], settings["token"])
        self.modules = Modules(self.notes.descriptors.libc)
        self.flushing = Flushing(self.modules)
        self.sampling = Sampling(self.notes, settings["interval"], settings["later_interval"])
        self.pausing = Pausing(self.notes)
        self.marks = Marks(self.notes, self.pausing)
        self.module_files = ModuleFiles(self.notes)
        self.threads = Threads(self.notes)
        self.compiling = Compiling(self)
        self.calls = self.open_calls()
        self.count_threads = _thread._count
        self.most_threads = 0
        self.getpid = os.getpid
        self.putenv = os.putenv
        self.unsetenv = os.unsetenv
        self.pid = os.getpid()
        self.children = Children(self)
        self.is_stopped = False
        # Of a fork under way: the child's name in the recording, and when; None if it is not to be recorded.
        self.forked: Optional[Tuple[str, int]] = None
        self.origin: Dict[str, Any] = {}
        self.is_leaving = False
        self.last_sync = 0

    @seldom
    def start(self) -> None:
        """Begin to record this process."""
        self.origin = origin_of(self.settings)
        self.notes.add("start", self.about())
        self.sync()
        self.notes.lift_log()
        self.flushing.follow(self.notes.descriptors.log_stream)
        atexit.register(self.stop)
        os.register_at_fork(
            before=self.before_fork, after_in_parent=self.after_fork, after_in_child=self.begin_child
        )
        self.threads.watch(self.compiling.before_threads)
        self.threads.listeners.append(self.compiling)
        self.children.watch()
        self.compiling.watch()
        if self.sampling.interval_s:
            self.sampling.start()
            self.pausing.parts.append(self.sampling)
            self.threads.listeners.append(self.sampling)
        if self.calls is not None:
            self.start_calls(self.calls)
        if self.settings["paused"]:
            self.pausing.pause()
        sys.meta_path.append(TracebinFinder(self.marks, self.settings["package"]))

    @seldom
    def open_calls(self) -> Optional[Calls]:
        """Give what records calls, where that is wanted: it needs a module of PyPy's that others don't."""
        if self.settings["calls"] not in ("exact", "exact+c"):
            return None
        from .calls import Calls

        return Calls(self.notes, self.settings["calls"], self.compiling.note_code)

    @seldom
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

    @seldom
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
            **self.origin,
            "agent": self.folder,
            "executable": sys.executable,
            "pypy": ".".join(map(str, version[:3])),
            "python": ".".join(map(str, sys.version_info[:3])),
            "build": build,
            "jit": dict(pypyjit.defaults),
            "code": self.modules.code() if self.sampling.interval_s else {},
            "prefix": sys.prefix,
            "stdlib": os.path.dirname(os.__file__),
            "flags": list(sys.flags),
        }

    def sync(self) -> None:
        """Tie the log's clock (ticks) to ours: a section of our own in PYPYLOG.

        PyPy reads its clock when the section begins.  Where the process was held up around that, the
        section stays empty, and another is tried: all times near it would be wrong by as much.
        """
        for tries_left in reversed(range(self.SYNC_TRIES)):
            before = self.notes.now()
            debug_start("tracebin-sync")
            self.last_sync = self.notes.now()
            is_close = self.last_sync - before < self.SYNC_CLOSE_NS
            if is_close or not tries_left:
                debug_print(str((before + self.last_sync) // 2))
            debug_stop("tracebin-sync")
            if is_close:
                return

    def is_active(self) -> bool:
        """Say whether this process is being recorded; a child made by fork may not be."""
        return not self.is_stopped and self.getpid() == self.pid

    def before_fork(self) -> None:
        """Name a log for the child: without one, PyPy would print its own to the child's stderr.

        One that isn't to be recorded gets a log without categories: a daemon closes all its
        files, and what is written to the log's number after that goes into a file of the program's.
        """
        self.forked = None
        try:
            if self.is_active() and not self.children.is_starting and claim(self.settings["folder"]):
                now = self.notes.now()
                self.forked = f"{now:x}", now
                # The sampler numbers code objects as they are made: the child has those before this one.
                compile("0", self.mark_of(now), "eval")
        except Exception as fault:
            self.notes.fault("fork", fault)
        log = self.NO_LOG if self.forked is None else log_of({**self.settings, "token": self.forked[0]})
        self.putenv("PYPYLOG", log)
        self.sampling.before_fork()

    @seldom
    def mark_of(self, fork_ns: int) -> str:
        """Name a file that is none, for a code object."""
        return f"<tracebin fork {fork_ns}>"

    def after_fork(self) -> None:
        """Go on in the parent."""
        self.hide_log()
        self.sampling.after_fork()

    @hidden
    def begin_child(self) -> None:
        """Record this child, with files of its own; or leave it, where that can't or needn't be."""
        try:
            if self.calls is not None:
                self.calls.hold()
            self.notes.leave_child()
            if self.forked is not None:
                self.follow(*self.forked)
                return
        except OSError:
            pass  # the recording is over, or the disk is full
        except Exception as fault:
            self.notes.tell_fault("fork", fault)
        self.leave_child()

    @seldom
    def follow(self, token: str, fork_ns: int) -> None:
        """Begin the recording of this child.  Raises OSError."""
        parent = self.notes.name
        notes = Notes(self.settings["folder"], token)
        self.pid = self.getpid()
        self.notes = notes
        self.origin = {
            **self.origin,
            "parent": parent,
            "since_ns": fork_ns,
            "forked": True,
            "fork mark": self.mark_of(fork_ns),
            "command": self.origin.get("command", self.settings["command"]),
        }
        self.most_threads = 0
        self.compiling.follow(notes)
        notes.add("start", self.about())
        self.sync()  # by this PyPy opens the log, under the name that the environment has now
        self.hide_log()
        notes.lift_log()
        self.flushing.follow(notes.descriptors.log_stream)
        self.children.follow()
        self.threads.follow(notes)
        if self.sampling.interval_s:
            self.sampling.follow(notes)
        if self.calls is not None:
            self.calls.follow(notes)
        self.module_files.follow(notes)
        self.marks.follow(notes)
        self.pausing.follow(notes)

    @seldom
    def leave_child(self) -> None:
        """Record nothing of this child, nor of its own."""
        self.is_stopped = True
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

    def look_around(self) -> None:
        """Do what is to be done now and then, while the program runs."""
        self.most_threads = max(self.most_threads, self.count_threads())
        if self.notes.now() - self.last_sync > self.SYNC_EVERY_NS:
            self.notes.descriptors.mend()
            self.sync()
            self.module_files.note()
            self.sampling.look()
            if self.marks.rows:
                self.marks.flush()

    def stop(self) -> None:
        """Note the end, once; a child made by fork that isn't recorded has none."""
        if not self.is_active():
            return
        self.is_stopped = True
        try:
            self.note_end()
        except OSError:
            pass  # the program closed our files or filled the disk: the notes end here, and say so by that
        except Exception as fault:
            self.notes.tell_fault("end", fault)

    @when_needed
    def stop_at_once(self) -> None:
        """Note the end of a process that PyPy won't get to end itself."""
        if self.getpid() != self.pid:
            return
        self.stop()
        if self.compiling.has_any:
            self.compiling.has_any = False
            print_counts()

    @when_needed
    def leave_to_exec(self) -> None:
        """Note the end, as another program takes this process."""
        if self.is_active():
            self.notes.add("exec", self.notes.now())
            self.is_leaving = True
            self.stop_at_once()

    @when_needed
    def stay(self) -> None:
        """Take that back: there was no such program.  The recording has ended all the same."""
        if self.is_leaving:
            self.is_leaving = False
            self.notes.add("exec", None)

    @seldom
    def note_end(self) -> None:
        """Write what is known only now.  Raises OSError."""
        import pypyjit

        self.compiling.stop()
        self.notes.descriptors.mend()
        self.module_files.note()
        self.sampling.stop()
        if self.calls is not None:
            self.calls.stop()
        self.marks.stop()
        self.pausing.stop()
        self.notes.add("threads", named(), max(self.most_threads, self.count_threads()))
        self.notes.add("memory", pypyjit.get_stats_asmmemmgr())
        self.sync()
        self.notes.tell_faults()
        self.notes.add(
            "end",
            {
                "stopped_ns": self.notes.now(),
                "unrecorded": self.children.unrecorded,
                "closed": self.notes.descriptors.has_lost,
            },
        )
