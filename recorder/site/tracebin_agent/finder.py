"""Let the program find the recorder, and the package tracebin where PyPy doesn't have it."""

from __future__ import annotations

import os
import sys

from .marks import Marks
from .seldom import seldom

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class TracebinFinder:
    """The last of ``sys.meta_path``: a module of that name that the program has itself comes first.

    ``tracebin_marks`` is what the package's marks.py looks for; ``package`` is the
    folder of the launcher's own files.
    """

    NAME = "tracebin"

    @seldom
    def __init__(self, marks: Marks, package: str) -> None:
        self.tracebin_marks = marks
        self.package = package
        # What importlib.util would give; that is a module of its own, and would be noticed.
        self.spec_from_file = sys.modules["_frozen_importlib_external"].spec_from_file_location

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Give the package, and nothing else: its modules are then found in its folder."""
        if name != self.NAME:
            return None
        file = self.package + os.sep + "__init__.py"
        return self.spec_from_file(name, file, submodule_search_locations=[self.package])
