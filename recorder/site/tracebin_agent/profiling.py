"""Notice when the program puts the recorder's profile function back.

Programs keep what ``sys.getprofile`` gives, set another function or none for a while, and then that
again.  What ran meanwhile is not known, nor what has ended: later calls would lie in ones that are no more.
"""

from __future__ import annotations

import sys

from . import events
from .events import hidden

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .calls import Calls


def watch(calls: Calls) -> None:
    """Take the place of ``sys.setprofile``."""
    original = calls.setprofile

    @hidden
    def setprofile(func):  # type: ignore[no-untyped-def]
        return original(chosen(calls, func) if is_ours(func) else func)

    setprofile.__module__ = original.__module__
    setprofile.__qualname__ = setprofile.__name__
    setprofile.__doc__ = original.__doc__
    sys.setprofile = setprofile


@hidden
def is_ours(function: Any) -> bool:
    """Say whether a profile function is the recorder's, of whichever thread."""
    if type(function) is not type(events.called):
        return False
    return function is events.called or function.__code__ is events.called_in_thread.__code__


@hidden
def chosen(calls: Calls, function: Any) -> Any:
    """Give the function of this thread: that of another would store into the memory of the other."""
    found = calls.live.get(calls.ident())
    if found is None:
        return None  # its calls are not recorded, or not any more
    memory, own = found
    if calls.getprofile() is not own:
        calls.come_back(memory)
    return own
