from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracebin.recorder.captured import Captured, Keeper, mark_file


def keep(chunks: list[bytes], keep_bytes: int) -> Captured:
    keeper = Keeper(keep_bytes)
    for chunk in chunks:
        keeper.add(chunk)
    return keeper.captured()


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(0, 30))
def test_both_ends_are_kept_whatever_the_chunks(chunks: list[bytes], keep_bytes: int) -> None:
    whole = b"".join(chunks)
    kept = keep(chunks, keep_bytes)
    rest = whole[keep_bytes:]
    assert kept.head == whole[:keep_bytes]
    assert kept.tail == rest[max(0, len(rest) - keep_bytes) :]
    assert kept.total == len(whole)
    assert kept.cut == max(0, len(whole) - 2 * keep_bytes)


@given(st.text(max_size=40), st.integers(1, 20))
def test_text_stays_text_wherever_it_is_cut(text: str, keep_bytes: int) -> None:
    data = text.encode()
    stream = keep([data], keep_bytes).stream()
    assert stream.encoding == "utf-8"
    assert text.startswith(stream.head)
    assert text.endswith(stream.tail)
    assert len(stream.head.encode()) + len(stream.tail.encode()) + stream.cut_bytes == len(data)


def test_what_is_whole_has_no_tail() -> None:
    stream = keep(["aé".encode()], 2).stream()
    assert (stream.head, stream.tail, stream.total_bytes, stream.cut_bytes) == ("aé", "", 3, 0)


def test_bytes_that_are_no_text_are_kept_as_they_are() -> None:
    stream = keep([b"\xff" * 10, b"ab"], 4).stream()
    assert stream.encoding == "base64"
    assert base64.b64decode(stream.head) == b"\xff" * 4
    assert base64.b64decode(stream.tail) == b"\xff\xffab"
    assert (stream.total_bytes, stream.cut_bytes) == (12, 4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.write_bytes(b"before\n")
    return path


def test_a_file_is_read_back_from_where_it_stood(file: Path) -> None:
    fd = os.open(file, os.O_WRONLY)
    os.lseek(fd, 0, os.SEEK_END)
    mark = mark_file(fd, appends=False)
    os.write(fd, b"mine")
    assert mark.read_back(100) == Captured(b"mine", b"", 4)
    assert os.lseek(fd, 0, os.SEEK_CUR) == 11
    os.close(fd)


def test_a_file_opened_to_append_is_read_back_from_its_old_end(file: Path) -> None:
    fd = os.open(file, os.O_WRONLY | os.O_APPEND)
    mark = mark_file(fd, appends=True)
    os.write(fd, b"0123456789")
    assert mark.read_back(3) == Captured(b"012", b"789", 10)
    os.close(fd)


def test_what_a_file_held_behind_our_part_is_not_ours(file: Path) -> None:
    fd = os.open(file, os.O_WRONLY)
    mark = mark_file(fd, appends=False)
    os.write(fd, b"BE")
    assert mark.read_back(100) == Captured(b"BE", b"", 2)
    os.close(fd)


def test_a_file_the_program_truncated_is_read_from_its_start(file: Path) -> None:
    fd = os.open(file, os.O_WRONLY)
    os.lseek(fd, 0, os.SEEK_END)
    mark = mark_file(fd, appends=False)
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, b"new")
    assert mark.read_back(100) == Captured(b"new", b"", 3)
    os.close(fd)


def test_a_file_without_a_name_any_more_is_read_all_the_same(file: Path) -> None:
    fd = os.open(file, os.O_WRONLY | os.O_TRUNC)
    mark = mark_file(fd, appends=False)
    file.unlink()
    os.write(fd, b"gone")
    assert mark.read_back(100).head == b"gone"
    os.close(fd)
