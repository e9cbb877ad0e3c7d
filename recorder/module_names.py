"""Name the module of a source file, and the source file of a module frozen into PyPy."""

from __future__ import annotations

import functools
import os
import re
from typing import Optional, Tuple

# As PyPy 7.3.11 to 8.0.1 name code of modules they were built with: "<frozen importlib._bootstrap>",
# "<builtin>/frozen importlib._bootstrap_external".
_FROZEN = re.compile(r"<(?:frozen (?=.*>)|builtin>/frozen )([^\W\d]\w*(?:\.[^\W\d]\w*)*)>?")


def frozen_source(path: str, stdlibs: Tuple[str, ...]) -> Optional[str]:
    """Give the file a frozen module was made from, which lies in the standard library.

    ``stdlibs`` are its folders, each with a separator at the end.
    """
    found = _FROZEN.fullmatch(path)
    if found is None:
        return None
    stem = found[1].replace(".", os.sep)
    places = (folder + stem + end for folder in stdlibs for end in (".py", os.sep + "__init__.py"))
    return next((place for place in places if _is_file(place)), None)


def module_of(full: str, tops: Tuple[str, ...]) -> Tuple[Optional[str], Optional[str]]:
    """Name module and package of a file by the ``__init__.py`` files above it.

    ``tops`` are folders that are no packages whatever lies in them, each with a separator at
    the end: Debian's PyPy has an ``__init__.py`` in the folder of its standard library.
    """
    stem, extension = os.path.splitext(os.path.basename(full))
    if extension != ".py":
        return None, None
    parts = [] if stem == "__init__" else [stem]
    packages = _packages_of(os.path.dirname(full), tops)
    return ".".join([*packages, *parts]) or None, ".".join(packages) or None


@functools.lru_cache(maxsize=4096)
def _packages_of(folder: str, tops: Tuple[str, ...]) -> Tuple[str, ...]:
    """Name the packages a folder lies in and is, outermost first."""
    if folder + os.sep in tops or not _is_file(os.path.join(folder, "__init__.py")):
        return ()
    return (*_packages_of(os.path.dirname(folder), tops), os.path.basename(folder))


@functools.lru_cache(maxsize=4096)
def _is_file(path: str) -> bool:
    return os.path.isfile(path)
