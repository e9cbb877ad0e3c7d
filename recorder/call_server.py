"""Read calls for another process: JSON lines in, lines out.

Started by bootstrap.py in the PyPy that ran the program, for the folder of a raw recording.
``{"begin"}`` names a process whose calls are to be read from now on, as they are written; nothing answers it.
``{"finish"}`` names one that has ended: the answer is a list of its threads, where its file breaks off, and
how many bytes were dropped.  ``{"keep", "settled"}`` is answered with its chunks, and with a list of what was
left out.
"""

from __future__ import annotations

import json
import os
import select
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

from tracebin.recorder.calls import Called, CallReading
from tracebin.recorder.kept_calls import settled
from tracebin.recorder.raw import NotesReader, RawRecording

# Between two looks at files that don't grow.
POLL_S = 0.05


def serve(folder: str) -> None:
    """Read and answer until the other end of stdin is closed."""
    server = _Server(RawRecording(Path(folder)))
    questions = _Questions()
    while not questions.has_ended:
        has_news = server.advance()
        for question in questions.waiting(0 if has_news else POLL_S):
            for line in server.answer(question):
                sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()


class _Questions:
    """The lines of stdin, as they come."""

    def __init__(self) -> None:
        self._rest = b""
        self.has_ended = False

    def waiting(self, patience_s: float) -> List[Dict[str, Any]]:
        """Give those that are there whole; wait a little if there is nothing."""
        if not select.select([0], [], [], patience_s)[0]:
            return []
        piece = os.read(0, 1 << 16)
        self.has_ended = not piece
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return [json.loads(line) for line in lines]


class _Server:
    def __init__(self, raw: RawRecording) -> None:
        self._raw = raw
        self._notes: Dict[str, NotesReader] = {}
        self._readings: Dict[str, CallReading] = {}
        self._called: Dict[str, Called] = {}

    def advance(self) -> bool:
        """Read a block of each process that still runs, and say whether there was any."""
        news = [reading.advance() for reading in self._readings.values()]
        return any(news)

    def answer(self, question: Dict[str, Any]) -> Iterator[bytes]:
        """Yield the lines of an answer."""
        if "begin" in question:
            self._begin(question["begin"])
        elif "finish" in question:
            yield _line(self._finish(question["finish"]))
        else:
            kept = self._called.pop(question["keep"]).kept(settled(question["settled"]))
            yield from kept.lines()
            yield _line(kept.left_out)

    def _begin(self, stem: str) -> None:
        notes = self._notes[stem] = NotesReader(stem, self._raw.path(stem, "notes"))
        path = self._raw.path(stem, "calls")
        self._readings[stem] = CallReading(path, notes.notes.calls, notes.update)

    def _finish(self, stem: str) -> List[Any]:
        self._notes.pop(stem).update()
        reading = self._readings.pop(stem)
        called = self._called[stem] = reading.finish()
        return [called.threads, called.cut, reading.dropped]


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
