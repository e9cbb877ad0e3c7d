"""Keep functions as bytes until they are called.

Every full collection marks and sweeps the agent's code with the program's own objects, and most of that
code runs once or never.  In the pack that recorder/agent_compiler.py makes, a function with one of these
marks is a :class:`~.sleeping.Sleeping` one; where the agent is imported from its source it stays as it is.
"""

from __future__ import annotations

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])


def seldom(function: F) -> F:
    """Make a function or method anew for each call, in 2 to 4 us; it is garbage when it has run."""
    return function


def when_needed(function: F) -> F:
    """Make a function or method when it is called first, and keep it."""
    return function
