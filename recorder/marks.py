"""Turn the agent's rows of marks and spans into records of the bundle.

The agent (site/tracebin_agent/marks.py) writes a row when a span begins and another
when it ends, so that the spans are known that a killed program was in.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set

from tracebin.bundle.records import Mark, Problem


class MarkNote(NamedTuple):
    """A mark (number 0) or the beginning of a span; times on CLOCK_MONOTONIC."""

    number: int
    ident: int
    start_ns: int
    name: str
    data: Optional[str]


class MarkNotes:
    """What the agent noted of marks and spans."""

    def __init__(self) -> None:
        self._notes: List[MarkNote] = []
        self._names: Dict[str, str] = {}
        self._ends: Dict[int, int] = {}
        self.left_out = 0
        self.still_open = 0

    def take(self, rows: Iterable[Any]) -> None:
        """Take in rows: of five items for a beginning, of two for an end."""
        for row in rows:
            if len(row) == 2:
                self._ends[int(row[0])] = int(row[1])
            else:
                number, ident, start_ns, name, data = row
                text = None if data is None else str(data)
                name = self._names.setdefault(str(name), str(name))
                self._notes.append(MarkNote(int(number), int(ident), int(start_ns), name, text))

    def leave_out(self, count: int) -> None:
        """Note how many the agent didn't keep."""
        self.left_out = int(count)

    def idents(self) -> Set[int]:
        """Give the idents of all threads that set one."""
        return {note.ident for note in self._notes}

    def records(self, origin_ns: int, ended_ns: int, thread: Callable[[int, int], int]) -> Iterator[Mark]:
        """Yield all in order of start; a span that never ended lasts to ``ended_ns`` and is counted.

        ``thread`` gives the number of the thread with an ident at a time of the run.
        """
        self.still_open = 0
        for note in sorted(self._notes, key=lambda note: note.start_ns):
            start = max(note.start_ns - origin_ns, 0)
            yield Mark(
                thread=thread(note.ident, start),
                start_ns=start,
                duration_ns=self._duration(note, ended_ns) if note.number else None,
                name=note.name,
                data=note.data,
            )

    def _duration(self, note: MarkNote, ended_ns: int) -> int:
        end = self._ends.get(note.number)
        if end is None:
            self.still_open += 1
            end = ended_ns
        return max(end - note.start_ns, 0)

    def problems(self, where: str) -> Iterator[Problem]:
        """Say what the marks lack; to be asked after :meth:`records`."""
        if self.left_out:
            text = "The program set more marks than are kept, or the disk was full: these are missing."
            yield Problem("marks-left-out", text, self.left_out, where)
        if self.still_open:
            text = "The program ended within spans of its own: they are shown up to its end."
            yield Problem("open-spans", text, self.still_open, where)
