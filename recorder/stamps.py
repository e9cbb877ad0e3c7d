"""Read what the agent notes of each tick of the sampler's timers, and find the tick of each sample.

The agent's instructions write the file (site/tracebin_agent/stamps.py), and the two change together.
"""

from __future__ import annotations

import re
import struct
from typing import Iterator, List, NamedTuple, Optional

from tracebin.recorder.samples import Sample


class Stamp(NamedTuple):
    """When a thread was interrupted, in ticks of the log's clock, and where: the program counter.

    ``end`` is how long the file of samples was then; ``thread`` is what ``threading.get_ident`` says;
    ``memory_bytes`` was resident then or up to 16 ms later, or -1.  ``in_kernel`` if it had made a
    system call there.
    """

    tick: int
    pc: int
    thread: int
    end: int
    memory_bytes: int = -1
    in_kernel: bool = False


# A block: the text of /proc/self/statm, in pages of x86-64, and rows.
_STAMP = struct.Struct("<4Q")
_STATM = re.compile(rb"\d+ (\d{1,15}) ")
_STATM_BYTES = 64
_PAGE_BYTES = 4096
# In the program counter, which has 57 bits at most.
_IN_KERNEL = 1 << 63
STAMP_BLOCK_BYTES = _STATM_BYTES + 16 * _STAMP.size


def read_stamps(data: bytes) -> List[Stamp]:
    """Read blocks of stamps; one that is cut, and rows that were never written, are left out."""
    blocks = range(0, len(data) - STAMP_BLOCK_BYTES + 1, STAMP_BLOCK_BYTES)
    return [stamp for at in blocks for stamp in _stamps_in(data[at : at + STAMP_BLOCK_BYTES])]


def _stamps_in(block: bytes) -> Iterator[Stamp]:
    statm = _STATM.match(block)
    memory_bytes = int(statm[1]) * _PAGE_BYTES if statm else -1
    for tick, pc, thread, end in _STAMP.iter_unpack(block[_STATM_BYTES:]):
        if tick:
            yield Stamp(tick, pc & ~_IN_KERNEL, thread, end, memory_bytes, bool(pc & _IN_KERNEL))


class StampMatching:
    """Find the stamp of each sample: of the tick that made the file reach over its end.

    A tick may leave no sample, where the sampler was not ready or the thread had no frame; or
    a later one writes it, where the interrupted thread was writing to the file itself.
    ``found`` is of as many samples as ticks have told of.
    """

    def __init__(self) -> None:
        self.found: List[Optional[Stamp]] = []
        self._waiting: List[Stamp] = []

    def take(self, stamp: Stamp, samples: List[Sample]) -> None:
        """Take the next tick, when all samples are known that its file had then."""
        found, waiting = self.found, self._waiting
        waiting.append(stamp)
        first = number = len(found)
        while number < len(samples) and samples[number].end <= stamp.end:
            number += 1
        if number > first:
            taken = waiting[first - number :]
            found += [None] * (number - first - len(taken))
            found += taken
            self._waiting = []


def stamps_of(samples: List[Sample], stamps: List[Stamp]) -> List[Optional[Stamp]]:
    """Give the stamp of each sample."""
    matching = StampMatching()
    for stamp in stamps:
        matching.take(stamp, samples)
    return matching.found + [None] * (len(samples) - len(matching.found))
