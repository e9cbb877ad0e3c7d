"""Wake functions that the agent's pack has as bytes (seldom.py says why)."""

from __future__ import annotations

import marshal

from .hiding import hidden

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

# Not the module types', which would be noticed.
Function: Any = type(lambda: None)


class Sleeping:
    """What stands in the place of a function whose code is bytes."""

    __slots__ = ("code", "keeps", "name", "names", "owner")
    # Kept, as the program may replace what the module holds.
    loads = staticmethod(marshal.loads)

    def __init__(self, name: str, code: bytes, names: Dict[str, Any], keeps: bool) -> None:
        """Stand ready; ``code`` is the function's, its defaults, and whether it is hidden, marshalled."""
        self.name = name
        # Five attributes lie in the object itself, with more PyPy needs another for them.
        self.code: Any = code
        self.names = names
        self.keeps = keeps
        self.owner: Optional[type] = None

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner = owner

    @hidden
    def __get__(self, instance: Any, owner: type) -> Any:
        """Give the method of an instance."""
        function = self.made()
        if self.keeps:
            setattr(self.owner, self.name, function)
        return function.__get__(instance, owner)

    @hidden
    def __call__(self, *values: Any) -> Any:
        """Call the function of a module."""
        return self.made()(*values)

    @hidden
    def made(self) -> Any:
        """Make the function, or give the one that was kept.

        Not by ``exec``: a program's audit hook would hear of it.
        """
        if type(self.code) is not bytes:
            return self.code
        code, defaults, is_hidden = self.loads(self.code)
        function = Function(code, self.names, self.name, defaults)
        if is_hidden:
            hidden(function)
        if self.keeps:
            self.code = function
        return function
