"""Cut PYPYLOG into its nested, timed sections.

``[ts] {name`` opens, ``[ts] name}`` closes, ts in hexadecimal ticks; what stands
between belongs to the innermost open section (rpython/translator/c/src/debug_print.c).
A log that ends in the middle of sections is what a killed program leaves: what was
open is closed as cut.
"""

from __future__ import annotations

import re
from typing import BinaryIO, Callable, Iterator, List, Optional

# How a line with ticks begins.  A search for the bracket is quick: so only behind it is asked whether a line
# begins there.
TICKS = r"\[(?<![^\n]\[)([0-9a-f]{1,16})\] "
_MARK = re.compile(TICKS + r"(?:\{(\S+)|(\S+)\})(?:\n|\Z)")
BLOCK_BYTES = 1 << 17


class Section:
    """One section: its name, ticks, own lines, and the section around it."""

    __slots__ = ("_pieces", "complete", "name", "parent", "start", "stop")

    def __init__(self, name: str, start: int, parent: Optional[Section]) -> None:
        self.name = name
        self.start = start
        self.stop = start
        self.parent = parent
        self._pieces: List[str] = []
        self.complete = False

    def take(self, lines: str) -> None:
        """Take some of its lines, each with its end."""
        self._pieces.append(lines)

    @property
    def text(self) -> str:
        """Give its own lines as one text."""
        return "".join(self._pieces).removesuffix("\n")

    @property
    def lines(self) -> List[str]:
        """Give its own lines: most sections are never asked for them."""
        return self.text.split("\n") if self._pieces else []

    def inside(self, name: str) -> bool:
        """Say whether a section called ``name`` is around this one."""
        outer = self.parent
        while outer is not None:
            if outer.name == name:
                return True
            outer = outer.parent
        return False


class SectionReader:
    """Feed it the log; it calls ``opened`` and ``closed`` with each section.

    ``strays`` counts lines outside any section, ``crossed`` closing marks that
    fit no open section: neither should happen, both are reported.
    """

    def __init__(self, opened: Callable[[Section], None], closed: Callable[[Section], None]) -> None:
        self._opened = opened
        self._closed = closed
        self._top: Optional[Section] = None
        self.last_tick = 0
        self.strays = 0
        self.crossed = 0
        self._has_skipped = False

    def feed(self, text: str) -> None:
        """Read some whole lines; a mark is a line that begins with a bracket."""
        parts = _MARK.split(text)
        if parts[0]:
            self._take(parts[0])
        for at in range(1, len(parts), 4):
            tick, opens, closes, lines = parts[at : at + 4]
            self._mark(int(tick, 16), opens, closes)
            if lines:
                self._take(lines)

    def _take(self, lines: str) -> None:
        if self._top is not None:
            self._top.take(lines)
        elif not self._has_skipped:
            self.strays += sum(map(bool, lines.split("\n")))

    def end(self) -> int:
        """Close what is still open, and say how many sections that were."""
        cut = 0
        while self._top is not None:
            self._close(self.last_tick, complete=False)
            cut += 1
        return cut

    def pass_over(self, tick: int) -> None:
        """Go on behind a whole section, which ended at ``tick``."""
        self.last_tick = tick

    def skip(self) -> None:
        """Go on behind a piece of the log that is gone, which nobody knows what was open in.

        What doesn't fit is normal until the next tracing begins.
        """
        self.end()
        self._has_skipped = True

    def _mark(self, tick: int, opens: Optional[str], closes: Optional[str]) -> None:
        self.last_tick = tick
        if opens is not None:
            if self._top is None and opens == "jit-tracing":
                self._has_skipped = False
            self._top = Section(opens, tick, self._top)
            self._opened(self._top)
        elif self._top is not None and (self._top.name == closes or self._top.inside(closes or "")):
            while self._top.name != closes:
                self.crossed += 1
                self._close(tick, complete=False)
            self._close(tick, complete=True)
        elif not self._has_skipped:
            self.crossed += 1

    def _close(self, tick: int, *, complete: bool) -> None:
        section = self._top
        assert section is not None
        section.stop = tick
        section.complete = complete
        self._top = section.parent
        self._closed(section)


class LineSplitter:
    """Cut bytes that come in pieces after whole lines; bytes that aren't UTF-8 become surrogates."""

    def __init__(self) -> None:
        self._rest: List[bytes] = []

    def push(self, piece: bytes) -> str:
        """Give the lines that ``piece`` completes."""
        cut = piece.rfind(b"\n") + 1
        if not cut:
            self._rest.append(piece)
            return ""
        whole = b"".join([*self._rest, piece[:cut]])
        self._rest = [piece[cut:]]
        return whole.decode("utf-8", "surrogateescape")

    def end(self) -> str:
        """Give the line that never got its end, if there is one."""
        rest = b"".join(self._rest)
        self._rest = []
        return rest.decode("utf-8", "surrogateescape")


def line_blocks(stream: BinaryIO) -> Iterator[str]:
    """Yield ``stream`` in blocks of whole lines."""
    splitter = LineSplitter()
    for piece in iter(lambda: stream.read(BLOCK_BYTES), b""):
        yield splitter.push(piece)
    yield splitter.end()
