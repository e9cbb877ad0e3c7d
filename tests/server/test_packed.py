"""What the database keeps as bytes."""

from __future__ import annotations

import zlib
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from tracebin.server.packed import Packer, pack, unpack


@given(st.binary(max_size=10_000))
def test_what_is_packed_comes_back(data: bytes) -> None:
    assert unpack(pack(data)) == data


@given(st.binary(max_size=10_000))
def test_rows_of_an_older_server_are_read(data: bytes) -> None:
    assert unpack(zlib.compress(data, 1)) == data


@given(st.lists(st.binary(min_size=1, max_size=100), max_size=30), st.sampled_from((1, 20_000)))
def test_many_are_packed_in_order_as_each_would_be(many: list[bytes], times: int) -> None:
    # GIVEN as much as is packed at once, or more by far
    many = [one * times for one in many]
    # WHEN it is packed in a row
    with closing(Packer()) as packer:
        for one in many:
            packer.add(one)
        packed = packer.finish()
    # THEN that is what each of them is packed to
    assert packed == [pack(one) for one in many]
