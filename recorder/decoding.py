"""Decode code objects, here or in a process of the PyPy that ran the program.

Only that PyPy knows its own code objects.  Reading everything else is done by the
launcher's Python: CPython reads a log of 14 MB in 1.0 s, where a PyPy that has to warm up needs
1.3 to 1.7 s, and for short logs several times CPython's time.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from types import CodeType
from typing import Any, Deque, Dict, Iterable, List, Mapping, NamedTuple, Optional, Protocol

from tracebin.bundle.records import Bytecode
from tracebin.recorder.file_codes import codes_of, instructions, unmarshalled
from tracebin.recorder.frames import read_frame, write_frame

# A code object: itself, or its number in the process that has it.
Handle = Any


class FoundCode(NamedTuple):
    """A code object of a file."""

    name: str
    line: int
    qualname: Optional[str]
    handle: Handle


class Decoder(Protocol):
    """What decodes code objects of one interpreter; ``fault`` is the first thing that went wrong with one."""

    fault: Optional[str]

    def is_of(self, about: Mapping[str, Any]) -> bool:
        """Say whether this is the interpreter that an agent's notes are about."""

    def codes_of(self, path: str, optimize: int) -> Iterable[FoundCode]:
        """Give the code objects of a source file."""

    def take(self, marshalled: bytes) -> Handle:
        """Take in a code object that the interpreter has marshalled; None if it isn't one."""

    def prepare(self, handle: Handle) -> None:
        """Begin to decode: the rows will be asked for."""

    def is_ready(self, handle: Handle) -> bool:
        """Say whether the rows are there without waiting."""

    def rows(self, handle: Handle) -> Optional[List[Bytecode]]:
        """Give the bytecode; None if it can't be decoded."""


class LocalDecoder:
    """Decode in this process, which is of the interpreter that ran the program."""

    fault: Optional[str] = None

    def __init__(self) -> None:
        self._rows: Dict[CodeType, List[Bytecode]] = {}

    def is_of(self, about: Mapping[str, Any]) -> bool:
        """Compare PyPy's version and Python's with what the agent noted."""
        return versions() == {name: about.get(name) for name in ("pypy", "python")}

    def codes_of(self, path: str, optimize: int) -> Iterable[FoundCode]:
        """Yield the code objects of a source file."""
        for code, qualname in codes_of(path, optimize):
            yield FoundCode(code.co_name, code.co_firstlineno, qualname, code)

    def take(self, marshalled: bytes) -> Handle:
        """Unmarshal."""
        return unmarshalled(marshalled)

    def prepare(self, handle: Handle) -> None:
        """Decode now, while the program may still run, rather than after its end."""
        self.rows(handle)

    def is_ready(self, handle: Handle) -> bool:
        """Say whether they have been decoded."""
        return handle in self._rows

    def rows(self, handle: Handle) -> Optional[List[Bytecode]]:
        """Decode, once."""
        if handle not in self._rows:
            self._rows[handle] = [Bytecode(*row) for row in instructions(handle)]
        return self._rows[handle]


def versions() -> Dict[str, Optional[str]]:
    """Name this interpreter as the agent's notes do."""
    pypy = getattr(sys, "pypy_version_info", None)
    return {
        "pypy": ".".join(map(str, pypy[:3])) if pypy else None,
        "python": ".".join(map(str, sys.version_info[:3])),
    }


class RemoteDecoder:
    """Have a process decode, which speaks frames.py's frames: decode_server.py.

    Answers come in the order of the questions, and a thread takes them in, so that
    asking doesn't wait.  When the process is gone, all answers are None.
    """

    fault: Optional[str] = None

    def __init__(self, command: List[str], env: Mapping[str, str]) -> None:
        self._waiting: Deque[Future[Any]] = deque()
        self._rows: Dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._child: Optional[subprocess.Popen[bytes]] = None
        self._listens = False
        with contextlib.suppress(OSError):
            pipe = subprocess.PIPE
            # Unbuffered: what can't be written to a process that has ended is not kept to be tried again.
            self._child = subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, env=env)
            self._listens = True
            self._listener = threading.Thread(target=self._listen, args=(self._child,), daemon=True)
            self._listener.start()
        self._versions = self._ask({"versions": True})

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        answers = io.BufferedReader(process.stdout)  # type: ignore[type-var]
        with answers, contextlib.suppress(EOFError):
            while True:
                said = read_frame(answers)
                self._waiting.popleft().set_result(said)
        with self._lock:
            self._listens = False
        while self._waiting:
            self._waiting.popleft().set_result(None)

    def _ask(self, question: Dict[str, Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        with self._lock:
            if self._child is None or not self._listens:
                answer.set_result(None)
                return answer
            self._waiting.append(answer)
            with contextlib.suppress(OSError):  # it has just ended: the listener answers
                assert self._child.stdin is not None
                write_frame(self._child.stdin, question)
        return answer

    def is_of(self, about: Mapping[str, Any]) -> bool:
        """Compare PyPy's version and Python's with what the agent noted."""
        return bool(self._versions.result() == {name: about.get(name) for name in ("pypy", "python")})

    def codes_of(self, path: str, optimize: int) -> Iterable[FoundCode]:
        """Ask for the code objects of a source file."""
        found = self._ask({"path": path, "optimize": optimize}).result()
        return [FoundCode(*row) for row in found or []]

    def take(self, marshalled: bytes) -> Handle:
        """Hand a marshalled code object over."""
        return self._ask({"marshalled": marshalled}).result()

    def prepare(self, handle: Handle) -> None:
        """Ask for the rows, without waiting."""
        if handle not in self._rows:
            self._rows[handle] = self._ask({"rows": handle})

    def is_ready(self, handle: Handle) -> bool:
        """Say whether the answer has come."""
        return handle in self._rows and self._rows[handle].done()

    def rows(self, handle: Handle) -> Optional[List[Bytecode]]:
        """Wait for the rows."""
        self.prepare(handle)
        found = self._rows[handle].result()
        if not isinstance(found, list):
            self.fault = self.fault or found or "the process that decodes has ended"
            return None
        return [Bytecode(*row) for row in found]

    def close(self) -> None:
        """Let the process end."""
        if self._child is not None:
            assert self._child.stdin is not None
            self._child.stdin.close()
            self._child.wait()
            self._listener.join()
