"""Cut the rows of calls into chunks of the bundle, and count what is left out.

There are millions of rows: where there are many, call_server.py has PyPy do this.
"""

from __future__ import annotations

from collections import Counter
from itertools import compress
from operator import add
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Protocol, Tuple

from tracebin.bundle.records import CHUNK_ROWS
from tracebin.recorder.call_rows import CallRows, Rows
from tracebin.recorder.clock import Clock

# What stands for a function without a name, and for those whose calls are left out: by the user's choice;
# as not the program's; the same with all that they call.
UNNAMED, CHOSEN_OUT, START_UP, OWN = -1, -2, -3, -4
# The agent's numbers are below.
MOST_NUMBERS = 1 << 18
# Durations are counted by their three highest bits to find how short the calls are that are too many.
_FINE_BITS = 3


class Columns(NamedTuple):
    """Calls in order of start, in nanoseconds and by the bundle's functions."""

    start: List[int]
    duration: List[int]
    depth: List[int]
    function: List[int]

    def followed_by(self, more: Columns) -> Columns:
        """Give these and others."""
        return Columns(*map(add, self, more)) if self.start else more

    def part(self, start: int, stop: Optional[int]) -> Columns:
        """Give some of them."""
        count = len(self.start)
        if start == 0 and (stop is None or stop >= count):
            return self
        return Columns(*(column[start:stop] for column in self))


class Settled(NamedTuple):
    """What is known once all is read: the bundle's numbers, the clock, and what is wanted.

    ``threads`` are in the order of the rows'; ``functions`` are by the agent's numbers.
    """

    threads: List[int]
    functions: Dict[int, int]
    clock: Clock
    min_duration_ns: int = 0
    max_calls: int = 0

    def to_json(self) -> List[Any]:
        """Give it as lists and numbers, for another process."""
        functions = list(self.functions.items())
        return [self.threads, functions, self.clock.points(), self.min_duration_ns, self.max_calls]


def settled(value: List[Any]) -> Settled:
    """Take up again what ``to_json`` gave."""
    threads, functions, (marks, origin_ns), *limits = value
    return Settled(threads, dict(functions), Clock(marks, origin_ns, (0, 0)), *limits)


class LeftOut(NamedTuple):
    """How many calls were left out; ``least`` is how fine those are that are too many."""

    chosen: int = 0
    too_short: int = 0
    too_many: int = 0
    least: int = 0


class Kept(Protocol):
    """The calls of a process that are kept."""

    @property
    def left_out(self) -> LeftOut:
        """Count the others, once all lines were taken."""

    def lines(self) -> Iterator[bytes]:
        """Yield the chunks of all threads, each encoded."""


class KeptCalls:
    """Those of the rows at hand that are kept, in order of thread and start."""

    def __init__(self, rows: List[CallRows], known: Settled) -> None:
        self._rows = rows
        self._known = known
        self._functions = [UNNAMED] * MOST_NUMBERS
        for number, function in known.functions.items():
            self._functions[number] = function
        # Of the calls as long as ``_least``, this many more may be kept.
        self._least = self._room = 0
        self._chosen_out = 0
        self._too_short = 0
        self._too_many = 0

    @property
    def left_out(self) -> LeftOut:
        """Count what was left out."""
        return LeftOut(self._chosen_out, self._too_short, self._too_many, self._least)

    def lines(self) -> Iterator[bytes]:
        """Yield the chunks, each encoded."""
        most = self._known.max_calls
        if most and sum(map(len, self._rows)) > most:
            self._least, self._room = self._least_kept(most)
        for number, rows in zip(self._known.threads, self._rows):
            yield from self._thread_lines(number, rows)

    def _thread_lines(self, number: int, thread: CallRows) -> Iterator[bytes]:
        waiting = Columns([], [], [], [])
        for columns in self._chosen(thread):
            waiting = waiting.followed_by(self._kept(columns))
            while len(waiting.start) >= CHUNK_ROWS:
                yield _line(number, waiting.part(0, CHUNK_ROWS))
                waiting = waiting.part(CHUNK_ROWS, None)
        if waiting.start:
            yield _line(number, waiting)

    def _kept(self, columns: Columns) -> Columns:
        """Take those that are long enough.

        What is inside a call that is too short is shorter still, or as long and later, so that
        depths stay true.
        """
        if not self._least and not self._known.min_duration_ns:
            return columns
        fits = [self._fits(duration) for duration in columns.duration]
        return Columns(*(list(compress(column, fits)) for column in columns))

    def _fits(self, duration: int) -> bool:
        if duration < self._known.min_duration_ns:
            self._too_short += 1
        elif self._least and not self._has_room(fineness(duration)):
            self._too_many += 1
        else:
            return True
        return False

    def _has_room(self, fine: int) -> bool:
        if fine == self._least:
            self._room -= 1
            return self._room >= 0
        return fine > self._least

    def _chosen(self, thread: CallRows) -> Iterator[Columns]:
        """Yield the calls of the functions that are kept, with how many of these they are in."""
        # By depth in the program: how many kept calls are around, -1 inside the recorder's own. What is
        # deeper than the last call is left over from earlier ones.
        around = [0]
        for rows in thread.chunks():
            yield self._chosen_rows(rows, around)

    def _chosen_rows(self, rows: Rows, around: List[int]) -> Columns:
        # By index, and into room that is there: a zip of four costs PyPy 60 ns a row, an append 13.
        columns = Columns(*([0] * len(rows.start) for _ in range(4)))
        kept = 0
        functions, chosen_out = self._functions, 0
        starts, ends = self._known.clock.all_ns(rows.start), self._known.clock.all_ns(rows.end)
        for place in range(len(starts)):
            depth = rows.depth[place]
            inner = outer = around[depth]
            function = functions[rows.number[place]]
            if outer < 0 or function == OWN:
                inner = -1
            elif function >= UNNAMED:
                inner = outer + 1
                columns.start[kept] = starts[place]
                columns.duration[kept] = ends[place] - starts[place]
                columns.depth[kept] = outer
                columns.function[kept] = function
                kept += 1
            elif function == CHOSEN_OUT:
                chosen_out += 1
            if depth + 1 < len(around):
                around[depth + 1] = inner
            else:
                around.append(inner)
        self._chosen_out += chosen_out
        return columns.part(0, kept)

    def _least_kept(self, most: int) -> Tuple[int, int]:
        """Give how fine calls may be so that ``most`` stay, and how many of the finest."""
        counts: Counter[int] = Counter()
        for thread in self._rows:
            for columns in self._chosen(thread):
                long = [each for each in columns.duration if each >= self._known.min_duration_ns]
                counts.update(map(fineness, long))
        self._chosen_out = 0  # they are counted when the rows are written
        for fine in sorted(counts, reverse=True):
            if counts[fine] > most:
                return fine, most
            most -= counts[fine]
        return 0, 0


def fineness(duration: int) -> int:
    """Give a number that grows with the duration, one for each eighth of an octave."""
    bits = duration.bit_length()
    shift = max(bits - 1 - _FINE_BITS, 0)
    return (shift << _FINE_BITS) + (duration >> shift)


def duration_of(fine: int) -> int:
    """Give the shortest duration of that fineness."""
    one = 1 << _FINE_BITS
    shift = max((fine >> _FINE_BITS) - 1, 0)
    return (fine - (shift * one)) << shift


def _line(thread: int, columns: Columns) -> bytes:
    pieces = [b'{"thread":%d,"first_ns":%d' % (thread, columns.start[0])]
    for name, column in zip(Columns._fields, columns._replace(start=_deltas(columns.start))):
        pieces += [b',"%s":[' % name.encode("ascii"), _numbers(column).encode("ascii"), b"]"]
    return b"".join([*pieces, b"}"])


def _deltas(starts: List[int]) -> List[int]:
    deltas = [0] * len(starts)
    before = starts[0]
    for place, start in enumerate(starts):
        deltas[place] = start - before
        before = start
    return deltas


# Most numbers are small. With their texts at hand PyPy needs two thirds of the time of json.dumps; with the
# commas in them, half.
_MOST = 1 << 14
_TEXTS = [f"{number}," for number in range(_MOST)]


def _numbers(column: List[int]) -> str:
    texts = [_TEXTS[number] if 0 <= number < _MOST else str(number) + "," for number in column]
    texts[-1] = texts[-1][:-1]
    return "".join(texts)
