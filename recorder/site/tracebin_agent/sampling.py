"""Have PyPy's sampler take stacks by a timer of our own.

PyPy's own timers won't do. SIGALRM is a signal that programs use; ITIMER_PROF
counts CPU time in steps of the kernel's tick (4 ms on many), and goes on into a
program that takes the process by exec, and kills it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os

from .notes import Notes
from .stamps import Stamps
from .timers import Timer

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional


class Sampling:
    """The sampler, from its start to its end."""

    # The longest period PyPy's own timer takes: after each fork PyPy starts it again beside ours.
    IDLE_S = 0.999

    def __init__(self, notes: Notes, interval_s: float) -> None:
        self.notes = notes
        self.interval_s = interval_s
        self.timer: Optional[Timer] = None
        self.stamps: Optional[Stamps] = None
        self.handler: Any = None
        self.file = -1

    def start(self) -> None:
        """Begin, as far as this PyPy and machine let us."""
        try:
            self.timer = Timer(_signal.SIGPROF)
        except Exception as fault:
            self.notes.fault("timer", fault)
        try:
            self.enable()
        except Exception as fault:
            self.notes.fault("sampling", fault)

    def enable(self) -> None:
        """Put PyPy's handler behind SIGPROF, ours before it, and start the timer."""
        import _vmprof

        before = self.notes.now()
        self.handler = _signal.getsignal(_signal.SIGPROF)
        period = self.interval_s if self.timer is None else self.IDLE_S
        file = self.file = self.notes.open("prof")
        self.notes.descriptors.call_above(lambda: _vmprof.enable(file, period, 1, 0, 0, 0))
        self.stamp()
        if self.timer is not None:
            self.timer.start(self.interval_s)
        self.notes.add("sampling", {"started_ns": before, "interval_s": self.interval_s})

    def stamp(self) -> None:
        """Have each sample's time and program counter kept beside it, where that can be done."""
        try:
            file = self.notes.open("stamps")
            stop = os.path.join(os.path.dirname(self.notes.stem), "stop")
            stamps = Stamps(_signal.SIGPROF, lambda rows: self.notes.write_all(file, rows), self.file, stop)
            stamps.install()
            self.stamps = stamps
        except OSError:
            pass  # another machine than x86-64, or memory that may not be run: samples are spread in time

    def pause(self) -> None:
        """Take no samples until :meth:`resume`; a timer of PyPy's own may tick on, and takes none either."""
        try:
            import _vmprof

            if self.timer is not None:
                self.timer.start(0)
            _vmprof.stop_sampling()
        except Exception as fault:
            self.notes.fault("pause", fault)

    def resume(self) -> None:
        """Take samples again."""
        try:
            import _vmprof

            _vmprof.start_sampling()
            if self.timer is not None:
                self.timer.start(self.interval_s)
        except Exception as fault:
            self.notes.fault("resume", fault)

    def flush(self) -> None:
        """Write out what is in memory."""
        if self.stamps is not None:
            self.stamps.flush()
            if self.stamps.is_stopped():
                self.stop()

    def stop(self) -> None:
        """End it and have PyPy write the names of what was sampled."""
        import _vmprof

        try:
            if self.timer is not None:
                self.timer.delete()
                self.timer = None
            # It would write the names into a file that the program has put under its number.
            if _vmprof.is_enabled() and self.notes.descriptors.owns(self.file):
                self.disable(_vmprof)
        except Exception as fault:
            self.notes.fault("sampling", fault)

    def disable(self, _vmprof: Any) -> None:
        """Note when and how it ended."""
        stopped = self.notes.now()
        # A handler that the program has set for the signal has put an end to the sampler's.
        is_ours = _signal.getsignal(_signal.SIGPROF) == self.handler
        _vmprof.disable()
        if self.stamps is not None:
            self.stamps.flush()
        written = self.notes.now()
        self.notes.add("sampled", {"stopped_ns": stopped, "written_ns": written, "timer_taken": not is_ours})

    def leave_child(self) -> None:
        """Take the sampler out of a child made by fork.

        PyPy has closed the child's sample file, but would start the timer again after
        a fork of the child's own, and abort at the first tick.
        """
        try:
            import _vmprof

            if _vmprof.is_enabled():
                _vmprof.disable()
        except Exception as fault:
            # It can't write the names to the closed file, and is off all the same.
            self.notes.fault("sampling", fault)
