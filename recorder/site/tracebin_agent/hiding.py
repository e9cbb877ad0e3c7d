"""Keep functions of the agent's out of what the program sees of its own frames."""

from __future__ import annotations

from __pypy__ import hidden_applevel

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    F = TypeVar("F")

    def hidden(function: F) -> F:
        """Leave a function's frames out of tracebacks, ``sys._getframe`` and profile functions."""
        return function

else:
    hidden = hidden_applevel
