"""Give the run counts that PyPy prints at its end to the traces and labels they belong to."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from typing import Deque, Dict, List, Tuple

from tracebin.recorder.log_drafts import TraceDraft

_ENTRY = re.compile(r"entry (-?\d+):(\d+)")
_TOKEN = re.compile(r"TargetToken\((\d+)\):(\d+)")
_BRIDGE = re.compile(r"bridge (\d+):(\d+)")


class CountQueues:
    """Hands the lines of jit-backend-counts to their traces.

    Numbers, tokens and guard addresses are used again after a free; the lines stand in
    the order the traces were compiled, so each name has a queue of its bearers.  The lines are
    taken from the end: in a child made by fork those of its parent's traces come first.
    """

    def __init__(self, traces: List[TraceDraft]) -> None:
        self._entries: Dict[int, Deque[TraceDraft]] = defaultdict(deque)
        self._bridges: Dict[int, Deque[TraceDraft]] = defaultdict(deque)
        self._tokens: Dict[int, Deque[Tuple[TraceDraft, int]]] = defaultdict(deque)
        for draft in traces:
            if draft.header.number is not None:
                self._entries[draft.header.number].append(draft)
            elif draft.header.guard is not None:
                self._bridges[draft.header.guard].append(draft)
            for index, label in enumerate(draft.labels):
                token = re.search(r"\d+", label.token)
                if token:
                    self._tokens[int(token[0])].append((draft, index))

    def take(self, line: str) -> None:
        """Give the count in ``line`` to the trace or label it names."""
        for pattern, queue in ((_ENTRY, self._entries), (_BRIDGE, self._bridges)):
            match = pattern.fullmatch(line)
            if match:
                waiting = queue.get(int(match[1]))
                if waiting:
                    waiting.pop().runs = int(match[2])
                return
        match = _TOKEN.fullmatch(line)
        labels = self._tokens.get(int(match[1])) if match else None
        if match and labels:
            draft, index = labels.pop()
            draft.labels[index] = draft.labels[index]._replace(runs=int(match[2]))
