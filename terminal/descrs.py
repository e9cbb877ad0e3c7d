"""Shorten what PyPy prints of a descr to what one reads: static/trace/names.js does the same on the pages."""

from __future__ import annotations

import re
from typing import Callable, Match, Pattern, Tuple

MOST_CHARS = 40
_TYPES = {"P": "pointers", "S": "signed", "U": "unsigned", "F": "floats"}


def _field(dotted: str) -> str:
    """Give the last two parts of a field's name, without the prefix the translator puts before it."""
    parts = dotted.split(".")
    return ".".join([*parts[-2:-1], parts[-1].removeprefix("inst_")])


def _call(match: Match[str]) -> str:
    return f"effect {match[4]}" + (f", special {match[5]}" if match[5] else "")


# PyPy's own word for a descr -> what it is called here.  Letters after Field and Array tell the type read.
_FORMS: Tuple[Tuple[Pattern[str], Callable[[Match[str]], str]], ...] = (
    (re.compile("<Guard0x[0-9a-f]*?([0-9a-f]{1,5})>"), lambda match: f"guard …{match[1]}"),
    (
        re.compile(r"<(?:Interior)?Field(?:Descr <Field)?([A-Z]?) (\S+) (\d+)( pure)?>*"),
        lambda match: _field(match[2]),
    ),
    (re.compile(r"<Array([A-Z]) (\d+)>"), lambda match: f"array of {_TYPES.get(match[1], match[1])}"),
    (re.compile(r"<Call([a-z]) (\d+)(?: (\S*?))? EF=(\d+)(?: OS=(\d+))?>"), _call),
    (re.compile(r"<SizeDescr (\d+)>"), lambda match: f"{match[1]} bytes"),
    (re.compile(r"TargetToken\(\d*?(\d{1,5})\)"), lambda match: f"target …{match[1]}"),
    (re.compile(r"<Loop(-?\d+)>"), lambda match: f"loop {match[1]}"),
    (
        re.compile(r"<(\w+?)(?:Ref|Descr)* object at 0x[0-9a-f]+>"),
        lambda match: re.sub("(?:DescrRef|Descr)$", "", match[1]),
    ),
)


def short_descr(text: str) -> str:
    """Shorten a descr."""
    for pattern, shorten in _FORMS:
        match = pattern.fullmatch(text)
        if match:
            return shorten(match)
    inner = text[1:-1] if text.startswith("<") and text.endswith(">") else text
    return inner if len(inner) <= MOST_CHARS else inner[: MOST_CHARS - 2] + "…"
