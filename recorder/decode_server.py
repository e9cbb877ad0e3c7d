"""Decode code objects for another process: frames.py's frames in, one out for each.

Started by bootstrap.py in the PyPy that ran the program.  ``{"versions"}`` gives
those of this interpreter, ``{"path", "optimize"}`` rows of name, line, qualified name and number
of each code object in a file, ``{"marshalled"}`` the number of one, ``{"rows"}`` the
bytecode of a number, or what went wrong as text.
"""

from __future__ import annotations

import sys

from tracebin.recorder.file_codes import codes_of, instructions, unmarshalled
from tracebin.recorder.frames import read_frame, write_frame

# As in file_codes.py.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Dict, List


def serve() -> None:
    """Answer until the other end of stdin is closed."""
    server = _Server()
    while True:
        try:
            question = read_frame(sys.stdin.buffer)
        except EOFError:
            return
        write_frame(sys.stdout.buffer, server.answer(question))
        sys.stdout.flush()


class _Server:
    def __init__(self) -> None:
        self._codes: List[CodeType] = []

    def answer(self, question: Dict[str, Any]) -> Any:
        if "path" in question:
            return [self._row(*found) for found in codes_of(question["path"], question["optimize"])]
        if "marshalled" in question:
            code = unmarshalled(question["marshalled"])
            return None if code is None else self._number(code)
        if "rows" in question:
            return self._rows(self._codes[question["rows"]])
        version = getattr(sys, "pypy_version_info", ())[:3]
        return {
            "pypy": ".".join(map(str, version)) or None,
            "python": ".".join(map(str, sys.version_info[:3])),
        }

    def _rows(self, code: CodeType) -> Any:
        try:
            return instructions(code)
        except Exception as fault:  # one code object that PyPy's dis can't read: the bundle says so
            return f"{type(fault).__name__}: {fault}"

    def _row(self, code: CodeType, qualname: str) -> List[Any]:
        return [code.co_name, code.co_firstlineno, qualname, self._number(code)]

    def _number(self, code: CodeType) -> int:
        self._codes.append(code)
        return len(self._codes) - 1
