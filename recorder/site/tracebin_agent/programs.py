"""Tell from an executable what becomes of a process: PyPy, something that may start PyPy, or neither."""

from __future__ import annotations

import os

from .seldom import when_needed

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

PYPY, CARRIER, OTHER = "pypy", "carrier", "other"
# What starts the program named in its arguments, or in a script.
SHELLS = ("sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox")
WRAPPERS = ("env", "nice", "ionice", "nohup", "setsid", "stdbuf", "taskset", "chrt", "timeout")
CARRIERS = frozenset(SHELLS + WRAPPERS)
# Without PYTHONPATH, or without site, the agent doesn't come in.
_ISOLATING = frozenset("IES")
_TAKES_VALUE = frozenset("WX")
_LONGEST_LINE = 256


@when_needed
def kind_of(path: str, words: List[str]) -> str:
    """Say what the executable file ``path`` is, if it gets these arguments."""
    kind = _kind_of_file(path)
    if kind == CARRIER and os.path.basename(path) in WRAPPERS and not any(map(_may_be_ours, words)):
        return OTHER
    return kind


@when_needed
def _may_be_ours(word: str) -> bool:
    """Say whether an argument names a PyPy or a shell."""
    if os.sep in word:
        return _kind_of_file(word) != OTHER
    return _kind_of_name(word) != OTHER


@when_needed
def _kind_of_file(path: str) -> str:
    try:
        real = os.path.realpath(path)
        kind = _kind_of_name(os.path.basename(real))
        if kind != OTHER:
            return kind
        with open(real, "rb") as stream:
            start = stream.read(_LONGEST_LINE)
    except (OSError, ValueError):
        return OTHER
    return _kind_of_script(start) if start.startswith(b"#!") else OTHER


@when_needed
def _kind_of_name(name: str) -> str:
    if name.startswith("pypy"):
        return PYPY
    return CARRIER if name in CARRIERS else OTHER


@when_needed
def _kind_of_script(start: bytes) -> str:
    words = os.fsdecode(start[2:].split(b"\n", 1)[0]).split()
    if not words:
        return OTHER
    name = os.path.basename(os.path.realpath(words[0]))
    if name == "env" and len(words) > 1 and os.path.basename(words[1]).startswith("pypy"):
        return PYPY
    return _kind_of_name(name)


@when_needed
def lets_us_in(words: List[str]) -> bool:
    """Say whether PyPy, called with these arguments, will import a sitecustomize of PYTHONPATH."""
    rest = iter(words)
    for word in rest:
        if word in ("-", "--") or not word.startswith("-"):
            return True
        if word.startswith("--"):
            if word == "--jit":
                next(rest, None)
            continue
        letters, value = _letters(word[1:])
        if _ISOLATING.intersection(letters):
            return False
        if letters[-1:] in ("c", "m"):
            return True
        if letters[-1:] in _TAKES_VALUE and not value:
            next(rest, None)
    return True


@when_needed
def _letters(word: str) -> Tuple[str, str]:
    """Cut a word of options behind the one that takes the rest as its value."""
    for place, letter in enumerate(word, 1):
        if letter in "cm" or letter in _TAKES_VALUE:
            return word[:place], word[place:]
    return word, ""
