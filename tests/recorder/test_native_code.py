"""Code that isn't PyPy's, by its address."""

from __future__ import annotations

from typing import Any

import pytest

from tracebin.recorder.native_code import NativeCode

NOTED = {"code": {"pypy": [(0x100, 0x200), (0x400, 0x500)], "c library": [[0x600, 0x700]]}}


@pytest.mark.parametrize(
    ("pc", "in_kernel", "expected"),
    [
        (0xFF, False, True),
        (0x100, False, False),
        (0x4FF, False, False),
        (0x500, False, True),
        # memcpy, and a wait
        (0x600, False, False),
        (0x600, True, True),
        # bytes that look like a system call's
        (0x100, True, False),
    ],
)
def test_native_is_what_is_not_of_pypy_and_of_the_c_library_what_is_in_the_kernel(
    pc: int, in_kernel: bool, expected: bool
) -> None:
    assert NativeCode.noted(NOTED).has(pc, in_kernel) == expected


@pytest.mark.parametrize(
    "about",
    [{}, {"code": {}}, {"code": None}, {"code": {"pypy": [3], "c library": []}}, {"code": {"pypy": 5}}],
)
def test_nothing_is_native_where_it_is_not_known_what_is_of_pypy(about: dict[str, Any]) -> None:
    assert NativeCode.noted(about) == NativeCode()
    assert not NativeCode.noted(about).has(0x300, in_kernel=True)
