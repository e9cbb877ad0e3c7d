"""Name places in the program: titles, paths and source lines.

Owns how a function is called in front of a person and how source text is cut
into lines; reads nothing but the bundle's own records.
"""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Optional

from tracebin.bundle.records import Function, SourceFile
from tracebin.errors import MalformedBundle

# Python's own line ends.  str.splitlines would cut at form feeds and U+2028 too,
# and every line number after one would be wrong.
_LINE_END = re.compile(r"\r\n|\r|\n")
# A longer line or constant is cut where it is shown: it may be as long as its file, and shown many times.
SHOWN_CHARS = 500


def source_lines(text: str) -> List[str]:
    """Cut ``text`` into lines as Python counts them."""
    return _LINE_END.split(text)


def shown(text: str) -> str:
    """Cut ``text`` to what is shown of it."""
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "\N{HORIZONTAL ELLIPSIS}"


class Places:
    """Look up what functions and files are called and what stands on their lines.

    Raises:
        MalformedBundle: an id names no function or file of the bundle.
    """

    def __init__(self, functions: Mapping[int, Function], files: Mapping[int, SourceFile]) -> None:
        self._functions = functions
        self._files = files
        self._lines: Dict[int, List[str]] = {}

    def function(self, index: int) -> Function:
        """Give the function with this id."""
        found = self._functions.get(index)
        if found is None:
            raise MalformedBundle(f"the bundle has no function {index}")
        return found

    def file(self, index: int) -> SourceFile:
        """Give the file with this id."""
        found = self._files.get(index)
        if found is None:
            raise MalformedBundle(f"the bundle has no file {index}")
        return found

    def title(self, function: Optional[int]) -> Optional[str]:
        """Give the function's qualified name, or its name; None without a function."""
        if function is None:
            return None
        known = self.function(function)
        return known.qualname or known.name

    def path(self, function: Optional[int]) -> Optional[str]:
        """Give the path of the function's file; None without a function."""
        return None if function is None else self.file(self.function(function).file).path

    def source(self, function: Optional[int], line: Optional[int]) -> Optional[str]:
        """Give the text of ``line`` in the function's file, None where it isn't known."""
        if function is None or line is None:
            return None
        lines = self._lines_of(self.function(function).file)
        return shown(lines[line - 1]) if 0 < line <= len(lines) else None

    def _lines_of(self, file: int) -> List[str]:
        if file not in self._lines:
            text = self.file(file).text
            self._lines[file] = [] if text is None else source_lines(text)
        return self._lines[file]
