"""Print lines of styled pieces on a rich console, fast and never wider than it is.

rich knows the terminal, its width and its colours; lines and columns are laid
out here, since a trace has some ten thousand of them.
"""

from __future__ import annotations

import io
import sys
from typing import List, NamedTuple, Optional, Sequence, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

ELLIPSIS = "…"
COLUMN_GAP = 2


class Piece(NamedTuple):
    """Some text in one style; the text must be ``visible``."""

    text: str
    style: str = ""


class Column(NamedTuple):
    """A column of a table; one that is ``flexible`` gives way when room is short.

    Where a cell must be cut, ``keep_end`` cuts it at its start.
    """

    title: str = ""
    right: bool = False
    flexible: bool = False
    style: str = ""
    keep_end: bool = False


def make_console(stream: Optional[TextIO] = None) -> Console:
    """Make a console for ``stream`` (standard output) that prints text as it is.

    Characters the stream's encoding lacks are escaped, not fatal.
    """
    out = sys.stdout if stream is None else stream
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")
    return Console(file=out, markup=False, emoji=False, highlight=False)


class Page:
    """Lines on their way to ``console``; nothing is printed before :meth:`print`.

    With ``wrap`` lines are broken to the console's width; without, only where
    the console is a real terminal: a pipe to grep wants lines whole.
    """

    def __init__(self, console: Console, *, wrap: bool = True) -> None:
        self._console = console
        self._width = console.width if wrap or console.is_terminal else None
        self._segments: List[Segment] = []

    def print(self) -> None:
        """Print the lines and forget them."""
        self._console.print(Segments(self._segments), end="", soft_wrap=True)
        self._segments = []

    def line(self, *pieces: Piece, hang: int = 0) -> None:
        """Add a line; where it must be broken, the rest is indented by ``hang``.

        Blanks at the end are left out.
        """
        plain = "".join(piece.text for piece in pieces)
        cuts = [0] if self._width is None else _cuts(plain, self._width, hang)
        for number, start in enumerate(cuts):
            end = cuts[number + 1] if number + 1 < len(cuts) else len(plain)
            if number:
                self._segments.append(Segment(" " * hang))
            self._add(pieces, start, start + len(plain[start:end].rstrip()))
            self._segments.append(Segment.line())

    def _add(self, pieces: Sequence[Piece], start: int, end: int) -> None:
        at = 0
        for text, style in pieces:
            part = text[max(0, start - at) : max(0, end - at)]
            at += len(text)
            if part:
                self._segments.append(Segment(part, self._style(style)))

    def _style(self, name: str) -> Optional[Style]:
        return self._console.get_style(name) if name else None

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], indent: int = 2) -> None:
        """Add a table, headed where its columns have titles; cells must be ``visible``."""
        titles = [column.title for column in columns]
        widths = [max(cell_len(row[i]) for row in (titles, *rows)) for i in range(len(columns))]
        self._shrink(columns, widths, indent)
        if any(titles):
            self._row([column._replace(style="bold") for column in columns], titles, widths, indent)
        for row in rows:
            self._row(columns, row, widths, indent)

    def _shrink(self, columns: Sequence[Column], widths: List[int], indent: int) -> None:
        """Take what is too much from the flexible columns, the widest first."""
        flexible = [i for i, column in enumerate(columns) if column.flexible]
        excess = indent + sum(widths) + COLUMN_GAP * (len(widths) - 1) - self._console.width
        for _ in range(max(0, excess)):
            widest = max(flexible, key=lambda i: widths[i])
            widths[widest] = max(4, widths[widest] - 1)

    def _row(self, columns: Sequence[Column], row: Sequence[str], widths: List[int], indent: int) -> None:
        pieces = [Piece(" " * indent)]
        for number, (column, cell, width) in enumerate(zip(columns, row, widths)):
            text = crop_start(cell, width) if column.keep_end else crop(cell, width)
            gap = " " * (width - cell_len(text))
            last = number + 1 == len(columns)
            pieces.append(Piece(gap + text if column.right else text, column.style))
            pieces.append(Piece(("" if column.right or last else gap) + ("" if last else " " * COLUMN_GAP)))
        self.line(*pieces)


def crop(text: str, width: int) -> str:
    """Cut ``text`` to ``width`` cells, with a sign that something was cut."""
    if cell_len(text) <= width:
        return text
    return text[: _prefix(text, width - 1)] + ELLIPSIS


def crop_start(text: str, width: int) -> str:
    """Cut ``text`` to its last ``width`` cells, with a sign that something was cut."""
    return crop(text[::-1], width)[::-1]


def _prefix(text: str, width: int) -> int:
    """Count the characters that fit into ``width`` cells, one at least."""
    if text.isascii():
        return max(1, min(width, len(text)))
    used = 0
    for index, char in enumerate(text):
        used += cell_len(char)
        if used > width:
            return max(1, index)
    return len(text)


def _cuts(plain: str, width: int, hang: int) -> List[int]:
    """Give where each printed line starts: after a blank if there is one, else at the edge."""
    cuts, room = [0], max(1, width)
    rest = plain
    while cell_len(rest) > room:
        edge = _prefix(rest, room)
        blank = rest.rfind(" ", edge // 2, edge + 1)
        cut = blank + 1 if blank >= 0 and rest[:blank].strip() else edge
        cuts.append(cuts[-1] + cut)
        rest = rest[cut:]
        room = max(1, width - hang)
    return cuts
