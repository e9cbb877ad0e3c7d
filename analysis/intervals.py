"""Keep stretches of time as sorted intervals that don't overlap, and ask them questions.

Owns nothing but the arithmetic: an interval is ``[start, end)`` in nanoseconds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from heapq import merge
from typing import Iterable, Iterator, List, Tuple

Interval = Tuple[int, int]
BEFORE_ALL = -(1 << 64)


class Intervals:
    """Sorted intervals that neither overlap nor touch."""

    def __init__(self, pairs: Iterable[Interval] = ()) -> None:
        self._starts: List[int] = []
        self._ends: List[int] = []
        for start, end in pairs:
            self._append(start, end)
        self._before = list(self._running_total())

    def _append(self, start: int, end: int) -> None:
        if end <= start:
            return
        if self._ends and start <= self._ends[-1]:
            self._ends[-1] = max(self._ends[-1], end)
        else:
            self._starts.append(start)
            self._ends.append(end)

    def _running_total(self) -> Iterator[int]:
        total = 0
        for start, end in self:
            yield total
            total += end - start

    def __iter__(self) -> Iterator[Interval]:
        """Yield the intervals in order."""
        return zip(self._starts, self._ends)

    def __or__(self, other: Intervals) -> Intervals:
        """Give the times that lie in either."""
        return Intervals(merge(self, other))

    def __contains__(self, time: int) -> bool:
        """Say whether ``time`` lies in an interval."""
        index = bisect_right(self._starts, time) - 1
        return index >= 0 and time < self._ends[index]

    def covered_before(self, time: int) -> int:
        """Add up what the intervals cover before ``time``."""
        index = bisect_right(self._starts, time) - 1
        if index < 0:
            return 0
        return self._before[index] + min(time, self._ends[index]) - self._starts[index]

    def walk(self, times: Iterable[int]) -> Iterator[Tuple[bool, int]]:
        """Say of each time whether it lies in an interval, and what they cover before it.

        The times must ascend: going on from one to the next is what makes this fast.
        """
        index, count = -1, len(self._starts)
        start = end = BEFORE_ALL
        before = 0
        for time in times:
            while index + 1 < count and self._starts[index + 1] <= time:
                index += 1
                start, end, before = self._starts[index], self._ends[index], self._before[index]
            yield time < end, before + (time if time < end else end) - start

    def touching(self, start: int, end: int) -> Iterator[Interval]:
        """Yield, in order, the intervals that have a part in ``[start, end)``."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        return zip(self._starts[first:last], self._ends[first:last])

    def covered(self, start: int, end: int) -> int:
        """Add up what the intervals cover of ``[start, end)``."""
        return self.covered_before(end) - self.covered_before(start) if end > start else 0


class IntervalsBuilder:
    """Gather intervals in any order; they are sorted only if they came out of order."""

    def __init__(self) -> None:
        self._pairs: List[Interval] = []
        self._is_sorted = True

    def add(self, start: int, end: int) -> None:
        """Add one interval; an empty one is left out."""
        if end <= start:
            return
        if self._pairs and start < self._pairs[-1][0]:
            self._is_sorted = False
        self._pairs.append((start, end))

    def build(self) -> Intervals:
        """Give what was gathered."""
        if not self._is_sorted:
            self._pairs.sort()
            self._is_sorted = True
        return Intervals(self._pairs)
