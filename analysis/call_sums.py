"""Add up exact calls by function, one after the other.

For the report of a run, which must do without numpy: the time line's sums, of any stretch
and path, are calls.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List

from tracebin.bundle.records import CallChunk
from tracebin.errors import MalformedBundle


@dataclass
class CallSum:
    """The calls of one function: how many, how long, and how long without what they called.

    A call inside another of the same function counts, but its time is in ``total_ns`` already.
    """

    calls: int = 0
    total_ns: int = 0
    self_ns: int = 0


class CallSums:
    """Feed it the calls of all threads, each thread's in order of start."""

    def __init__(self) -> None:
        self._threads: Dict[int, _Thread] = {}

    def add(self, chunk: CallChunk) -> None:
        """Take in calls.

        Raises:
            MalformedBundle: one is deeper than one below the call before it.
        """
        self._threads.setdefault(chunk.thread, _Thread()).add(chunk)

    def by_function(self) -> Dict[int, CallSum]:
        """Give the sums over all threads."""
        found: Dict[int, CallSum] = {}
        for thread in self._threads.values():
            for function, (calls, total, own, _) in thread.sums.items():
                each = found.setdefault(function, CallSum())
                each.calls += calls
                each.total_ns += total
                each.self_ns += own
        return found


class _Thread:
    """The calls of one thread: [calls, total, self, how many are open] by function."""

    def __init__(self) -> None:
        self.sums: Dict[int, List[int]] = {}
        self._open: List[List[int]] = []

    def add(self, chunk: CallChunk) -> None:
        # 0.5 us a call, for millions of calls: hence lists and numbers where names would read better.
        sums = {function: self.sums.setdefault(function, [0, 0, 0, 0]) for function in set(chunk.function)}
        open_ = self._open
        for function, depth, duration in zip(chunk.function, chunk.depth, chunk.duration):
            while len(open_) > depth:
                open_.pop()[3] -= 1
            if len(open_) != depth:
                raise MalformedBundle("a call is deeper than one below the call before it", where="calls")
            each = sums[function]
            each[0] += 1
            each[2] += duration
            if depth:
                open_[-1][2] -= duration
            if not each[3]:
                each[1] += duration
            each[3] += 1
            open_.append(each)
