"""Keep the sampler's signals from a poll of the program's that waits for a while.

Signals cut poll(2) short, and PyPy then waits for a socket with the whole timeout once more: with
a signal each millisecond, for ever.  So the C library's ``poll`` is led to instructions of our
own, which do what it does, and are known to the signal's handler (stamps.py): from there it sends an
interrupted call back into the kernel, with what is left of its time.  Only for Linux on x86-64.
"""

from __future__ import annotations

from .libc import Libc
from .seldom import seldom


class Polling:
    """The C library's ``poll``, in memory of our own; it stays there to the end of the process."""

    PAGE = 4096
    READ_WRITE_RUN, READ_RUN = 7, 5
    MAP_FLAGS = 0x22  # MAP_PRIVATE | MAP_ANONYMOUS

    @seldom
    def __init__(self, libc: Libc) -> None:
        """Take its place.  Raises OSError."""
        self.libc = libc
        code = libc.call("mmap", "PPiiiP", 0, self.PAGE, self.READ_WRITE_RUN, self.MAP_FLAGS, -1, 0)
        start = b"\x89\xd2\xb8\x07\x00\x00\x00\x0f\x05"  # mov edx, edx; mov eax, 7: poll; syscall
        libc.copy(start + self.answering(libc.address("__errno_location")), code)
        # What the instruction pointer is while the kernel polls.
        self.inside = code + len(start)
        self.lead(libc.address("poll"), b"\x48\xb8" + code.to_bytes(8, "little") + b"\xff\xe0")

    @seldom
    def answering(self, errno: int) -> bytes:
        """Give what a C function gives: -1 and errno where the kernel gives an error."""
        return b"".join(
            (
                b"\x48\x3d\x01\xf0\xff\xff",  # cmp rax, -4095
                b"\x73\x01\xc3",  # jae 1 on; ret
                b"\x53\x89\xc3\xf7\xdb",  # push rbx; mov ebx, eax; neg ebx
                b"\x48\xb8" + errno.to_bytes(8, "little") + b"\xff\xd0",  # mov rax, errno; call rax
                b"\x89\x18\x5b",  # mov [rax], ebx; pop rbx
                b"\xb8\xff\xff\xff\xff\xc3",  # mov eax, -1; ret
            )
        )

    @seldom
    def lead(self, function: int, jump: bytes) -> None:
        """Write a jump over the start of a function of the C library, in this process's memory alone."""
        page = function & -self.PAGE
        size = function + len(jump) - page
        self.libc.call("mprotect", "PPi", page, size, self.READ_WRITE_RUN)
        self.libc.copy(jump, function)
        self.libc.call("mprotect", "PPi", page, size, self.READ_RUN)

    @seldom
    def going_on(self) -> bytes:
        """Assemble what the handler does in the end: r12 is its ucontext_t, rsp leads to 16 bytes of room.

        Behind a syscall rip is 0xa8, rax 0x90 and rdx 0x88 bytes into it.  poll takes the
        lower half of rdx for its timeout, in milliseconds; the upper half keeps when that is over.
        """
        rest = self.taking_time()
        timed = b"".join(
            (
                b"\x49\x8b\x94\x24\x88\x00\x00\x00",  # mov rdx, [r12 + 0x88]
                b"\x85\xd2\x7e" + bytes([len(rest)]),  # test edx, edx; jle: without end
                rest,
                b"\x49\xc7\x84\x24\x90\x00\x00\x00\x07\x00\x00\x00",  # mov qword [r12 + 0x90], 7: poll
                b"\x49\x83\xac\x24\xa8\x00\x00\x00\x02",  # sub qword [r12 + 0xa8], 2: the syscall itself
            )
        )
        inside = b"".join(
            (
                b"\x48\xb9" + self.inside.to_bytes(8, "little"),  # mov rcx, inside
                b"\x49\x39\x8c\x24\xa8\x00\x00\x00",  # cmp [r12 + 0xa8], rcx
                b"\x0f\x85" + len(timed).to_bytes(4, "little"),  # jne behind it
                timed,
            )
        )
        is_cut = b"\x49\x83\xbc\x24\x90\x00\x00\x00\xfc"  # cmp qword [r12 + 0x90], -4: EINTR
        return is_cut + b"\x0f\x85" + len(inside).to_bytes(4, "little") + inside

    @seldom
    def taking_time(self) -> bytes:
        """Make rdx in the ucontext_t what is left of the timeout."""
        return b"".join(
            (
                b"\x49\x89\xd0",  # mov r8, rdx
                b"\xb8\xe4\x00\x00\x00",  # mov eax, 228: clock_gettime
                b"\xbf\x01\x00\x00\x00",  # mov edi, CLOCK_MONOTONIC
                b"\x48\x89\xe6",  # mov rsi, rsp
                b"\x0f\x05",  # syscall
                b"\x48\x8b\x44\x24\x08",  # mov rax, [rsp + 8]: nanoseconds
                b"\x31\xd2",  # xor edx, edx
                b"\xb9\x40\x42\x0f\x00",  # mov ecx, 1_000_000
                b"\x48\xf7\xf1",  # div rcx
                b"\x48\x69\x0c\x24\xe8\x03\x00\x00",  # imul rcx, [rsp], 1000: seconds
                b"\x48\x01\xc8",  # add rax, rcx: now, in milliseconds
                b"\x4c\x89\xc1",  # mov rcx, r8
                b"\x48\xc1\xe9\x20",  # shr rcx, 32: when it is over
                b"\x75\x08",  # jnz 8 on, unless this is the first interruption
                b"\x44\x89\xc1",  # mov ecx, r8d
                b"\x01\xc1",  # add ecx, eax
                b"\x83\xc9\x01",  # or ecx, 1: never 0
                b"\x89\xca",  # mov edx, ecx
                b"\x29\xc2",  # sub edx, eax
                b"\x79\x02",  # jns 2 on
                b"\x31\xd2",  # xor edx, edx: it is over now
                b"\x48\xc1\xe1\x20",  # shl rcx, 32
                b"\x48\x09\xca",  # or rdx, rcx
                b"\x49\x89\x94\x24\x88\x00\x00\x00",  # mov [r12 + 0x88], rdx
            )
        )
