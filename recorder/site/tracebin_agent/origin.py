"""Say where a process comes from."""

from __future__ import annotations

import os

from .seldom import seldom

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict


@seldom
def origin_of(settings: Dict[str, Any]) -> Dict[str, Any]:
    """Say who started this process, when, by what command and in what folder."""
    if settings["parent"] is None:
        return {"parent": None}
    with open("/proc/self/cmdline", "rb") as stream:
        words = stream.read().split(b"\0")[1:-1]
    try:
        cwd = os.getcwd()
    except OSError:
        cwd = settings["cwd"]
    return {
        "parent": settings["parent"],
        "since_ns": settings["since_ns"],
        "command": [word.decode("utf-8", "replace") for word in words],
        "cwd": None if cwd == settings["cwd"] else cwd,
    }
