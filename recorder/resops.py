"""Read one line of a trace as PyPy's log prints it.

Sources: rpython/jit/metainterp/logger.py (``repr_of_resop``), PyPy 7.3.11 to 8.0.1.
Most lines are read all at once by stage_text.py; what comes here one by one is the others.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

from tracebin.bundle.records import Op

END_OF_TRACE = "--end of the loop--"
_MERGE_POINT = "debug_merge_point("

_PLACE = re.compile(
    r"(?P<name>[^;]*);(?P<file>.*):(?P<first>-?\d+)-(?P<line>-?\d+)~#(?P<offset>-?\d+) (?P<op>\S+)"
)
# PyPy before 7.3.4 or so wrote the code object's repr instead.
_OLD_PLACE = re.compile(
    r"<code object (?P<name>.*)[.,] file '(?P<file>.*)'[.,] line (?P<first>\d+)>"
    r"(?: #(?P<offset>\d+) (?P<op>\S+))?"
)


class Place(NamedTuple):
    """Where in Python code a merge point stands; ``line`` None in the old form."""

    name: str
    file: str
    first_line: int
    line: Optional[int]
    offset: int
    opcode: str


class Header(NamedTuple):
    """The first line of a logged trace; bridges have a guard, loops a number."""

    kind: str
    name: str
    number: Optional[int]
    text: Optional[str]
    guard: Optional[int]


def parse_op(line: str) -> Op:
    """Read ``[+OFFSET: ][RESULT = ]NAME(ARGS[, descr=D])[ [FAIL]]``.

    Raises:
        ValueError: the line has another form.
    """
    start, offset = 0, None
    if line[0] == "+":
        colon = line.index(": ")
        offset = int(line[1:colon])
        start = colon + 2
    opening = line.index("(", start)
    equals = line.find(" = ", start, opening)
    result = None
    if equals >= 0:
        result = line[start:equals]
        start = equals + 3
    inside, fail = _split_fail(line, opening)
    args, descr = _split_descr(inside)
    return Op(line[start:opening], result, args.split(", ") if args else [], descr, offset, fail)


def _split_fail(line: str, opening: int) -> Tuple[str, Optional[List[Optional[str]]]]:
    if not line.endswith("]"):
        return line[opening + 1 : line.rindex(")")], None
    closing = line.rindex(") [")
    inside = line[closing + 3 : -1]
    fail = [None if item == "None" else item for item in inside.split(", ")] if inside else []
    return line[opening + 1 : closing], fail


def _split_descr(inside: str) -> Tuple[str, Optional[str]]:
    at = inside.rfind("descr=")
    if at < 0:
        return inside, None
    return inside[: at - 2] if at > 2 else "", inside[at + 6 :]


def parse_merge_point(line: str) -> Optional[Tuple[int, int, str]]:
    """Give depth, call id and text of a ``debug_merge_point`` line, else None."""
    at = line.find(_MERGE_POINT, 0, 40)
    if at < 0:
        return None
    depth, call, text = line[at + len(_MERGE_POINT) : line.rindex(")")].split(", ", 2)
    return int(depth), int(call), text.strip("'\"")


def parse_place(text: str) -> Optional[Place]:
    """Read the text of a merge point of Python code; None for other jit drivers."""
    match = _PLACE.fullmatch(text)
    if match:
        return Place(
            match["name"],
            match["file"],
            int(match["first"]),
            int(match["line"]),
            int(match["offset"]),
            match["op"],
        )
    match = _OLD_PLACE.fullmatch(text)
    if match:
        return Place(
            match["name"],
            match["file"],
            int(match["first"]),
            None,
            int(match["offset"] or 0),
            match["op"] or "",
        )
    return None


_LOOP = re.compile(r"# Loop (-?\d+) \((.*)\) : (.+) with (\d+) ops")
_BRIDGE = re.compile(r"# bridge out of Guard (0x[0-9a-f]+) with (\d+) ops")


def parse_header(line: str) -> Optional[Header]:
    """Read ``# Loop N (...) : loop with M ops`` or ``# bridge out of Guard 0x.. with M ops``."""
    match = _LOOP.fullmatch(line)
    if match:
        kind = "entry bridge" if match[3] == "entry bridge" else "loop"
        return Header(kind, f"Loop {match[1]} ({match[2]})", int(match[1]), match[2], None)
    match = _BRIDGE.fullmatch(line)
    if match:
        return Header("bridge", f"bridge out of Guard {match[1]}", None, None, int(match[1], 16))
    return None


def parse_inputs(line: str) -> List[str]:
    """Read the input arguments, ``[p0, i1]``."""
    inside = line.strip("[]")
    return inside.split(", ") if inside else []


def driver_of(text: str) -> str:
    """Name the jit driver of a merge point that is no Python code.

    The log has no driver names, only each driver's own text, which begins with one:
    ``re RegularSearch at 5 [...]``, ``update_set: list <...>``, ``(min: no get_printable_location)``.
    """
    words = re.split(r"[\[(<:]| \d", text.lstrip("("), maxsplit=1)[0].split()
    if words and words[-1] == "at":
        words.pop()
    return " ".join(words[:3]) or text[:40]
