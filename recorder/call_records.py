"""Turn the calls of one process into chunks of the bundle, and count what is left out."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, Tuple

from tracebin.bundle.records import CHUNK_ROWS, CallChunk, Problem
from tracebin.recorder.call_choice import CallChoice
from tracebin.recorder.call_notes import CalledName
from tracebin.recorder.calls import Called, CallThread
from tracebin.recorder.clock import Clock
from tracebin.recorder.functions import START_UP_FILE, Functions

# How a function's calls are treated: kept; left out by the user's choice; left out as not the
# program's; the same with all that they call.
KEPT, CHOSEN_OUT, START_UP, OWN = range(4)
# Durations are counted by their three highest bits to find how short the calls are that are too many.
_FINE_BITS = 3

# PyPy itself takes a profile function away that raises, or for which there is no room on the stack.
LOST = "it set a profile function of its own, or a RecursionError or KeyboardInterrupt ended the recorder's"

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
        self._treatment: Dict[int, int] = {}
        self._ids: Dict[int, int] = {}
        for number, name in called.notes.names.items():
            self._settle(number, name)
        self._threads = [
            (thread_number(thread.ident, clock.ns(thread.last_tick)), thread) for thread in called.threads
        ]
        # Of the calls as long as ``_least``, this many more may be kept.
        self._least = self._room = 0
        self.chosen_out = 0
        self.too_short = 0
        self.too_many = 0

    def _settle(self, number: int, name: CalledName) -> None:
        treatment = self._treat(name)
        if treatment != KEPT:
            self._treatment[number] = treatment
        else:
            self._ids[number] = self._functions.named(name.name, name.file, name.line, name.qualname)

    def _treat(self, name: CalledName) -> int:
        if name.file.startswith(f"{self._agent}/tracebin_agent/"):
            return OWN
        if name.file == START_UP_FILE or name.file.startswith(f"{self._agent}/"):
            return START_UP
        path, module = self._functions.place_of(name.file)
        return KEPT if self._choice.keeps(path, module) else CHOSEN_OUT

    def chunks(self) -> Iterator[CallChunk]:
        """Yield the calls, a chunk at a time."""
        if self._choice.max_calls and self._count() > self._choice.max_calls:
            self._least, self._room = self._least_kept()
        for number, thread in self._threads:
            yield from self._thread_chunks(number, thread)

    def _count(self) -> int:
        return sum(len(thread.rows) for _, thread in self._threads)

    def _thread_chunks(self, number: int, thread: CallThread) -> Iterator[CallChunk]:
        rows: List[Tuple[int, int, int, int]] = []
        for row in self._kept(thread):
            rows.append(row)
            if len(rows) == CHUNK_ROWS:
                yield _chunk(number, rows)
                rows = []
        if rows:
            yield _chunk(number, rows)

    def _kept(self, thread: CallThread) -> Iterator[Tuple[int, int, int, int]]:
        """Yield start, duration, depth and function of the calls that are kept.

        What is inside a call that is too short is shorter still, or as long and later, so that
        depths stay true.
        """
        shortest, least = self._choice.min_duration_ns, self._least
        for start, duration, depth, function in self._chosen(thread):
            if duration < shortest:
                self.too_short += 1
            elif least and not self._has_room(_fineness(duration)):
                self.too_many += 1
            else:
                yield start, duration, depth, function

    def _has_room(self, fineness: int) -> bool:
        if fineness == self._least:
            self._room -= 1
            return self._room >= 0
        return fineness > self._least

    def _chosen(self, thread: CallThread) -> Iterator[Tuple[int, int, int, int]]:
        """Yield the calls of the functions that are kept, with how many of these they are in."""
        # By depth in the program: how many kept calls are around, -1 inside the recorder's own.
        around = [0]
        treatment, ids = self._treatment, self._ids
        for rows in thread.rows.chunks():
            starts, ends = self._clock.all_ns(rows.start), self._clock.all_ns(rows.end)
            for start, end, depth, number in zip(starts, ends, rows.depth, rows.number):
                outer = around[depth]
                treated = treatment.get(number, KEPT)
                inner = outer
                if outer < 0 or treated == OWN:
                    inner = -1
                elif treated == KEPT:
                    inner = outer + 1
                    yield start, end - start, outer, ids.get(number, -1)
                elif treated == CHOSEN_OUT:
                    self.chosen_out += 1
                del around[depth + 1 :]
                around.append(inner)

    def _least_kept(self) -> Tuple[int, int]:
        """Give how fine calls may be so that ``max_calls`` stay, and how many of the finest."""
        counts: Dict[int, int] = {}
        for _, thread in self._threads:
            for _, duration, _, _ in self._chosen(thread):
                if duration >= self._choice.min_duration_ns:
                    fineness = _fineness(duration)
                    counts[fineness] = counts.get(fineness, 0) + 1
        self.chosen_out = 0  # they are counted when the rows are written
        room = self._choice.max_calls
        for fineness in sorted(counts, reverse=True):
            if counts[fineness] > room:
                return fineness, room
            room -= counts[fineness]
        return 0, 0

    # --- problems -------------------------------------------------------------

    def problems(self, where: str) -> Iterator[Problem]:
        """Say what is missing, once the chunks are written."""
        yield from self._left_out(where)
        if self._called.cut:
            yield Problem("calls-cut", f"The calls break off: {self._called.cut}.", 1, where)
        unfit = sum(thread.unfit for thread in self._called.threads)
        if unfit:
            text = (
                "Returns that don't fit the innermost call, as where a program uses greenlets: "
                "ends of calls are not certain."
            )
            yield Problem("calls-unfit", text, unfit, where)
        if self._called.notes.unnamed:
            text = "Calls of functions beyond the first 131,072 have no name."
            yield Problem("calls-unnamed", text, self._called.notes.unnamed, where)
        yield from self._lost(where)

    def _left_out(self, where: str) -> Iterator[Problem]:
        if self.chosen_out:
            text = "Calls of functions that --include and --exclude leave out are not kept."
            yield Problem("calls-left-out", text, self.chosen_out, where)
        if self.too_short:
            text = f"Calls shorter than {self._choice.min_duration_ns} ns (--min-duration) are not kept."
            yield Problem("calls-left-out", text, self.too_short, where)
        if self.too_many:
            shortest = _duration_of(self._least)
            text = (
                f"More calls than --max-calls {self._choice.max_calls}: "
                f"those shorter than {shortest} ns are not kept, nor all as short."
            )
            yield Problem("calls-left-out", text, self.too_many, where)

    def _lost(self, where: str) -> Iterator[Problem]:
        for thread in self._called.lost:
            since = self._clock.ns(thread.last_tick) / 1e9
            text = f"There are no calls of a thread of the program from {since:.6f} s on: {LOST}."
            yield Problem("calls-lost", text, 1, where)


def _fineness(duration: int) -> int:
    """Give a number that grows with the duration, one for each eighth of an octave."""
    bits = duration.bit_length()
    shift = max(bits - 1 - _FINE_BITS, 0)
    return (shift << _FINE_BITS) + (duration >> shift)


def _duration_of(fineness: int) -> int:
    """Give the shortest duration of that fineness."""
    one = 1 << _FINE_BITS
    shift = max((fineness >> _FINE_BITS) - 1, 0)
    return (fineness - (shift * one)) << shift


def _chunk(thread: int, rows: List[Tuple[int, int, int, int]]) -> CallChunk:
    starts, durations, depths, functions = (list(column) for column in zip(*rows))
    deltas = [0, *(later - earlier for earlier, later in zip(starts, starts[1:]))]
    return CallChunk(thread, starts[0], deltas, durations, depths, functions)
