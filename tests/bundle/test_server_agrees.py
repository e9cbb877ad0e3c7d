"""The server's fast decoder takes and refuses what the bundle's own codec does."""

from __future__ import annotations

import random
from typing import Any, List, Tuple

import pytest

from tracebin.bundle import records as r
from tracebin.bundle.codec import decode_line, encode_line
from tracebin.errors import MalformedBundle

pytest.importorskip("msgspec")
decode = pytest.importorskip("tracebin.server.decoding").decode

UNKNOWN = [
    *(
        b"NaN",
        b"Infinity",
        b"-",
        b"01",
        b"1.",
        b".5",
        b"1e400",
        b"tru",
        b"1 2",
        b"[1,]",
        b'"\\x"',
        b'"\\u12"',
    ),
    *(
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\x01"',
        b"9" * 30,
        b"[" * 5000,
        b"{}",
    ),
    *(b"[" * 400 + b"]" * 400, b'"\\ud83d\\ude00"', b'"h\xc3\xa9"', b'{"a":{"b":[null]}}', b'{"\xff":1}'),
]
STATUS = [
    *(
        b"1",
        b"-0",
        b"1.0",
        b"1e2",
        b"1E+2",
        b"1.5",
        b'"1"',
        b"true",
        b"null",
        b"[]",
        b"{}",
        b"01",
        b"+1",
        b"0x1",
    ),
    *(b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809"),
    *(b"999999999999999999", b"1e400", b"NaN", b"1_0", b"\xd9\xa1", b"100000000000000000000e-20"),
]
FRAMES = [
    *(b"", b" ", b"null", b"[]", b"{", b"{}", b" {} ", b"{} x", b"{}{}", b"\xef\xbb\xbf{}", b'{"status":1,}'),
    *(
        b'{"status":1,"status":2}',
        b'{"status":"x","status":2}',
        b"{'status':1}",
        b'{"status" : 1 }',
        b"{\x0b}",
    ),
    *(b'{"\\u0073tatus":3}', b'{"\xff":1}', b'{"\\ud800":1}'),
]


def verdict(decoder: Any, cls: Any, line: bytes) -> Tuple[bool, Any]:
    try:
        return True, repr(decoder(cls, line))
    except MalformedBundle as fault:
        return False, (fault.message, fault.where)


def agree(cls: Any, line: bytes) -> None:
    assert verdict(decode, cls, line) == verdict(decode_line, cls, line)


@pytest.mark.parametrize("value", UNKNOWN, ids=lambda value: repr(value[:20]))
def test_under_keys_nobody_knows(value: bytes) -> None:
    agree(r.Exit, b'{"unknown":%s}' % value)
    agree(r.Stage, b'{"inputs":[],"ops":[["jump",null,[],null,null,null,%s]],"points":[]}' % value)


@pytest.mark.parametrize("value", STATUS, ids=repr)
def test_numbers_and_what_looks_like_them(value: bytes) -> None:
    agree(r.Exit, b'{"status":%s}' % value)
    agree(r.StackChunk, b'{"parent":[%s],"function":[],"state":[],"trace":[]}' % value)
    agree(r.Options, b'{"jit":{"a":%s}}' % value)
    agree(r.Process, b'{"pid":1,"parent":null,"command":[],"start_ns":0,"summary":{"a":%s}}' % value)


@pytest.mark.parametrize("line", FRAMES, ids=repr)
def test_lines_of_every_form(line: bytes) -> None:
    agree(r.Exit, line)


def lines(bundle: r.Bundle) -> List[Tuple[Any, bytes]]:
    found = [(r.Run, encode_line(bundle.run))]
    for key, cls in r.SECTIONS.items():
        found += [(cls, encode_line(record)) for record in getattr(bundle, key)]
    return found


def test_lines_of_a_bundle_with_bytes_changed(whole: r.Bundle, rng: random.Random) -> None:
    known = lines(whole)
    for _ in range(4000):
        cls, line = rng.choice(known)
        changed = bytearray(line)
        for _ in range(rng.choice((0, 1, 1, 2))):
            changed[rng.randrange(len(changed))] = rng.choice(b'0159-.e"\\,:[]{}ntu \x00\x80\xff')
        agree(cls, bytes(changed))
