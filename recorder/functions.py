"""Give every function and file that the log, the samples and the agent name one number.

The log names a function by name, file and first line; the agent hands over the
code objects themselves.  Both meet here.
"""

from __future__ import annotations

import dis
import marshal
from types import CodeType
from typing import Dict, List, NamedTuple, Optional, Tuple

from tracebin.bundle.records import Bytecode, Function
from tracebin.recorder.resops import Place
from tracebin.recorder.sources import Files

# Frozen into PyPy; it runs the script and is at the root of every stack.
START_UP_FILE = "<builtin>/app_main.py"

Key = Tuple[str, str, int]


class KnownCode(NamedTuple):
    """A code object the agent kept: its name's parts, and itself in marshal's form."""

    name: str
    file: str
    line: int
    qualname: Optional[str]
    marshalled: bytes


class Functions:
    """The functions of a bundle, numbered as they are met."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: Dict[Key, List[KnownCode]] = {}
        self._ids: Dict[Tuple[Key, int], int] = {}
        self._rows: List[Tuple[str, str, int, Optional[KnownCode]]] = []
        self._opcodes: Dict[int, Dict[int, str]] = {}
        self._bytecodes: Dict[int, Optional[List[Bytecode]]] = {}
        self.undecoded = 0

    def __len__(self) -> int:
        return len(self._rows)

    def learn(self, codes: List[KnownCode]) -> None:
        """Take in code objects the agent handed over, and decode them."""
        for code in codes:
            self._known.setdefault(_key(code.name, code.file, code.line), []).append(code)
            self._bytecodes[id(code)] = _bytecode(code.marshalled)

    def at(self, place: Place) -> int:
        """Give the function a merge point lies in.

        Functions that share name, file and first line (two lambdas in one line)
        are told apart by whether they have that opcode at that offset.
        """
        key = _key(place.name, place.file, place.first_line)
        variants = self._known.get(key, [])
        if len(variants) > 1:
            for number, code in enumerate(variants):
                if self._opcodes_of(code).get(place.offset) == place.opcode:
                    return self._id(key, number, code, place.file)
        return self._id(key, 0, variants[0] if variants else None, place.file)

    def named(self, name: str, file: str, line: int) -> int:
        """Give the function the samples name; the first of several that are alike."""
        key = _key(name, file, line)
        variants = self._known.get(key)
        return self._id(key, 0, variants[0] if variants else None, file)

    def is_in(self, function: int, file: str) -> bool:
        """Say whether a function's code is in ``file``."""
        return _as_logged(self._rows[function][1]) == _as_logged(file)

    def is_in_start_up(self, function: int) -> bool:
        """Say whether a function is PyPy's own start-up code, below every program's stack."""
        return self._rows[function][1] == START_UP_FILE

    def _id(self, key: Key, number: int, code: Optional[KnownCode], file: str) -> int:
        known = self._ids.get((key, number))
        if known is None:
            known = self._ids[key, number] = len(self._rows)
            self._rows.append((key[0], code.file if code else file, key[2], code))
        return known

    def _opcodes_of(self, code: KnownCode) -> Dict[int, str]:
        found = self._opcodes.get(id(code))
        if found is None:
            found = {row.offset: row.name for row in self._bytecodes[id(code)] or []}
            self._opcodes[id(code)] = found
        return found

    def records(self) -> List[Function]:
        """Give the functions as the bundle holds them."""
        return [self._record(*row) for row in self._rows]

    def _record(self, name: str, file: str, line: int, code: Optional[KnownCode]) -> Function:
        # While the program still runs, the log may name a function before its code object is here.
        code = code or next(iter(self._known.get(_key(name, file, line), [])), None)
        bytecode = self._bytecodes[id(code)] if code else None
        self.undecoded += code is not None and bytecode is None
        # The agent has the name as it is, the log the one without commas.
        number = self._files.number(code.file if code else file)
        qualname = (code.qualname if code else None) or self._files.qualname(number, name, line)
        return Function(number, name, qualname, line, bytecode)


def _key(name: str, file: str, line: int) -> Key:
    # The log writes a comma in a merge point's text as a dot (rpython/jit/metainterp/logger.py).
    return _as_logged(name), _as_logged(file), line


def _as_logged(text: str) -> str:
    return text.replace(",", ".")


def _bytecode(marshalled: bytes) -> Optional[List[Bytecode]]:
    """Decode a code object of this very interpreter; None if another wrote it."""
    try:
        code = marshal.loads(marshalled)
    except (ValueError, EOFError, TypeError):
        return None
    return _instructions(code) if isinstance(code, CodeType) else None


def _instructions(code: CodeType) -> List[Bytecode]:
    rows = []
    line: Optional[int] = None
    for item in dis.get_instructions(code):
        if item.starts_line is not None:
            line = item.starts_line if item.starts_line is not True else line
        rows.append(Bytecode(item.offset, item.opname, _argument(item), line))
    return rows


def _argument(item: dis.Instruction) -> Optional[str]:
    if item.arg is None:
        return None
    return (item.argrepr or str(item.arg))[:200]
