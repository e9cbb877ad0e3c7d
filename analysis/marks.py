"""Sum up the program's own marks and spans by their names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Tuple

from tracebin.analysis.rows import MarkRow
from tracebin.bundle.records import Mark

# A name that holds a number is a new one each time; what comes after that many is one row.
MOST_NAMES = 10_000
OTHERS = "(other names)"


@dataclass
class _Sum:
    """The sums of one name; ``until_ns`` is how far a thread's time has been counted."""

    first_ns: int
    count: int = 0
    total_ns: int = 0
    longest_ns: int = 0
    until_ns: Dict[int, int] = field(default_factory=dict)

    def add(self, mark: Mark) -> None:
        self.count += 1
        self.first_ns = min(self.first_ns, mark.start_ns)
        if mark.duration_ns is not None:
            until, end = self.until_ns.get(mark.thread, mark.start_ns), mark.start_ns + mark.duration_ns
            self.total_ns += max(end - max(mark.start_ns, until), 0)
            self.longest_ns = max(self.longest_ns, mark.duration_ns)
            self.until_ns[mark.thread] = max(until, end)


class MarkSums:
    """Feed it every mark in the bundle's order."""

    def __init__(self) -> None:
        self._sums: Dict[Tuple[bool, str], _Sum] = {}

    def add(self, mark: Mark) -> None:
        """Count one."""
        is_span = mark.duration_ns is not None
        key = (is_span, mark.name)
        if key not in self._sums and len(self._sums) >= MOST_NAMES:
            key = (is_span, OTHERS)
        self._sums.setdefault(key, _Sum(mark.start_ns)).add(mark)

    def rows(self) -> List[MarkRow]:
        """Give a row for each name: spans first, most time first, then marks, most of them first."""
        rows = [
            MarkRow(name, "span" if is_span else "mark", s.count, s.total_ns, s.longest_ns, s.first_ns)
            for (is_span, name), s in self._sums.items()
        ]
        return sorted(rows, key=lambda row: (row.kind == "mark", -row.total_ns, -row.count, row.first_ns))
