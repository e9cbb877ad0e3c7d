"""Write the raw recording's files of this process.

The notes file is a row of marshal frames, each a tuple whose first item is its
kind; recorder/raw.py reads them, and the two change together.
"""

from __future__ import annotations

import marshal
import os
import time

from .descriptors import Descriptors
from .seldom import seldom, when_needed

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

MOST_FAULTS = 20


class Notes:
    """The files of one process in the raw recording: NAME.notes, and others by their ending."""

    # The version of marshal without references: PyPy 7.3.11 needs 0.6 us for a small tuple, 6 with them.
    PLAIN = 2

    @seldom
    def __init__(self, folder: str, token: str = "") -> None:
        self.pid = os.getpid()
        # Numbers of processes come again, and one stays in an exec: all but the first have a token.
        self.name = f"{token}.{self.pid}" if token else str(self.pid)
        self.stem = f"{folder}/{self.name}"
        self.faults: List[str] = []
        # Kept, as the program may replace what the modules hold.
        self.write = os.write
        self.dumps = marshal.dumps
        self.now = time.perf_counter_ns
        self.descriptors = Descriptors()
        self.file = self.open("notes")

    @when_needed
    def open(self, ending: str) -> int:
        """Open a new file beside the notes.  Raises OSError where the folder refuses."""
        return self.descriptors.open(f"{self.stem}.{ending}")

    def add(self, *frame: Any) -> None:
        """Append one frame."""
        self.write_all(self.file, self.dumps(frame, self.PLAIN))

    def write_all(self, file: int, data: bytes) -> None:
        """Write until all is written.  Raises OSError, also where the program has taken the number."""
        if not self.descriptors.owns(file):
            self.descriptors.mend()
            if not self.descriptors.owns(file):
                raise OSError("the program has a file of its own under the number of the recorder's")
        while data:
            data = data[self.write(file, data) :]

    @seldom
    def lift_log(self) -> None:
        """Take PyPy's log, once it is open, out of the program's way."""
        try:
            self.descriptors.lift_log(f"{self.stem}.log")
        except OSError:
            pass  # not this C library, or no number is free: it stays where it is

    @seldom
    def leave_child(self) -> None:
        """Close the parent's files in a child made by fork; PyPy has closed the log and the samples."""
        self.descriptors.close_all()

    def fault(self, where: str, fault: Exception) -> None:
        """Keep what went wrong for the end of the notes."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(f"{where}: {type(fault).__name__}: {fault}")

    @seldom
    def tell_fault(self, where: str, fault: Exception) -> None:
        """Append what went wrong at once, if there are notes: they will have no end."""
        self.fault(where, fault)
        try:
            self.tell_faults()
        except OSError:
            pass  # nothing can be written, or this is a child made by fork that has no notes yet

    @seldom
    def tell_faults(self) -> None:
        """Append what went wrong.  Raises OSError."""
        while self.faults:
            self.add("fault", self.faults.pop(0))
