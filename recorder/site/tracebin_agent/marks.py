"""Keep the program's own marks and spans.

What a program calls is the package's marks.py, which may be of another version of
tracebin, installed in the PyPy: the public methods here change together with it.
"""

from __future__ import annotations

import _thread

from .notes import Notes
from .pausing import Pausing
from .seldom import seldom, when_needed

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple


class Marks:
    """Rows of marks and spans on their way into the notes.

    Signal handlers and finalizers may mark while a mark is being kept, so nothing here
    waits for a lock: rows are appended by whoever has one, and written by whoever comes first.
    """

    MOST = 1_000_000
    MOST_NAME = 200
    # A program that is killed loses what is in memory: of one that marks seldom, nothing.
    MOST_ROWS = 1000
    MOST_NS = 50_000_000

    @seldom
    def __init__(self, notes: Notes, pausing: Pausing) -> None:
        self.notes = notes
        self.now = notes.now
        self.pausing = pausing
        self.get_ident = _thread.get_ident
        self.writing = _thread.allocate_lock()
        # Each next() is one step of the interpreter's, so no two threads get the same number.
        self.numbers = iter(range(1, self.MOST + 1))
        self.rows: List[Tuple[Any, ...]] = []
        self.written_ns = 0
        self.left_out = 0

    @when_needed
    def pause(self) -> None:
        """Take no samples and calls until :meth:`resume`."""
        self.pausing.pause()

    @when_needed
    def resume(self) -> None:
        """Take them again."""
        self.pausing.resume()

    @when_needed
    def mark(self, name: str, start_ns: int, data: Optional[str]) -> None:
        """Keep a mark: a row with number 0."""
        if next(self.numbers, 0):
            self.add((0, self.get_ident(), start_ns, name[: self.MOST_NAME], data), start_ns)
        else:
            self.left_out += 1

    @when_needed
    def begin(self, name: str, start_ns: int, data: Optional[str]) -> int:
        """Keep the beginning of a span, and give its number; 0 if there are too many."""
        number = next(self.numbers, 0)
        if number:
            self.add((number, self.get_ident(), start_ns, name[: self.MOST_NAME], data), start_ns)
        else:
            self.left_out += 1
        return number

    @when_needed
    def end(self, number: int, end_ns: int) -> None:
        """Keep the end of a span."""
        self.add((number, end_ns), end_ns)

    @when_needed
    def add(self, row: Tuple[Any, ...], now: int) -> None:
        """Keep a row."""
        self.rows.append(row)
        if len(self.rows) >= self.MOST_ROWS or now - self.written_ns > self.MOST_NS:
            self.flush()

    @when_needed
    def flush(self) -> None:
        """Write out the rows that are in memory."""
        if not self.writing.acquire(False):
            return
        try:
            self.written_ns = self.now()
            self.write(self.rows[: len(self.rows)])
        finally:
            self.writing.release()

    @when_needed
    def write(self, batch: List[Tuple[Any, ...]]) -> None:
        """Write the first rows, which nobody else takes away."""
        del self.rows[: len(batch)]
        try:
            if batch:
                self.notes.add("marks", batch)
        except OSError:
            # The disk is full, or the program closed our files: marks are no reason to fail.
            self.left_out += len(batch)
        except Exception as fault:
            self.left_out += len(batch)
            self.notes.fault("marks", fault)

    @seldom
    def stop(self) -> None:
        """Write out all there is, and how many were left out."""
        self.flush()
        if self.left_out:
            self.notes.add("marks left out", self.left_out)

    @seldom
    def follow(self, notes: Notes) -> None:
        """Go on in a child made by fork, with the notes of its own; what is in memory is the parent's."""
        self.notes = notes
        self.rows = []
        self.left_out = 0
        self.writing = _thread.allocate_lock()

    @seldom
    def give_up(self) -> None:
        """Keep nothing more: this is a child made by fork that has no notes."""
        self.rows = []
        self.numbers = iter(range(0))
        self.writing.acquire(False)
