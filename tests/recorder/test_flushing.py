"""The buffer of a FILE, and what of it has been written out."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("__pypy__", reason="the agent runs in PyPy, and so do these tests")

from tracebin.recorder.site.tracebin_agent.flushing import Flushing
from tracebin.recorder.site.tracebin_agent.libc import Libc
from tracebin.recorder.site.tracebin_agent.modules import Modules

LINE = b"x" * 99 + b"\n"


def test_a_files_buffer_is_made_larger_between_two_writes(tmp_path: Path) -> None:
    # GIVEN a FILE with something in its buffer
    path, libc = tmp_path / "log", Libc()
    name, mode, line = (libc.memory(text + b"\0") for text in (bytes(path), b"w", LINE))
    stream = libc.call("fopen", "PP", name.buffer, mode.buffer)
    write = libc.prepared("fputs", "PP", line.buffer, stream)
    write()
    # WHEN it gets a larger one
    Flushing(Modules(libc)).widen(stream)
    # THEN what was in the old one is written, and from the third line on the new one is filled first
    assert path.read_bytes() == LINE
    write()
    write()
    begun = path.stat().st_size
    for _ in range(Flushing.BUFFER_BYTES // len(LINE) - 1):
        write()
    assert path.stat().st_size == begun <= 3 * len(LINE)
    write()
    write()
    assert path.stat().st_size == begun + Flushing.BUFFER_BYTES
    libc.call("fclose", "P", stream)
    assert path.read_bytes() == LINE * (Flushing.BUFFER_BYTES // len(LINE) + 4)
