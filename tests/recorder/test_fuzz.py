"""Whatever the files hold, reading them ends in records and counted problems, never in an error."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st

from tracebin.recorder.clock import Clock
from tracebin.recorder.decoding import LocalDecoder
from tracebin.recorder.functions import Functions
from tracebin.recorder.jitlog import JitLog
from tracebin.recorder.process_problems import log_problems
from tracebin.recorder.process_records import ProcessRecords, SampleRecords
from tracebin.recorder.raw import Notes
from tracebin.recorder.samples import read_samples
from tracebin.recorder.sources import Files
from tracebin.recorder.stacks import RawStacks, Stacks
from tracebin.recorder.stamps import read_stamps, stamps_of
from tracebin.recorder.threads import Threads

NAMES = st.sampled_from(
    [
        "jit-tracing",
        "jit-optimize",
        "jit-backend",
        "jit-log-opt-loop",
        "jit-log-opt-bridge",
        "jit-backend-addr",
        "jit-backend-dump",
        "jit-backend-counts",
        "jit-summary",
        "jit-log-noopt",
        "jit-mem-looptoken-free",
        "gc-minor",
        "gc-collect-step",
        "gc-collect-done",
        "tracebin-sync",
        "jit-disableinlining",
        "unknown",
    ]
)
MARKS = st.builds(
    lambda tick, name, opens: f"[{tick:x}] {'{' * opens}{name}{'}' * (not opens)}",
    st.integers(0, 1 << 50),
    NAMES,
    st.booleans(),
)
LINES = st.one_of(
    MARKS,
    st.text(alphabet="()[]+=:,;~#'<> 0aé\udcff", max_size=30),
    st.sampled_from(
        [
            "# Loop 1 (f;x.py:1-2~#3 NOP) : loop with 2 ops",
            "# bridge out of Guard 0xaa with 1 ops",
            "[p0, i1]",
            "+5: guard_true(i1, descr=<Guard0xaa>) [p0, None]",
            "label(p0, descr=TargetToken(9))",
            "jump()",
            "debug_merge_point(0, 1, 'f;x.py:1-2~#3 NOP')",
            "debug_merge_point(0, 1)",
            "f;x.py:1-2~#3 NOP",
            "  gc table: 0x10",
            "  end: 0x40",
            "  function: 0xffffffff",
            "  end: 0xffffffffffffffff",
            "Loop 1 (f;x.py:1-2~#3 NOP) has address 0x1 to 0x2 (bootstrap 0x0)",
            "CODE_DUMP @10 +4  00ff",
            "CODE_DUMP @ffffffffffffffffff +4  00ff",
            "entry 1:5",
            "bridge 170:5",
            "TargetToken(9):1",
            "entry 1:x",
            "~~~ ABORTING TRACING ABORT_TOO_LONG",
            "freeing Loop # 1",
            "12",
            "-5",
            "Tracing: 1 2",
            "TOTAL: x",
            "minor collect, total memory used: 1e99",
            "bytes used in arenas: x",
            "minor collect, total memory used:",
            "[5] {gc-minor\nminor collect, total memory used: 7\n[6] gc-minor}",
            "[5] {jit-backend-dump\nBACKEND x\nSYS_EXECUTABLE y\nCODE_DUMP @10 +0  ff\n[6] jit-backend-dump}",
            "[5] {jit-backend-dump\nBACKEND x\nSYS_EXECUTABLE y\nCODE_DUMP @10 +0  g\n[6] jit-backend-dump}",
        ]
    ),
)


def read_log(data: bytes) -> None:
    """Read a log and make all of its records, as assembling a bundle does."""
    functions = Functions(Files("/", "/lib"), LocalDecoder())
    log = JitLog(functions, keep_stages=("traced", "optimised", "assembled"))
    log.read(io.BytesIO(data))
    clock = Clock(log.sync, 0, (log.last_tick, 1_000_000))
    records = ProcessRecords(0, 0, log, clock, functions, "agent.py")
    for line in records.traces():
        json.loads(line.stages)
        assert line.trace.start_ns >= 0
    assert all(abort.length >= 0 for abort in records.aborts())
    assert sum(len(chunk.kind) for chunk in records.gc_chunks()) == len(log.collections)
    records.finder()
    assert all(problem.count > 0 for problem in log_problems(log, Notes("1"), "here"))


def read_profile(data: bytes) -> None:
    """Read a sampler's file and make all of its records."""
    functions = Functions(Files("/", "/lib"), LocalDecoder())
    log = JitLog(functions)
    found = read_samples(data)
    clock = Clock([], 0, (0, 0))
    finder = ProcessRecords(0, 0, log, clock, functions, "").finder()
    stamps = stamps_of(found.samples, read_stamps(data))
    stacks = Stacks(lambda _: 0, RawStacks(finder), lambda _: False)
    records = SampleRecords(0, found, stamps, Notes("1"), clock, stacks, Threads(0))
    records.place(0, 1_000_000, 0)
    rows = sum(len(chunk.stack) for chunk in records.chunks())
    assert rows + records.empty == len(found.samples)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_as_a_log(data: bytes) -> None:
    read_log(data)


@given(st.lists(LINES, max_size=40))
def test_any_lines_are_read_as_a_log(lines: list[str]) -> None:
    read_log("\n".join(lines).encode("utf-8", "surrogateescape"))


@pytest.fixture(scope="module")
def real_log(golden_data: Any) -> bytes:
    """The first traces, all stages, some hundred lines of each kind."""
    data: bytes = golden_data("pypy3.9-7.3.11/stages.log.gz")
    return data[: len(data) // 3]


MUTATIONS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 40), st.binary(max_size=12)),
    min_size=1,
    max_size=8,
)


def mutated(data: bytes, mutations: list[tuple[float, int, bytes]]) -> bytes:
    """Put other bytes in place of some; positions are parts of the whole."""
    for at, removed, inserted in mutations:
        start = int(at * len(data))
        data = data[:start] + inserted + data[start + removed :]
    return data


@given(MUTATIONS)
def test_a_damaged_real_log_is_read(real_log: bytes, mutations: list[tuple[float, int, bytes]]) -> None:
    read_log(mutated(real_log, mutations))


def told(pieces: list[str]) -> tuple[Any, ...]:
    """Give what a log says that comes in these pieces."""
    log = JitLog(Functions(Files("/", "/lib"), LocalDecoder()))
    for piece in pieces:
        log.feed(piece)
    log.end()
    blocks = [draft.block and bytes(draft.block.code) for draft in log.traces]
    stages = [draft.stages for draft in log.traces]
    return blocks, stages, log.collections, log.stubs, log.problems, log.unknown, log.last_tick, log.aborts


@given(MUTATIONS)
def test_a_log_says_the_same_at_once_and_line_by_line(
    real_log: bytes, mutations: list[tuple[float, int, bytes]]
) -> None:
    # Line by line nothing is read as a whole section.
    text = mutated(real_log, mutations).decode("utf-8", "surrogateescape")
    lines = [line + "\n" for line in text.split("\n")]
    assert told(["".join(lines)]) == told(lines)


@given(st.floats(0, 1))
def test_a_cut_real_log_is_read(real_log: bytes, part: float) -> None:
    read_log(real_log[: int(len(real_log) * part)])


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_as_a_profile(data: bytes, with_header: bool) -> None:
    header = bytes(40) + b"\x05\x00\x07\x01\x04pypy" if with_header else b""
    read_profile(header + data)


@given(MUTATIONS, st.sampled_from(["pypy3.9-7.3.11", "pypy3.11-8.0.1"]))
def test_a_damaged_real_profile_is_read(golden_data: Any, mutations: Any, name: str) -> None:
    data = golden_data(f"{name}/samples.prof.gz")
    # Samples stand at the beginning, names at the end.
    read_profile(mutated(data[:20_000] + data[-20_000:], mutations))
