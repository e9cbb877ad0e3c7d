"""Decode the elements of an uploaded bundle, fast where that is safe.

msgspec reads a column of numbers some five times as fast as the standard library,
but takes integers of any size, doesn't look at the bytes of what it skips, and tells
of faults in its own words.  So it reads only lines of UTF-8 without a bare number of 19
digits or more, and what it refuses goes to the bundle's own codec, whose verdict counts.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from tracebin.bundle.codec import decode_line

# 2**63 has 19 digits.  In texts long numbers are common (constants of resops), and harmless: a number of the
# record stands behind a bracket, comma, colon or blank, a text's digits mostly behind a quote.
_FOLDED = bytes.maketrans(b"123456789[: \t\r\n", b"000000000,,,,,,")
_LONG_NUMBERS = (b"," + b"0" * 19, b",-" + b"0" * 19)


def decode(cls: Any, line: bytes) -> Any:
    """Read one line of JSON as a ``cls``.

    Raises:
        MalformedBundle: the line is no JSON, or not of that type.
    """
    if _is_utf_8(line) and not _may_pass_64_bits(line):
        try:
            return _decoder(cls).decode(line)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            pass
    return decode_line(cls, line)


def _is_utf_8(line: bytes) -> bool:
    try:
        return line.isascii() or bool(line.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _may_pass_64_bits(line: bytes) -> bool:
    folded = line.translate(_FOLDED)
    return any(number in folded for number in _LONG_NUMBERS)


@functools.cache
def _decoder(cls: Any) -> Any:
    return msgspec.json.Decoder(cls, strict=True)
