"""Keep the time, the place and the thread of each sample."""

from __future__ import annotations

import os

from .polling import Polling
from .seldom import seldom, when_needed

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

    # The sampler's, for rows, and /proc/self/statm, all open.
    Files = Tuple[int, int, int]


class Stamps:
    """Write a row for each tick of the sampler's timers into a file of our own.

    PyPy's sampler (file version 6) writes neither time nor thread, and finds machine code on the stack by
    the return address of the last call it made.  So a few instructions put the program counter there, call
    its handler, one thread after the other, and then write four words: the log's ticks, the program
    counter, the thread, and how long the sampler's file is then, by which the sample is found.  The
    counter's highest bit says that the thread was in the kernel.  Only for Linux on x86-64.

    Rows wait in memory until a block of them is full, and go out behind the text of /proc/self/statm,
    which says how much memory is resident.  Done for each sample, each took 5 to 9 us, in caches that a
    millisecond of the program had cooled: a file that grows is work for a file system's journal.  The
    first block is full with one row, each that follows with twice as many: what is killed soon has rows, too.
    After ``ROWS_AT_FULL_RATE`` the instructions given as ``slowing`` are run, once.
    """

    MAP_FLAGS = 0x22  # MAP_PRIVATE | MAP_ANONYMOUS
    MAP_SHARED = 1
    SIGACTION_BYTES = 152
    # Times to look whether the handler is free: some 50 us; then the tick is lost.
    LOOKS = 2000
    # A block: the text, then rows.  recorder/stamps.py reads them, and the two change together.
    TEXT_BYTES = 64
    ROW_BYTES = 32
    ROWS = 16
    BLOCK_BYTES = TEXT_BYTES + ROWS * ROW_BYTES
    ROWS_AT_FULL_RATE = 500
    # What stands before the block in memory.
    STATE_BYTES = 24
    BLOCKS_LEFT = slice(20, 24)
    # Rows wait for so long at most, on a thread that is sampled at the full rate.
    MOST_S = 0.016

    @seldom
    def __init__(
        self, polling: Polling, number: int, files: Files, stop: str, interval_s: float, slowing: bytes
    ) -> None:
        """Stand ready for signal ``number``; ``stop`` is the path of the file by which the launcher ends it.

        Raises OSError.
        """
        self.polling = polling
        self.number = number
        self.samples, self.rows, self.statm = files
        self.libc = polling.libc
        # Blocks that are not full end with rows of zeros.
        self.rows_at_once = max(1, min(self.ROWS, int(self.MOST_S / interval_s)))
        self.slowing = slowing
        # Where the next block goes, whether a thread is in the handler, how many bytes of rows the block
        # has, with how many it is full, and how many blocks are to be written at the full rate.
        blocks = max(1, self.ROWS_AT_FULL_RATE // self.rows_at_once)
        state = bytes(16) + self.ROW_BYTES.to_bytes(4, "little") + blocks.to_bytes(4, "little")
        self.memory = self.libc.memory(state + bytes(self.BLOCK_BYTES))
        file = os.open(stop, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.stop = self.libc.call("mmap", "PPiiiP", 0, 4096, 1, self.MAP_SHARED, file, 0)
        finally:
            os.close(file)
        self.code = self.libc.call("mmap", "PPiiiP", 0, 4096, 7, self.MAP_FLAGS, -1, 0)

    @seldom
    def install(self) -> None:
        """Stand before the handler that the signal has now."""
        action = self.libc.memory(b"\0" * self.SIGACTION_BYTES)
        self.libc.call("sigaction", "iPP", self.number, 0, action.buffer)
        instructions = self.instructions(b"".join(action[i] for i in range(8)))
        self.libc.copy(instructions, self.code)
        self.libc.copy(self.code.to_bytes(8, "little"), action.buffer)
        self.libc.call("sigaction", "iPP", self.number, action.buffer, 0)

    @seldom
    def finish(self) -> None:
        """Write out the rows that wait, when no timer ticks any more.  Raises OSError."""
        size = int.from_bytes(self.memory[12:16], "little")
        if size:
            text = os.pread(self.statm, self.TEXT_BYTES, 0).ljust(self.TEXT_BYTES, b"\0")
            first = self.STATE_BYTES + self.TEXT_BYTES
            rows = self.memory[first : first + size]
            block = (text + rows).ljust(self.BLOCK_BYTES, b"\0")
            os.pwrite(self.rows, block, int.from_bytes(self.memory[0:8], "little"))

    def is_stopped(self) -> bool:
        """Say whether the launcher wants no more samples: the disk is full."""
        return self.libc.read(self.stop, 1) != b"\0"

    @when_needed
    def is_slower(self) -> bool:
        """Say whether ``slowing`` has been run."""
        left = int.from_bytes(self.memory[self.BLOCKS_LEFT], "little")
        return bool(self.slowing) and not 0 < left <= self.ROWS_AT_FULL_RATE

    @seldom
    def guarded(self, body: bytes) -> bytes:
        """Assemble: leave ``body`` out if the launcher said stop, or the sampler's file has been closed.

        Where PyPy can't write samples, its buffers fill, and the next code object the
        program makes raises SystemError in the program.
        """
        asking = b"".join(
            (
                b"\x57\x56",  # push rdi, rsi
                b"\xbf" + self.samples.to_bytes(4, "little"),  # mov edi, samples
                b"\xbe\x01\x00\x00\x00",  # mov esi, F_GETFD
                b"\xb8\x48\x00\x00\x00",  # mov eax, 72: fcntl
                b"\x0f\x05",  # syscall
                b"\x5e\x5f",  # pop rsi, rdi
                b"\x85\xc0",  # test eax, eax
                b"\x0f\x88" + len(body).to_bytes(4, "little"),  # js behind the body
                body,
            )
        )
        return b"".join(
            (
                b"\x48\xb8" + self.stop.to_bytes(8, "little"),  # mov rax, stop
                b"\x80\x38\x00",  # cmp byte [rax], 0
                b"\x0f\x85" + len(asking).to_bytes(4, "little"),  # jne behind it
                asking,
            )
        )

    @seldom
    def instructions(self, handler: bytes) -> bytes:
        """Assemble a handler that waits for its turn, calls ``handler``, and writes the row.

        rdx is its third argument, a ucontext_t, whose rip lies at 0xa8 (sys/ucontext.h);
        fs:0x10 is what pthread_self gives.  The stack is as a call wants it: a multiple of 16.
        """
        calling = b"\x48\xb8" + handler + b"\xff\xd0"  # mov rax, handler; call rax
        body = self.reading() + self.placed(calling) + self.writing()
        looking = b"".join(
            (
                b"\x48\xbb" + self.memory.buffer.to_bytes(8, "little"),  # mov rbx, memory
                b"\xb9" + self.LOOKS.to_bytes(4, "little"),  # mov ecx, LOOKS
                b"\xb8\x01\x00\x00\x00",  # mov eax, 1
                b"\x87\x43\x08",  # xchg [rbx + 8], eax
                b"\x85\xc0",  # test eax, eax
                b"\x74\x0b",  # jz to the body, 11 bytes on
                b"\xf3\x90",  # pause
                b"\xff\xc9",  # dec ecx
                b"\x75\xee",  # jnz 18 bytes back
                b"\xe9" + len(body).to_bytes(4, "little"),  # jmp behind the body
            )
        )
        return b"".join(
            (
                b"\x53\x41\x54",  # push rbx, r12
                b"\x48\x83\xec\x28",  # sub rsp, 40: the row
                b"\x49\x89\xd4",  # mov r12, rdx
                self.guarded(looking + body),
                self.polling.going_on(),
                b"\x48\x83\xc4\x28",  # add rsp, 40
                b"\x41\x5c\x5b\xc3",  # pop r12, rbx; ret
            )
        )

    @seldom
    def placed(self, calling: bytes) -> bytes:
        """Assemble: meanwhile let the sampler find the program counter where it looks for a return address.

        It looks below the stack pointer of the machine code's frame.  What is there may be of a function that
        has returned long ago, or of another trace that lay there before.  In compiled C that word may be in
        use (the red zone), so it is put back.  Both are in the ucontext_t, rsp at 0xa0.
        """
        return b"".join(
            (
                b"\x49\x8b\x8c\x24\xa0\x00\x00\x00",  # mov rcx, [r12 + 0xa0]
                b"\x48\x8b\x41\xf8",  # mov rax, [rcx - 8]
                b"\x48\x89\x44\x24\x18",  # mov [rsp + 24], rax: the row's last word, not needed yet
                b"\x48\x8b\x44\x24\x08",  # mov rax, [rsp + 8]
                b"\x48\x89\x41\xf8",  # mov [rcx - 8], rax
                calling,
                b"\x49\x8b\x8c\x24\xa0\x00\x00\x00",  # mov rcx, [r12 + 0xa0]
                b"\x48\x8b\x44\x24\x18",  # mov rax, [rsp + 24]
                b"\x48\x89\x41\xf8",  # mov [rcx - 8], rax
            )
        )

    @seldom
    def reading(self) -> bytes:
        """Fill the row but for its last word."""
        return b"".join(
            (
                b"\x48\x8b\x82\xa8\x00\x00\x00",  # mov rax, [rdx + 0xa8]
                b"\x48\x89\x44\x24\x08",  # mov [rsp + 8], rax
                b"\x64\x48\x8b\x04\x25\x10\x00\x00\x00",  # mov rax, fs:[0x10]
                b"\x48\x89\x44\x24\x10",  # mov [rsp + 16], rax
                b"\x0f\x31",  # rdtsc
                b"\x48\xc1\xe2\x20",  # shl rdx, 32
                b"\x48\x09\xd0",  # or rax, rdx
                b"\x48\x89\x04\x24",  # mov [rsp], rax
                b"\x4c\x89\xe2",  # mov rdx, r12
            )
        )

    @seldom
    def writing(self) -> bytes:
        """Ask where the sampler's file ends, keep the row, and let the next thread in."""
        block = self.writing_block()
        first = self.STATE_BYTES + self.TEXT_BYTES
        return b"".join(
            (
                self.noting_kernel(),
                b"\xb8\x08\x00\x00\x00",  # mov eax, 8: lseek
                b"\xbf" + self.samples.to_bytes(4, "little"),  # mov edi, samples
                b"\x31\xf6",  # xor esi, esi
                b"\xba\x01\x00\x00\x00",  # mov edx, SEEK_CUR
                b"\x0f\x05",  # syscall
                b"\x48\x89\x44\x24\x18",  # mov [rsp + 24], rax
                b"\x8b\x43\x0c",  # mov eax, [rbx + 12]
                b"\x48\x8d\x7c\x03" + bytes([first]),  # lea rdi, [rbx + rax + first]
                b"\x48\x89\xe6",  # mov rsi, rsp
                b"\xb9\x04\x00\x00\x00",  # mov ecx, 4
                b"\xf3\x48\xa5",  # rep movsq
                b"\x83\x43\x0c" + bytes([self.ROW_BYTES]),  # add dword [rbx + 12], row
                b"\x8b\x43\x0c",  # mov eax, [rbx + 12]
                b"\x3b\x43\x10",  # cmp eax, [rbx + 16]
                b"\x72" + bytes([len(block)]),  # jb behind the block
                block,
                b"\xc7\x43\x08\x00\x00\x00\x00",  # mov dword [rbx + 8], 0
            )
        )

    @seldom
    def noting_kernel(self) -> bytes:
        """Set the highest bit of the row's program counter where a system call was interrupted.

        That stands before the counter, or at it where the kernel makes it again.  Unless both lie
        in the counter's page: there may be none beside it.
        """
        marking = b"\x80\x4c\x24\x0f\x80"  # or byte [rsp + 15], 0x80
        at_it = b"\x66\x81\x39\x0f\x05\x75" + bytes([len(marking)])  # cmp word [rcx], syscall; jne behind
        looking = b"\x66\x81\x79\xfe\x0f\x05\x74" + bytes([len(at_it)])  # cmp word [rcx - 2], syscall; je
        body = looking + at_it + marking
        return b"".join(
            (
                b"\x49\x8b\x8c\x24\xa8\x00\x00\x00",  # mov rcx, [r12 + 0xa8]
                b"\x8d\x41\xfe",  # lea eax, [rcx - 2]
                b"\x25\xff\x0f\x00\x00",  # and eax, 4095
                b"\x3d\xfc\x0f\x00\x00",  # cmp eax, 4092
                b"\x77" + bytes([len(body)]),  # ja behind it
                body,
            )
        )

    @seldom
    def writing_block(self) -> bytes:
        """Ask how much memory there is, write the block, and let the next have twice the rows."""
        most = self.rows_at_once * self.ROW_BYTES
        return b"".join(
            (
                b"\x48\xc7\x43" + bytes([self.STATE_BYTES]) + bytes(4),  # mov qword [rbx + state], 0: no text
                b"\xb8\x11\x00\x00\x00",  # mov eax, 17: pread64
                b"\xbf" + self.statm.to_bytes(4, "little"),  # mov edi, statm
                b"\x48\x8d\x73" + bytes([self.STATE_BYTES]),  # lea rsi, [rbx + state]
                b"\xba" + self.TEXT_BYTES.to_bytes(4, "little"),  # mov edx, text
                b"\x45\x31\xd2",  # xor r10d, r10d
                b"\x0f\x05",  # syscall
                b"\xb8\x12\x00\x00\x00",  # mov eax, 18: pwrite64
                b"\xbf" + self.rows.to_bytes(4, "little"),  # mov edi, rows
                b"\x48\x8d\x73" + bytes([self.STATE_BYTES]),  # lea rsi, [rbx + state]
                b"\xba" + self.BLOCK_BYTES.to_bytes(4, "little"),  # mov edx, block
                b"\x4c\x8b\x13",  # mov r10, [rbx]
                b"\x0f\x05",  # syscall
                b"\x48\x81\x03" + self.BLOCK_BYTES.to_bytes(4, "little"),  # add qword [rbx], block
                b"\xc7\x43\x0c\x00\x00\x00\x00",  # mov dword [rbx + 12], 0
                b"\x8b\x43\x10",  # mov eax, [rbx + 16]
                b"\x01\xc0",  # add eax, eax
                b"\xb9" + most.to_bytes(4, "little"),  # mov ecx, most
                b"\x39\xc8",  # cmp eax, ecx
                b"\x0f\x47\xc1",  # cmova eax, ecx
                b"\x89\x43\x10",  # mov [rbx + 16], eax
                b"\xff\x4b\x14",  # dec dword [rbx + 20]
                b"\x75" + bytes([len(self.slowing)]),  # jnz behind it
                self.slowing,
            )
        )
