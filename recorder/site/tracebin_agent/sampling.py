"""Have PyPy's sampler take stacks by a timer of our own.

PyPy's own timers won't do. SIGALRM is a signal that programs use; ITIMER_PROF
counts CPU time in steps of the kernel's tick (4 ms on many), and goes on into a
program that takes the process by exec, and kills it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _thread
import os

from .libc import Libc
from .notes import Notes
from .polling import Polling
from .seldom import seldom, when_needed
from .stamps import Stamps
from .timers import Timer

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


class Sampling:
    """The sampler, from its start to its end; it listens to the starts and ends of threads.

    The main thread is sampled at the interval that was asked for.  So are others, as long as there are
    few: of more than ``AT_FULL_RATE``, each is sampled half as often whenever their number doubles.
    Their timers are not in step, as one thread at a time can be in the handler.

    Where no interval was asked for, all are sampled at a quarter of the rate once there are 500 samples.
    Each tick costs a program 15 to 48 us in a virtual machine, and 10 where it falls together with one of the
    kernel's own, as all then do where that has 250 a second.
    """

    # The longest period PyPy's own timer takes: after each fork PyPy starts it again beside ours.
    IDLE_S = 0.999
    AT_FULL_RATE = 3

    @seldom
    def __init__(self, notes: Notes, interval_s: float, later_s: float) -> None:
        """Stand ready; ``later_s`` is what the interval becomes after some samples, or 0."""
        self.notes = notes
        self.interval_s = interval_s
        self.later_s = later_s
        self.timer: Optional[Timer] = None
        self.stamps: Optional[Stamps] = None
        self.polling: Optional[Polling] = None
        self.handler: Any = None
        self.file = -1
        self.native = _thread.get_native_id
        self.libc = Libc()
        self.others: Dict[int, Timer] = {}
        self.slowness = 1
        self.others_s = interval_s
        self.is_paused = False
        self.is_on = False
        self.is_held = False
        self.not_sampled = 0

    @seldom
    def start(self) -> None:
        """Begin, as far as this PyPy and machine let us."""
        try:
            self.timer = Timer(self.libc, _signal.SIGPROF, self.native())
        except Exception as fault:
            self.notes.fault("timer", fault)
        try:
            self.enable()
        except Exception as fault:
            self.notes.fault("sampling", fault)

    @seldom
    def enable(self) -> None:
        """Put PyPy's handler behind SIGPROF, ours before it, and start the timer."""
        import _vmprof

        before = self.notes.now()
        self.handler = _signal.getsignal(_signal.SIGPROF)
        period = self.interval_s if self.timer is None else self.IDLE_S
        file = self.file = self.notes.open("prof")
        self.stamps = self.open_stamps()
        if self.stamps is None:
            # PyPy's handler asks for resident memory itself, and keeps a file open for that.
            self.notes.descriptors.call_above(lambda: _vmprof.enable(file, period, 1, 0, 0, 0))
        else:
            _vmprof.enable(file, period, 0, 0, 0, 0)
            self.stamps.install()
        self.is_on = True
        if self.timer is not None:
            # A period later: the agent's own work is done by then.
            self.timer.start_in_step(self.interval_s, self.notes.now() + int(self.interval_s * 1e9))
        facts: Dict[str, Any] = {"started_ns": before, "interval_s": self.interval_s}
        if self.stamps is not None and self.timer is not None:
            facts["threads"] = True
        self.notes.add("sampling", facts)

    @seldom
    def open_stamps(self) -> Optional[Stamps]:
        """Have each sample's time, place and thread kept beside it, where that can be done."""
        try:
            if self.polling is None:
                if os.uname().machine != "x86_64":
                    return None
                self.polling = Polling(self.libc)
            stop = os.path.join(os.path.dirname(self.notes.stem), "stop")
            statm = self.notes.descriptors.open_to_read("/proc/self/statm")
            files = self.file, self.notes.open("stamps"), statm
            return Stamps(self.polling, _signal.SIGPROF, files, stop, self.interval_s, self.slowing())
        except OSError:
            return None  # another machine than x86-64, or memory that may not be run: samples are spread

    @seldom
    def slowing(self) -> bytes:
        """Assemble what makes the main thread's interval longer; nothing where it stays as it is."""
        if not self.later_s or self.timer is None or not self.timer.is_the_kernels:
            return b""
        return self.timer.set_in_step(self.later_s, self.notes.now())

    def interval_now_s(self) -> float:
        """Give the main thread's interval, which others have too, or a multiple of it."""
        is_slower = self.stamps is not None and self.stamps.is_slower()
        return self.later_s if is_slower else self.interval_s

    @when_needed
    def start_thread(self) -> None:
        """Sample the thread that calls, if it can be told whose samples are whose."""
        if not self.is_on or self.stamps is None or self.timer is None:
            return
        try:
            timer = Timer(self.libc, _signal.SIGPROF, self.native())
        except OSError:
            self.not_sampled += 1  # a user may have so many signals waiting, and no more (setrlimit(2))
            return
        self.others[self.native()] = timer
        if not self.adapt() and not self.is_paused:
            self.set_timer(timer, self.interval_now_s() * self.slowness)

    @when_needed
    def end_thread(self) -> None:
        """Sample the thread that calls no more."""
        timer = self.others.pop(self.native(), None)
        if timer is None:
            return
        try:
            timer.delete()
        except OSError:
            pass  # ``stop`` has just done that
        self.adapt()

    @when_needed
    def adapt(self) -> bool:
        """Choose how often the other threads are sampled; say whether that is another rate than before."""
        slowness = 1
        while len(self.others) > self.AT_FULL_RATE * slowness:
            slowness *= 2
        # Back only when half of them are gone: else one thread that comes and goes would set all timers.
        if slowness == self.slowness or slowness * 2 == self.slowness:
            return False
        self.slowness = slowness
        self.set_timers(0 if self.is_paused else self.interval_now_s() * slowness)
        return True

    @when_needed
    def set_timers(self, others_s: float) -> None:
        """Set the timers of all threads but the main one."""
        self.others_s = others_s
        for timer in list(self.others.values()):
            self.set_timer(timer, others_s)

    @when_needed
    def set_timer(self, timer: Timer, seconds: float) -> None:
        """Set the timer of one of these threads."""
        try:
            timer.start(seconds)
        except OSError:
            pass  # its thread has ended since, and deleted it, or ``stop`` has

    @when_needed
    def pause(self) -> None:
        """Take no samples until :meth:`resume`; a timer of PyPy's own may tick on, and takes none either."""
        try:
            import _vmprof

            self.is_paused = True
            self.set_timers(0)
            if self.timer is not None:
                # Twice: a tick between the two may just have made the interval longer.
                self.timer.start(0)
                self.timer.start(0)
            _vmprof.stop_sampling()
        except Exception as fault:
            self.notes.fault("pause", fault)

    @when_needed
    def resume(self) -> None:
        """Take samples again."""
        try:
            import _vmprof

            _vmprof.start_sampling()
            self.is_paused = False
            if self.timer is not None:
                self.timer.start_in_step(self.interval_now_s(), self.notes.now())
            self.set_timers(self.interval_now_s() * self.slowness)
        except Exception as fault:
            self.notes.fault("resume", fault)

    def look(self) -> None:
        """End it if the launcher says so, and have the other threads follow the main one."""
        if self.stamps is None:
            return
        if self.stamps.is_stopped():
            self.stop()
        elif self.others_s and self.others_s < self.interval_now_s() * self.slowness:
            self.set_timers(self.interval_now_s() * self.slowness)

    @when_needed
    def before_fork(self) -> None:
        """Let no other thread be in the sampler's handler: in the child it would stay there for ever."""
        if self.others and self.is_on and not self.is_paused:
            self.is_held = True
            self.pause()

    @when_needed
    def after_fork(self) -> None:
        """Go on in the parent."""
        if self.is_held:
            self.is_held = False
            self.resume()

    @seldom
    def follow(self, notes: Notes) -> None:
        """Begin again in a child made by fork, which has one thread and no timer."""
        was_on = self.is_on
        self.leave_child()
        self.notes = notes
        if was_on:
            self.start()

    @seldom
    def stop(self) -> None:
        """End it and have PyPy write the names of what was sampled."""
        import _vmprof

        try:
            self.is_on = False
            self.delete_others()
            if self.timer is not None:
                self.timer.delete()
                self.timer = None
            if self.stamps is not None:
                self.stamps.finish()
            # It would write the names into a file that the program has put under its number.
            if _vmprof.is_enabled() and self.notes.descriptors.owns(self.file):
                self.disable(_vmprof)
        except Exception as fault:
            self.notes.fault("sampling", fault)

    @seldom
    def delete_others(self) -> None:
        """Sample no thread but the main one any more."""
        for timer in list(self.others.values()):
            try:
                timer.delete()
            except OSError:
                pass  # its thread has just done that

    @seldom
    def disable(self, _vmprof: Any) -> None:
        """Note when and how it ended."""
        stopped = self.notes.now()
        # A handler that the program has set for the signal has put an end to the sampler's.
        is_ours = _signal.getsignal(_signal.SIGPROF) == self.handler
        _vmprof.disable()
        written = self.notes.now()
        facts = {"stopped_ns": stopped, "written_ns": written, "timer_taken": not is_ours}
        self.notes.add("sampled", {**facts, "not_sampled": self.not_sampled})

    @seldom
    def leave_child(self) -> None:
        """Take the sampler out of a child made by fork.

        PyPy has closed the child's sample file, but would start the timer again after
        a fork of the child's own, and abort at the first tick.
        """
        self.timer = self.stamps = None
        self.others = {}
        self.is_paused = self.is_paused and not self.is_held
        self.is_on = self.is_held = False
        self.slowness = 1
        self.others_s = self.interval_s
        try:
            import _vmprof

            if _vmprof.is_enabled():
                _vmprof.disable()
        except OSError:
            pass  # it can't write the names to the closed file, and is off all the same
        except Exception as fault:
            self.notes.fault("sampling", fault)
