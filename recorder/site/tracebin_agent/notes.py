"""Write the raw recording's files of this process.

The notes file is a row of marshal frames, each a tuple whose first item is its
kind; recorder/raw.py reads them, and the two change together.
"""

from __future__ import annotations

import marshal
import os
import time

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

MOST_FAULTS = 20


class Notes:
    """The files of one process in the raw recording: PID.notes, and others by their ending."""

    def __init__(self, folder: str) -> None:
        self.pid = os.getpid()
        self.stem = f"{folder}/{self.pid}"
        self.faults: List[str] = []
        # Kept, as the program may replace what the modules hold.
        self.write = os.write
        self.dumps = marshal.dumps
        self.now = time.perf_counter_ns
        self.file = self.open("notes")

    def open(self, ending: str) -> int:
        """Open a new file beside the notes.  Raises OSError where the folder refuses."""
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
        return os.open(f"{self.stem}.{ending}", flags, 0o600)

    def add(self, *frame: Any) -> None:
        """Append one frame."""
        self.write_all(self.file, self.dumps(frame))

    def write_all(self, file: int, data: bytes) -> None:
        """Write until all is written."""
        while data:
            data = data[self.write(file, data) :]

    def fault(self, where: str, fault: Exception) -> None:
        """Keep what went wrong for the end of the notes."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(f"{where}: {type(fault).__name__}: {fault}")
