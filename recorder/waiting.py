"""Wait a while for recorded processes that outlive the program."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Dict, List

from tracebin.recorder.raw import NotesReader, RawRecording

LOOK_S = 0.01


class Outliving:
    """The processes of a recording that still run when the program itself has ended.

    ``seen`` are the stems of all there were when they were last looked at.
    """

    def __init__(self, raw: RawRecording) -> None:
        self._raw = raw
        self._notes: Dict[str, NotesReader] = {}
        self.seen: List[str] = []

    def wait(self, seconds: float) -> List[str]:
        """Wait for their end, or for Ctrl-C; give the stems of those that go on."""
        deadline = time.monotonic() + seconds
        left = self._running()
        try:
            while left and time.monotonic() < deadline:
                time.sleep(LOOK_S)
                left = self._running()
        except KeyboardInterrupt:
            left = self._running()
        return left

    def _running(self) -> List[str]:
        self.seen = self._raw.stems()
        return [stem for stem in self.seen if _lives(stem) and not self._has_left(stem)]

    def _has_left(self, stem: str) -> bool:
        """Say whether another program has taken the process, or it is the first: its recording is whole."""
        notes = self._notes.setdefault(stem, NotesReader(stem, self._raw.path(stem, "notes")))
        notes.update()
        # One that has just begun hasn't said yet that it has a parent.
        is_first = bool(notes.notes.about) and notes.notes.parent is None
        return is_first or notes.notes.exec_ns is not None


def _lives(stem: str) -> bool:
    """Say whether the process is there, and more than a remainder its parent hasn't waited for."""
    try:
        stat = Path("/proc", stem.rpartition(".")[2], "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
