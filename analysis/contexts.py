"""Number the paths that calls are reached by: the tree of calls with time taken out.

A context is a path of functions from the outermost call.  Programs have far fewer of them
than calls, so sums by context answer what is asked of callers, callees and the merged
picture.  A program may have any number of paths all the same: what goes deeper than
``MOST_DEEP``, or comes after the first ``MOST_CONTEXTS``, is counted to the nearest caller that has a
context of its own.
"""

from __future__ import annotations

from array import array
from typing import Dict, Iterable, List

MOST_DEEP = 512
MOST_CONTEXTS = 200_000


class Contexts:
    """The tree of the paths seen so far; the root's parent is -1."""

    def __init__(self) -> None:
        self.parent = array("i")
        self.function = array("i")
        self.depth = array("i")
        self._known: Dict[int, int] = {}
        # The context of the call at each depth, behind one for what calls the outermost.
        self._path: List[int] = [-1]

    def __len__(self) -> int:
        """Count the contexts."""
        return len(self.parent)

    def assign(self, depths: Iterable[int], functions: Iterable[int]) -> array[int]:
        """Give the context of each call, in order of start; ``~c`` where it is counted to its caller's ``c``.

        Outermost calls always have one of their own.
        """
        given = array("i")
        path, known = self._path, self._known
        for depth, function in zip(depths, functions):
            caller = path[depth]
            # Both are below 2**31, and -1 at least.
            context = known.get((caller + 1 << 32) + function)
            if context is None:
                context = self._new(caller, depth, function)
            given.append(context)
            if depth + 1 == len(path):
                path.append(context if context >= 0 else ~context)
            else:
                path[depth + 1] = context if context >= 0 else ~context
        return given

    def _new(self, caller: int, depth: int, function: int) -> int:
        if caller >= 0 and (depth > MOST_DEEP or len(self) >= MOST_CONTEXTS):
            return ~caller
        self._known[(caller + 1 << 32) + function] = len(self)
        self.parent.append(caller)
        self.function.append(function)
        self.depth.append(depth)
        return len(self) - 1
