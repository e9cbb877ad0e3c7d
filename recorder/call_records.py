"""Turn the calls of one process into lines of the bundle, and say what is missing."""

from __future__ import annotations

import os
from typing import Callable, Dict, Iterator

from tracebin.bundle.records import Problem
from tracebin.recorder.call_choice import CallChoice
from tracebin.recorder.call_notes import CalledName
from tracebin.recorder.calls import Called
from tracebin.recorder.clock import Clock
from tracebin.recorder.functions import START_UP_FILE, Functions
from tracebin.recorder.kept_calls import CHOSEN_OUT, OWN, START_UP, Settled, duration_of

# What each of PyPy's greenlets begins with.
GREENLET_START = ("_greenlet_start", "greenlet.py")
# PyPy itself takes a profile function away that raises, or for which there is no room on the stack.
LOST = (
    "it set another profile function or none, or a RecursionError or KeyboardInterrupt ended the recorder's"
)

ThreadNumber = Callable[[int, int], int]


class CallRecords:
    """The calls of one process in order of thread and start.

    ``thread_number`` gives the bundle's number of a thread, by ident and time; ``agent`` is the
    folder of the recorder's own code.
    """

    def __init__(
        self,
        called: Called,
        choice: CallChoice,
        clock: Clock,
        functions: Functions,
        agent: str,
        thread_number: ThreadNumber,
    ) -> None:
        self._called = called
        self._choice = choice
        self._clock = clock
        self._agent = agent
        self._functions = functions
        numbers: Dict[int, int] = {number: self._settle(name) for number, name in called.notes.names.items()}
        threads = [thread_number(thread.ident, clock.ns(thread.last_tick)) for thread in called.threads]
        known = Settled(threads, numbers, clock, choice.min_duration_ns, choice.max_calls)
        self._kept = called.kept(known)

    def _settle(self, name: CalledName) -> int:
        """Give a function's number in the bundle, or why its calls are left out."""
        if name.file.startswith(f"{self._agent}/tracebin_agent/"):
            return OWN
        if name.file == START_UP_FILE or name.file.startswith(f"{self._agent}/"):
            return START_UP
        path, module = self._functions.place_of(name.file)
        if not self._choice.keeps(path, module):
            return CHOSEN_OUT
        return self._functions.named(name.name, name.file, name.line, name.qualname)

    def lines(self) -> Iterator[bytes]:
        """Yield the calls, a chunk at a time, each encoded."""
        return self._kept.lines()

    # --- problems -------------------------------------------------------------

    def problems(self, where: str) -> Iterator[Problem]:
        """Say what is missing, once the lines are written."""
        yield from self._left_out(where)
        if self._called.cut:
            yield Problem("calls-cut", f"The calls break off: {self._called.cut}.", 1, where)
        unfit = sum(thread.unfit for thread in self._called.threads)
        if unfit or self._has_greenlets():
            text = (
                "The program switched between greenlets, or returns didn't fit the innermost call: "
                "ends of calls, and what called them, are not certain."
            )
            yield Problem("calls-unfit", text, max(unfit, 1), where)
        if self._called.notes.unnamed:
            text = "Calls of functions beyond the first 131,072 have no name."
            yield Problem("calls-unnamed", text, self._called.notes.unnamed, where)
        yield from self._lost(where)

    def _has_greenlets(self) -> bool:
        """Say whether a greenlet was started: where two run the same functions no return need be unfit."""
        names = self._called.notes.names.values()
        return any((name.name, os.path.basename(name.file)) == GREENLET_START for name in names)

    def _left_out(self, where: str) -> Iterator[Problem]:
        left_out = self._kept.left_out
        if left_out.chosen:
            text = "Calls of functions that --include and --exclude leave out are not kept."
            yield Problem("calls-left-out", text, left_out.chosen, where)
        if left_out.too_short:
            text = f"Calls shorter than {self._choice.min_duration_ns} ns (--min-duration) are not kept."
            yield Problem("calls-left-out", text, left_out.too_short, where)
        if left_out.too_many:
            shortest = duration_of(left_out.least)
            text = (
                f"More calls than --max-calls {self._choice.max_calls}: "
                f"those shorter than {shortest} ns are not kept, nor all as short."
            )
            yield Problem("calls-left-out", text, left_out.too_many, where)

    def _lost(self, where: str) -> Iterator[Problem]:
        for thread in self._called.threads:
            stretches = [self._stretch(*gap) for gap in thread.gaps]
            if thread.more_gaps:
                stretches.append(f"in {thread.more_gaps} stretches after that")
            if thread.is_lost:
                stretches.append(f"from {self._seconds(thread.last_tick)} on")
            if stretches:
                text = f"There are no calls of a thread of the program {', '.join(stretches)}: {LOST}."
                count = len(thread.gaps) + thread.more_gaps + thread.is_lost
                yield Problem("calls-lost", text, count, where)

    def _stretch(self, start: int, stop: int) -> str:
        return f"from {self._seconds(start)} to {self._seconds(stop)}"

    def _seconds(self, tick: int) -> str:
        return f"{self._clock.ns(tick) / 1e9:.6f} s"
