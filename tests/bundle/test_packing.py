from __future__ import annotations

import gzip
import os
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from tracebin.bundle import packing
from tracebin.bundle.packing import GzipFile, Packer, create_compressed, joined_crc
from tracebin.bundle.records import SECTIONS
from tracebin.bundle.writer import BundleWriter


def text(size: int, seed: int = 1) -> bytes:
    """Give text with repetitions near and far, as a bundle has them."""
    words = [b"int_add", b"guard_true", b"\xc3\xa9", b'"descr":', b"1234567", b"\n"]
    chosen = random.Random(seed).choices(words, k=size // 4)
    return b",".join(chosen)[:size]


@pytest.mark.parametrize("name", ["bundle.json", "bundle.json.gz"])
@pytest.mark.parametrize("size", [0, 1, packing.PIECE_BYTES, 3 * packing.PIECE_BYTES + 17])
def test_what_is_written_is_there(tmp_path: Path, name: str, size: int) -> None:
    path, meant = tmp_path / name, text(size)
    with create_compressed(path) as out:
        for start in range(0, size, 100_000):
            out.write(meant[start : start + 100_000])
    assert (gzip.decompress if name.endswith("gz") else bytes)(path.read_bytes()) == meant


def test_pieces_are_one_member_and_know_of_each_other(tmp_path: Path) -> None:
    # GIVEN text that only repeats what a piece before it has
    once = random.Random(1).randbytes(30_000)
    meant = once * 40
    with create_compressed(tmp_path / "bundle.json.gz") as out:
        out.write(meant)
    data = (tmp_path / "bundle.json.gz").read_bytes()
    codec = zlib.decompressobj(31)
    assert codec.decompress(data) == meant
    assert (codec.eof, codec.unused_data) == (True, b"")
    assert len(data) < 2 * len(once)


@pytest.mark.parametrize("size", [0, 10, 500_000])
def test_what_was_packed_ahead_comes_in_its_place(tmp_path: Path, size: int) -> None:
    before, ahead, after = text(700_000, 2), text(size, 3), text(300_000, 4)
    packer = Packer()
    for start in range(0, size, 999):
        packer.add(ahead[start : start + 999])
    with GzipFile(tmp_path / "bundle.json.gz") as out:
        out.write(before)
        out.write_packed(packer.finish())
        out.write(after)
    assert gzip.decompress((tmp_path / "bundle.json.gz").read_bytes()) == before + ahead + after


def test_the_level_changes_on_the_way(tmp_path: Path) -> None:
    sizes = {}
    for level in (packing.FAST, 9):
        with create_compressed(tmp_path / "bundle.json.gz") as out:
            out.write(b"{")
            out.level = level
            out.write(text(600_000))
        data = (tmp_path / "bundle.json.gz").read_bytes()
        assert gzip.decompress(data) == b"{" + text(600_000)
        sizes[level] = len(data)
    assert sizes[9] < sizes[packing.FAST]


@pytest.mark.parametrize("sizes", [(0, 0), (5, 0), (0, 5), (100, 1), (3, 1_000_001)])
def test_the_crc_of_two_texts_is_that_of_both(sizes: tuple[int, int]) -> None:
    first, second = (random.Random(size).randbytes(size) for size in sizes)
    assert joined_crc(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


def test_packed_elements_stand_between_others(tmp_path: Path, whole: Any, written: Any) -> None:
    lines = [b'{"first":1}', b'{"second":2}', b'{"third":3}']
    packer = Packer()
    packer.add(lines[0] + b",\n" + lines[1])
    with GzipFile(tmp_path / "bundle.json.gz") as out:
        writer = BundleWriter(out, whole.run)
        writer.add_packed("files", packer.finish())
        writer.add_line("files", lines[2])
        writer.close()
    found = gzip.decompress((tmp_path / "bundle.json.gz").read_bytes())
    assert b'"files": [\n' + b",\n".join(lines) + b'\n],\n"functions": [\n]' in found
    assert found.count(b"\n]") == len(SECTIONS) - 1  # coverage is null


# --- the check ------------------------------------------------------------------------------


def spoiled_at(place: int) -> Any:
    """Give a way to read a file in which one byte is another than was written."""
    read = os.pread

    def pread(file: int, size: int, at: int) -> bytes:
        data = bytearray(read(file, size, at))
        if at <= place < at + size:
            data[place - at] ^= 0x10
        return bytes(data)

    return pread


@pytest.mark.parametrize("name", ["bundle.json", "bundle.json.gz"])
@pytest.mark.parametrize("place", [100, 5_000, 30_000])
def test_a_file_that_does_not_read_back_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, place: int
) -> None:
    monkeypatch.setattr(os, "pread", spoiled_at(place))
    with pytest.raises(OSError, match="read back"), create_compressed(tmp_path / name) as out:
        out.write(text(1_000_000))


@pytest.mark.parametrize("name", ["bundle.json", "bundle.json.gz"])
def test_a_file_that_was_cut_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: os.truncate(file, 10))
    out = create_compressed(tmp_path / name)
    out.write(text(2_000_000))
    with pytest.raises(OSError, match="read back"):
        out.close()


def test_an_early_piece_that_is_wrong_is_refused(tmp_path: Path) -> None:
    packer = Packer()
    packer.add(text(1000))
    packed = packer.finish()
    wrong = packed._replace(crc=packed.crc ^ 1)
    with pytest.raises(OSError, match="read back"), GzipFile(tmp_path / "bundle.json.gz") as out:
        out.write_packed(wrong)
