"""Say which frames a trace's machine code inlines, also where PyPy's own table of them is wrong.

The table (rpython/jit/backend/llsupport/codemap.py) follows the ``enter_portal_frame`` and
``leave_portal_frame`` ops of a trace.  A bridge inherits what the table says at its guard; but a guard
may go back further than to its own place, to where an earlier guard goes, before a call that it lies
in.  The bridge makes that call again, and the frames of the first one stay in its table for good: fib
had 25 frames in a bridge that inlines eight.  The ops tell both what the table holds and what is so.
"""

from __future__ import annotations

import re
from typing import Callable, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Set, Tuple

from tracebin.bundle.records import Guard
from tracebin.recorder.log_drafts import TraceDraft

# The function that a trace begins in: its code object's number is in no op.
_ROOT = -1
Codes = Tuple[int, ...]
GuardOf = Callable[[TraceDraft], Optional[Guard]]

_ENTER, _LEAVE, _CALL = "enter_portal_frame", "leave_portal_frame", "call_assembler"
# So many PyPy's sampler can take in (MAX_INLINE_DEPTH); to follow a damaged log further is a waste.
_MOST_FRAMES = 384
# Between two ops of a stage's JSON, and before its merge points; inside a text that would read [\".
_ROW, _POINTS = '],["', '],"points":['
_EVENT = re.compile(
    r'\["(enter_portal_frame|leave_portal_frame|call_assembler)[^"]*",[^,]*,\[(?:"[^"]*","(\d{1,19})")?'
)
_FIRST_POINT = re.compile(r'\],"points":\[\[(\d{1,9}),(\d{1,9}),')


class Event(NamedTuple):
    """An op that changes what is inlined, or calls other machine code; ``code`` is what it enters."""

    op: int
    name: str
    code: int


class State(NamedTuple):
    """The frames at one place of a trace, outermost first: as the table has them and as they are."""

    table: Codes
    frames: Codes

    def after(self, event: Event) -> State:
        """Give the state behind an op."""
        if event.name == _ENTER:
            return State((*self.table, event.code), (*self.frames, event.code))
        return State(self.table[:-1], self.frames[:-1]) if event.name == _LEAVE else self


class Portals:
    """What one trace inlines, whose text as optimised is given, from ``begin`` on.

    A bridge's ``begin`` is the state at its guard.  ``is_exact`` says that the table is right all over.
    """

    def __init__(self, text: str, begin: State, *, is_python: bool, is_bridge: bool = False) -> None:
        self.is_python = is_python
        self._text = text
        self._found: Optional[List[Event]] = None
        self._ops_end: Optional[int] = None
        self._corrections: Optional[Dict[Codes, Codes]] = None
        self._handed_on: Optional[FrozenSet[Codes]] = None
        depth = self._first_depth() if is_bridge else None
        self._begin = begin if depth is None else State(begin.table, begin.frames[:depth])
        self.is_exact = self._begin.table == self._begin.frames

    def frames(self, table: Codes) -> Codes:
        """Give the frames there are for those the table has."""
        if self.is_exact:
            return table
        if self._corrections is None:
            # A bridge that returns may have the same table again: it calls nothing before that.
            self._corrections = {_shown(state.table): _shown(state.frames) for _, state in self._states()}
        found = self._corrections.get(self._key(table))
        if found is None:
            return table
        return (table[0], *found[1:]) if found[:1] == (_ROOT,) else found

    def hands_on(self, frames: Codes) -> bool:
        """Say whether the innermost of these frames goes on in other machine code that is called here.

        PyPy does so when it inlines a function that reaches a loop of its own, compiled before: it calls the
        loop, and leaves the frame behind the call, without another merge point (opimpl_jit_merge_point).
        """
        if self._handed_on is None:
            self._handed_on = self._find_handed_on()
        return len(frames) > 1 and self._key(frames) in self._handed_on

    def bridge(self, op: int, text: str) -> Portals:
        """Give what a bridge inlines that leaves the trace at an op."""
        guard = self._begin
        for event, state in self._states():
            if event is not None and event.op >= op:
                break
            guard = state
        return Portals(text, guard, is_python=self.is_python, is_bridge=True)

    @property
    def _end(self) -> int:
        if self._ops_end is None:
            self._ops_end = max(self._text.find(_POINTS), 0)
        return self._ops_end

    @property
    def _events(self) -> List[Event]:
        # To be found in the text when first asked for: a loop without bridges may never be.
        if self._found is None:
            self._found = _events(self._text, self._end)
        return self._found

    def _first_depth(self) -> Optional[int]:
        """Give how many frames a bridge begins with: its first merge point says how deep that is."""
        first = _FIRST_POINT.match(self._text, self._end)
        if first is None:
            return None
        if first[1] == "0":
            return int(first[2]) + 1
        names = [event.name for event in self._events if event.op < int(first[1])]
        return max(int(first[2]) + 1 - names.count(_ENTER) + names.count(_LEAVE), 0)

    def _states(self) -> Iterator[Tuple[Optional[Event], State]]:
        """Yield the state at the beginning, and each op with the state behind it."""
        state = self._begin
        yield None, state
        for event in self._events:
            state = state.after(event)
            if len(state.table) > _MOST_FRAMES:
                return
            yield event, state

    def _find_handed_on(self) -> FrozenSet[Codes]:
        found: Set[Codes] = set()
        others: Set[Codes] = set()
        for (event, state), following in zip(self._states(), [*self._events, None]):
            if event is not None and event.name == _CALL:
                is_left = following is not None and following.name == _LEAVE
                is_left = is_left and not self._has_point(event, following)
                (found if is_left else others).add(_shown(state.frames))
        # Where two calls are made with the same frames, the sampler doesn't say which it is.
        return frozenset(found - others)

    def _has_point(self, event: Event, following: Optional[Event]) -> bool:
        """Say whether a merge point lies between two ops."""
        last = event.op if following is None else following.op
        return any(self._text.find(f"[{place},", self._end) >= 0 for place in range(event.op + 1, last + 1))

    def _key(self, codes: Codes) -> Codes:
        return (_ROOT, *codes[1:]) if self.is_python and codes else codes


class PortalFinder:
    """Find what a trace inlines, when that is first asked for: few traces are ever sampled."""

    def __init__(self) -> None:
        self._logs: List[Tuple[int, List[TraceDraft], GuardOf]] = []
        self._known: Dict[int, Optional[Portals]] = {}

    def add(
        self, first: int, traces: List[TraceDraft], guard_of: GuardOf = lambda draft: draft.parent
    ) -> None:
        """Take the traces of a log, which may grow, and whose first has the number ``first``.

        ``guard_of`` says where a bridge begins, by that numbering; as it is, for a log whose first is 0.
        """
        self._logs.append((first, traces, guard_of))

    def of(self, trace: int) -> Optional[Portals]:
        """Give what a trace inlines, None if that isn't known."""
        if trace not in self._known:
            self._learn(trace)
        return self._known[trace]

    def _learn(self, trace: int) -> None:
        chain = []
        while trace not in self._known:
            draft, guard = self._draft(trace)
            chain.append((trace, draft, guard))
            if guard is None:
                break
            trace = guard.trace
        found = self._known.get(trace)
        for number, draft, guard in reversed(chain):
            found = self._known[number] = None if draft is None else _portals(draft, found, guard)

    def _draft(self, trace: int) -> Tuple[Optional[TraceDraft], Optional[Guard]]:
        """Give a trace, and the guard that it begins at if it is a bridge."""
        for first, traces, guard_of in self._logs:
            if first <= trace < first + len(traces):
                draft = traces[trace - first]
                return draft, guard_of(draft)
        return None, None


def _portals(draft: TraceDraft, parent: Optional[Portals], guard: Optional[Guard]) -> Optional[Portals]:
    text = draft.stages[-1][1] if draft.stages else ""
    if draft.header.kind != "bridge":
        is_python = draft.at.function is not None or draft.at.text is None
        frames = (_ROOT if is_python else 0,)
        return Portals(text, State(frames, frames), is_python=is_python)
    return None if parent is None or guard is None else parent.bridge(guard.op, text)


def _events(text: str, end: int) -> List[Event]:
    found = []
    op, counted = 0, 0
    for match in _EVENT.finditer(text, 0, end):
        place = match.start() + 2
        op += text.count(_ROW, counted, place)
        counted = place
        found.append(Event(op, match[1], int(match[2] or 0)))
    return found


def _shown(codes: Codes) -> Codes:
    """Leave out what is no Python function: the sampler doesn't show it."""
    return tuple(code for code in codes if code)
