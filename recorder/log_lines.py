"""Read single lines of the log that say a number or a name."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

_LONGEST = re.compile(r"found new longest: (.+) \d+")


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
