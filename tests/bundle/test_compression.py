"""Compressed bundles: joined, padded, damaged, and made to burst."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any, Callable

import pytest

from tracebin.bundle import compression as c
from tracebin.bundle import records as r
from tracebin.bundle.packing import create_compressed
from tracebin.bundle.reader import BundleReader, read_bundle
from tracebin.errors import BundleTooLarge, MalformedBundle

TEXT = b"".join(b"%d\n" % number for number in range(50_000))


def inflated(data: bytes, encoding: str = "gzip", **options: Any) -> tuple[bytes, str | None]:
    stream = c.open_inflated(io.BytesIO(data), encoding, **options)
    return stream.read(), stream.broken


@pytest.fixture
def zstandard() -> Any:
    """The package, where it is: PyPy's tests do without."""
    return pytest.importorskip("zstandard")


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (gzip.compress(b""), "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"{\n", "identity"),
        (b"", "identity"),
        (b"\x1f", "identity"),
    ],
)
def test_the_first_bytes_tell_the_encoding(head: bytes, encoding: str) -> None:
    assert c.encoding_of(head[:4]) == encoding


@pytest.mark.parametrize("data", [b"", b"x", TEXT])
def test_plain_and_gzip_come_out_as_they_went_in(data: bytes) -> None:
    assert inflated(data, "identity") == (data, None)
    assert inflated(gzip.compress(data)) == (data, None)


def test_joined_members_are_one_file() -> None:
    assert inflated(gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(TEXT)) == (b"a" + TEXT, None)


@pytest.mark.parametrize("zeros", [1, 7, 1 << 17])
def test_zeros_behind_the_end_are_padding(zeros: int) -> None:
    assert inflated(gzip.compress(TEXT) + bytes(zeros)) == (TEXT, None)


@pytest.mark.parametrize("junk", [b"junk", b"\0\0x", b"\x1f\x8bjunk", TEXT])
def test_junk_behind_the_end_is_told_and_costs_nothing(junk: bytes) -> None:
    text, broken = inflated(gzip.compress(TEXT) + junk)
    assert text == TEXT
    assert broken is not None


@pytest.mark.parametrize("place", [-1, -4, -5, -8])
@pytest.mark.parametrize("data", [b"short", TEXT])
def test_a_wrong_check_sum_or_length_is_told_and_costs_nothing(data: bytes, place: int) -> None:
    packed = bytearray(gzip.compress(data))
    packed[place] ^= 1
    text, broken = inflated(bytes(packed))
    assert text == data
    assert broken is not None
    assert "damaged" in broken


def test_all_before_damaged_data_comes_out() -> None:
    """A second member's head that is none: what the first held is there to the last byte."""
    packed = bytearray(gzip.compress(TEXT))
    place = len(packed) // 2
    packed[place : place + 64] = b"\xff" * 64
    text, broken = inflated(bytes(packed))
    same = len(text) - next((i for i in range(len(text)) if text[-1 - i :] in TEXT), len(text))
    assert broken is not None
    assert same > len(TEXT) // 4


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_is_announced_but_empty_or_something_else(encoding: str, zstandard: Any) -> None:
    for data in (b"", b"{\n", b"\0" * 5, b"\x1f\x8b", b"\x28\xb5\x2f\xfd"):
        text, broken = inflated(data, encoding)
        assert text == b""
        assert broken is not None
        assert encoding in broken


def test_a_bomb_is_stopped_at_the_cap() -> None:
    packed = gzip.compress(bytes(50_000_000), 9)
    stream = c.open_inflated(io.BytesIO(packed), "gzip", max_bytes=1_000_000)
    with pytest.raises(BundleTooLarge) as caught:
        stream.read()
    assert (caught.value.reason, caught.value.limit) == ("inflated_bytes", 1_000_000)
    assert stream.total_bytes <= 1_000_000 + c.READ_BYTES


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_the_cap_itself_is_allowed(encoding: str) -> None:
    data = gzip.compress(TEXT) if encoding == "gzip" else TEXT
    assert inflated(data, encoding, max_bytes=len(TEXT)) == (TEXT, None)
    with pytest.raises(BundleTooLarge):
        inflated(data, encoding, max_bytes=len(TEXT) - 1)


def test_more_members_than_allowed() -> None:
    assert inflated(gzip.compress(b"x") * c.MAX_MEMBERS) == (b"x" * c.MAX_MEMBERS, None)
    with pytest.raises(BundleTooLarge) as caught:
        inflated(gzip.compress(b"") * (c.MAX_MEMBERS + 1))
    assert (caught.value.reason, caught.value.limit) == ("compressed_members", c.MAX_MEMBERS)


def test_a_member_with_a_name_and_a_comment() -> None:
    body = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = b"\x1f\x8b\x08\x18" + bytes(6) + b"name\0comment\0" + body.compress(TEXT) + body.flush()
    assert inflated(packed + struct.pack("<II", zlib.crc32(TEXT), len(TEXT))) == (TEXT, None)


def test_zstd(zstandard: Any) -> None:
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(TEXT)
    assert inflated(packed, "zstd") == (TEXT, None)
    assert inflated(packed * 2, "zstd") == (TEXT * 2, None)
    text, broken = inflated(packed[: len(packed) // 2], "zstd")
    assert TEXT.startswith(text)
    assert broken == "the zstd data is cut off"


def test_a_zstd_bomb_is_stopped_at_the_cap(zstandard: Any) -> None:
    packed = zstandard.ZstdCompressor().compress(bytes(200_000_000))
    stream = c.open_inflated(io.BytesIO(packed), "zstd", max_bytes=1_000_000)
    with pytest.raises(BundleTooLarge):
        stream.read()
    assert stream.total_bytes <= 1_000_000 + (c.ZSTD_STEP_BYTES // 4) * (128 << 10)


def test_a_zstd_window_that_no_reader_should_hold(zstandard: Any) -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=28)
    compressor = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    packed = compressor.compress(TEXT) + compressor.flush()
    text, broken = inflated(packed, "zstd")
    assert text == b""
    assert broken is not None


def test_zstd_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    with pytest.raises(MalformedBundle, match="zstandard"):
        inflated(c.ZSTD_MAGIC, "zstd")


@pytest.mark.parametrize("name", ["bundle.json", "bundle.json.gz", "bundle.anything"])
def test_a_file_is_read_whatever_it_is_called(
    tmp_path: Path, whole: r.Bundle, written: Callable[[r.Bundle], bytes], name: str
) -> None:
    for data in (written(whole), gzip.compress(written(whole))):
        (tmp_path / name).write_bytes(data)
        assert read_bundle(tmp_path / name, strict=True) == whole


@pytest.mark.parametrize("name", ["bundle.json", "bundle.json.gz"])
def test_a_file_is_compressed_as_its_name_says(tmp_path: Path, name: str) -> None:
    with create_compressed(tmp_path / name) as out:
        out.write(TEXT)
    data = (tmp_path / name).read_bytes()
    assert c.encoding_of(data) == ("gzip" if name.endswith(".gz") else "identity")
    with c.open_bundle(tmp_path / name) as stream:
        assert stream.read() == TEXT


def fill(path: Path, size: int) -> None:
    with create_compressed(path) as out:
        for start in range(0, size, 1000):
            out.write(random.Random(start).randbytes(1000))


@pytest.mark.parametrize("size", [10, 5_000_000])
def test_a_full_disk_is_told_when_the_file_is_closed_or_before(tmp_path: Path, size: int) -> None:
    (tmp_path / "bundle.json.gz").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        fill(tmp_path / "bundle.json.gz", size)


def test_closing_closes_the_file(tmp_path: Path) -> None:
    source = io.BytesIO(TEXT)
    with c.open_inflated(source, "identity"):
        pass
    assert source.closed


def test_a_damaged_file_still_gives_its_elements(whole: r.Bundle, written: Any) -> None:
    packed = bytearray(gzip.compress(written(whole)))
    packed[-5] ^= 1
    stream: Any = c.open_inflated(io.BytesIO(bytes(packed)), "gzip")
    *elements, last = BundleReader(stream)
    assert len(elements) == len(list(BundleReader(io.BytesIO(written(whole)))))
    assert last.record.kind == "cut"
