"""Read the sections that most of a log consists of, each as a whole.

There may be ten thousand minor collections a second, and there are some twenty pieces of machine code
for each trace.  As nested sections with lines of their own they took most of the time in which a log is
read; a regular expression that splits a block of the log at all of them takes 0.7 us for one.
Written by incminimark.py in rpython/memory/gc and asmmemmgr.py in rpython/jit/backend/llsupport, PyPy
7.3.11 to 8.0.1.
"""

from __future__ import annotations

import re
from typing import Iterator, NamedTuple, Tuple, Union

from tracebin.recorder.sections import TICKS

_WHOLE = re.compile(
    TICKS + r"\{(?:"
    # A minor collection: ticks at its start, the bytes in use after it, ticks at its end.
    r"gc-minor\n"
    r"(?:\[[0-9a-f]{1,16}\] \{gc-minor-walkroots\n\[[0-9a-f]{1,16}\] gc-minor-walkroots\}\n)?"
    r"minor collect, total memory used: (\d{1,18})\n"
    r"(?:[a-z][^\n]*\n){0,8}"
    r"\[([0-9a-f]{1,16})\] gc-minor\}\n"
    # A piece of machine code: the backend, where it lies, its bytes, ticks at the end.
    r"|jit-backend-dump\n"
    r"BACKEND (.*)\nSYS_EXECUTABLE .*\n"
    r"CODE_DUMP @([0-9a-f]{1,16}) \+(\d{1,9})  (.*)\n"
    r"\[([0-9a-f]{1,16})\] jit-backend-dump\}\n)"
)


class Minor(NamedTuple):
    """A minor collection: ticks at its start and end, and the bytes in use after it."""

    start: int
    stop: int
    after: int


class Dump(NamedTuple):
    """A piece of machine code: for which backend, ticks at its end, its address and bytes in hexadecimal."""

    backend: str
    stop: int
    address: int
    code: str


def whole_sections(text: str) -> Iterator[Tuple[str, Union[Minor, Dump, None]]]:
    """Cut out the minor collections and machine code that stand whole in some lines.

    Give what is before each, and the rest with None.
    """
    parts = _WHOLE.split(text)
    for at in range(0, len(parts) - 1, 9):
        before, start, after, stop, backend, address, offset, code, end = parts[at : at + 9]
        if backend is None:
            yield before, Minor(int(start, 16), int(stop, 16), int(after))
        else:
            yield before, Dump(backend, int(end, 16), int(address, 16) + int(offset), code)
    yield parts[-1], None
