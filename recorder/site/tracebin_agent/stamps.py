"""Keep the time and the program counter of each sample."""

from __future__ import annotations

from .libc import Libc

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Stamps:
    """Put the time and the program counter of each sample into memory of our own.

    PyPy's sampler (file version 6) writes neither, and finds machine code on the stack by
    the return address of the last call it made: a loop that makes none looks
    interpreted.  So a few instructions stand before its handler, which they jump to.  Only for x86-64.
    """

    MOST = 1 << 22  # 16 bytes each; an hour at one a millisecond. The kernel gives memory as it is used.
    MAP_FLAGS = 0x4022  # MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    MAP_SHARED = 1
    SIGACTION_BYTES = 152

    def __init__(self, number: int, write: Any, samples: int, stop: str) -> None:
        """Stamp the signal ``number``; ``samples`` is the sampler's file, ``stop`` the one that ends it."""
        import os

        if os.uname().machine != "x86_64":
            raise OSError("only x86-64 is known")
        self.number = number
        self.write = write
        self.samples = samples
        self.written = 0
        self.libc = Libc()
        self.memory = self.libc.call("mmap", "PPiiiP", 0, 16 + 16 * self.MOST, 3, self.MAP_FLAGS, -1, 0)
        file = os.open(stop, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.stop = self.libc.call("mmap", "PPiiiP", 0, 4096, 1, self.MAP_SHARED, file, 0)
        finally:
            os.close(file)
        self.code = self.libc.call("mmap", "PPiiiP", 0, 4096, 7, self.MAP_FLAGS, -1, 0)

    def install(self) -> None:
        """Stand before the handler that the signal has now."""
        action = self.libc.memory(b"\0" * self.SIGACTION_BYTES)
        self.libc.call("sigaction", "iPP", self.number, 0, action.buffer)
        instructions = self.instructions(b"".join(action[i] for i in range(8)))
        self.libc.copy(instructions, self.code)
        self.libc.copy(self.code.to_bytes(8, "little"), action.buffer)
        self.libc.call("sigaction", "iPP", self.number, action.buffer, 0)

    def is_stopped(self) -> bool:
        """Say whether the launcher wants no more samples: the disk is full."""
        return self.libc.read(self.stop, 1) != b"\0"

    def guard(self) -> bytes:
        """Assemble: return at once if the launcher said stop, or the sampler's file has been closed.

        Where PyPy can't write samples, its buffers fill, and the next code object the
        program makes raises SystemError in the program.
        """
        return b"".join(
            (
                b"\x48\xb8" + self.stop.to_bytes(8, "little"),  # mov rax, stop
                b"\x80\x38\x00",  # cmp byte [rax], 0
                b"\x74\x01\xc3",  # je over it; ret
                b"\x57\x56\x52",  # push rdi; push rsi; push rdx
                b"\xbf" + self.samples.to_bytes(4, "little"),  # mov edi, samples
                b"\xbe\x01\x00\x00\x00",  # mov esi, F_GETFD
                b"\xb8\x48\x00\x00\x00",  # mov eax, fcntl
                b"\x0f\x05",  # syscall
                b"\x5a\x5e\x5f",  # pop rdx; pop rsi; pop rdi
                b"\x85\xc0",  # test eax, eax
                b"\x79\x01\xc3",  # jns over it; ret
            )
        )

    def instructions(self, handler: bytes) -> bytes:
        """Assemble: the guard; take a row, unless all are; store the clock and rip; go on in ``handler``.

        The row's number is in the first word of the memory.  rdx is the handler's third
        argument, a ucontext_t, whose rip lies at 0xa8 (sys/ucontext.h).
        """
        store = b"".join(
            (
                b"\x4c\x8b\x82\xa8\x00\x00\x00",  # mov r8, [rdx + 0xa8]
                b"\x48\xc1\xe0\x04",  # shl rax, 4
                b"\x4c\x8d\x4c\x01\x10",  # lea r9, [rcx + rax + 16]
                b"\x4d\x89\x41\x08",  # mov [r9 + 8], r8
                b"\x49\x89\xd2",  # mov r10, rdx
                b"\x0f\x31",  # rdtsc
                b"\x48\xc1\xe2\x20",  # shl rdx, 32
                b"\x48\x09\xd0",  # or rax, rdx
                b"\x49\x89\x01",  # mov [r9], rax
                b"\x4c\x89\xd2",  # mov rdx, r10
            )
        )
        return b"".join(
            (
                self.guard(),
                b"\x48\xb9" + self.memory.to_bytes(8, "little"),  # mov rcx, memory
                b"\xb8\x01\x00\x00\x00",  # mov eax, 1
                b"\xf0\x48\x0f\xc1\x01",  # lock xadd [rcx], rax
                b"\x48\x3d" + self.MOST.to_bytes(4, "little"),  # cmp rax, MOST
                b"\x73" + bytes([len(store)]),  # jae over it
                store,
                b"\x48\xb8" + handler,  # mov rax, handler
                b"\xff\xe0",  # jmp rax
            )
        )

    def flush(self) -> None:
        """Write out the rows that are new; one that is being stored now comes next time."""
        taken = int.from_bytes(self.libc.read(self.memory, 8), "little")
        whole = min(taken, self.MOST)
        if whole > self.written:
            rows = self.libc.read(self.memory + 16 + 16 * self.written, 16 * (whole - self.written))
            self.written = whole
            self.write(rows)
