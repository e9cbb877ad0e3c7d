"""Give every source file one number, and read it as soon as it is named: the program may change it."""

from __future__ import annotations

import hashlib
import io
import os
import tokenize
from typing import Dict, Iterator, List, Optional, Set, Tuple, Union

from tracebin.bundle.codec import encode_line
from tracebin.bundle.packing import Packed, Packer
from tracebin.bundle.records import SourceFile
from tracebin.recorder.file_codes import read_in_archive
from tracebin.recorder.module_names import frozen_source, module_of

# A generated table of data may be any size; what nobody scrolls through is not kept.
MAX_SOURCE_BYTES = 8 << 20


class Files:
    """The files of a bundle, numbered as they are met.

    ``cwd`` is where the program started: relative names in code objects are
    relative to it.  ``stdlib`` is the interpreter's own library folder, ``agent`` the
    folder of the recorder's part in the program; :meth:`add_stdlib` adds that of another interpreter.
    ``changed`` is what was written after ``since_s``, the program's start.

    ``kept`` says whose text is kept: of ``all``, ``none``, or what is ``used``; then of a file of a
    standard library only if :meth:`use` was called for it.
    """

    def __init__(
        self,
        cwd: str,
        stdlib: str,
        *,
        agent: str = "",
        kept: str = "all",
        since_s: float = float("inf"),
    ) -> None:
        self._cwd = cwd
        self._agent = agent
        self._stdlibs: Tuple[str, ...] = (stdlib + os.sep,)
        self._kept = kept
        self._used: Set[str] = set()
        self._ids: Dict[str, int] = {}
        self._paths: List[str] = []
        self._texts: Dict[str, Optional[bytes]] = {}
        self._lines: Dict[str, List[str]] = {}
        self._qualnames: Dict[Tuple[str, str, int], str] = {}
        self._ahead: List[_Ahead] = []
        self._looked = 0
        self._since_s = since_s
        self.unreadable: List[str] = []
        self.changed: List[str] = []

    def take(self, path: str, text: bytes) -> None:
        """Take in a file that was read before."""
        self._texts[self.full(path)] = text

    def read(self, path: str) -> bool:
        """Read a file now, and say whether it is one."""
        full = self.full(path)
        return self._origin(path, full) not in ("builtin", "generated") and self._data(full) is not None

    def add_stdlib(self, stdlib: str) -> None:
        """Take in that another interpreter has its own library there."""
        if stdlib + os.sep not in self._stdlibs:
            self._stdlibs += (stdlib + os.sep,)

    def number(self, path: str) -> int:
        """Give the number of ``path`` as a code object has it."""
        known = self._ids.get(path)
        if known is None:
            known = self._ids[path] = len(self._paths)
            self._paths.append(path)
        return known

    def use(self, path: str) -> None:
        """Take in that somebody will want to read this file; as the log has it, its name may lack commas."""
        self._used.add(self.full(path).replace(",", "."))

    def _left_out(self, full: str, origin: str) -> Optional[str]:
        """Say why the text of a file is left out, as far as is known by now; None if it is kept."""
        if self._kept == "none":
            return "asked"
        is_unused = self._kept == "used" and origin == "stdlib" and full.replace(",", ".") not in self._used
        return "unused" if is_unused else None

    def advance(self) -> bool:
        """Compress the next file's line for the bundle, and say whether there was one.

        One that may yet turn out to be used is passed over.
        """
        if self._looked == len(self._paths):
            return False
        path, number = self._paths[self._looked], self._looked
        self._looked += 1
        full = self.full(path)
        if self._left_out(full, self._origin(path, full)) != "unused":
            self._ahead_at(number).add(encode_line(self._record(path)))
        return True

    def _ahead_at(self, number: int) -> _Ahead:
        if self._ahead and self._ahead[-1].stop == number:
            return self._ahead[-1]
        if self._ahead:
            self._ahead[-1].finish()
        self._ahead.append(_Ahead(number))
        return self._ahead[-1]

    def entries(self) -> Iterator[Union[Packed, SourceFile]]:
        """Yield the files in order, as the bundle holds them; a piece of those compressed ahead as one."""
        at = 0
        for ahead in self._ahead:
            yield from map(self._record, self._paths[at : ahead.start])
            yield ahead.finish()
            at = ahead.stop
        yield from map(self._record, self._paths[at:])

    def records(self) -> List[SourceFile]:
        """Give all files as the bundle holds them."""
        return [self._record(path) for path in self._paths]

    def _record(self, path: str) -> SourceFile:
        full = self.full(path)
        origin = self._origin(path, full)
        if origin in ("builtin", "generated"):
            return SourceFile(path, origin)
        data = self._data(full)
        module, package = module_of(full, self._stdlibs)
        if data is None:
            self.unreadable.append(full)
            return SourceFile(full, origin, module, package, left_out="unreadable")
        left_out = self._left_out(full, origin)
        text = None if left_out else _decode(data)
        if text is None and left_out is None:
            left_out = "unreadable"
        return SourceFile(full, origin, module, package, text, hashlib.sha256(data).hexdigest(), left_out)

    def place(self, path: str) -> Tuple[str, Optional[str]]:
        """Give where a path lies that a code object has, and the name of its module."""
        if path.startswith("<"):
            return path, path.strip("<>").rpartition("/")[2] or None
        full = self.full(path)
        return full, module_of(full, self._stdlibs)[0]

    def frozen(self, path: str) -> Optional[str]:
        """Give the source file of a module that is frozen into the interpreter; None for all else."""
        return frozen_source(path, self._stdlibs)

    def full(self, path: str) -> str:
        """Give where a path lies that a code object has."""
        return os.path.normpath(os.path.join(self._cwd, path))

    def _origin(self, path: str, full: str) -> str:
        if path.startswith("<builtin>"):
            return "builtin"
        if path.startswith("<") or not path:
            return "generated"
        if self._agent and path.startswith(self._agent + os.sep):
            return "recorder"
        if "/site-packages/" in full or "/dist-packages/" in full:
            return "site"
        return "stdlib" if full.startswith(self._stdlibs) else "program"

    def _data(self, full: str) -> Optional[bytes]:
        if full not in self._texts:
            data, written_s = _read(full)
            self._texts[full] = data
            if written_s > self._since_s:
                self.changed.append(full)
        return self._texts[full]

    def qualname(self, path: str, name: str, line: int) -> str:
        """Work out a function's qualified name from the indentation of its source.

        PyPy before 3.11 has no ``co_qualname``.  Where there is no source, the name.
        """
        found = self._qualnames.get((path, name, line))
        if found is None:
            found = self._qualnames[path, name, line] = self._qualname(path, name, line)
        return found

    def _qualname(self, path: str, name: str, line: int) -> str:
        if path.startswith("<") or name == "<module>":
            return name
        lines = self._lines.get(path)
        if lines is None:
            data = self._data(self.full(path))
            lines = self._lines[path] = ((_decode(data) or "") if data else "").splitlines()
        return qualname_in(lines, name, line)


class _Ahead:
    """Files compressed ahead: from number ``start`` to before ``stop``."""

    def __init__(self, start: int) -> None:
        self.start = self.stop = start
        self._packer = Packer()
        self._packed: Optional[Packed] = None

    def add(self, line: bytes) -> None:
        """Take in the next file's line."""
        self._packer.add(b",\n" + line if self.stop > self.start else line)
        self.stop += 1

    def finish(self) -> Packed:
        """Give what was made of them; there will be no more."""
        if self._packed is None:
            self._packed = self._packer.finish()
            # A compressor takes a quarter of a MiB.
            del self._packer
        return self._packed


def _read(full: str) -> Tuple[Optional[bytes], float]:
    """Read a file; give when it was written too."""
    try:
        with open(full, "rb") as stream:
            stat = os.fstat(stream.fileno())
            # Asked for at most N bytes, PyPy makes room for N: 2 ms a file at 8 MiB.
            return (None if stat.st_size > MAX_SOURCE_BYTES else stream.read()), stat.st_mtime
    except NotADirectoryError:
        return read_in_archive(full), 0.0
    except (OSError, ValueError):
        return None, 0.0


def _decode(data: bytes) -> Optional[str]:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, ValueError, LookupError):
        return None


def qualname_in(lines: List[str], name: str, line: int) -> str:
    """Put the classes and functions in front of ``name`` that enclose ``line``."""
    if not 1 <= line <= len(lines):
        return name
    indent = _indent(lines[line - 1])
    if indent == 0:
        return name
    parts = [name]
    for text in _statements_upwards(lines[: line - 1]):
        depth = _indent(text)
        if depth < indent:
            indent = depth
            parts[:0] = _scope(text)
            if indent == 0:
                break
    return ".".join(parts)


def _statements_upwards(lines: List[str]) -> Iterator[str]:
    """Yield the lines whose indentation counts, last first.

    Left out are blank lines, comments, the closing bracket of a signature of several
    lines, and what stands in a string of several lines.
    """
    in_string = False
    for text in reversed(lines):
        if ('"""' in text or "'''" in text) and (text.count('"""') + text.count("'''")) % 2:
            in_string = not in_string
        if not in_string and text.strip() and text.lstrip()[0] not in "#)]}":
            yield text


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _scope(text: str) -> List[str]:
    words = text.replace("(", " ").replace(":", " ").split()
    if words[:1] == ["async"]:
        words = words[1:]
    if words[:1] == ["class"] and len(words) > 1:
        return [words[1]]
    return [words[1], "<locals>"] if words[:1] == ["def"] and len(words) > 1 else []
