"""The sampler's file: of our own making, of real PyPys, and against the reference reader."""

from __future__ import annotations

import io
import struct
from collections import Counter
from pathlib import Path
from typing import Any, Callable

import pytest

from tracebin.bundle.records import SampleChunk
from tracebin.recorder.clock import Clock
from tracebin.recorder.pauses import ActiveTime, Pauses
from tracebin.recorder.process_records import SampleRecords
from tracebin.recorder.raw import Notes
from tracebin.recorder.samples import CodeName, Sample, SampleFile, SampleReader, pairs, read_samples, spread
from tracebin.recorder.stacks import RawStacks, Stacks, TraceFinder
from tracebin.recorder.stamps import Stamp, stamps_of
from tracebin.recorder.threads import Threads

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
PYPYS = {"pypy3.9-7.3.11": 6, "pypy3.11-7.3.19": 6, "pypy3.11-8.0.1": 7}
REAL_TIME, RPYTHON, MEMORY = 16, 8, 1


class Written:
    """Writes a file as PyPy's sampler does."""

    def __init__(self, version: int, *, memory: bool = True) -> None:
        self.version = version
        self.memory = memory
        mode = REAL_TIME | RPYTHON | memory
        self.data = struct.pack("<5q", 0, 3, 0, 1000, 0)
        self.data += b"\x05" + struct.pack("!hBB", version, mode, 4) + b"pypy"
        self.data += b"\x06" + struct.pack("<qq8s", 1_700_000_000, 5, b"UTC")

    def meta(self, key: bytes, value: bytes) -> None:
        self.data += b"\x07" + b"".join(struct.pack("<q", len(text)) + text for text in (key, value))

    def stack(self, frames: list[tuple[int, int]], *, thread: int = 1, kib: int = 10, time: int = 0) -> None:
        words = [word for frame in frames for word in frame]
        self.data += b"\x01" + struct.pack(f"<qq{len(words)}qq", 1, len(words), *words, thread)
        self.data += struct.pack("<q", kib) if self.memory else b""
        self.data += struct.pack("<q", time) if self.version >= 7 else b""

    def name(self, number: int, text: str, *, marker: bytes = b"\x02") -> None:
        data = text.encode("utf-8", "surrogateescape")
        self.data += marker + struct.pack("<qq", number, len(data)) + data

    def end(self) -> bytes:
        return self.data + b"\x03" + struct.pack("<qq8s", 1_700_000_001, 5, b"UTC")


def whole(version: int, **options: Any) -> bytes:
    written = Written(version, **options)
    written.meta(b"os", b"linux")
    written.stack([(1, 100), (1, 200)], time=1_000)
    written.stack([(6, 0x7F00), (3, 100), (1, 200)], kib=20, time=3_000)
    written.name(100, "py:f:3:/x/a.py")
    written.name(200, "py:<module>:1:/x/a.py")
    return written.end()


@pytest.mark.parametrize("version", [6, 7])
def test_samples_names_and_end_are_read(version: int) -> None:
    found = read_samples(whole(version))
    times = (1_000, 3_000) if version == 7 else (None, None)
    assert (found.version, found.is_ended, found.cut) == (version, True, None)
    assert [pairs(sample.stack) for sample in found.samples] == [
        [(1, 100), (1, 200)],
        [(6, 0x7F00), (3, 100), (1, 200)],
    ]
    assert [sample.memory_bytes for sample in found.samples] == [10_240, 20_480]
    assert tuple(sample.time_ns for sample in found.samples) == times
    assert found.names() == {100: CodeName("f", 3, "/x/a.py"), 200: CodeName("<module>", 1, "/x/a.py")}


def test_without_memory_it_is_not_known() -> None:
    found = read_samples(whole(6, memory=False))
    assert [sample.memory_bytes for sample in found.samples] == [-1, -1]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("py:f:3:C:\\x:y.py", CodeName("f", 3, "C:\\x:y.py")),
        ("py:a:b:3:x.py", CodeName("a:b", 3, "x.py")),
        ("py:<lambda>:0:<string>", CodeName("<lambda>", 0, "<string>")),
        ("py:f:3:/\udcff.py", CodeName("f", 3, "/\udcff.py")),
        ("py:ü:3:x\ny.py", CodeName("ü", 3, "x\ny.py")),
    ],
)
def test_names_have_what_they_like_in_them(text: str, name: CodeName) -> None:
    written = Written(6)
    written.name(1, text)
    written.name(2, "py:g:1:x.py")
    assert read_samples(written.end()).names() == {1: name, 2: CodeName("g", 1, "x.py")}


@pytest.mark.parametrize("text", ["", "n:malloc:0:libc.so", "py:f", "py:f:x:y.py", "py:f:9999999999:y"])
def test_what_is_no_python_name_is_left_out_and_nothing_else(text: str) -> None:
    written = Written(6)
    written.name(1, text, marker=b"\x08")
    written.name(2, text)
    written.name(3, "py:g:1:x.py")
    found = read_samples(written.end())
    assert (list(found.names()), found.is_ended, found.cut) == ([3], True, None)


@pytest.mark.parametrize("version", [6, 7])
def test_a_file_cut_anywhere_gives_what_stands_before(version: int) -> None:
    data = whole(version)
    complete = read_samples(data)
    for size in range(len(data)):
        found = read_samples(data[:size])
        assert not found.is_ended
        assert found.samples == complete.samples[: len(found.samples)]
        assert found.cut is not None or len(found.samples) + len(found.names()) < 5
    assert read_samples(b"").cut == "it is empty"
    assert read_samples(data[:39]).cut == "it ends before its header"


@pytest.mark.parametrize("words", [-1, 1 << 40])
def test_a_stack_of_no_possible_size_ends_the_reading(words: int) -> None:
    written = Written(6)
    written.stack([(1, 100)])
    written.data += b"\x01" + struct.pack("<qq", 1, words)
    found = read_samples(written.end())
    assert len(found.samples) == 1
    assert f"a stack of {words} words" in str(found.cut)


def test_an_unknown_marker_ends_the_reading() -> None:
    found = read_samples(Written(6).data + b"\x63")
    assert "unknown marker 99" in str(found.cut)


def sample(thread: int = 1, time: Any = None) -> Sample:
    return Sample(thread, b"", -1, time)


def test_samples_without_times_are_spread_evenly() -> None:
    assert spread([sample()] * 4, ActiveTime(1000, 1400, Pauses())) == [1100, 1200, 1300, 1400]


def test_samples_of_one_tick_have_one_time() -> None:
    threads = [sample(1), sample(2), sample(1), sample(1), sample(2)]
    assert spread(threads, ActiveTime(0, 300, Pauses())) == [100, 100, 200, 300, 300]


def test_samples_with_times_keep_them() -> None:
    assert spread([sample(time=70), sample(time=90)], ActiveTime(0, 1000, Pauses()), 10) == [60, 80]
    assert spread([], ActiveTime(0, 1000, Pauses())) == []


@pytest.mark.parametrize(("taken", "times"), [(False, [500, 1000]), (True, [100, 200])])
def test_samples_of_a_timer_that_was_taken_lie_where_it_still_ran(taken: bool, times: list[int]) -> None:
    found = SampleFile(6, [Sample(1, struct.pack("<2q", 1, 1), -1, None)] * 2)
    notes = Notes("1", sampling={"timer_taken": taken, "interval_s": 100 / 1e9})
    assert placed(found, [], notes) == times


def chunk_of(found: SampleFile, stamps: list[Stamp], notes: Notes) -> SampleChunk:
    """Give the samples of a run of 1000 ns, whose clock ticks once in 10 ns."""
    clock = Clock([(0, 0), (100, 1000)], 0, (100, 1000))
    stacks = Stacks(lambda _: 0, RawStacks(TraceFinder()), lambda _: False)
    records = SampleRecords(0, found, stamps_of(found.samples, stamps), notes, clock, stacks, Threads(0))
    records.place(0, 1000, 0)
    (chunk,) = records.chunks()
    return chunk


def placed(found: SampleFile, stamps: list[Stamp], notes: Notes) -> list[int]:
    """Give the times of these samples."""
    chunk = chunk_of(found, stamps, notes)
    return [chunk.first_ns + sum(chunk.time[: row + 1]) for row in range(len(chunk.time))]


STACK = struct.pack("<2q", 1, 1)
THREE = SampleFile(6, [Sample(5, STACK, -1, None, end) for end in (100, 200, 300)])


def stamps(*rows: tuple[int, int]) -> list[Stamp]:
    """Give stamps of thread 5 by tick and end."""
    return [Stamp(tick, 0, 5, end) for tick, end in rows]


def test_samples_have_the_time_of_their_stamps() -> None:
    assert placed(THREE, stamps((3, 100), (20, 210), (90, 300)), Notes("1")) == [30, 200, 900]


def test_a_tick_that_left_no_sample_is_nobodys() -> None:
    rows = stamps((3, 100), (10, 100), (20, 200), (50, 200), (90, 300))
    assert placed(THREE, rows, Notes("1")) == [30, 200, 900]


def test_a_sample_that_a_later_tick_wrote_has_its_own_stamp() -> None:
    assert placed(THREE, stamps((3, 100), (20, 100), (90, 300)), Notes("1")) == [30, 200, 900]


def test_samples_without_a_stamp_are_spread_behind_the_last() -> None:
    assert placed(THREE, stamps((3, 100), (20, 200)), Notes("1")) == [30, 200, 1000]


def test_memory_is_of_the_sampler_or_of_the_stamp() -> None:
    samples = [Sample(5, STACK, memory, None, end) for memory, end in ((4096, 100), (-1, 200), (-1, 300))]
    rows = [Stamp(tick, 0, 5, end, 8192) for tick, end in ((3, 100), (20, 200))]
    assert chunk_of(SampleFile(6, samples), rows, Notes("1")).memory == [4096, 8192, -1]


def test_samples_that_were_dropped_leave_their_stamps_over() -> None:
    found = SampleFile(6, [THREE.samples[0], THREE.samples[2]])
    assert placed(found, stamps((3, 100), (20, 200), (90, 300)), Notes("1")) == [30, 900]


@pytest.mark.parametrize("version", [6, 7])
def test_what_stands_behind_a_gap_is_read(version: int) -> None:
    written = Written(version)
    for number in range(40):
        written.stack([(1, 100), (1, number)], time=number)
    written.name(100, "py:f:3:/x/a.py")
    data = written.end()
    # WHEN a piece is gone that begins and ends in the middle of samples
    found = read_samples(data[:400], data[900:], 900)
    assert found.cut is None
    seen = [struct.unpack("<4q", sample.stack)[3] for sample in found.samples]
    gap = next(place for place, number in enumerate(seen) if place != number)
    assert seen[gap:] == list(range(seen[gap], 40))
    # THEN it is known of each sample where it ended in the whole file
    ends = {number: sample.end for number, sample in enumerate(read_samples(data).samples)}
    assert [sample.end for sample in found.samples] == [ends[number] for number in seen]
    assert len(seen) < 40
    assert found.names()[100].name == "f"


def fed(data: bytes, sizes: list[int]) -> SampleFile:
    """Read a file that grows by pieces of these sizes."""
    reader, at = SampleReader(), 0
    for size in sizes:
        reader.feed(data[at : at + size])
        at += size
    reader.end(data[at:])
    return reader.found


@pytest.mark.parametrize("version", [6, 7])
@pytest.mark.parametrize("step", [1, 7, 39, 41, 100])
def test_a_file_that_grows_is_read_like_a_whole_one(version: int, step: int) -> None:
    written = Written(version)
    for memory in (True, False, False, True, False) * 2:
        written.memory = memory
        written.stack([(1, 100), (3, 200)], kib=10, time=7)
        written.name(100, "py:f:1:x")
    for data in (whole(version), written.end(), written.end()[:-70], written.data + b"\x63" + bytes(200)):
        for size in (len(data), len(data) - 30):
            assert fed(data[:size], [step] * (size // step)) == read_samples(data[:size])


def test_nothing_is_made_of_a_gap_that_reaches_to_the_end() -> None:
    data = whole(6)
    found = read_samples(data[:200], b"\1" * 100, 900)
    assert all(sample.end <= 200 for sample in found.samples)


@pytest.mark.parametrize("version", [6, 7])
def test_a_sample_without_memory_among_others(version: int) -> None:
    # GIVEN a sampler that couldn't read how much memory there was, for some samples and the last
    written = Written(version)
    for memory in (True, False, False, True, False):
        written.memory = memory
        written.stack([(1, 100)], kib=10, time=7)
    written.name(100, "py:f:3:/x/a.py")
    found = read_samples(written.end())
    assert [sample.memory_bytes for sample in found.samples] == [10240, -1, -1, 10240, -1]
    assert {sample.time_ns for sample in found.samples} == {7 if version == 7 else None}
    assert (found.cut, found.names()[100].name) == (None, "f")


# --- real files --------------------------------------------------------------------------


@pytest.fixture(scope="module", params=sorted(PYPYS))
def real(request: Any, golden_data: Callable[[str], bytes]) -> tuple[str, bytes, SampleFile]:
    data = golden_data(f"{request.param}/samples.prof.gz")
    return request.param, data, read_samples(data)


def test_a_real_file_is_read_to_its_end(real: Any) -> None:
    name, _, found = real
    assert (found.version, found.is_ended, found.cut) == (PYPYS[name], True, None)
    frames = [frame for sample in found.samples for frame in pairs(sample.stack)]
    assert {kind for kind, _ in frames} == {1, 3, 6}
    names = found.names()
    assert all(value in names for kind, value in frames if kind != 6)


def test_a_real_file_is_what_the_reference_reader_reads(real: Any) -> None:
    reader = pytest.importorskip("vmprof.reader")
    name, data, found = real
    state = reader._read_prof(io.BytesIO(data))
    assert len(state.profiles) == len(found.samples)
    for (stack, _, thread, kib), ours in zip(state.profiles, found.samples):
        values = [int(value) for value in stack]
        assert values == [value for _, value in reversed(pairs(ours.stack))]
        assert (thread, kib * 1024) == (ours.thread, ours.memory_bytes)
    texts = {number: f"py:{code.name}:{code.line}:{code.file}" for number, code in found.names().items()}
    assert texts == dict(state.virtual_ips)
    assert all((sample.time_ns is not None) == (PYPYS[name] == 7) for sample in found.samples)


def test_times_of_a_real_file_go_up_by_about_the_period(real: Any) -> None:
    name, _, found = real
    if PYPYS[name] == 7:
        times = [sample.time_ns or 0 for sample in found.samples]
        steps = sorted(later - earlier for earlier, later in zip(times, times[1:]))
        assert steps[0] > 0
        assert 900_000 < steps[len(steps) // 2] < 1_100_000


def test_samples_as_expected(real: Any, golden: Any) -> None:
    name, _, found = real
    golden(GOLDEN / name / "samples.expected.txt", dump(found))


def dump(found: SampleFile) -> str:
    """Give the hottest stacks, innermost frame first, start-up left out."""
    kinds = {1: "", 3: " (jitted)"}
    stacks: Counter[str] = Counter()
    names = found.names()
    for sample in found.samples:
        frames = [
            "[machine code]" if kind == 6 else f"{names[value].name}{kinds[kind]}"
            for kind, value in pairs(sample.stack)
            if kind == 6 or "app_main" not in names[value].file
        ]
        stacks[" < ".join(frames[:6])] += 1
    lines = [f"version {found.version}, {len(found.samples)} samples, {len(names)} names"]
    hottest = sorted(stacks.items(), key=lambda row: (-row[1], row[0]))[:40]
    lines += [f"{count:5} {stack}" for stack, count in hottest]
    return "\n".join(lines) + "\n"
