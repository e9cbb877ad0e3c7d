"""Choose which calls a recording keeps."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass, field
from typing import Dict, List, Optional

from tracebin.bundle.records import Scalar

MODES = ("sampled", "exact", "exact+c", "off")
EXACT = ("exact", "exact+c")
# What PyPy's 6,000 are to a program, the longest it takes are to one with a profile function inlined
# twice into each call; with less, more tracings end without a trace.
TRACE_LIMIT = 16_000


@dataclass(frozen=True)
class CallChoice:
    """How calls are recorded, and which of them are kept.

    ``mode`` is one of MODES; ``max_calls`` 0 means all.  A pattern of ``include`` and
    ``exclude`` names a package or module, or is a file's path; both with ``*`` and ``?``.
    """

    mode: str = "sampled"
    min_duration_ns: int = 0
    max_calls: int = 0
    include: List[str] = field(default_factory=list)
    exclude: List[str] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        """Say whether every call is recorded."""
        return self.mode in EXACT

    def options(self) -> Dict[str, Scalar]:
        """Give what was asked for, as the bundle's ``options.recorder`` holds it."""
        asked: Dict[str, Scalar] = {"calls": self.mode}
        if not self.is_exact:
            return asked
        if self.min_duration_ns:
            asked["min_duration_ns"] = self.min_duration_ns
        if self.max_calls:
            asked["max_calls"] = self.max_calls
        for name in ("include", "exclude"):
            if getattr(self, name):
                asked[name] = " ".join(getattr(self, name))
        return asked

    def keeps(self, path: str, module: Optional[str]) -> bool:
        """Say whether calls of functions in that file are kept."""
        included = not self.include or any(_fits(pattern, path, module) for pattern in self.include)
        return included and not any(_fits(pattern, path, module) for pattern in self.exclude)


def _fits(pattern: str, path: str, module: Optional[str]) -> bool:
    if os.sep in pattern or pattern.startswith("<") or pattern.endswith(".py"):
        # A path without a start lies anywhere.
        whole = pattern if pattern.startswith((os.sep, "*", "<")) else f"*{os.sep}{pattern}"
        return fnmatch.fnmatchcase(path, whole) or fnmatch.fnmatchcase(
            path, whole.rstrip(os.sep) + f"{os.sep}*"
        )
    return module is not None and (
        fnmatch.fnmatchcase(module, pattern) or fnmatch.fnmatchcase(module, f"{pattern}.*")
    )
