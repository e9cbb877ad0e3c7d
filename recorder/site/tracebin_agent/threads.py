"""Notice threads as they start and end."""

from __future__ import annotations

import _thread
import sys

from .hiding import hidden
from .notes import Notes
from .seldom import seldom, when_needed

# Names for annotations alone: importing typing would be noticed in the program's sys.modules.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Tuple


class Threads:
    """Note each thread, and tell ``listeners`` in the thread itself.

    A listener has ``start_thread()`` and ``end_thread()``, which are called before the thread's
    function and after it, the one added last first at the end.  PyPy leaves the frames of
    hidden functions out of tracebacks, of ``sys._getframe`` and of a profile function's sight.
    """

    # Some 100 bytes each in the notes; those beyond are counted.
    MOST_NOTED = 100_000

    @seldom
    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.listeners: List[Any] = []
        self.original = _thread.start_new_thread
        self.ident = _thread.get_ident
        # PyPy 7.3 has it in every version of its own that we take.
        self.native = _thread.get_native_id
        self.noted = 0
        self.not_noted = 0
        self.has_any = False

    @seldom
    def watch(self, before_first: Callable[[], None]) -> None:
        """Take the place of the functions that start a thread; call ``before_first`` before the first."""
        original = self.original

        @hidden
        def start_new_thread(function, args, kwargs={}):  # type: ignore[no-untyped-def] # noqa: B006
            if not callable(function) or not isinstance(args, tuple) or not isinstance(kwargs, dict):
                return original(function, args, kwargs)  # which says what is wrong
            if not self.has_any:
                self.has_any = True
                before_first()
            return original(Started(self, function), args, kwargs)

        start_new_thread.__module__ = original.__module__
        start_new_thread.__qualname__ = start_new_thread.__name__
        start_new_thread.__doc__ = original.__doc__
        for module in (_thread, sys.modules.get("threading")):
            for name in ("start_new_thread", "start_new", "_start_new_thread"):
                if getattr(module, name, None) is original:
                    setattr(module, name, start_new_thread)

    @seldom
    def follow(self, notes: Notes) -> None:
        """Go on in a child made by fork, with notes of its own."""
        self.notes = notes
        self.noted = self.not_noted = 0
        self.has_any = False

    @when_needed
    @hidden
    def begin(self, function: Any) -> Optional[str]:
        """Tell that this thread starts, and give its name."""
        name = name_of(function)
        self.attempt(self.note_start, name)
        for listener in self.listeners:
            self.attempt(listener.start_thread)
        return name

    @when_needed
    @hidden
    def end(self, function: Any, name: Optional[str]) -> None:
        """Tell that this thread ends."""
        for listener in reversed(self.listeners):
            self.attempt(listener.end_thread)
        self.attempt(self.note_end, function, name)

    @when_needed
    @hidden
    def attempt(self, action: Callable[..., None], *values: Any) -> None:
        """Do one thing, whatever becomes of the others."""
        try:
            action(*values)
        except Exception as fault:
            self.notes.fault("thread", fault)

    @when_needed
    def note_start(self, name: Optional[str]) -> None:
        """Note the start of this thread.  Raises OSError."""
        if self.noted < self.MOST_NOTED:
            self.noted += 1
            self.notes.add("thread", self.ident(), self.native(), self.notes.now(), name)
        else:
            self.not_noted += 1

    @when_needed
    def note_end(self, function: Any, name: Optional[str]) -> None:
        """Note the end of this thread, and its name if that is another now.  Raises OSError."""
        later = name_of(function)
        self.notes.add("thread end", self.ident(), self.notes.now(), None if later == name else later)


class Started:
    """What a new thread calls: the program's function between the two notes."""

    def __init__(self, threads: Threads, function: Any) -> None:
        self.threads = threads
        self.function = function

    @hidden
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the thread."""
        name = self.threads.begin(self.function)
        try:
            return self.function(*args, **kwargs)
        finally:
            self.threads.end(self.function, name)

    def __repr__(self) -> str:
        # PyPy prints it if the function raises.
        return repr(self.function)


@when_needed
def name_of(function: Any) -> Optional[str]:
    """Give a thread's name, if ``function`` is the method of a threading.Thread that runs it.

    threading itself isn't asked: it would make a thread up where it knows none.  Nor may
    looking run code of the program's.
    """
    if type(function) is not type(Started.__call__.__get__(0)):
        return None
    try:
        name = object.__getattribute__(function.__self__, "__dict__").get("_name")
    except AttributeError:
        return None
    return name if isinstance(name, str) else None


@seldom
def named() -> List[Tuple[int, str]]:
    """Name the threads that run now."""
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    return [(thread.ident, thread.name) for thread in threading.enumerate()]
