"""Read single lines of the log that say a number or a name."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

_LONGEST = re.compile(r"found new longest: (.+) \d+")

# How a minor collection's section begins, behind its ticks, and the rest of it: the bytes in use after
# it, and ticks at its end.
_MINOR = " {gc-minor\n"
_REST_OF_MINOR = re.compile(
    r"(?:\[[0-9a-f]{1,16}\] \{gc-minor-walkroots\n\[[0-9a-f]{1,16}\] gc-minor-walkroots\}\n)?"
    r"minor collect, total memory used: (\d{1,18})\n"
    r"(?:[a-z][^\n]*\n){0,8}"
    r"\[([0-9a-f]{1,16})\] gc-minor\}\n"
)
_TICKS = re.compile(r"([0-9a-f]{1,16})\]")


class Minor(NamedTuple):
    """A minor collection: ticks at its start and end, and the bytes in use after it."""

    start: int
    stop: int
    after: int


def whole_minors(text: str) -> Iterator[Tuple[str, Optional[Minor]]]:
    """Cut out the minor collections that stand whole in some lines; give what is before each, and the rest.

    There may be ten thousand a second.  As sections with lines of their own they took most of the time in
    which such a log is read.
    """
    before, *pieces = text.split(_MINOR)
    for piece in pieces:
        rest = _REST_OF_MINOR.match(piece)
        head, _, mark = before.rpartition("[")
        ticks = _TICKS.fullmatch(mark)
        if rest and ticks and head[-1:] in ("", "\n"):
            yield head, Minor(int(ticks[1], 16), int(rest[2], 16), int(rest[1]))
            before = piece[rest.end() :]
        else:
            before += _MINOR + piece
    yield before, None


def longest_function(lines: List[str]) -> Optional[str]:
    """Name the function that took most of a trace too long: the last of the lines.

    The number behind it counts positions in PyPy's own encoding of the trace, and
    says nothing to a person.
    """
    found = [match[1] for match in map(_LONGEST.fullmatch, lines) if match]
    return found[-1] if found else None


def number_after(lines: List[str], label: str) -> int:
    """Give the first number behind ``label`` in one of the lines, -1 if there is none."""
    for line in lines:
        if line.startswith(label):
            words = line[len(label) :].split()
            return int(float(words[0])) if words else -1
    return -1


def summary_line(line: str) -> Dict[str, Any]:
    """Read one line of jit-summary, such as ``Tracing:  22  0.113773``."""
    label, _, rest = line.rpartition(":")
    words = rest.split()
    key = re.sub(r"[^a-z0-9]+", "_", label.lower().replace("#", "number")).strip("_")
    if not key or not words:
        return {}
    if key == "total":
        return {"total_s": float(words[0])}
    if len(words) == 2:
        return {f"{key}": int(words[0]), f"{key}_s": float(words[1])}
    return {key: float(words[0]) if "." in words[0] else int(words[0])}
