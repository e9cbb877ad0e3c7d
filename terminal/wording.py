"""Put numbers and names into words that are safe to print.

Names come from the recorded program, and a name may hold anything, escape
sequences for the terminal among it: all that isn't printable is shown escaped.
"""

from __future__ import annotations

import shlex
from typing import Optional

from tracebin.bundle.records import Exit, Run

TAB_WIDTH = 4
_TIME_UNITS = (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000))
_SIZE_UNITS = ("KiB", "MiB", "GiB", "TiB")
# From here on a size would have four digits.
_NEXT_UNIT = 1023.5

_MODES = {
    "exact": "every Python call recorded, which changes what PyPy compiles",
    "exact+c": "every call recorded, builtin functions' too, which changes what PyPy compiles",
    "off": "neither sampled nor recorded",
}


def visible(text: str) -> str:
    """Show every character that isn't printable as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


# Why a file has no text, by the bundle's words for it (docs/bundle.md), and what to do.
NO_TEXT = {
    "unused": "hardly used file of the standard library (tracebin run --source all keeps its text)",
    "asked": "no source was to be kept (record again without --no-source)",
    "unreadable": "the file was gone, too long or not in its encoding when it was recorded",
}


def source_text(line: str) -> str:
    """Show a source line, tabs as blanks."""
    return visible(line.expandtabs(TAB_WIDTH).rstrip())


def duration(ns: int) -> str:
    """Say a time with three digits and its unit."""
    for unit, size in _TIME_UNITS:
        if abs(ns) >= size:
            return f"{_three_digits(ns / size)} {unit}"
    return f"{ns} ns"


def size(count: int) -> str:
    """Say a number of bytes with three digits and its unit, as ``bytes`` of static/format.js does."""
    if count < _NEXT_UNIT:
        return f"{count} B"
    value = count / 1024
    for unit in _SIZE_UNITS[:-1]:
        if value < _NEXT_UNIT:
            return f"{_three_digits(value)} {unit}"
        value /= 1024
    return f"{_three_digits(value)} {_SIZE_UNITS[-1]}"


def _three_digits(value: float) -> str:
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}"


def percent(share: float) -> str:
    """Say a share; what is more than nothing never reads as nothing."""
    if 0 < share < 0.01:
        return "<1%"
    return f"{share * 100:.0f}%"


def counted(count: int, noun: str) -> str:
    """Say how many there are of something."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def place(path: Optional[str], line: Optional[int]) -> str:
    """Say file and line."""
    if path is None:
        return ""
    return visible(path) if line is None else f"{visible(path)}:{line}"


def command(run: Run) -> str:
    """Give the command as a shell would take it."""
    return visible(" ".join(shlex.quote(part) for part in run.command))


def calls_mode(run: Run) -> str:
    """Say how the program's calls were recorded: exact calls change what is compiled.

    static/mode.js says the same on the pages.
    """
    asked = run.options.recorder
    mode, interval_s = asked.get("calls", "sampled"), asked.get("interval_s")
    later_s = asked.get("later_interval_s")
    if mode in _MODES:
        return _MODES[str(mode)]
    if not isinstance(interval_s, (int, float)):
        return "sampled"
    if not interval_s:
        return "neither sampled nor recorded"
    later = f", later {duration(round(later_s * 1e9))}" if isinstance(later_s, float) else ""
    return f"sampled every {duration(round(interval_s * 1e9))}{later}"


def ending(how: Exit) -> str:
    """Say how the program ended."""
    if how.signal is not None:
        return f"killed by signal {how.signal}"
    if how.status is not None:
        return f"exit status {how.status}"
    return "how it ended is not known"
