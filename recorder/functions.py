"""Give every function and file that the log, the samples and the agent name one number.

The log names a function by name, file and first line.  Its code object is found in
its source file, or was handed over by the agent (code that never was in a file).
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from tracebin.bundle.codec import encode_line
from tracebin.bundle.records import Bytecode, Function
from tracebin.recorder.cut_names import SHORT, cut, may_be_cut
from tracebin.recorder.decoding import Decoder, Handle
from tracebin.recorder.resops import Place
from tracebin.recorder.sources import Files

# Frozen into PyPy; it runs the script and is at the root of every stack.
START_UP_FILE = "<builtin>/app_main.py"

# A file with a hundredth of a process's samples at the top of the stack is one to look into; a module
# of the standard library that is but imported has one to six of some hundred.
USED_SHARE = 0.01

Key = Tuple[str, str, int]
# Lines of functions that are made in one go, some 5 ms: the program's end is not to wait for long.
_AT_ONCE = 32


class KnownCode(NamedTuple):
    """A code object: its name's parts, and itself for the decoder, or in marshal's form from the agent."""

    name: str
    file: str
    line: int
    qualname: Optional[str]
    marshalled: bytes
    handle: Handle = None


class Named(NamedTuple):
    """A function as something has named it, with its code object if that was known by then."""

    name: str
    file: str
    line: int
    code: Optional[KnownCode]


class FunctionTable:
    """The functions of a bundle, numbered as any of its processes meets them."""

    def __init__(self) -> None:
        self.ids: Dict[Tuple[Key, int, str], int] = {}
        self.rows: List[Tuple[Functions, Named]] = []
        self._lines: Dict[int, bytes] = {}
        self._looked = 0
        self._unknown: List[int] = []
        self._decoding: List[int] = []
        # How often code objects have come in.
        self.learned = 0
        self._learned = 0

    def advance(self) -> bool:
        """Make the lines of some functions that will not change any more; say whether there was work."""
        looked = range(self._looked, min(self._looked + _AT_ONCE, len(self.rows)))
        self._looked = looked.stop
        for number in looked:
            functions, named = self.rows[number]
            functions.look_at_source(named)
        asked = [*looked]
        if self.learned > self._learned:
            self._learned = self.learned
            asked, self._unknown = self._unknown + asked, []
        known, unknown = _parted(asked, self._is_known)
        self._decoding += known
        self._unknown += unknown
        ready, self._decoding = _parted(self._decoding, self._is_ready)
        for number in ready:
            functions, named = self.rows[number]
            self._lines[number] = encode_line(functions.record(number, named))
        return len(looked) > 0

    def _is_known(self, number: int) -> bool:
        functions, named = self.rows[number]
        return functions.prepare(named) is not None

    def _is_ready(self, number: int) -> bool:
        functions, named = self.rows[number]
        return functions.is_ready(named)

    def lines(self) -> Iterator[bytes]:
        """Yield the functions as lines of the bundle."""
        for functions, named in self.rows:
            functions.prepare(named)
        for number, (functions, named) in enumerate(self.rows):
            yield self._lines.get(number) or encode_line(functions.record(number, named))

    def records(self) -> List[Function]:
        """Give the functions as the bundle holds them."""
        return [functions.record(number, named) for number, (functions, named) in enumerate(self.rows)]


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
        self._cut_files: Dict[str, Set[str]] = {}
        # Of files with names that the sampler cuts: what begins at a line.
        self._lines: Dict[Tuple[str, int], Set[str]] = {}
        self._names: Dict[str, str] = {}
        self._placed_files: Dict[str, str] = {}
        self._opcodes: Dict[int, Dict[int, str]] = {}
        self._handles: Dict[int, Handle] = {}
        self._qualnames: Dict[int, str] = {}
        self._traced: Dict[int, Dict[int, Bytecode]] = {}
        self._used: Set[int] = set()
        self.undecoded = 0
        # What the sampler may mean several functions by.
        self.ambiguous: Set[Key] = set()

    def __len__(self) -> int:
        return len(self.table.rows)

    def _placed(self, file: str) -> str:
        """Give where a file lies: two processes may have two names for it."""
        placed = self._placed_files.get(file)
        if placed is None:
            placed = self._placed_files[file] = self._place_file(file)
        return placed

    def _place_file(self, file: str) -> str:
        if not file or file.startswith("<"):
            return self._files.frozen(file) or file
        return self._files.full(file if self._cwd is None else os.path.join(self._cwd, file))

    def learn(self, codes: List[KnownCode]) -> None:
        """Take in code objects the agent handed over."""
        for noted in codes:
            code = noted._replace(file=self._placed(noted.file))
            self.learn_name(code.file)
            self._files.read(code.file)
            self._keep(code, cut(code.file) != code.file)
            self.table.learned += 1

    def learn_name(self, file: str) -> None:
        """Take in a file's name as it is: the log has it without commas."""
        placed = self._placed(file)
        self._names[_as_logged(placed)] = placed

    def learn_files(self, files: Iterable[str]) -> None:
        """Take in files that the sampler may name otherwise."""
        for file in files:
            called = cut(file)
            if called != file:
                self._cut_files.setdefault(called, set()).add(file)

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
        self._use(found)
        return found

    def _use(self, function: int) -> None:
        if function not in self._used:
            self._used.add(function)
            self._files.use(self._file_of(self.table.rows[function][1]))

    def _file_of(self, named: Named) -> str:
        """Give a function's file; the agent has its name as it is, the log the one without commas."""
        code = self._code_of(named)
        return code.file if code else named.file

    def sampled(self, samples: Mapping[int, int]) -> None:
        """Take in how many samples one process has in each function, -1 where it isn't known."""
        files: Counter[str] = Counter()
        for function, count in samples.items():
            if function >= 0:
                files[self._file_of(self.table.rows[function][1])] += count
        least = USED_SHARE * sum(samples.values())
        for file, count in files.items():
            if count >= least:
                self._files.use(file)

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
        self.table.learned += 1
        self._files.read(file)
        is_cut = cut(file) != file
        for name, line, qualname, handle in self._decoder.codes_of(self._files.full(file), self._optimize):
            self._keep(KnownCode(name, file, line, qualname, b"", handle), is_cut)

    def _keep(self, code: KnownCode, is_cut: bool) -> None:
        self._known.setdefault(_key(code.name, code.file, code.line), []).append(code)
        if is_cut or len(code.name) > SHORT:
            self._lines.setdefault((code.file, code.line), set()).add(code.name)

    def named(self, name: str, file: str, line: int, qualname: Optional[str] = None) -> int:
        """Give the function that samples or calls name; the first of several that are alike."""
        name, file = self._whole(name, file, line)
        file = self._placed(file)
        key = _key(name, file, line)
        variants = self._known.get(key)
        found = self._id(key, 0, variants[0] if variants else None, file)
        if qualname:
            self._qualnames.setdefault(found, qualname)
        return found

    def _whole(self, name: str, file: str, line: int) -> Tuple[str, str]:
        """Give name and file of the one function that the sampler may mean by these; else themselves."""
        files = self._cut_files.get(file, {file} if may_be_cut(name) else set())
        fitting = [
            (found, path) for path in files for found in self._names_at(path, line) if cut(found) == name
        ]
        if len(fitting) == 1:
            return fitting[0]
        if len(files) == 1 and self._decoder is None:
            return name, next(iter(files))  # there are no code objects to compare with
        if len(fitting) > 1:
            self.ambiguous.add((name, file, line))
            return name, f"<{file}>"
        return name, file

    def _names_at(self, path: str, line: int) -> Set[str]:
        """Name the code objects of a file that begin at a line."""
        file = self._placed(path)
        self._read_file(file)
        return self._lines.get((file, line), set())

    def place_of(self, file: str) -> Tuple[str, Optional[str]]:
        """Give the path and the module of a file that a code object names."""
        return self._files.place(self._placed(file))

    def is_in(self, function: int, folder: str) -> bool:
        """Say whether a function's code is in a file below ``folder``."""
        return bool(folder) and _as_logged(self.table.rows[function][1].file).startswith(
            _as_logged(folder + "/")
        )

    def is_in_start_up(self, function: int) -> bool:
        """Say whether a function is PyPy's own start-up code, below every program's stack."""
        return self.table.rows[function][1].file == START_UP_FILE

    def _id(self, key: Key, number: int, code: Optional[KnownCode], file: str) -> int:
        known = self.table.ids.get((key, number, self._interpreter))
        if known is None:
            known = self.table.ids[key, number, self._interpreter] = len(self.table.rows)
            named = Named(key[0], code.file if code else file, key[2], code)
            self.table.rows.append((self, named))
            self.prepare(named)
        return known

    def _opcodes_of(self, code: KnownCode) -> Dict[int, str]:
        found = self._opcodes.get(id(code))
        if found is None:
            found = {row.offset: row.name for row in self._bytecode(code) or []}
            self._opcodes[id(code)] = found
        return found

    def is_ready(self, named: Named) -> bool:
        """Say whether a function's record is what it will be."""
        known = self._code_of(named)
        if known is None or not known.qualname or self._decoder is None:
            return False
        return self._decoder.is_ready(self._handle(known)) and self._bytecode(known) is not None

    def look_at_source(self, named: Named) -> None:
        """Do ahead what takes a function's source."""
        # As the log has it, a file's name may lack its commas.
        if self._files.read(named.file):
            self._files.number(named.file)
            if named.code is None or not named.code.qualname:
                self._files.qualname(named.file, named.name, named.line)

    def prepare(self, named: Named) -> Handle:
        """Have a function's code object decoded, if there is one."""
        known = self._code_of(named)
        handle = None if known is None else self._handle(known)
        if handle is not None and self._decoder is not None:
            self._decoder.prepare(handle)
        return handle

    def _code_of(self, named: Named) -> Optional[KnownCode]:
        # While the program still runs, the log may name a function before its code object is here.
        return named.code or next(iter(self._known.get(_key(*named[:3]), [])), None)

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

    def record(self, number: int, named: Named) -> Function:
        """Give function ``number`` as the bundle holds it."""
        code = self._code_of(named)
        file = self._file_of(named)
        bytecode = self._bytecode(code) if code else None
        self.undecoded += code is not None and bytecode is None
        if bytecode is None and number in self._traced:
            # The log names the opcodes it traced: better than none.
            bytecode = [row for _, row in sorted(self._traced[number].items())]
        file_number = self._files.number(file)
        qualname = (code.qualname if code else None) or self._qualnames.get(number)
        qualname = qualname or self._files.qualname(file, named.name, named.line)
        return Function(file_number, named.name, qualname, named.line, bytecode)


def _parted(numbers: List[int], condition: Callable[[int], bool]) -> Tuple[List[int], List[int]]:
    """Give those of which ``condition`` is true, and the others."""
    fits = [(number, condition(number)) for number in numbers]
    return [number for number, does in fits if does], [number for number, does in fits if not does]


def _key(name: str, file: str, line: int) -> Key:
    # The log writes a comma in a merge point's text as a dot (rpython/jit/metainterp/logger.py).
    return _as_logged(name), _as_logged(file), line


def _as_logged(text: str) -> str:
    return text.replace(",", ".")
