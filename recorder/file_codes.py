"""Find the code objects of a source file without the program's help, and decode them.

What the interpreter that ran the program compiles from a source, or finds in the
cache of compiled modules, is what the program ran.  That costs the program nothing, where handing
the ops of all traces over cost pyperformance's go 18 % of its time.

Imports little: a process of PyPy that only decodes pays for each module it loads, 0.02 s for ``typing``
and its like alone, where the rest of its start is 0.03 s.
"""

from __future__ import annotations

import dis
import marshal
import os
import sys
import zipimport

# Where importlib.util has them from: itself it brings twenty-five modules.
from _frozen_importlib_external import MAGIC_NUMBER, cache_from_source
from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Optional, Tuple

    # Offset, name, argument, line: the fields of records.Bytecode.
    Row = Tuple[int, str, Optional[str], Optional[int]]

# PEP 552: magic, flags, then time and size of the source, four bytes each.
_HEADER_BYTES = 16
_ARGUMENT_CHARS = 200

_IS_PYPY = "__pypy__" in sys.builtin_module_names

# CO_OPTIMIZED of Include/code.h: what is no function's body has it not.
_OPTIMIZED = 1


def codes_of(path: str, optimize: int = 0) -> Iterator[Tuple[CodeType, str]]:
    """Yield every code object of the source file ``path`` and its qualified name; none if it is no Python.

    PyPy before 3.11 has no ``co_qualname``: how code objects nest says it.
    """
    code = _cached(path, optimize) or _compiled(path, optimize)
    if code is not None:
        yield code, code.co_name
        yield from _nested(code, "")


def _nested(code: CodeType, prefix: str) -> Iterator[Tuple[CodeType, str]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            qualname = prefix + constant.co_name
            yield constant, qualname
            is_function = constant.co_flags & _OPTIMIZED
            yield from _nested(constant, qualname + (".<locals>." if is_function else "."))


def _cached(path: str, optimize: int) -> Optional[CodeType]:
    """Read the compiled module beside the source, if it is of this very source."""
    try:
        name = cache_from_source(path, optimization=optimize or "")
        with open(name, "rb") as stream:
            data = stream.read()
        stat = os.stat(path)
    except (OSError, ValueError, NotImplementedError):
        return None
    expected = MAGIC_NUMBER + bytes(4) + _low(int(stat.st_mtime)) + _low(stat.st_size)
    return unmarshalled(data[_HEADER_BYTES:]) if data[:_HEADER_BYTES] == expected else None


def _low(number: int) -> bytes:
    return (number & 0xFFFFFFFF).to_bytes(4, "little")


def _compiled(path: str, optimize: int) -> Optional[CodeType]:
    try:
        source = _source(path)
        if source is None:
            return None
        return compile(source, path, "exec", dont_inherit=True, optimize=optimize)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # not there any more, or no Python: its functions have the bytecode that was traced


def _source(path: str) -> Optional[bytes]:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except NotADirectoryError:
        return read_in_archive(path)


def read_in_archive(path: str) -> Optional[bytes]:
    """Read a file of a zip file, which its path goes through as if that were a folder."""
    archive = os.path.dirname(path)
    while archive != os.path.dirname(archive) and not os.path.exists(archive):
        archive = os.path.dirname(archive)
    try:
        return zipimport.zipimporter(archive).get_data(path)
    except (zipimport.ZipImportError, OSError, ValueError):
        return None


def unmarshalled(data: bytes) -> Optional[CodeType]:
    """Give the code object that this interpreter has marshalled; None if it isn't one."""
    try:
        code = marshal.loads(data)
    except (ValueError, EOFError, TypeError):
        return None
    return code if isinstance(code, CodeType) else None


class _Named:
    """A code object that has what ``dis`` of Python 3.11 asks for: PyPy's code objects can't name a variable.

    PyPy 7.3.19 asks co_varnames instead, which has no free variables, and 8.0.1 asks nobody.
    """

    def __init__(self, code: CodeType) -> None:
        self._code = code

    def __getattr__(self, name: str) -> Any:
        return getattr(self._code, name)

    def _varname_from_oparg(self, number: int) -> str:
        names = self._code.co_varnames
        return names[number] if number < len(names) else ""


def instructions(code: CodeType) -> List[Row]:
    """Decode a code object of this interpreter."""
    rows: List[Row] = []
    line: Optional[int] = None
    for item in dis.get_instructions(_Named(code) if _IS_PYPY else code):  # type: ignore[arg-type]
        if item.starts_line is not None:
            line = item.starts_line if item.starts_line is not True else line
        rows.append((item.offset, item.opname, _argument(item, code), line))
    return rows


def _argument(item: dis.Instruction, code: CodeType) -> Optional[str]:
    if item.arg is None:
        return None
    if isinstance(item.argval, CodeType):
        return f"<code object {item.argval.co_name}>"  # not its address, which means nothing any more
    return (_name(item, code) or item.argrepr or str(item.arg))[:_ARGUMENT_CHARS]


def _name(item: dis.Instruction, code: CodeType) -> Optional[str]:
    """Name what PyPy's own dis names wrongly under Python 3.11: globals on 7.3.19, free variables always."""
    if not _IS_PYPY or item.arg is None:
        return None
    if item.opcode in dis.hasname:
        return code.co_names[item.arg]
    if item.opcode in dis.hasfree:
        return (code.co_cellvars + code.co_freevars)[item.arg]
    return None
