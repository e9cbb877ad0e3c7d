"""Make one prefix tree of all sampled stacks.

``RawStacks`` makes a tree of what the sampler's words say, while the program may still
run; ``Stacks`` puts functions in the place of code objects' numbers, whose names may come late.

A raw stack is pairs of kind and value, innermost first (rpython/rlib/rvmprof/src/shared/vmp_stack.c).
A frame's value is its code object's number; the value of an assembler entry is the GC
table of the loop or bridge that runs, which names the trace; the jitted frames
next to it are what that trace inlines there: at the call it has made, or, where the innermost
machine code was interrupted itself, at the program counter (the agent's stamps.py).
"""

from __future__ import annotations

import bisect
from typing import Callable, Dict, List, Optional, Set, Tuple

from tracebin.bundle.records import CHUNK_ROWS, STATES, StackChunk
from tracebin.recorder.native_code import NativeCode
from tracebin.recorder.portals import PortalFinder, Portals
from tracebin.recorder.samples import pairs

# What the first word of a pair says (vmprof_common.h, PyPy's VMPROF_*_TAG).
_NAMES = {1: "interpreted", 2: "blackhole", 3: "jitted", 4: "tracing", 5: "gc", 7: "native"}
_STATE_OF_KIND = {kind: STATES.index(name) for kind, name in _NAMES.items()}
_ASSEMBLER = 6
_PAIR_BYTES = 16
_JITTED = STATES.index("jitted")
_INTERPRETED = STATES.index("interpreted")
_BLACKHOLE = STATES.index("blackhole")
_NATIVE = STATES.index("native")
# In the place of a code object's number: no Python function, or none that is known.
_UNKNOWN = -1
# In its place where a trace of Python code has no frame any more.
_LEFT = -2
# Where the processor was, if in no trace: in PyPy's code or nobody knows; in other code than PyPy's.
_ELSEWHERE, _OUTSIDE = -1, -2

Row = Tuple[int, int, int, int]
# Code object's number, state and trace.
Frame = Tuple[int, int, int]


class TraceFinder:
    """Find a trace by an address in its machine code; addresses are reused after a free.

    Times are in ticks of the log, or whatever samples are asked for in.  ``changes`` counts when
    an address that has been asked for came to mean something else.
    """

    def __init__(self) -> None:
        self._times: Dict[int, List[int]] = {}
        self._traces: Dict[int, List[int]] = {}
        self._blocks: List[Tuple[int, int, int, int]] = []
        self._starts: List[int] = []
        self._largest = 0
        self._at_pc: Dict[int, List[Tuple[int, int]]] = {}
        self._asked: Set[int] = set()
        self.changes = 0

    def add(self, address: int, size: int, since: int, trace: int) -> None:
        """Note that ``trace`` (-1: a helper) lies at ``address`` from then on."""
        times = self._times.setdefault(address, [])
        place = bisect.bisect_right(times, since)
        times.insert(place, since)
        self._traces.setdefault(address, []).insert(place, trace)
        self._lay(address, size, since, trace)
        self.changes += address in self._asked

    def add_stub(self, address: int, size: int) -> None:
        """Note that machine code lies at ``address`` that PyPy made for all traces."""
        self._lay(address, size, 0, -1)

    def _lay(self, address: int, size: int, since: int, trace: int) -> None:
        self._blocks.append((address, address + size, since, trace))
        self._largest = max(self._largest, size)
        self._starts = []
        self._at_pc = {}

    def at(self, address: int, time: int) -> Optional[int]:
        """Give the trace whose GC table is there at that time, -1 for a helper, None if none is."""
        self._asked.add(address)
        times = self._times.get(address)
        if not times:
            return None
        return self._traces[address][max(bisect.bisect_right(times, time) - 1, 0)]

    def is_reused(self, address: int) -> bool:
        """Say whether more than one trace has been there."""
        return len(self._times.get(address, ())) > 1

    def around(self, pc: int, time: int) -> int:
        """Give the trace whose machine code ``pc`` lies in at that time, -1 if none is."""
        found = self._at_pc.get(pc)
        if found is None:
            found = self._at_pc[pc] = self._candidates(pc)
        before = [trace for since, trace in found if since <= time]
        return before[-1] if before else -1

    def is_machine_code(self, pc: int) -> bool:
        """Say whether ``pc`` lies in what the JIT has made, at whatever time."""
        if pc not in self._at_pc:
            self._at_pc[pc] = self._candidates(pc)
        return bool(self._at_pc[pc])

    def _candidates(self, pc: int) -> List[Tuple[int, int]]:
        if not self._starts:
            self._blocks.sort()
            self._starts = [block[0] for block in self._blocks]
        found = []
        place = bisect.bisect_right(self._starts, pc) - 1
        while place >= 0 and self._starts[place] > pc - self._largest:
            _, end, since, trace = self._blocks[place]
            if pc < end:
                found.append((since, trace))
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


class _Entries:
    """Takes entries into machine code as frames, innermost first, with nothing else between them.

    A Python frame may be told of twice: by the interpreter that entered the machine code of its
    loop or function, or by the trace that inlined it up to its loop; and again by that
    machine code.  ``codes`` are the frames of the entry that is being read, as the sampler has them.
    """

    def __init__(self, frames: List[Frame], portals: PortalFinder) -> None:
        self.codes: List[int] = []
        self._frames = frames
        self._portals = portals
        self._trace: Optional[int] = None
        # The function in which the last entry began, None if it is no Python function.
        self._begun: Optional[int] = None

    def enter(self, trace: int) -> None:
        """Begin an entry: its frames are to come."""
        self.end()
        self._trace, self.codes = trace, []

    def end(self) -> None:
        """Take in the entry that has been read."""
        trace = self._trace
        if trace is None:
            return
        portals = self._portals.of(trace)
        codes = self.codes if portals is None else self._corrected(self.codes, portals)
        if not codes:
            self._take_unknown(trace, portals)
        else:
            self._frames += [(code, _JITTED, trace) for code in codes]
            self._begun = codes[-1] if portals is None or portals.is_python else None

    def close(self, code: int, state: int) -> None:
        """Take the frame outside of the last entry, unless that began in it and has told of it."""
        self.end()
        if state != _INTERPRETED or self._begun != code:
            is_left = state == _INTERPRETED and self._begun == _LEFT
            self._frames.append((code, _JITTED, self._trace or 0) if is_left else (code, state, -1))

    def _corrected(self, codes: List[int], portals: Portals) -> List[int]:
        """Leave out what isn't there, and what the last entry, which was called here, goes on with."""
        if portals.is_exact and self._begun is None:
            return codes
        found = portals.frames(tuple(reversed(codes)))
        is_told = bool(found) and self._begun == found[-1]
        if (is_told or self._begun == _UNKNOWN) and portals.hands_on(found):
            if not is_told:
                # Of the helper that was called the function is known here.
                self._frames.pop()
            found = found[:-1] if is_told else found
        return list(reversed(found))

    def _take_unknown(self, trace: int, portals: Optional[Portals]) -> None:
        """Take an entry without a Python frame."""
        if portals is not None and portals.is_python:
            # All that it inlined has returned: what is left is the frame that entered it.
            self._begun = _LEFT
        elif trace >= 0:
            self._frames.append((_UNKNOWN, _JITTED, trace))
            self._begun = None
        elif self._begun is None:
            # A helper calls the interpreter for a function, which notes no frame for itself: its
            # name isn't known, unless it went on to enter machine code.
            self._frames.append((_UNKNOWN, _JITTED, trace))
            self._begun = _UNKNOWN


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

    def function(self, row: int) -> int:
        """Give the function of a row, -1 where it isn't known."""
        return self._rows[row][1]

    def chunks(self) -> List[StackChunk]:
        """Give the tree as the bundle holds it."""
        return [
            StackChunk(*(list(column) for column in zip(*self._rows[start : start + CHUNK_ROWS])))
            for start in range(0, len(self._rows), CHUNK_ROWS)
        ]


class RawStacks:
    """The stacks of one process by numbers of code objects: ``rows`` of parent, code, state and trace.

    Code -1 is another driver's loop.  ``unmatched`` are addresses of machine code that belong to no trace.
    """

    def __init__(
        self,
        finder: TraceFinder,
        portals: Optional[PortalFinder] = None,
        native: Optional[NativeCode] = None,
    ) -> None:
        self.finder = finder
        self.rows: List[Row] = []
        self.unmatched: Set[int] = set()
        self._ids: Dict[Row, int] = {}
        self._known: Dict[Tuple[bytes, int], int] = {}
        self._outer: Dict[bytes, int] = {}
        self._changes = 0
        self._portals = portals or PortalFinder()
        self._native = native or NativeCode()

    def add(self, stack: bytes, time: int, pc: Optional[int] = None, *, in_kernel: bool = False) -> int:
        """Give the row of a stack's innermost frame; -1 for a stack without frames.

        ``pc`` is where the processor was, if that is known, ``in_kernel`` if it went into the kernel there.
        """
        if self._changes != self.finder.changes:
            self._changes = self.finder.changes
            self._known, self._outer = {}, {}
        inside = _ELSEWHERE if pc is None else self._inside(pc, time, in_kernel)
        known = self._known.get((stack, inside))
        if known is None:
            inner = _Inner()
            self._read(inner, stack, time)
            if inside >= 0:
                inner.frames = _innermost_in(inside, inner.frames)
            elif inside == _OUTSIDE:
                inner.frames = _in_native_code(inner.frames)
            known = self._insert(inner)
            if inner.timed < 0:
                self._known[stack, inside] = known
        return known

    def _inside(self, pc: int, time: int, in_kernel: bool) -> int:
        """Give the trace in whose machine code the processor was, or what else is known of the place."""
        trace = self.finder.around(pc, time)
        if trace < 0 and self._native.has(pc, in_kernel) and not self.finder.is_machine_code(pc):
            return _OUTSIDE
        return trace

    def _read(self, inner: _Inner, stack: bytes, time: int) -> None:
        """Take frames in, innermost first, up to where the rest of the stack is known."""
        frames = inner.frames
        entries: Optional[_Entries] = None
        for place, (kind, value) in enumerate(pairs(stack), 1):
            if kind == _ASSEMBLER:
                entries = entries or _Entries(frames, self._portals)
                entries.enter(self._trace(value, time))
                if self.finder.is_reused(value):
                    inner.timed = len(frames)
                continue
            state = _STATE_OF_KIND.get(kind, _NATIVE)
            if state == _JITTED and entries is not None:
                entries.codes.append(value)
                continue
            if entries is None:
                frames.append((value, state, -1))
            else:
                entries.close(value, state)
                entries = None
            rest = stack[place * _PAIR_BYTES :]
            outer = self._outer.get(rest)
            if outer is not None:
                inner.outer = outer
                return
            inner.rests.append((len(frames), rest))
        if entries is not None:
            entries.end()

    def _trace(self, address: int, time: int) -> int:
        found = self.finder.at(address, time)
        if found is None:
            self.unmatched.add(address)
            return -1
        return found

    def _insert(self, inner: _Inner) -> int:
        """Give the row of the innermost frame, and remember those of what is around it."""
        rests = dict(inner.rests)
        row = inner.outer
        for place in range(len(inner.frames), 0, -1):
            if place in rests and place > inner.timed:
                self._outer[rests[place]] = row
            row = self._row((row, *inner.frames[place - 1]))
        return row

    def _row(self, row: Row) -> int:
        found = self._ids.get(row)
        if found is None:
            found = self._ids[row] = len(self.rows)
            self.rows.append(row)
        return found


class Stacks:
    """The stacks of one process, on their way into the tree.

    ``raw`` may hold some already, with numbers of traces that count from ``first_trace``.
    """

    def __init__(
        self,
        function_of: Callable[[int], int],
        raw: RawStacks,
        is_start_up: Callable[[int], bool],
        tree: Optional[StackTree] = None,
        first_trace: int = 0,
    ) -> None:
        self.raw = raw
        self.tree = tree or StackTree()
        self._function_of = function_of
        self._is_start_up = is_start_up
        self._first_trace = first_trace
        self._around: Dict[int, int] = {-1: -1}

    @property
    def unmatched(self) -> int:
        """Count the addresses of machine code that belong to no trace."""
        return len(self.raw.unmatched)

    def add(self, stack: bytes, time: int, pc: Optional[int] = None, *, in_kernel: bool = False) -> int:
        """Give the row of a stack's innermost frame; -1 for a stack without frames."""
        return self.placed(self.raw.add(stack, time, pc, in_kernel=in_kernel))

    def placed(self, row: int) -> int:
        """Give the row of the tree for a raw one, of an innermost frame."""
        return row if row < 0 else self.tree.row(self._row(row))

    def _row(self, row: int) -> Row:
        parent, code, state, trace = self.raw.rows[row]
        function = -1 if code < 0 else self._function_of(code)
        return self._outside(parent), function, state, trace if trace < 0 else trace + self._first_trace

    def _outside(self, row: int) -> int:
        """Give the row of the tree for a raw one with other frames inside."""
        inner = []
        while row not in self._around:
            inner.append(row)
            row = self.raw.rows[row][0]
        for each in reversed(inner):
            found = self._row(each)
            # The interpreter's own start-up at the root: every program has it.
            is_hidden = found[0] < 0 <= found[1] and self._is_start_up(found[1])
            self._around[each] = found[0] if is_hidden else self.tree.row(found)
        return self._around[inner[0] if inner else row]


def _innermost_in(inside: int, frames: List[Frame]) -> List[Frame]:
    """Say of the innermost frame that it is in the machine code of trace ``inside``.

    At the first and last instructions of machine code the stack doesn't show it: it shows who calls it,
    and that the same function goes on there.
    """
    if not frames or frames[0][1] not in (_INTERPRETED, _JITTED):
        return frames
    return [(frames[0][0], _JITTED, inside), *frames[1:]]


def _in_native_code(frames: List[Frame]) -> List[Frame]:
    """Say of the innermost frame that it has called code that isn't PyPy's, and waits for it.

    What it has called may go on with machine code that the log doesn't tell of: then it stays as it is.
    """
    code, state, trace = frames[0] if frames else (_UNKNOWN, _NATIVE, _UNKNOWN)
    is_known = state in (_INTERPRETED, _BLACKHOLE) or (state == _JITTED and trace >= 0)
    return [(code, _NATIVE, trace), *frames[1:]] if is_known else frames
