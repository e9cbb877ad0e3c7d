"""Let what collections write to PyPy's log wait in its buffer for a while.

PyPy writes its log out at the end of each section, and a minor collection has two: a program that
allocates much makes 8,000 system calls a second for them, which took 1 to 3 % of its time.  So the
entry of ``fflush`` in PyPy's own table of addresses leads to instructions of ours, which leave short
sections in the buffer as long as something was written a moment ago.  All others are written at
once, with what waits before them.  Only for Linux on x86-64.

The buffer itself has 4 KB, and a section with a trace has 10 to 35: with a larger one what is left of the
system calls takes less than half the time.
"""

from __future__ import annotations

import os

from __pypy__ import debug_start, debug_stop

from .modules import Modules
from .seldom import seldom

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator


class Flushing:
    """PyPy's way to ``fflush``, in memory of our own; it stays there to the end of the process."""

    PAGE = 4096
    READ_WRITE, READ_WRITE_RUN = 3, 7
    MAP_FLAGS = 0x22  # MAP_PRIVATE | MAP_ANONYMOUS
    # Of the dynamic section (elf.h): end, bytes of relocations, table of addresses.
    DT_NULL, DT_PLTRELSZ, DT_PLTGOT = 0, 2, 3
    RELOCATION_BYTES = 24
    RESERVED_WORDS = 3
    # struct _IO_FILE of glibc: where what waits begins, and ends.
    WRITE_BASE, WRITE_POINTER = 32, 40
    # How the sections end that may wait: gc-minor, gc-minor-walkroots in it, jit-backend-dump.
    ENDS = (b"-minor}\n", b"kroots}\n", b"d-dump}\n")
    # Ticks of the processor since one of these was written: 30 to 70 ms.
    REST = 1 << 27
    # 10 MB take 9.3 ms by 4 KB, 4.0 by 16 and 2.5 by 64, but the nearest cache has 32 or 48.
    BUFFER_BYTES = 1 << 14
    FULLY_BUFFERED = 0

    @seldom
    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.libc = libc = modules.libc
        # The log's FILE, when a short section was last written, and where the call at a section's end
        # returns to.
        self.state = libc.words(0, 0, 0)
        self.is_led = False

    @seldom
    def follow(self, stream: int) -> None:
        """Let sections of this FILE wait, if it is one and PyPy's table is as we know it."""
        if not stream:
            return
        try:
            self.widen(stream)
            if not self.is_led:
                self.lead()
        except OSError:
            return
        self.state[2] = 0
        self.state[0] = stream
        # Only calls from here may wait. At a fork PyPy writes all out, so that the child doesn't do so again.
        debug_start("tracebin-sync")
        debug_stop("tracebin-sync")

    @seldom
    def widen(self, stream: int) -> None:
        """Give a FILE a larger buffer, which stays to the end of the process.  Raises OSError."""
        size = self.BUFFER_BYTES
        buffer = self.libc.call("mmap", "PPiiiP", 0, size, self.READ_WRITE, self.MAP_FLAGS, -1, 0)
        self.libc.call("setvbuf", "PPiP", stream, buffer, self.FULLY_BUFFERED, size)

    @seldom
    def lead(self) -> None:
        """Take the place of ``fflush`` in PyPy's table.  Raises OSError."""
        if os.uname().machine != "x86_64":
            raise OSError("not an x86-64")
        function = self.libc.address("fflush")
        places = list(self.entries(function.to_bytes(8, "little")))
        if not places:
            raise OSError("fflush is not in PyPy's table")
        code = self.libc.call("mmap", "PPiiiP", 0, self.PAGE, self.READ_WRITE_RUN, self.MAP_FLAGS, -1, 0)
        self.libc.copy(self.instructions(function), code)
        for place in places:
            page = place & -self.PAGE
            # It may be closed after relocation; left open then, as it is in most builds.
            self.libc.call("mprotect", "PPi", page, place + 8 - page, self.READ_WRITE)
            self.libc.copy(code.to_bytes(8, "little"), place)
        self.is_led = True

    @seldom
    def entries(self, function: bytes) -> Iterator[int]:
        """Give where PyPy's tables of the C library's functions hold this one."""
        for base, dynamic in self.modules.of("pypy"):
            start, size = self.table(base, dynamic)
            found = self.libc.read(start, size).find(function)
            if found >= 0 and found % 8 == 0:
                yield start + found

    @seldom
    def table(self, base: int, row: int) -> tuple[int, int]:
        """Give where the table of a module lies, by its dynamic section's rows, and its size in bytes."""
        facts = {self.DT_PLTRELSZ: 0, self.DT_PLTGOT: 0}
        kind = -1
        while kind != self.DT_NULL:
            kind = self.libc.word(row)
            if kind in facts:
                facts[kind] = self.libc.word(row + 8)
            row += 16
        start = facts[self.DT_PLTGOT]
        words = facts[self.DT_PLTRELSZ] // self.RELOCATION_BYTES + self.RESERVED_WORDS
        if not start:
            return base, 0
        # glibc has added the base already, on this machine.
        return (start if start >= base else start + base), words * 8

    @seldom
    def instructions(self, function: int) -> bytes:
        """Assemble an ``fflush`` that gives 0 where the log may wait, and else goes on to ``function``."""
        asking = self.asking()
        known = self.knowing(len(asking)) + asking
        return b"".join(
            (
                b"\x49\xb8" + self.state.buffer.to_bytes(8, "little"),  # mov r8, state
                b"\x49\x3b\x38",  # cmp rdi, [r8]
                b"\x0f\x85" + len(known).to_bytes(4, "little"),  # jne behind it
                known,
                b"\x48\xb8" + function.to_bytes(8, "little") + b"\xff\xe0",  # mov rax, fflush; jmp rax
            )
        )

    @seldom
    def knowing(self, asking_bytes: int) -> bytes:
        """Assemble: learn where the first call returns to, and leave out what follows for others."""
        return b"".join(
            (
                b"\x48\x8b\x04\x24",  # mov rax, [rsp]
                b"\x49\x83\x78\x10\x00",  # cmp qword [r8 + 16], 0
                b"\x75\x04",  # jne 4 on
                b"\x49\x89\x40\x10",  # mov [r8 + 16], rax
                b"\x49\x3b\x40\x10",  # cmp rax, [r8 + 16]
                b"\x75" + bytes([asking_bytes]),  # jne behind what follows
            )
        )

    @seldom
    def asking(self) -> bytes:
        """Assemble: let it wait if the buffer ends as a short section does."""
        resting = self.resting()
        last = len(self.ENDS) - 1
        jumps = [
            b"\x74" + bytes([15 * left]) for left in range(last, 0, -1)
        ]  # je over the others, of 15 bytes
        jumps.append(b"\x75" + bytes([len(resting)]))  # jne behind resting
        # mov rax, end; cmp rcx, rax; and the jump
        ends = b"".join(b"\x48\xb8" + end + b"\x48\x39\xc1" + jump for end, jump in zip(self.ENDS, jumps))
        comparing = b"\x48\x8b\x49\xf8" + ends + resting  # mov rcx, [rcx - 8]
        return b"".join(
            (
                b"\x48\x8b\x4f" + bytes([self.WRITE_POINTER]),  # mov rcx, [rdi + write pointer]
                b"\x48\x89\xca",  # mov rdx, rcx
                b"\x48\x2b\x57" + bytes([self.WRITE_BASE]),  # sub rdx, [rdi + write base]
                b"\x48\x83\xfa\x08",  # cmp rdx, 8
                b"\x72" + bytes([len(comparing)]),  # jb behind it
                comparing,
            )
        )

    @seldom
    def resting(self) -> bytes:
        """Assemble: give 0 if a short section was written a moment ago, else note that this one is now."""
        return b"".join(
            (
                b"\x0f\x31",  # rdtsc
                b"\x48\xc1\xe2\x20",  # shl rdx, 32
                b"\x48\x09\xd0",  # or rax, rdx
                b"\x48\x89\xc1",  # mov rcx, rax
                b"\x49\x2b\x48\x08",  # sub rcx, [r8 + 8]
                b"\x48\x81\xf9" + self.REST.to_bytes(4, "little"),  # cmp rcx, REST
                b"\x73\x03",  # jae 3 on
                b"\x31\xc0\xc3",  # xor eax, eax; ret
                b"\x49\x89\x40\x08",  # mov [r8 + 8], rax
            )
        )
