"""Have a process of PyPy read the calls: of millions it makes rows ten times as fast as CPython."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Protocol

from tracebin.errors import RecordingUnreadable
from tracebin.recorder.call_notes import CallNotes
from tracebin.recorder.calls import Called, CallReading, EndedThread
from tracebin.recorder.kept_calls import LeftOut, Settled

# CPython reads as many calls, 65,536, in the time that PyPy needs to be up: half a second.
LEAST_BYTES = 1 << 20
# A line of an answer has 900 KB where a chunk is full.
PIPE_BYTES = 1 << 18


class CallsReader(Protocol):
    """What reads the calls of one process: ``advance`` as often as wanted, then ``finish``."""

    @property
    def dropped(self) -> int:
        """Count the bytes that were dropped from the middle of the file."""

    def advance(self) -> bool:
        """Read some, and say whether there was any."""

    def finish(self) -> Called:
        """Give all that was called, now that nothing more will be written."""


class CallServer:
    """A process that speaks call_server.py's lines, begun when it is first needed.

    ``is_there`` turns false when it can't be started or is gone.
    """

    def __init__(self, command: List[str], env: Mapping[str, str]) -> None:
        self._command = command
        self._env = env
        self._child: Optional[subprocess.Popen[bytes]] = None
        self.is_there = True

    def tell(self, **question: Any) -> None:
        """Say what needs no answer, or will be answered by ``line``."""
        try:
            child = self._child = self._child or self._begin()
            assert child.stdin is not None
            child.stdin.write(json.dumps(question).encode("ascii") + b"\n")
            child.stdin.flush()
        except OSError:
            self.is_there = False

    def _begin(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen(self._command, PIPE_BYTES, stdin=pipe, stdout=pipe, env=self._env)

    def line(self) -> bytes:
        """Wait for the next line of an answer; empty if the process is gone."""
        if not self.is_there or self._child is None:
            return b""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        self.is_there = line.endswith(b"\n")
        return line[:-1] if self.is_there else b""

    def close(self) -> None:
        """End the process, whatever it is at."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()


class RemoteCalls:
    """The reading of one process's calls by a server, unless there are few or the server is gone."""

    def __init__(self, path: Path, notes: CallNotes, learn: Callable[[], object], server: CallServer) -> None:
        self._path = path
        self._notes = notes
        self._learn = learn
        self._server = server
        self._is_begun = False
        self.dropped = 0

    def advance(self) -> bool:
        """Have the server begin once it is worth it; there is nothing to do here."""
        if not self._is_begun and self._server.is_there and self._size() >= LEAST_BYTES:
            self._server.tell(begin=self._path.stem)
            self._is_begun = True
        return False

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def finish(self) -> Called:
        """Wait until the server has read all, or read it here."""
        self.advance()
        answer = self._answer() if self._is_begun else b""
        if not answer:
            return self._read_here()
        threads, cut, self.dropped = json.loads(answer)
        return Called([EndedThread(*each) for each in threads], self._notes, cut, self._kept)

    def _answer(self) -> bytes:
        self._server.tell(finish=self._path.stem)
        return self._server.line()

    def _read_here(self) -> Called:
        reading = CallReading(self._path, self._notes, self._learn)
        called = reading.finish()
        self.dropped = reading.dropped
        return called

    def _kept(self, known: Settled) -> _RemoteKept:
        return _RemoteKept(self._server, self._path.stem, known)


class _RemoteKept:
    """The calls that are kept, as the server cuts them."""

    def __init__(self, server: CallServer, stem: str, known: Settled) -> None:
        self._server = server
        self._question: Dict[str, Any] = {"keep": stem, "settled": known.to_json()}
        self.left_out = LeftOut()

    def lines(self) -> Iterator[bytes]:
        """Yield the chunks; a list ends them.

        Raises:
            RecordingUnreadable: the server has ended.
        """
        self._server.tell(**self._question)
        while (line := self._server.line()).startswith(b"{"):
            yield line
        if not line:
            raise RecordingUnreadable("the PyPy that read the calls has ended before it was done")
        self.left_out = LeftOut(*json.loads(line))
