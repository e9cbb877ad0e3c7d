"""Where PyPy's own code lies, as the kernel tells it too."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import List, Tuple

import pytest

pytest.importorskip("__pypy__", reason="the agent runs in PyPy, and so do these tests")

from tracebin.recorder.site.tracebin_agent.libc import Libc
from tracebin.recorder.site.tracebin_agent.modules import Modules

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="stamps are for x86-64 alone")


def executable(*names: str) -> List[Tuple[int, int]]:
    """Give what the kernel lets run of the files with these names."""
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, flags, _, _, _, *path = line.split(maxsplit=5)
        if "x" in flags and path and any(name in path[0] for name in names):
            start, end = place.split("-")
            found.append((int(start, 16), int(end, 16)))
    return found


@pytest.mark.parametrize(
    ("kind", "names"),
    [("pypy", (str(Path("/proc/self/exe").resolve()), "/libpypy")), ("c library", ("/libc.so", "/libc-"))],
)
def test_code_begins_and_ends_where_the_kernel_has_it(kind: str, names: Tuple[str, ...]) -> None:
    found = sorted(Modules(Libc()).code()[kind])
    pages = [(start & -4096, (end + 4095) & -4096) for start, end in found]
    assert pages == sorted(executable(*names))
    assert len(pages) > 0
