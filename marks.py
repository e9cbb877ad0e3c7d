"""Let a program mark what it does, for a recording of it to show.

Without a recorder all of it does nothing, at the cost of a call.  Under ``tracebin
run`` the recorder's agent stands in ``sys.meta_path``, where it is looked for once,
when this module is imported.

Runs inside the recorded program: ``sys`` and ``_thread`` alone are imported, ``json``
with the first data, ``functools`` and ``types`` with the first decorator.  Nothing here may raise
for what the program hands over.
"""

from __future__ import annotations

import sys
from _thread import get_ident

# Importing typing would cost a program that imports it nowhere else some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Protocol, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])

    class Recorder(Protocol):
        """What the agent gives (recorder/site/tracebin_agent/marks.py); the two may differ in version."""

        def now(self) -> int:
            """Give the recording's time."""

        def mark(self, name: str, start_ns: int, data: Optional[str]) -> None:
            """Keep a mark."""

        def begin(self, name: str, start_ns: int, data: Optional[str]) -> int:
            """Keep the beginning of a span and give its number; 0 if it isn't kept."""

        def end(self, number: int, end_ns: int) -> None:
            """Keep the end of a span."""

        def pause(self) -> None:
            """Take no samples and calls from now on."""

        def resume(self) -> None:
            """Take them again."""


# Of the JSON text that goes with a mark; what is longer is cut to a start of a size that fits when quoted.
MOST_DATA = 4096
CUT_START = 1900
UNREADABLE = '{"cut": true}'

# Bits of a code object's co_flags (inspect.CO_GENERATOR and so on; inspect itself takes long to import).
GENERATOR, COROUTINE, ITERABLE_COROUTINE, ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200

# The attribute of a finder that is the recorder's.
FOUND_BY = "tracebin_marks"

_recorder: Optional[Recorder] = next(
    (getattr(finder, FOUND_BY) for finder in sys.meta_path if hasattr(finder, FOUND_BY)), None
)
_encode: Optional[Callable[[object], str]] = None


def mark(name: str, /, **data: object) -> None:
    """Mark this moment of this thread, with ``data`` beside it.

    Values of ``data`` that aren't JSON are kept as their repr; 4 KiB of JSON text are kept.
    """
    if _recorder is not None:
        now = _recorder.now()
        _recorder.mark(_name(name), now, _json_text(data) if data else None)


def span(name: str, /, **data: object) -> Span:
    """Mark a stretch of time, of a ``with`` block or, as a decorator, of each call of a function.

    It ends when the block does, also by an exception.  Before a generator or a
    coroutine it lasts from its first step to its end.  What is no function or
    method of Python code comes back as it is.
    """
    if _recorder is None:
        return _NOTHING
    return _RecordedSpan(_recorder, _name(name), _json_text(data) if data else None)


def pause() -> None:
    """Take no samples and no calls until :func:`resume`; the record of the JIT and of collections goes on.

    A second pause changes nothing: one resume ends both.
    """
    if _recorder is not None:
        _recorder.pause()


def resume() -> None:
    """Take samples and calls again, after :func:`pause` or ``--start-paused``."""
    if _recorder is not None:
        _recorder.resume()


class Span:
    """A stretch of time; this one nobody records, and a function it is put before stays as it is."""

    __slots__ = ()

    def __enter__(self) -> Span:
        """Begin it."""
        return self

    def __exit__(self, *raised: object) -> None:
        """End it."""

    def __call__(self, function: Function) -> Function:
        """Have each call of ``function`` be such a span."""
        return function


_NOTHING = Span()


class _RecordedSpan(Span):
    """A span that may be entered again while it is open: what was entered last on a thread ends first."""

    __slots__ = ("_data", "_name", "_open", "_recorder")

    def __init__(self, recorder: Recorder, name: str, data: Optional[str]) -> None:
        self._recorder = recorder
        self._name = name
        self._data = data
        # By thread, so that threads that share this object don't end each other's.
        self._open: Dict[int, List[int]] = {}

    def __enter__(self) -> Span:
        stack = self._open.setdefault(get_ident(), [])
        stack.append(self._recorder.begin(self._name, self._recorder.now(), self._data))
        return self

    def __exit__(self, *raised: object) -> None:
        end_ns = self._recorder.now()
        number = self._last()
        if number:
            self._recorder.end(number, end_ns)

    def _last(self) -> int:
        """Take the number of what this thread entered last; what another did, if it has none."""
        here = get_ident()
        stack = self._open.get(here) or next((other for other in list(self._open.values()) if other), None)
        if stack is None:
            return 0
        number = stack.pop()
        if not self._open.get(here, True):
            del self._open[here]
        return number

    def __call__(self, function: Function) -> Function:
        found: Function = _within(function, self._again)
        return found

    def _again(self) -> Span:
        return _RecordedSpan(self._recorder, self._name, self._data)


def _within(thing: Any, again: Callable[[], Span]) -> Any:
    """Give what a decorator makes of ``thing``: without a recorder it stays, so it must do what it did.

    A function can stand for a function alone: a class may be subclassed, a property is no method, and another
    object that can be called does not become one in a class.
    """
    from functools import wraps
    from types import FunctionType, MethodType

    if isinstance(thing, FunctionType):
        return wraps(thing)(_around(thing, again))
    if type(thing) not in (staticmethod, classmethod, MethodType):
        return thing
    within = _within(thing.__func__, again)
    if within is thing.__func__:
        return thing
    return MethodType(within, thing.__self__) if type(thing) is MethodType else type(thing)(within)


def _around(function: Callable[..., Any], again: Callable[[], Span]) -> Callable[..., Any]:
    """Give a function of the same kind that is ``function`` within a span of its own."""
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & COROUTINE:
        return _around_coroutine(function, again)
    if flags & ASYNC_GENERATOR:
        return _around_async_generator(function, again)
    # A generator that types.coroutine made awaitable would lose that: its span is the call that makes it.
    if flags & GENERATOR and not flags & ITERABLE_COROUTINE:
        return _around_generator(function, again)

    def around(*args: object, **kwargs: object) -> object:
        with again():
            return function(*args, **kwargs)

    return around


def _around_generator(function: Callable[..., Any], again: Callable[[], Span]) -> Callable[..., Any]:
    def around(*args: object, **kwargs: object) -> Any:
        with again():
            return (yield from function(*args, **kwargs))

    return around


def _around_coroutine(function: Callable[..., Any], again: Callable[[], Span]) -> Callable[..., Any]:
    async def around(*args: object, **kwargs: object) -> object:
        with again():
            return await function(*args, **kwargs)

    return around


def _around_async_generator(function: Callable[..., Any], again: Callable[[], Span]) -> Callable[..., Any]:
    """Hand on all that goes in and out: there is no ``yield from`` for these."""

    async def around(*args: object, **kwargs: object) -> Any:
        with again():
            inner = function(*args, **kwargs)
            step = inner.__anext__()
            while True:
                try:
                    given = await step
                except StopAsyncIteration:
                    return
                try:
                    step = inner.asend((yield given))
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as raised:
                    step = inner.athrow(raised)

    return around


# --- what the program hands over ----------------------------------------------------------


def _name(name: object) -> str:
    return name if type(name) is str else _text(name, say=str)


def _text(value: object, say: Callable[[object], str] = repr) -> str:
    """Say what ``value`` is; the program's own code is asked, and may fail in any way."""
    try:
        # What may be of a class of the program's own becomes a plain str: marshal takes no other.
        return str.__str__(say(value))
    except Exception as fault:
        return f"<{type(value).__name__}: its {say.__name__} raised {type(fault).__name__}>"


def _json_text(data: Dict[str, object]) -> str:
    text = _encoded(data)
    if text is None:
        readable = {key: _text(value) if _encoded(value) is None else value for key, value in data.items()}
        text = _encoded(readable)
    if text is None:
        return UNREADABLE
    if len(text) <= MOST_DATA:
        return text
    return _encoded({"cut": True, "chars": len(text), "start": text[:CUT_START]}) or UNREADABLE


def _encoded(value: object) -> Optional[str]:
    """Give ``value`` as JSON; None if it holds itself, or nan, or keys that aren't text, or fails."""
    global _encode
    try:
        if _encode is None:
            from json import JSONEncoder

            _encode = JSONEncoder(ensure_ascii=False, allow_nan=False, default=_text).encode
        return _encode(value)
    except Exception:
        return None
