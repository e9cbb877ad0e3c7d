"""Tell the files of modules, where PyPy's sampler cuts their names.

It writes 110 bytes of a path at most, and no colon: all files deep down in one folder
would be one.
"""

from __future__ import annotations

import sys

from .seldom import seldom

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Set

    from .notes import Notes


class ModuleFiles:
    """The files of the program's modules that have been noted."""

    # A shorter text is shorter in bytes, too, whatever it is made of.
    SHORT = 27

    @seldom
    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        # Kept, as the program may put another in its place.
        self.modules: Dict[str, Any] = sys.modules
        self.looked_at = 0
        self.noted: Set[str] = set()

    @seldom
    def follow(self, notes: Notes) -> None:
        """Note all once more, in a child made by fork."""
        self.notes = notes
        self.looked_at = 0
        self.noted = set()

    def note(self) -> None:
        """Note the files of modules that came in since the last time.  Raises OSError."""
        if len(self.modules) == self.looked_at:
            return
        self.looked_at = len(self.modules)
        for module in list(self.modules.values()):
            # Not by getattr: a module that imports others when asked for a name would do so.
            file = getattr(module, "__dict__", {}).get("__file__")
            if type(file) is str and file not in self.noted and self.is_cut(file):
                self.noted.add(file)
                self.notes.add("file", file)

    def is_cut(self, file: str) -> bool:
        """Say whether the sampler writes something else for a path."""
        if len(file) <= self.SHORT and ":" not in file:
            return False
        return ":" in file or len(file.encode("utf-8", "surrogateescape")) > 110
