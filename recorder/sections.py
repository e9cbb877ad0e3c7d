"""Cut PYPYLOG into its nested, timed sections.

``[ts] {name`` opens, ``[ts] name}`` closes, ts in hexadecimal ticks; what stands
between belongs to the innermost open section (rpython/translator/c/src/debug_print.c).
A log that ends in the middle of sections is what a killed program leaves: what was
open is closed as cut.
"""

from __future__ import annotations

import re
from typing import BinaryIO, Callable, Iterator, List, Optional

_MARK = re.compile(r"\[([0-9a-f]{1,16})\] (?:\{(\S+)|(\S+)\})")
BLOCK_BYTES = 1 << 17


class Section:
    """One section: its name, ticks, own lines, and the section around it."""

    __slots__ = ("complete", "lines", "name", "parent", "start", "stop")

    def __init__(self, name: str, start: int, parent: Optional[Section]) -> None:
        self.name = name
        self.start = start
        self.stop = start
        self.parent = parent
        self.lines: List[str] = []
        self.complete = False

    def inside(self, name: str) -> bool:
        """Say whether a section called ``name`` is around this one."""
        outer = self.parent
        while outer is not None:
            if outer.name == name:
                return True
            outer = outer.parent
        return False


class SectionReader:
    """Feed it lines; it calls ``opened`` and ``closed`` with each section.

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

    def feed(self, lines: List[str]) -> None:
        """Read some lines."""
        start = 0
        for place in [place for place, line in enumerate(lines) if line.startswith("[")]:
            match = _MARK.fullmatch(lines[place])
            if match is not None:
                self._take(lines[start:place])
                self._mark(int(match[1], 16), match[2], match[3])
                start = place + 1
        self._take(lines[start:])

    def _take(self, lines: List[str]) -> None:
        if self._top is not None:
            self._top.lines += lines
        elif not self._has_skipped:
            self.strays += sum(map(bool, lines))

    def end(self) -> int:
        """Close what is still open, and say how many sections that were."""
        cut = 0
        while self._top is not None:
            self._close(self.last_tick, complete=False)
            cut += 1
        return cut

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
    """Cut bytes that come in pieces into whole lines; bytes that aren't UTF-8 become surrogates."""

    def __init__(self) -> None:
        self._rest: List[bytes] = []

    def push(self, piece: bytes) -> List[str]:
        """Give the lines that ``piece`` completes."""
        cut = piece.rfind(b"\n")
        if cut < 0:
            self._rest.append(piece)
            return []
        whole = b"".join([*self._rest, piece[:cut]])
        self._rest = [piece[cut + 1 :]]
        return whole.decode("utf-8", "surrogateescape").split("\n")

    def end(self) -> List[str]:
        """Give the line that never got its end, if there is one."""
        rest = b"".join(self._rest)
        self._rest = []
        return [rest.decode("utf-8", "surrogateescape")] if rest else []


def line_blocks(stream: BinaryIO) -> Iterator[List[str]]:
    """Yield the lines of ``stream`` in blocks."""
    splitter = LineSplitter()
    for piece in iter(lambda: stream.read(BLOCK_BYTES), b""):
        yield splitter.push(piece)
    yield splitter.end()
