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
        self._is_full = False
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
            if context is not None:
                owner = context
            elif caller >= 0 and (self._is_full or depth > MOST_DEEP):
                context, owner = ~caller, caller
            else:
                context = owner = self._new(caller, depth, function)
            given.append(context)
            if depth + 1 == len(path):
                path.append(owner)
            else:
                path[depth + 1] = owner
        return given

    def _new(self, caller: int, depth: int, function: int) -> int:
        number = len(self.parent)
        self._known[(caller + 1 << 32) + function] = number
        self.parent.append(caller)
        self.function.append(function)
        self.depth.append(depth)
        self._is_full = number + 1 >= MOST_CONTEXTS
        return number
