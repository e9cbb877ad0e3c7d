"""Give every thread of every process one number: for samples, calls and marks alike."""

from __future__ import annotations

import bisect
from typing import Dict, List, NamedTuple, Optional, Tuple

from tracebin.bundle.records import Thread


class ThreadNote(NamedTuple):
    """A thread as the agent noted it; times on CLOCK_MONOTONIC.

    ``ident`` is what ``threading.get_ident`` says, ``native_id`` the kernel's number.
    """

    ident: int
    native_id: int
    start_ns: int
    end_ns: Optional[int]
    name: Optional[str]


class Threads:
    """The threads of a bundle, numbered as they are met.

    The C library gives the ident of a thread that has ended to a later one, so a time
    belongs to it wherever there may have been more than one.
    """

    def __init__(self, origin_ns: int) -> None:
        self._origin_ns = origin_ns
        self._noted: Dict[Tuple[int, int], List[ThreadNote]] = {}
        self._starts: Dict[Tuple[int, int], List[int]] = {}
        self._mains: Dict[int, int] = {}
        self._ids: Dict[Tuple[int, int, int], int] = {}
        self._records: List[Thread] = []

    def learn(self, process: int, main: ThreadNote, others: List[ThreadNote]) -> None:
        """Take in the threads of process number ``process``, in order of their starts."""
        self._mains[process] = main.ident
        for note in (main, *others):
            self._noted.setdefault((process, note.ident), []).append(note)
            self._starts.setdefault((process, note.ident), []).append(note.start_ns - self._origin_ns)

    def number(self, process: int, ident: int, time_ns: Optional[int] = None) -> int:
        """Give the thread that has this ident at a time of the run; without a time, the last.

        PyPy calls the main thread 0 until there is another one.
        """
        ident = ident or self._mains.get(process, 0)
        starts = self._starts.get((process, ident), [])
        # What ticks tell may lie a little before the first one's start.
        place = len(starts) if time_ns is None else bisect.bisect_right(starts, time_ns)
        return self._id(process, ident, max(place - 1, 0))

    def _id(self, process: int, ident: int, place: int) -> int:
        found = self._ids.get((process, ident, place))
        if found is None:
            found = self._ids[process, ident, place] = len(self._records)
            notes = self._noted.get((process, ident), [])
            self._records.append(self._record(process, ident, notes[place] if notes else None))
        return found

    def _record(self, process: int, ident: int, note: Optional[ThreadNote]) -> Thread:
        if note is None:
            return Thread(process, ident)
        start_ns = max(note.start_ns - self._origin_ns, 0)
        end_ns = None if note.end_ns is None else max(note.end_ns - self._origin_ns, start_ns)
        return Thread(process, note.native_id, note.name, start_ns, end_ns)

    def records(self) -> List[Thread]:
        """Give all threads, those without a number of their own so far at the end."""
        for (process, ident), notes in self._noted.items():
            for place in range(len(notes)):
                self._id(process, ident, place)
        return self._records


def ended(notes: List[ThreadNote], ident: int, end_ns: int, name: Optional[str]) -> None:
    """Note the end of the last thread with that ident in ``notes``."""
    for place in range(len(notes) - 1, -1, -1):
        if notes[place].ident == ident:
            notes[place] = notes[place]._replace(end_ns=end_ns, name=name or notes[place].name)
            return


def renamed(note: ThreadNote, names: Dict[int, str]) -> ThreadNote:
    """Give a thread the name it has at the end, if it still runs then."""
    return note if note.end_ns is not None else note._replace(name=names.get(note.ident, note.name))
