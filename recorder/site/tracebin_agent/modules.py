"""Find PyPy's own modules in this process's memory: where their tables are, and their code.

PyPy is a library, or all in the program itself.  Only for words of 64 bits.
"""

from __future__ import annotations

import os

from .libc import Libc
from .seldom import seldom, when_needed

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Tuple


class Modules:
    """What the C library has loaded, as it was when first asked for."""

    RTLD_LAZY = 1
    # Of a struct link_map (link.h): what addresses are counted from, name, dynamic section, next.
    WORDS = 4
    # What the kernel tells a program (elf.h): where its program headers are, and how many.
    AT_PHDR, AT_PHNUM = 3, 5
    # Of a file's first bytes: what it is, where its program headers begin, how many there are.
    MAGIC = b"\x7fELF\x02"
    FILE_BYTES, HEADERS, COUNT = 64, slice(32, 40), slice(56, 58)
    # A program header: kind and flags, offset, address, another address, size, size in memory, alignment.
    HEADER_WORDS = 7
    PT_LOAD, PF_X = 1, 1

    @seldom
    def __init__(self, libc: Libc) -> None:
        self.libc = libc
        # By "pypy" and "c library": base and dynamic section.  The program, which comes first, is PyPy's.
        self.known: Dict[str, List[Tuple[int, int]]] = {}
        self.ranges: Dict[str, List[Tuple[int, int]]] = {}

    @seldom
    def of(self, kind: str) -> List[Tuple[int, int]]:
        """Give base and dynamic section of "pypy"'s modules or of the "c library"'s.  Raises OSError."""
        if not self.known:
            self.known = {"pypy": [], "c library": []}
            for kind_found, base, dynamic in self.walk():
                self.known[kind_found].append((base, dynamic))
        return self.known[kind]

    @seldom
    def walk(self) -> Iterator[Tuple[str, int, int]]:
        """Look through the C library's list."""
        module = self.libc.call("dlopen", "Pi", 0, self.RTLD_LAZY)
        is_first = True
        while module:
            base, name, dynamic, module = self.words(module, self.WORDS)
            path = b"/libpypy" if is_first else self.libc.text(name)
            if b"/libpypy" in path:
                yield "pypy", base, dynamic
            # What is in libpthread became a part of libc in glibc 2.34.
            elif b"/libc.so" in path or b"/libpthread.so" in path:
                yield "c library", base, dynamic
            is_first = False

    @seldom
    def code(self) -> Dict[str, List[Tuple[int, int]]]:
        """Give where the code of both begins and ends; nothing where it can't be told, or is of no use."""
        try:
            if not self.ranges and os.uname().machine == "x86_64":
                self.ranges = {"pypy": self.pypy_code(), "c library": self.code_of(self.of("c library"))}
        except (OSError, AttributeError):
            pass  # another C library, or an old one, without such a list or function
        return self.ranges

    @seldom
    def pypy_code(self) -> List[Tuple[int, int]]:
        """Give where the code of the program and of PyPy's library lies.  Raises OSError."""
        (program, _), *libraries = self.of("pypy")
        # A program may be linked for fixed addresses, and has no base then.
        headers, count = (self.libc.call("getauxval", "P", key) for key in (self.AT_PHDR, self.AT_PHNUM))
        return [*self.segments(program, headers, count), *self.code_of(libraries)]

    @seldom
    def code_of(self, modules: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
        """Give where the code of libraries lies, which begin at their base.  Raises OSError."""
        found: List[Tuple[int, int]] = []
        for base, _ in modules:
            file = self.libc.read(base, self.FILE_BYTES) if base else b""
            if not file.startswith(self.MAGIC):
                raise OSError("no library as we know them")
            headers, count = (int.from_bytes(file[part], "little") for part in (self.HEADERS, self.COUNT))
            found += self.segments(base, base + headers, count)
        return found

    @seldom
    def segments(self, base: int, headers: int, count: int) -> Iterator[Tuple[int, int]]:
        """Give what may be run of a module with these program headers."""
        words = self.words(headers, count * self.HEADER_WORDS)
        for at in range(0, len(words), self.HEADER_WORDS):
            kind, flags, start = words[at] & 0xFFFFFFFF, words[at] >> 32, base + words[at + 2]
            if kind == self.PT_LOAD and flags & self.PF_X:
                yield start, start + words[at + 5]

    @when_needed
    def words(self, address: int, count: int) -> List[int]:
        """Give so many words at an address."""
        data = self.libc.read(address, 8 * count)
        return [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
