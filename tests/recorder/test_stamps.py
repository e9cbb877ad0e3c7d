"""The ticks of the sampler's timers, as the agent notes them."""

from __future__ import annotations

import struct

from tracebin.recorder.samples import Sample
from tracebin.recorder.stamps import Stamp, read_stamps, stamps_of


def block(text: bytes, *rows: tuple[int, int, int, int]) -> bytes:
    """Write a block as the agent does, with zeros where there is nothing."""
    return text.ljust(64, b"\0") + b"".join(struct.pack("<4Q", *row) for row in rows).ljust(512, b"\0")


def test_stamps_are_read_as_far_as_they_go() -> None:
    whole = block(b"9000 3 1 2 0 5 0\n", (5, 2**63 - 1, 1, 40), (6, 7, 2, 80))
    without_memory = block(b"", *[(10 + number, 7, 2, 90) for number in range(16)])
    found = read_stamps(whole + bytes(576) + without_memory + whole[:-1])
    assert found[:2] == [Stamp(5, 2**63 - 1, 1, 40, 3 << 12), Stamp(6, 7, 2, 80, 3 << 12)]
    assert found[2:] == [Stamp(10 + number, 7, 2, 90, -1) for number in range(16)]


def test_the_highest_bit_of_a_program_counter_says_that_it_was_in_the_kernel() -> None:
    found = read_stamps(block(b"", (5, 2**63 + 0x7F00, 1, 40), (6, 0x7F00, 1, 80)))
    assert found == [Stamp(5, 0x7F00, 1, 40, -1, in_kernel=True), Stamp(6, 0x7F00, 1, 80)]


def test_stamps_tell_the_threads() -> None:
    samples = [Sample(5, b"", -1, None, end) for end in (100, 200, 300)]
    rows = [Stamp(3, 0, 5, 100), Stamp(4, 0, 6, 200), Stamp(5, 0, 5, 300)]
    assert [stamp and stamp.thread for stamp in stamps_of(samples, rows)] == [5, 6, 5]
