"""Tell code that isn't PyPy's by its address: of libraries in C, and of the kernel that they call."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Tuple

Ranges = Tuple[Tuple[int, int], ...]


class NativeCode(NamedTuple):
    """Where the code of PyPy and of the C library begins and ends; nothing is told where that isn't known.

    Of the C library only what has gone into the kernel is native.  All else there counts as what has
    called it: PyPy copies strings and takes memory by memcpy and malloc on behalf of Python code, as its
    own functions do other things.  They were 5 % of the samples in machine code of examples/library.py.
    """

    pypy: Ranges = ()
    c_library: Ranges = ()

    @classmethod
    def noted(cls, about: Mapping[str, Any]) -> NativeCode:
        """Take what the agent noted at a process's start (site/tracebin_agent/modules.py)."""
        try:
            found = about["code"]
            return cls(_ranges(found["pypy"]), _ranges(found["c library"]))
        except (LookupError, TypeError, ValueError):
            return cls()

    def has(self, pc: int, in_kernel: bool) -> bool:
        """Say whether it runs where ``pc`` is, unless that is machine code of the JIT's."""
        if not self.pypy or _is_in(self.pypy, pc):
            return False
        return in_kernel or not _is_in(self.c_library, pc)


def _ranges(rows: Any) -> Ranges:
    return tuple((int(start), int(end)) for start, end in rows)


def _is_in(ranges: Ranges, address: int) -> bool:
    return any(start <= address < end for start, end in ranges)
