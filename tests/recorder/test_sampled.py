from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from tracebin.bundle.records import STATES
from tracebin.recorder import disk
from tracebin.recorder.native_code import NativeCode
from tracebin.recorder.sampled import Sampled

HEADER = bytes(40) + b"\x05\x00\x06\x00\x04pypy"


def sample(number: int) -> bytes:
    return b"\x01" + struct.pack("<qqqqq", 1, 2, 1, number, 0)


def numbers(sampled: Sampled) -> list[int]:
    return [struct.unpack("<2q", each.stack)[1] for each in sampled.file.samples]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "1.prof", tmp_path / "1.stamps"


def test_what_was_read_before_it_was_dropped_is_kept(files: Any, read_log: Any) -> None:
    prof, stamps = files
    data = HEADER + b"".join(map(sample, range(2000)))
    sampled = Sampled(prof, stamps, read_log("").log, is_forked=False)
    prof.write_bytes(data[:40_000])
    sampled.advance()
    # WHEN a piece is dropped of which half has been read
    (prof.parent / disk.DROPS).write_text(json.dumps({"1.prof": [20_000, 60_000]}))
    prof.write_bytes(data[:20_000] + bytes(40_000) + data[60_000:])
    sampled.advance()
    sampled.finish()
    found = numbers(sampled)
    assert found[:900] == list(range(900))
    assert found[-100:] == list(range(1900, 2000))
    assert (len(found) < 1600, sampled.dropped) == (True, 20_000)


def test_samples_have_their_rows_when_the_log_tells_of_later_ticks(files: Any, read_log: Any) -> None:
    prof, stamps = files
    ends = [len(HEADER) + (number + 1) * len(sample(0)) for number in range(5)]
    # Samples behind, as the last bytes may not be all there is of them.
    prof.write_bytes(HEADER + b"".join(map(sample, range(8))))
    rows = [struct.pack("<4Q", 10 * number, 0, 1, end) for number, end in enumerate(ends, 1)]
    stamps.write_bytes(bytes(64) + b"".join(rows).ljust(512, b"\0"))
    log = read_log("").log
    sampled = Sampled(prof, stamps, log, is_forked=False)
    log.feed("[1e] {gc-minor\n[1f] gc-minor}\n")
    sampled.advance()
    assert len(sampled.rows) == 3
    # WHEN a tracing begins, whose trace will be there from its end on
    log.feed("[23] {jit-tracing\n[28] {gc-minor\n[28] gc-minor}\n")
    sampled.advance()
    assert len(sampled.rows) == 3
    log.feed("[29] jit-tracing}\n")
    sampled.advance()
    assert len(sampled.rows) == 4
    sampled.finish()
    assert [stamp and stamp.tick for stamp in sampled.matching.found] == [
        10,
        20,
        30,
        40,
        50,
        None,
        None,
        None,
    ]


def test_samples_in_other_code_than_pypys_are_native(files: Any, read_log: Any) -> None:
    prof, stamps = files
    ends = [len(HEADER) + (number + 1) * len(sample(0)) for number in range(3)]
    prof.write_bytes(HEADER + b"".join(map(sample, range(3))))
    # In PyPy's code, in a stub of its JIT's, and in a library.
    rows = [struct.pack("<4Q", 10, pc, 1, end) for pc, end in zip((0x1000, 0x500, 0x5000), ends)]
    stamps.write_bytes(bytes(64) + b"".join(rows).ljust(512, b"\0"))
    dump = "[2] {jit-backend-dump\nCODE_DUMP @500 +0  90\n[3] jit-backend-dump}\n"
    log = read_log("[1] {jit-backend\n" + dump + "[4] jit-backend}\n").log
    native = NativeCode(((0x1000, 0x2000),), ())
    sampled = Sampled(prof, stamps, log, is_forked=False, native=native)
    sampled.finish()
    found = zip(sampled.file.samples, sampled.matching.found)
    added = [sampled.stacks.add(each.stack, stamp.tick, stamp.pc) for each, stamp in found if stamp]
    states = [STATES[sampled.stacks.rows[row][2]] for row in added]
    assert states == ["interpreted", "interpreted", "native"]
