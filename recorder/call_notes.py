"""Know what the agent noted about calls beside the calls themselves."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple


class CalledName(NamedTuple):
    """A function by the names of its code object; a builtin's line is 0."""

    name: str
    file: str
    line: int
    qualname: Optional[str]


class CallNotes:
    """Names of the numbers in events, pauses in ticks, and what is missing."""

    def __init__(self) -> None:
        self.names: Dict[int, CalledName] = {}
        self.pauses: List[Tuple[int, Optional[int]]] = []
        self.lost: Set[Tuple[int, int]] = set()
        self.unnamed = 0

    def take(self, rows: Sequence[Tuple[int, str, str, int, Optional[str]]]) -> None:
        """Take in the names of new numbers."""
        for number, name, file, line, qualname in rows:
            self.names[int(number)] = CalledName(str(name), str(file), int(line), qualname)

    def paused(self, tick: int) -> None:
        """Note the start of a pause."""
        self.pauses.append((int(tick), None))

    def resumed(self, tick: int) -> None:
        """Note the end of one."""
        if self.pauses and self.pauses[-1][1] is None:
            self.pauses[-1] = (self.pauses[-1][0], int(tick))

    def lose(self, ident: int, serial: int) -> None:
        """Note that a thread didn't have our profile function at its end."""
        self.lost.add((int(ident), int(serial)))

    def leave_unnamed(self, count: int) -> None:
        """Note events of functions beyond those that get a number."""
        self.unnamed = int(count)
