"""Keep the time, the place and the thread of each sample."""

from __future__ import annotations

from .polling import Polling


class Stamps:
    """Write a row for each tick of the sampler's timers into a file of our own.

    PyPy's sampler (file version 6) writes neither time nor thread, and finds machine code on the stack by
    the return address of the last call it made.  So a few instructions put the program counter there, call
    its handler, one thread after the other, and then write four words: the log's ticks, the program
    counter, the thread, and how long the sampler's file is then, by which the sample is found.  Only
    for Linux on x86-64.
    """

    MAP_FLAGS = 0x22  # MAP_PRIVATE | MAP_ANONYMOUS
    MAP_SHARED = 1
    SIGACTION_BYTES = 152
    # Times to look whether the handler is free: some 50 us; then the tick is lost.
    LOOKS = 2000

    def __init__(self, polling: Polling, number: int, samples: int, rows: int, stop: str) -> None:
        """Stand ready for signal ``number``; ``samples`` and ``rows`` are open files.

        ``stop`` is the path of the file by which the launcher ends it.  Raises OSError.
        """
        import os

        self.polling = polling
        self.number = number
        self.samples = samples
        self.rows = rows
        self.libc = polling.libc
        # Where the next row goes, and whether a thread is in the handler.
        self.memory = self.libc.memory(b"\0" * 16)
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

    def writing(self) -> bytes:
        """Ask where the sampler's file ends, write the row, and let the next thread in."""
        return b"".join(
            (
                b"\xb8\x08\x00\x00\x00",  # mov eax, 8: lseek
                b"\xbf" + self.samples.to_bytes(4, "little"),  # mov edi, samples
                b"\x31\xf6",  # xor esi, esi
                b"\xba\x01\x00\x00\x00",  # mov edx, SEEK_CUR
                b"\x0f\x05",  # syscall
                b"\x48\x89\x44\x24\x18",  # mov [rsp + 24], rax
                b"\xb8\x12\x00\x00\x00",  # mov eax, 18: pwrite64
                b"\xbf" + self.rows.to_bytes(4, "little"),  # mov edi, rows
                b"\x48\x89\xe6",  # mov rsi, rsp
                b"\xba\x20\x00\x00\x00",  # mov edx, 32
                b"\x4c\x8b\x13",  # mov r10, [rbx]
                b"\x0f\x05",  # syscall
                b"\x48\x83\x03\x20",  # add qword [rbx], 32
                b"\xc7\x43\x08\x00\x00\x00\x00",  # mov dword [rbx + 8], 0
            )
        )
