"""Give every function and file that the log, the samples and the agent name one number.

The log names a function by name, file and first line.  Its code object is found in
its source file, or was handed over by the agent (code that never was in a file).
"""

from __future__ import annotations

import os
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from tracebin.bundle.records import Bytecode, Function
from tracebin.recorder.decoding import Decoder, Handle
from tracebin.recorder.resops import Place
from tracebin.recorder.sources import Files

# Frozen into PyPy; it runs the script and is at the root of every stack.
START_UP_FILE = "<builtin>/app_main.py"

Key = Tuple[str, str, int]


class KnownCode(NamedTuple):
    """A code object: its name's parts, and itself for the decoder, or in marshal's form from the agent."""

    name: str
    file: str
    line: int
    qualname: Optional[str]
    marshalled: bytes
    handle: Handle = None


class FunctionTable:
    """The functions of a bundle, numbered as any of its processes meets them."""

    def __init__(self) -> None:
        self.ids: Dict[Tuple[Key, int, str], int] = {}
        self.rows: List[Tuple[Functions, str, str, int, Optional[KnownCode]]] = []

    def records(self) -> List[Function]:
        """Give the functions as the bundle holds them."""
        return [row[0].record(number, *row[1:]) for number, row in enumerate(self.rows)]


class Functions:
    """The functions that processes of one interpreter meet, which started in one folder.

    ``decoder`` is of that interpreter, or None where it isn't to be had: then ``interpreter``
    names it, as its bytecode is another.  ``optimize`` is the level it ran with, ``cwd`` where it
    started if that is another place than the program's.
    """

    def __init__(
        self,
        files: Files,
        decoder: Optional[Decoder],
        *,
        optimize: int = 0,
        cwd: Optional[str] = None,
        table: Optional[FunctionTable] = None,
        interpreter: str = "",
    ) -> None:
        self._files = files
        self._decoder = decoder
        self._optimize = optimize
        self._cwd = cwd
        self._interpreter = interpreter
        self.table = table or FunctionTable()
        self._known: Dict[Key, List[KnownCode]] = {}
        self._read: Set[str] = set()
        self._names: Dict[str, str] = {}
        self._opcodes: Dict[int, Dict[int, str]] = {}
        self._handles: Dict[int, Handle] = {}
        self._qualnames: Dict[int, str] = {}
        self._traced: Dict[int, Dict[int, Bytecode]] = {}
        self.undecoded = 0

    def __len__(self) -> int:
        return len(self.table.rows)

    def _placed(self, file: str) -> str:
        """Give where a file lies: two processes may have two names for it."""
        if not file or file.startswith("<"):
            return file
        return self._files.full(file if self._cwd is None else os.path.join(self._cwd, file))

    def learn(self, codes: List[KnownCode]) -> None:
        """Take in code objects the agent handed over."""
        for noted in codes:
            code = noted._replace(file=self._placed(noted.file))
            self.learn_name(code.file)
            self._files.read(code.file)
            self._known.setdefault(_key(code.name, code.file, code.line), []).append(code)

    def learn_name(self, file: str) -> None:
        """Take in a file's name as it is: the log has it without commas."""
        placed = self._placed(file)
        self._names[_as_logged(placed)] = placed

    def records(self) -> List[Function]:
        """Give all functions of the table as the bundle holds them."""
        return self.table.records()

    def at(self, place: Place) -> int:
        """Give the function a merge point lies in.

        Functions that share name, file and first line (two lambdas in one line)
        are told apart by whether they have that opcode at that offset.
        """
        file = self._placed(place.file)
        key = _key(place.name, file, place.first_line)
        if key not in self._known:
            self._read_file(self._names.get(file, file))
        variants = self._known.get(key, [])
        number = self._variant(variants, place) if len(variants) > 1 else 0
        found = self._id(key, number, variants[number] if variants else None, file)
        if not variants:
            row = Bytecode(place.offset, place.opcode, None, place.line)
            self._traced.setdefault(found, {})[place.offset] = row
        return found

    def _variant(self, variants: List[KnownCode], place: Place) -> int:
        fitting = (
            number
            for number, code in enumerate(variants)
            if self._opcodes_of(code).get(place.offset) == place.opcode
        )
        return next(fitting, 0)

    def _read_file(self, file: str) -> None:
        """Learn the code objects of a source file; the agent's own come first."""
        if self._decoder is None or file.startswith("<") or file in self._read:
            return
        self._read.add(file)
        self._files.read(file)
        for name, line, qualname, handle in self._decoder.codes_of(self._files.full(file), self._optimize):
            known = KnownCode(name, file, line, qualname, b"", handle)
            self._known.setdefault(_key(name, file, line), []).append(known)

    def named(self, name: str, file: str, line: int, qualname: Optional[str] = None) -> int:
        """Give the function that samples or calls name; the first of several that are alike."""
        file = self._placed(file)
        key = _key(name, file, line)
        variants = self._known.get(key)
        found = self._id(key, 0, variants[0] if variants else None, file)
        if qualname:
            self._qualnames.setdefault(found, qualname)
        return found

    def place_of(self, file: str) -> Tuple[str, Optional[str]]:
        """Give the path and the module of a file that a code object names."""
        return self._files.place(self._placed(file))

    def is_in(self, function: int, folder: str) -> bool:
        """Say whether a function's code is in a file below ``folder``."""
        return bool(folder) and _as_logged(self.table.rows[function][2]).startswith(_as_logged(folder + "/"))

    def is_in_start_up(self, function: int) -> bool:
        """Say whether a function is PyPy's own start-up code, below every program's stack."""
        return self.table.rows[function][2] == START_UP_FILE

    def _id(self, key: Key, number: int, code: Optional[KnownCode], file: str) -> int:
        known = self.table.ids.get((key, number, self._interpreter))
        if known is None:
            known = self.table.ids[key, number, self._interpreter] = len(self.table.rows)
            self.table.rows.append((self, key[0], code.file if code else file, key[2], code))
            if code is not None and self._decoder is not None:
                self._prepare(self._decoder, code)
        return known

    def _prepare(self, decoder: Decoder, code: KnownCode) -> None:
        handle = self._handle(code)
        if handle is not None:
            decoder.prepare(handle)

    def _opcodes_of(self, code: KnownCode) -> Dict[int, str]:
        found = self._opcodes.get(id(code))
        if found is None:
            found = {row.offset: row.name for row in self._bytecode(code) or []}
            self._opcodes[id(code)] = found
        return found

    def _bytecode(self, known: KnownCode) -> Optional[List[Bytecode]]:
        """Decode a code object; None if another interpreter wrote it."""
        handle = self._handle(known)
        return None if handle is None or self._decoder is None else self._decoder.rows(handle)

    def _handle(self, known: KnownCode) -> Handle:
        if known.handle is not None or self._decoder is None:
            return known.handle
        if id(known) not in self._handles:
            self._handles[id(known)] = self._decoder.take(known.marshalled)
        return self._handles[id(known)]

    def record(self, number: int, name: str, file: str, line: int, code: Optional[KnownCode]) -> Function:
        """Give function ``number`` as the bundle holds it."""
        # While the program still runs, the log may name a function before its code object is here.
        code = code or next(iter(self._known.get(_key(name, file, line), [])), None)
        bytecode = self._bytecode(code) if code else None
        self.undecoded += code is not None and bytecode is None
        if bytecode is None and number in self._traced:
            # The log names the opcodes it traced: better than none.
            bytecode = [row for _, row in sorted(self._traced[number].items())]
        # The agent has the name as it is, the log the one without commas.
        file_number = self._files.number(code.file if code else file)
        qualname = (code.qualname if code else None) or self._qualnames.get(number)
        qualname = qualname or self._files.qualname(file_number, name, line)
        return Function(file_number, name, qualname, line, bytecode)


def _key(name: str, file: str, line: int) -> Key:
    # The log writes a comma in a merge point's text as a dot (rpython/jit/metainterp/logger.py).
    return _as_logged(name), _as_logged(file), line


def _as_logged(text: str) -> str:
    return text.replace(",", ".")
