"""Know when a recording was paused, and count time without that."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Iterable, Iterator, List, Optional, Tuple

from tracebin.bundle.records import Pause, Problem


class PauseNotes:
    """What the agent noted of pauses, on CLOCK_MONOTONIC; the last may have no end."""

    def __init__(self) -> None:
        self.stretches: List[Tuple[int, Optional[int]]] = []
        self.left_out = 0

    def paused(self, time_ns: int) -> None:
        """Note the start of a pause."""
        if not self.stretches or self.stretches[-1][1] is not None:
            self.stretches.append((int(time_ns), None))

    def resumed(self, time_ns: int) -> None:
        """Note the end of one."""
        if self.stretches and self.stretches[-1][1] is None:
            start = self.stretches[-1][0]
            self.stretches[-1] = (start, max(int(time_ns), start))

    def leave_out(self, count: int) -> None:
        """Note that a program paused more often than is kept."""
        self.left_out = int(count)

    def records(self, origin_ns: int, ended_ns: int) -> List[Pause]:
        """Give the pauses in times of the run; one without an end lasts to ``ended_ns``."""
        found = []
        for start, end in self.stretches:
            first = max(start - origin_ns, 0)
            found.append(Pause(first, max((ended_ns if end is None else end) - origin_ns, first)))
        return found

    def problems(self, where: str) -> Iterator[Problem]:
        """Say that pauses were not made."""
        if self.left_out:
            text = (
                "The program paused more often than is kept: then samples and calls were taken all the same."
            )
            yield Problem("pauses-left-out", text, self.left_out, where)


class Pauses:
    """Stretches without samples, in order of time."""

    def __init__(self, stretches: Iterable[Tuple[int, int]] = ()) -> None:
        self._stretches = list(stretches)
        self._starts = [start for start, _ in self._stretches]

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self._stretches)

    def __contains__(self, time: int) -> bool:
        """Say whether ``time`` lies in one."""
        place = bisect_right(self._starts, time) - 1
        return place >= 0 and time < self._stretches[place][1]

    def active(self, start: int, stop: int) -> List[Tuple[int, int]]:
        """Give what lies in none between ``start`` and ``stop``; the last piece may be empty."""
        found, at = [], start
        for first, last in self._stretches:
            if first >= stop:
                break
            if first > at:
                found.append((at, first))
            at = max(at, last)
        return [*found, (min(at, stop), stop)]


class ActiveTime:
    """The time between ``start`` and ``stop`` that was not paused, as one line without gaps."""

    def __init__(self, start: int, stop: int, pauses: Pauses) -> None:
        self._pieces = pauses.active(start, stop)
        self._offsets = []
        self.length = 0
        for first, last in self._pieces:
            self._offsets.append(self.length)
            self.length += last - first

    def at(self, offset: int) -> int:
        """Give the time at which ``offset`` of the active time have passed."""
        place = max(bisect_left(self._offsets, offset) - 1, 0)
        return self._pieces[place][0] + offset - self._offsets[place]
