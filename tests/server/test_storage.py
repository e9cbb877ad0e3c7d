"""Blobs, columns and decoding, each by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracebin.bundle import records as r
from tracebin.bundle.codec import decode_line, encode_line
from tracebin.errors import MalformedBundle, StorageUnavailable
from tracebin.server.blobs import BlobFolder
from tracebin.server.columns import COLUMNS, pack, read_chunk, unpack
from tracebin.server.decoding import decode
from tracebin.server.tables import Chunk


@pytest.fixture
def blobs(tmp_path: Path) -> BlobFolder:
    return BlobFolder(tmp_path / "blobs")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def keep(blobs: BlobFolder, data: bytes) -> str:
    with blobs.stage() as part:
        part.write(data)
        part.keep()
        return part.key


def test_a_kept_blob_is_there(blobs: BlobFolder) -> None:
    key = keep(blobs, b"data")
    with blobs.open(key) as file:
        assert file.read() == b"data"
    blobs.delete(key)
    blobs.delete(key)
    with pytest.raises(StorageUnavailable):
        blobs.open(key)


def test_a_part_can_be_read_before_it_is_kept(blobs: BlobFolder) -> None:
    with blobs.stage() as part:
        part.write(b"data")
        with part.reopen() as file:
            assert file.read() == b"data"


def test_what_is_not_kept_is_gone(blobs: BlobFolder, tmp_path: Path) -> None:
    with blobs.stage() as part:
        part.write(b"data")
    assert names(tmp_path) == []


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n"])
def test_a_key_is_never_a_path(blobs: BlobFolder, key: str) -> None:
    with pytest.raises(ValueError, match="is no blob's key"):
        blobs.open(key)


def test_sweeping_spares_what_is_used_or_written(blobs: BlobFolder, tmp_path: Path) -> None:
    used, unused = keep(blobs, b"used"), keep(blobs, b"unused")
    (tmp_path / "blobs" / "dead.part").write_bytes(b"left by a crash")
    (tmp_path / "blobs" / "notes.txt").write_bytes(b"somebody else's")
    with blobs.stage() as part:
        part.write(b"live")
        assert blobs.sweep({used}) == 2
        part.keep()
        assert names(tmp_path) == sorted([used, part.key, "notes.txt"])
    assert unused not in names(tmp_path)


def test_a_folder_that_went_away_is_a_storage_error(blobs: BlobFolder, tmp_path: Path) -> None:
    os.rename(tmp_path / "blobs", tmp_path / "elsewhere")
    for use in (blobs.check, blobs.stage, blobs.free_bytes):
        with pytest.raises(StorageUnavailable, match="No such file"):
            use()


def test_a_full_disk_is_a_storage_error(blobs: BlobFolder, tmp_path: Path) -> None:
    import resource

    # GIVEN a process that may write files of 64 KiB at the most
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        # WHEN more is written THEN it is the storage's fault, and nothing is left
        with blobs.stage() as part, pytest.raises(StorageUnavailable):
            part.write(bytes(1 << 18))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == []


INT64 = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(INT64, st.integers(-128, 127), INT64), max_size=50))
def test_columns_come_back(rows: list[tuple[int, int, int]]) -> None:
    columns = [list(column) for column in zip(*rows)] or [[], [], []]
    found = unpack(pack(columns), "samples", len(rows))
    assert [list(column) for column in found.values()] == columns


@pytest.mark.parametrize(
    "number", [0, 127, 128, -128, -129, 2**15, 2**31 - 1, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63)]
)
def test_every_width(number: int) -> None:
    assert list(unpack(pack([[number], [0], [-1]]), "samples", 1)["time"]) == [number]


@pytest.mark.usefixtures("stored")
def test_any_chunk_can_be_read_alone(store: Any, bundle: r.Bundle) -> None:
    with store.database.reading() as session:
        (run,) = session.query(Chunk.run).distinct().one()
        rows = {row.section: row for row in session.query(Chunk)}
        key = (
            store.runs(1, 0) and session.connection().exec_driver_sql("SELECT columns_key FROM runs").scalar()
        )
    assert run
    assert set(rows) == set(COLUMNS)
    with store.blobs.open(key) as blob:
        for section, row in rows.items():
            chunk = getattr(bundle, section)[0]
            found = read_chunk(blob, section, row.rows, row.start_byte, row.end_byte)
            assert {name: list(column) for name, column in found.items()} == {
                name: getattr(chunk, name) for name in COLUMNS[section]
            }
    assert (rows["gc"].first_ns, rows["gc"].last_ns) == (10_000, 10_000 + 71_000 + 900)


def test_the_columns_are_those_of_the_model() -> None:
    # Calls are in the time line's own blob.
    chunks = {key: cls for key, cls in r.SECTIONS.items() if cls.__name__.endswith("Chunk")}
    chunks.pop("calls")
    assert {key: set(names) for key, names in COLUMNS.items()} == {
        key: set(cls.__dataclass_fields__) - {"process", "thread", "first_ns"} for key, cls in chunks.items()
    }


def records(bundle: r.Bundle) -> list[Any]:
    return [bundle.run, *(record for key in r.SECTIONS for record in getattr(bundle, key))]


def test_both_decoders_read_the_same(bundle: r.Bundle) -> None:
    for record in records(bundle):
        line = encode_line(record)
        assert decode(type(record), line) == decode_line(type(record), line) == record


@given(st.text(st.sampled_from('{}[]",:0123456789.eE+-truefalsn\\ud8\x00 \u00e9'), max_size=40))
def test_the_fast_decoder_takes_nothing_the_other_refuses(text: str) -> None:
    for cls in (r.Thread, r.GcChunk, r.PyPy):
        line = text.encode()
        try:
            expected: Any = decode_line(cls, line)
        except MalformedBundle:
            expected = None
        try:
            found: Any = decode(cls, line)
        except MalformedBundle:
            found = None
        assert found == expected


@pytest.mark.parametrize(
    "value", ["1.0", "1e2", "true", '"1"', "null", "1E0", "-0", "-0.0", "00", "9" * 18, "9" * 19, "9" * 20]
)
def test_both_decoders_agree_on_numbers(value: str) -> None:
    line = b'{"process": %s, "native_id": 7}' % value.encode()
    try:
        expected: Any = decode_line(r.Thread, line)
    except MalformedBundle as fault:
        expected = str(fault)
    try:
        found: Any = decode(r.Thread, line)
    except MalformedBundle as fault:
        found = str(fault)
    assert found == expected
