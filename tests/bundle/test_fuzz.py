"""Whatever is done to a bundle's bytes, it is refused in one sentence, or read and then whole."""

from __future__ import annotations

import gzip
import io
import random
from typing import Any, Callable, List

import pytest

from tracebin.analysis.tally import Tally
from tracebin.bundle import records as r
from tracebin.bundle.check import Checker
from tracebin.bundle.compression import encoding_of, open_inflated
from tracebin.bundle.reader import BundleReader, collect
from tracebin.errors import BundleTooLarge, MalformedBundle, UnsupportedVersion

Tries = Callable[[int], int]

REFUSALS = (MalformedBundle, UnsupportedVersion, BundleTooLarge)
# What JSON and the frame are made of, and numbers at their edges.
PIECES: List[bytes] = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\n", b"\\", b"\\u", b"\\ud800", b"\0", b"\xff", b"\xc3"),
    *(b"null", b"true", b"NaN", b"-", b"-1", b"0", b"1e400", b"9223372036854775808", b".5", b"],\n", b"}\n"),
    *(b'"traces": [\n', b'"coverage": null,\n', b"[" * 2000, b"9" * 400),
]


def flip(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def insert(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data))
    data[place:place] = rng.choice(PIECES)


def replace(data: bytearray, rng: random.Random) -> None:
    place, piece = rng.randrange(len(data)), rng.choice(PIECES)
    data[place : place + len(piece)] = piece


def delete(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data))
    del data[place : place + rng.choice((1, 1, 2, 10, 1000))]


def repeat(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    data[start:start] = data[start : start + rng.choice((1, 10, 1000))]


def swap_lines(data: bytearray, rng: random.Random) -> None:
    lines = bytes(data).split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    data[:] = b"\n".join(lines)


def drop_line(data: bytearray, rng: random.Random) -> None:
    lines = bytes(data).split(b"\n")
    del lines[rng.randrange(len(lines))]
    data[:] = b"\n".join(lines)


def other_number(data: bytearray, rng: random.Random) -> None:
    digits = [at for at in (rng.randrange(len(data)) for _ in range(200)) if chr(data[at]).isdigit()]
    if digits:
        data[digits[0]] = rng.choice(b"0123456789")


MUTATIONS: List[Callable[[bytearray, random.Random], None]] = [
    *(flip, insert, replace, delete, repeat, swap_lines, drop_line, other_number),
]


def mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        if changed:
            rng.choice(MUTATIONS)(changed, rng)
    return bytes(changed)


def read_or_refused(data: bytes, written: Any) -> str:
    """Read without ``strict``; what is read must come back when it is written and read again."""
    stream: Any = open_inflated(io.BytesIO(data), encoding_of(data[:4]), max_bytes=1 << 26)
    try:
        bundle = collect(BundleReader(stream))
    except REFUSALS:
        return "refused"
    again = written(bundle)
    assert collect(BundleReader(io.BytesIO(again), strict=True)) == bundle
    return "cut" if any(problem.kind == "cut" for problem in bundle.problems) else "read"


def tallied_or_refused(bundle_bytes: bytes) -> None:
    """What passes the checks can be tallied."""
    checker, tally = Checker(), Tally()
    try:
        for element in BundleReader(io.BytesIO(bundle_bytes), strict=True):
            checker.add(element.key, element.record)
            tally.add(element.key, element.record)
        checker.finish()
    except REFUSALS:
        return
    tally.result()


def test_a_small_bundle(whole: r.Bundle, written: Any, rng: random.Random, tries: Tries) -> None:
    data = written(whole)
    seen = {read_or_refused(mutated(data, rng), written) for _ in range(tries(1500))}
    assert seen == {"read", "refused", "cut"}


def test_a_small_gzip_file(whole: r.Bundle, written: Any, rng: random.Random, tries: Tries) -> None:
    data = gzip.compress(written(whole), 3)
    seen = {read_or_refused(mutated(data, rng), written) for _ in range(tries(500))}
    assert seen >= {"refused", "cut"}


def test_a_real_bundle(real: bytes, written: Any, rng: random.Random) -> None:
    for _ in range(12):
        read_or_refused(mutated(real, rng), written)


def test_bytes_of_nothing(rng: random.Random, written: Any) -> None:
    for size in (*range(40), 1000, 100_000):
        data = bytes(rng.randrange(256) for _ in range(size))
        assert read_or_refused(data, written) == "refused"


def test_what_passes_the_checks_can_be_tallied(
    whole: r.Bundle, written: Any, rng: random.Random, tries: Tries
) -> None:
    data = written(whole)
    for _ in range(tries(1000)):
        tallied_or_refused(mutated(data, rng))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_each_mutation_changes_something(
    mutation: Any, whole: r.Bundle, written: Any, rng: random.Random
) -> None:
    data = written(whole)
    made = []
    for _ in range(20):
        changed = bytearray(data)
        mutation(changed, rng)
        made.append(bytes(changed))
    assert any(one != data for one in made)
