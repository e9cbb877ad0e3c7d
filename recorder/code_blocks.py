"""Keep the machine code of live traces, with later patches applied.

Addresses are reused after PyPy frees a trace, so a new block retires the blocks
it overlaps: a patch goes to the block that is live at that moment.
"""

from __future__ import annotations

import bisect
import re
from typing import Dict, List, Optional, Tuple

from tracebin.recorder.whole_sections import Dump

_DUMP = "CODE_DUMP @"
# PyPy's biggest traces have some megabytes; a damaged log may name any number.
_MAX_BLOCK_BYTES = 1 << 28
_FIELD = re.compile(r"\s+(gc table|function|jump target|resops|failures|end): (0x[0-9a-f]+)")


class CodeBlock:
    """The machine code of one trace (or helper): bytes from its GC table on."""

    __slots__ = ("address", "body", "code", "entry", "failures", "patches")

    def __init__(self, address: int, entry: int, body: int, failures: int, end: int) -> None:
        self.address = address
        self.entry = entry - address
        self.body = body - address
        self.failures = failures - address
        self.code = bytearray(end - address)
        self.patches = 0

    @property
    def end(self) -> int:
        """The first address behind the block."""
        return self.address + len(self.code)

    def write(self, address: int, data: bytes) -> None:
        """Put ``data`` at ``address``, as far as it lies inside."""
        start = max(address, self.address)
        stop = min(address + len(data), self.end)
        if start < stop:
            self.code[start - self.address : stop - self.address] = data[start - address : stop - address]


class CodeBlocks:
    """All live blocks; feed it the backend's sections in the order of the log.

    The assembler dumps a block first, then patches offsets inside it, and only
    in between says where the block lies; so dumps wait until that is known.
    Dumps that belong to no trace are PyPy's own ``stubs``: address and size.
    """

    def __init__(self) -> None:
        self._starts: List[int] = []
        self._blocks: Dict[int, CodeBlock] = {}
        self._dumps: List[Tuple[int, bytes]] = []
        self._fresh: Optional[CodeBlock] = None
        self.stubs: List[Tuple[int, int]] = []
        self.backend = ""

    def dump(self, lines: List[str]) -> None:
        """Take the lines of one ``jit-backend-dump`` section."""
        for line in lines:
            if line.startswith(_DUMP):
                # Without the third word, there are no bytes.
                address, offset, *code = line[len(_DUMP) :].split(None, 2)
                self._dumps.append((int(address, 16) + int(offset), bytes.fromhex("".join(code))))
            elif line.startswith("BACKEND ") and not self.backend:
                self.backend = line[8:]

    def take(self, dump: Dump) -> None:
        """Take such a section that was read as a whole.

        Raises:
            ValueError: its bytes are none.
        """
        self.backend = self.backend or dump.backend
        self._dumps.append((dump.address, bytes.fromhex(dump.code)))

    def announce(self, lines: List[str]) -> Optional[CodeBlock]:
        """Take the lines of one ``jit-backend-addr`` section, and give the new block.

        Raises:
            ValueError: the block would be bigger than any machine code is.
        """
        fields = {match[1]: int(match[2], 16) for match in map(_FIELD.fullmatch, lines) if match}
        if "gc table" not in fields or fields.get("end", 0) < fields["gc table"]:
            return None
        address, end = fields["gc table"], fields["end"]
        if end - address > _MAX_BLOCK_BYTES:
            raise ValueError(f"machine code of {end - address} bytes")
        entry = fields.get("function", fields.get("jump target", address))
        block = CodeBlock(address, entry, fields.get("resops", entry), fields.get("failures", end), end)
        self._insert(block)
        self._fresh = block
        self._settle()
        return block

    def finish(self) -> None:
        """Note the end of one ``jit-backend`` section: what waits now is for blocks we know."""
        self._settle()
        self._fresh = None

    def _settle(self) -> None:
        for address, data in self._dumps:
            block = self._at(address)
            if block is None:
                self.stubs.append((address, len(data)))
            else:
                block.write(address, data)
                block.patches += block is not self._fresh
        self._dumps = []

    def _insert(self, block: CodeBlock) -> None:
        first = max(bisect.bisect_right(self._starts, block.address) - 1, 0)
        last = bisect.bisect_left(self._starts, block.end)
        for start in self._starts[first:last]:
            if self._blocks[start].end > block.address:
                self._starts.remove(start)
                del self._blocks[start]
        bisect.insort(self._starts, block.address)
        self._blocks[block.address] = block

    def _at(self, address: int) -> Optional[CodeBlock]:
        index = bisect.bisect_right(self._starts, address) - 1
        block = self._blocks[self._starts[index]] if index >= 0 else None
        return block if block is not None and address < block.end else None
