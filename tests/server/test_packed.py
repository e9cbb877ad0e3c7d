"""What the database keeps as bytes."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from tracebin.server.packed import pack, unpack


@given(st.binary(max_size=10_000))
def test_what_is_packed_comes_back(data: bytes) -> None:
    assert unpack(pack(data)) == data


@given(st.binary(max_size=10_000))
def test_rows_of_an_older_server_are_read(data: bytes) -> None:
    assert unpack(zlib.compress(data, 1)) == data
