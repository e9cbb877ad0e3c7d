"""Make one prefix tree of all sampled stacks.

A raw stack is pairs of kind and value, innermost first (rpython/rlib/rvmprof/src/shared/vmp_stack.c).
A frame's value is its code object's number; the value of an assembler entry is the GC
table of the loop or bridge that runs, which names the trace; the jitted frames
next to it are what that trace inlines.
"""

from __future__ import annotations

import bisect
from typing import Callable, Dict, List, Optional, Set, Tuple

from tracebin.bundle.records import CHUNK_ROWS, STATES, StackChunk
from tracebin.recorder.samples import pairs

# What the first word of a pair says (vmprof_common.h, PyPy's VMPROF_*_TAG).
_NAMES = {1: "interpreted", 2: "blackhole", 3: "jitted", 4: "tracing", 5: "gc", 7: "native"}
_STATE_OF_KIND = {kind: STATES.index(name) for kind, name in _NAMES.items()}
_ASSEMBLER = 6
_PAIR_BYTES = 16
_JITTED = STATES.index("jitted")
_INTERPRETED = STATES.index("interpreted")
_NATIVE = STATES.index("native")

Row = Tuple[int, int, int, int]
# Function, state and trace.
Frame = Tuple[int, int, int]


class TraceFinder:
    """Find a trace by an address in its machine code; addresses are reused after a free."""

    def __init__(self) -> None:
        self._times: Dict[int, List[int]] = {}
        self._traces: Dict[int, List[int]] = {}
        self._blocks: List[Tuple[int, int, int, int]] = []
        self._starts: List[int] = []
        self._largest = 0
        self._at_pc: Dict[int, List[Tuple[int, int]]] = {}

    def add(self, address: int, size: int, since_ns: int, trace: int) -> None:
        """Note that ``trace`` (-1: a helper) lies at ``address`` from then on."""
        times = self._times.setdefault(address, [])
        place = bisect.bisect_right(times, since_ns)
        times.insert(place, since_ns)
        self._traces.setdefault(address, []).insert(place, trace)
        self._blocks.append((address, address + size, since_ns, trace))
        self._largest = max(self._largest, size)
        self._starts = []

    def at(self, address: int, time_ns: int) -> Optional[int]:
        """Give the trace whose GC table is there at that time, -1 for a helper, None if none is."""
        times = self._times.get(address)
        if not times:
            return None
        return self._traces[address][max(bisect.bisect_right(times, time_ns) - 1, 0)]

    def is_reused(self, address: int) -> bool:
        """Say whether more than one trace has been there."""
        return len(self._times.get(address, ())) > 1

    def around(self, pc: int, time_ns: int) -> int:
        """Give the trace whose machine code ``pc`` lies in at that time, -1 if none is."""
        found = self._at_pc.get(pc)
        if found is None:
            found = self._at_pc[pc] = self._candidates(pc)
        before = [trace for since_ns, trace in found if since_ns <= time_ns]
        return before[-1] if before else -1

    def _candidates(self, pc: int) -> List[Tuple[int, int]]:
        if not self._starts:
            self._blocks.sort()
            self._starts = [block[0] for block in self._blocks]
        found = []
        place = bisect.bisect_right(self._starts, pc) - 1
        while place >= 0 and self._starts[place] > pc - self._largest:
            _, end, since_ns, trace = self._blocks[place]
            if pc < end:
                found.append((since_ns, trace))
            place -= 1
        return sorted(found)


class _Inner:
    """The inner frames of a stack; ``outer`` is the row of what is around them.

    ``rests`` says for a number of frames what bytes of the stack are around those;
    ``timed`` is the outermost frame that may be another at another time, -1 if none is.
    """

    def __init__(self) -> None:
        self.frames: List[Frame] = []
        self.rests: List[Tuple[int, bytes]] = []
        self.outer = -1
        self.timed = -1


class StackTree:
    """The rows of parent, function, state and trace, each row once, whatever process it comes from."""

    def __init__(self) -> None:
        self._rows: List[Row] = []
        self._ids: Dict[Row, int] = {}

    def row(self, row: Row) -> int:
        """Give the number of a row."""
        found = self._ids.get(row)
        if found is None:
            found = self._ids[row] = len(self._rows)
            self._rows.append(row)
        return found

    def chunks(self) -> List[StackChunk]:
        """Give the tree as the bundle holds it."""
        return [
            StackChunk(*(list(column) for column in zip(*self._rows[start : start + CHUNK_ROWS])))
            for start in range(0, len(self._rows), CHUNK_ROWS)
        ]


class Stacks:
    """The stacks of one process, on their way into the tree."""

    def __init__(
        self,
        function_of: Callable[[int], int],
        finder: TraceFinder,
        is_start_up: Callable[[int], bool],
        tree: Optional[StackTree] = None,
    ) -> None:
        self._function_of = function_of
        self._finder = finder
        self._is_start_up = is_start_up
        self.tree = tree or StackTree()
        self._known: Dict[Tuple[bytes, int], int] = {}
        self._outer: Dict[bytes, int] = {}
        self._unmatched: Set[int] = set()

    @property
    def unmatched(self) -> int:
        """Count the addresses of machine code that belong to no trace."""
        return len(self._unmatched)

    def add(self, stack: bytes, time_ns: int, pc: Optional[int] = None) -> int:
        """Give the row of a stack's innermost frame; -1 for a stack without frames.

        ``pc`` is where the processor was, if that is known.
        """
        inside = -1 if pc is None else self._finder.around(pc, time_ns)
        known = self._known.get((stack, inside))
        if known is None:
            inner = _Inner()
            self._read(inner, stack, time_ns)
            if inside >= 0:
                inner.frames = _corrected(inner.frames, inside)
            known = self._insert(inner)
            if inner.timed < 0:
                self._known[stack, inside] = known
        return known

    def _read(self, inner: _Inner, stack: bytes, time_ns: int) -> None:
        """Take frames in, innermost first, up to where the rest of the stack is known."""
        frames = inner.frames
        trace, waiting = -1, False
        for place, (kind, value) in enumerate(pairs(stack), 1):
            if waiting and _STATE_OF_KIND.get(kind) != _JITTED:
                # Machine code without an inlined frame: another driver's loop.
                frames.append((-1, _JITTED, trace))
            waiting = kind == _ASSEMBLER
            if waiting:
                trace = self._trace(value, time_ns)
                if self._finder.is_reused(value):
                    inner.timed = len(frames)
                continue
            state = _STATE_OF_KIND.get(kind, _NATIVE)
            if state == _JITTED:
                frames.append((self._function_of(value), state, trace))
                continue
            trace = -1
            frames.append((self._function_of(value), state, -1))
            rest = stack[place * _PAIR_BYTES :]
            outer = self._outer.get(rest)
            if outer is not None:
                inner.outer = outer
                return
            inner.rests.append((len(frames), rest))
        if waiting:
            frames.append((-1, _JITTED, trace))

    def _trace(self, address: int, time_ns: int) -> int:
        found = self._finder.at(address, time_ns)
        if found is None:
            self._unmatched.add(address)
            return -1
        return found

    def _insert(self, inner: _Inner) -> int:
        """Give the row of the innermost frame, and remember those of what is around it."""
        rests = dict(inner.rests)
        parent = inner.outer
        for place in range(len(inner.frames), 0, -1):
            if place in rests and place > inner.timed:
                self._outer[rests[place]] = parent
            function, state, trace = inner.frames[place - 1]
            if parent < 0 and place > 1 and function >= 0 and self._is_start_up(function):
                continue  # the interpreter's own start-up at the root: every program has it
            parent = self.tree.row((parent, function, state, trace))
        return parent


def _corrected(frames: List[Frame], inside: int) -> List[Frame]:
    """Say of the innermost frames that they are in the machine code of trace ``inside``.

    The stack itself shows machine code by the return address of its last call: none in a
    loop that calls nothing, the parent's in a bridge that has called nothing yet.
    """
    if not frames or frames[0][1] not in (_INTERPRETED, _JITTED):
        return frames
    first = frames[0]
    count = 1
    if first[1] == _JITTED:
        while count < len(frames) and frames[count][1:] == first[1:]:
            count += 1
    return [*((function, _JITTED, inside) for function, _, _ in frames[:count]), *frames[count:]]
