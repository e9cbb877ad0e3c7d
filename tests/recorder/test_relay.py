from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from tracebin.recorder import relay
from tracebin.recorder.captured import Keeper
from tracebin.recorder.relay import ATOMIC_BYTES, Loop, Outlet, Pump


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be opened anew, as for a stream that another user owns."""

    def refuse(*_: Any) -> int:
        raise PermissionError

    monkeypatch.setattr(relay.os, "open", refuse)


def carry(data: bytes) -> tuple[bytes, Keeper]:
    """Send data through a pump into a pipe and return what comes out of that."""
    source, writer = os.pipe()
    reader, sink = os.pipe()
    keeper = Keeper(10)
    loop = Loop([Pump(source, Outlet(sink), keeper)])
    got: list[bytes] = []

    def collect() -> None:
        with open(reader, "rb") as file:
            got.append(file.read())

    def feed() -> None:
        with open(writer, "wb") as file:
            file.write(data)

    threads = [threading.Thread(target=collect), threading.Thread(target=feed)]
    for thread in threads:
        thread.start()
    while not loop.pumps[0].ended:
        loop.step()
    os.close(sink)
    for thread in threads:
        thread.join()
    return got[0], keeper


@pytest.mark.usefixtures("refused")
def test_a_stream_that_can_not_be_opened_anew_gets_pieces_that_do_not_block() -> None:
    reader, sink = os.pipe()
    outlet = Outlet(sink)
    assert outlet.fd == sink
    assert outlet.write(memoryview(bytes(10 * ATOMIC_BYTES))) == ATOMIC_BYTES
    outlet.close()
    os.close(sink)
    assert len(os.read(reader, 1 << 16)) == ATOMIC_BYTES
    os.close(reader)


@pytest.mark.usefixtures("refused")
def test_all_of_it_arrives_even_so() -> None:
    data = os.urandom(1_000_000)
    got, keeper = carry(data)
    assert got == data
    assert keeper.captured().total == len(data)


def test_the_flags_of_the_stream_itself_are_left_alone() -> None:
    reader, sink = os.pipe()
    outlet = Outlet(sink)
    assert outlet.fd != sink
    assert not os.get_blocking(outlet.fd)
    assert os.get_blocking(sink)
    outlet.close()
    os.close(sink)
    os.close(reader)


def test_a_full_stream_takes_nothing_and_blocks_nobody() -> None:
    reader, sink = os.pipe()
    outlet = Outlet(sink)
    chunk = memoryview(bytes(1 << 16))
    while outlet.write(chunk):
        pass
    assert outlet.write(chunk) == 0
    outlet.close()
    os.close(sink)
    os.close(reader)
