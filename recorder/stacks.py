"""Make one prefix tree of all sampled stacks.

A raw stack is pairs of kind and value, innermost first (rpython/rlib/rvmprof/src/shared/vmp_stack.c).
A frame's value is its code object's number; the value of an assembler entry is the GC
table of the loop or bridge that runs, which names the trace; the jitted frames
next to it are what that trace inlines.
"""

from __future__ import annotations

import bisect
from typing import Callable, Dict, List, Optional, Tuple

from tracebin.bundle.records import CHUNK_ROWS, STATES, StackChunk
from tracebin.recorder.samples import pairs

# What the first word of a pair says (vmprof_common.h, PyPy's VMPROF_*_TAG).
_STATE_OF_KIND = {1: "interpreted", 2: "blackhole", 3: "jitted", 4: "tracing", 5: "gc", 7: "native"}
_ASSEMBLER = 6
_JITTED = STATES.index("jitted")

Row = Tuple[int, int, int, int]


class TraceFinder:
    """Find the trace by its GC table's address, which is reused after a free."""

    def __init__(self) -> None:
        self._times: Dict[int, List[int]] = {}
        self._traces: Dict[int, List[int]] = {}

    def add(self, address: int, since_ns: int, trace: int) -> None:
        """Note that ``trace`` (-1: a helper) lies at ``address`` from then on."""
        times = self._times.setdefault(address, [])
        place = bisect.bisect_right(times, since_ns)
        times.insert(place, since_ns)
        self._traces.setdefault(address, []).insert(place, trace)

    def at(self, address: int, time_ns: int) -> Optional[int]:
        """Give the trace there at that time, -1 for a helper, None if nothing is."""
        times = self._times.get(address)
        if not times:
            return None
        return self._traces[address][max(bisect.bisect_right(times, time_ns) - 1, 0)]

    def is_reused(self, address: int) -> bool:
        """Say whether more than one trace has been there."""
        return len(self._times.get(address, ())) > 1


class Stacks:
    """The tree: rows of parent, function, state and trace, each row once."""

    def __init__(
        self, function_of: Callable[[int], int], finder: TraceFinder, is_start_up: Callable[[int], bool]
    ) -> None:
        self._function_of = function_of
        self._finder = finder
        self._is_start_up = is_start_up
        self._rows: List[Row] = []
        self._ids: Dict[Row, int] = {}
        self._known: Dict[bytes, int] = {}
        self.unmatched = 0
        self.in_assembler = 0

    def add(self, stack: bytes, time_ns: int) -> int:
        """Give the row of a stack's innermost frame; -1 for a stack without frames."""
        known = self._known.get(stack)
        if known is None:
            frames, is_fixed = self._frames(stack, time_ns)
            known = self._insert(frames)
            if is_fixed:
                self._known[stack] = known
        return known

    def _frames(self, stack: bytes, time_ns: int) -> Tuple[List[Tuple[int, int, int]], bool]:
        """Give (function, state, trace) innermost first, and whether time plays no part."""
        frames: List[Tuple[int, int, int]] = []
        trace, waiting, is_fixed = -1, False, True
        for kind, value in pairs(stack):
            if kind == _ASSEMBLER:
                if waiting:
                    # Another driver's loop, run by the machine code around it.
                    frames.append((-1, _JITTED, trace))
                trace, waiting = self._trace(value, time_ns), True
                is_fixed = is_fixed and not self._finder.is_reused(value)
                continue
            state = STATES.index(_STATE_OF_KIND.get(kind, "native"))
            if waiting and state != _JITTED:
                # Machine code without an inlined frame: another driver's loop.
                frames.append((-1, _JITTED, trace))
            if state != _JITTED:
                trace = -1
            waiting = False
            frames.append((self._function_of(value), state, trace))
        if waiting:
            frames.append((-1, _JITTED, trace))
        return self._trimmed(frames), is_fixed

    def _trace(self, address: int, time_ns: int) -> int:
        self.in_assembler += 1
        found = self._finder.at(address, time_ns)
        self.unmatched += found is None
        return -1 if found is None else found

    def _trimmed(self, frames: List[Tuple[int, int, int]]) -> List[Tuple[int, int, int]]:
        """Leave out the interpreter's own start-up at the root: every program has it."""
        end = len(frames)
        while end > 1 and frames[end - 1][0] >= 0 and self._is_start_up(frames[end - 1][0]):
            end -= 1
        return frames[:end]

    def _insert(self, frames: List[Tuple[int, int, int]]) -> int:
        parent = -1
        for function, state, trace in reversed(frames):
            row = (parent, function, state, trace)
            found = self._ids.get(row)
            if found is None:
                found = self._ids[row] = len(self._rows)
                self._rows.append(row)
            parent = found
        return parent

    def chunks(self) -> List[StackChunk]:
        """Give the tree as the bundle holds it."""
        return [
            StackChunk(*(list(column) for column in zip(*self._rows[start : start + CHUNK_ROWS])))
            for start in range(0, len(self._rows), CHUNK_ROWS)
        ]
