"""Turn the ticks of PYPYLOG into nanoseconds of the run."""

from __future__ import annotations

import bisect
import sys
from typing import List, Sequence, Tuple


class Clock:
    """A piecewise straight line through the sync marks.

    Each mark pairs a tick count with CLOCK_MONOTONIC nanoseconds, both read
    one right after the other.  Before the first and after the last mark
    the nearest rate goes on.  With one mark only, ``end`` (the log's last tick and
    when the process ended) is the second point, a rougher one.
    """

    def __init__(self, marks: List[Tuple[int, int]], origin_ns: int, end: Tuple[int, int]) -> None:
        points = sorted(dict(marks).items())
        if len(points) == 1 and end[0] > points[0][0]:
            points.append(end)
        self._origin_ns = origin_ns
        self._ticks = [tick for tick, _ in points]
        self._times = [time for _, time in points]
        self._rates = self._slopes()

    @property
    def is_known(self) -> bool:
        """Say whether there are two points to draw a line through."""
        return bool(self._rates)

    def points(self) -> Tuple[List[Tuple[int, int]], int]:
        """Give what makes the same clock again: its marks, and the run's start."""
        return list(zip(self._ticks, self._times)), self._origin_ns

    def _slopes(self) -> List[float]:
        pairs = zip(zip(self._ticks, self._times), zip(self._ticks[1:], self._times[1:]))
        return [(time1 - time0) / (tick1 - tick0) for (tick0, time0), (tick1, time1) in pairs]

    def ns(self, tick: int) -> int:
        """Give nanoseconds since the run's start; never below 0."""
        if not self._rates:
            return 0
        index = min(max(bisect.bisect_right(self._ticks, tick) - 1, 0), len(self._rates) - 1)
        time = self._times[index] + (tick - self._ticks[index]) * self._rates[index]
        return max(int(time) - self._origin_ns, 0)

    def tick(self, time_ns: int) -> int:
        """Give the tick at a time of the run; the last there can be where none is known."""
        time = time_ns + self._origin_ns
        index = min(max(bisect.bisect_right(self._times, time) - 1, 0), len(self._rates) - 1)
        if not self._rates or self._rates[index] <= 0:
            return sys.maxsize
        return self._ticks[index] + int((time - self._times[index]) / self._rates[index])

    def all_ns(self, ticks: Sequence[int]) -> List[int]:
        """Give ``ns`` of many ticks that lie near each other."""
        found = [0] * len(ticks)  # PyPy stores several times as fast as it appends
        # Between low and high, the line's last piece holds.
        low, high, time, tick0, rate = self._piece(ticks[0] if ticks else 0)
        origin_ns = self._origin_ns
        for place, tick in enumerate(ticks):
            if not low <= tick < high:
                low, high, time, tick0, rate = self._piece(tick)
            ns = int(time + (tick - tick0) * rate) - origin_ns
            if ns > 0:
                found[place] = ns
        return found

    def _piece(self, tick: int) -> Tuple[int, int, int, int, float]:
        """Give from where to where a piece of the line holds, its first point and its rate."""
        if not self._rates:
            return 0, sys.maxsize, 0, 0, 0.0
        index = min(max(bisect.bisect_right(self._ticks, tick) - 1, 0), len(self._rates) - 1)
        low = self._ticks[index] if index else 0
        high = self._ticks[index + 1] if index + 1 < len(self._rates) else sys.maxsize
        return low, high, self._times[index], self._ticks[index], self._rates[index]
