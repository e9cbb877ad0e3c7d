"""Uploads whose HTTP side, length or compression is wrong: refused whole, nothing left behind."""

from __future__ import annotations

import gzip
import io
import resource
import zlib
from typing import Any

import pytest
import zstandard
from flask.testing import FlaskClient

SHORT = b"an upload"


def test_empty(refused: Any) -> None:
    refused(400, "empty_body", b"")


def test_empty_gzip(refused: Any) -> None:
    refused(422, "malformed-bundle", gzip.compress(b""), "gzip")


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""]
)
def test_content_type(refused: Any, body: bytes, kind: str) -> None:
    refused(415, "content_type", body, headers={"Content-Type": kind})


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate", "x" * 1000])
def test_content_encoding(refused: Any, body: bytes, encoding: str) -> None:
    refused(415, "content_encoding", body, encoding)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_method(client: FlaskClient, refused: Any, body: bytes, method: str) -> None:
    response = client.open("/api/v1/runs", method=method, data=body)
    refused.check(response, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


def test_announced_too_long_is_not_read(refused: Any, config: Any) -> None:
    class Unread(io.RawIOBase):
        def readinto(self, buffer: Any) -> int:
            raise AssertionError("the body was read")

    body = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(config.body_bytes + 1)}
    problem = refused(413, "body_bytes", b"", environ_overrides=body)
    assert problem["limit"] == config.body_bytes


def test_too_long_without_announcement(refused: Any, config: Any) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.given += len(buffer)
            return len(buffer)

    stream = Endless()
    body = {"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    refused(413, "body_bytes", b"", environ_overrides=body)
    assert stream.given <= config.body_bytes + (2 << 20)


def test_as_long_as_allowed_is_read(refused: Any, config: Any) -> None:
    refused(422, "malformed-bundle", b"x" * config.body_bytes)


def test_shorter_than_announced(refused: Any, body: bytes) -> None:
    short = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body) + 1)}
    refused(400, "short_body", b"", environ_overrides=short)


def test_declared_gzip_and_is_not(refused: Any, body: bytes) -> None:
    refused(422, "malformed-bundle", body, "gzip")


def test_declared_plain_and_is_gzip(refused: Any, body: bytes) -> None:
    refused(422, "malformed-bundle", gzip.compress(body))


def test_gzip_twice(refused: Any, body: bytes) -> None:
    refused(422, "malformed-bundle", gzip.compress(gzip.compress(body)), "gzip")


def test_gzip_cut_anywhere(refused: Any, body: bytes) -> None:
    whole = gzip.compress(body, mtime=0)
    for end in [*range(1, 40), *range(40, len(whole) - 12, 61), *range(len(whole) - 12, len(whole))]:
        refused(422, "malformed-bundle", whole[:end], "gzip")


def test_plain_cut_anywhere(refused: Any, body: bytes) -> None:
    # The last line feed may lack.
    for end in [*range(1, 60), *range(60, len(body) - 30, 97), *range(len(body) - 30, len(body) - 1)]:
        refused(422, "malformed-bundle", body[:end])


def test_zstd_cut(refused: Any, body: bytes) -> None:
    whole = zstandard.ZstdCompressor().compress(body)
    for end in range(1, len(whole), 97):
        refused(422, "malformed-bundle", whole[:end], "zstd")


@pytest.mark.parametrize("at", [-8, -4], ids=["checksum", "length"])
def test_gzip_with_a_wrong_trailer(refused: Any, body: bytes, at: int) -> None:
    whole = bytearray(gzip.compress(body))
    whole[at] ^= 1
    refused(422, "malformed-bundle", bytes(whole), "gzip")


def test_junk_after_gzip(refused: Any, body: bytes) -> None:
    refused(422, "malformed-bundle", gzip.compress(body) + b"junk", "gzip")


def test_zeros_after_gzip_are_padding(refused: Any, upload: Any, body: bytes) -> None:
    # Tapes and block devices pad; gzip itself ignores it.
    refused.nothing_is_left()
    assert upload(gzip.compress(body) + bytes(512), "gzip").status_code == 201


def test_many_empty_members(refused: Any, config: Any) -> None:
    member = gzip.compress(b"", mtime=0)
    few = config.body_bytes // len(member)
    problem = refused(413, "compressed_members", member * few, "gzip")
    assert problem["limit"] == 64


def bomb(gibibytes: int) -> bytes:
    """Zeros in one gzip member: one compressed stretch between full flushes, repeated."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = compressor.compress(bytes(1 << 24)) + compressor.flush(zlib.Z_FULL_FLUSH)
    stretch = compressor.compress(bytes(1 << 24)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return first + stretch * (gibibytes * 64 - 1)


def test_bomb(app: Any, refused: Any, config: Any) -> None:
    # GIVEN ten GiB of zeros in some ten MB, and a server that takes such bodies
    object.__setattr__(config, "body_bytes", 64 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # WHEN they are inflated
    problem = refused(413, "line_bytes", bomb(10), "gzip")
    # THEN it ends at the first limit, and memory hardly grew (the body itself is held by the test)
    assert problem["limit"] == config.line_bytes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_bomb_of_lines(refused: Any, body: bytes, config: Any) -> None:
    # Blank lines aren't one long line: the cap on everything inflated ends it.
    head = body[: body.index(b'"processes"')]
    lines = (b'{"pid": 1}' * 1000 + b",\n") * 2000
    problem = refused(413, "inflated_bytes", gzip.compress(head + b'"unknown": [\n' + lines), "gzip")
    assert problem["limit"] == config.inflated_bytes


def test_zstd_window_too_large(refused: Any) -> None:
    # A frame header that asks for a window of 2 GiB: magic, descriptor, window descriptor.
    refused(
        422, "malformed-bundle", b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([21 << 3]) + b"\x01\x00\x00", "zstd"
    )


def test_no_room(refused: Any, store: Any, config: Any, body: bytes, upload: Any) -> None:
    object.__setattr__(config, "free_bytes", 1 << 62)
    response = upload(body)
    refused.check(response, 503, "storage-unavailable")
    assert response.headers["Retry-After"]
    object.__setattr__(config, "free_bytes", 0)
