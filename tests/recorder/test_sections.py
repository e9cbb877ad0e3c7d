from __future__ import annotations

import io
from typing import Any

import pytest

from tracebin.recorder import sections
from tracebin.recorder.sections import LineSplitter, Section, SectionReader, line_blocks


class Seen:
    """What a reader told: names opened, and sections closed."""

    def __init__(self, text: str) -> None:
        self.opened: list[str] = []
        self.closed: list[Section] = []
        self.reader = SectionReader(lambda section: self.opened.append(section.name), self.closed.append)
        self.reader.feed(text)

    def names(self) -> list[tuple[str, bool]]:
        return [(section.name, section.complete) for section in self.closed]


def test_behind_a_piece_that_is_gone_what_does_not_fit_is_normal() -> None:
    seen = Seen("[1] {jit-tracing\n[2] {b\nlost")
    # WHEN the log goes on inside of sections that nobody saw begin
    seen.reader.skip()
    seen.reader.feed("ine\n[5] jit-tracing}\n[6] {gc-minor\n[7] gc-minor}\nstray\n[8] {jit-tracing")
    assert seen.names() == [("b", False), ("jit-tracing", False), ("gc-minor", True)]
    assert (seen.reader.strays, seen.reader.crossed) == (0, 0)
    # THEN from the next tracing on it isn't any more
    seen.reader.feed("[9] x}\n[10] jit-tracing}\nstray\n")
    assert (seen.reader.strays, seen.reader.crossed) == (1, 1)


def test_lines_belong_to_the_innermost_section() -> None:
    seen = Seen("[1] {a\none\n[2] {b\ntwo\n[5] b}\nthree\n[9] a}")
    b, a = seen.closed
    assert (a.name, a.start, a.stop, a.lines, a.complete) == ("a", 1, 9, ["one", "three"], True)
    assert (b.name, b.start, b.stop, b.lines, b.parent) == ("b", 2, 5, ["two"], a)
    assert b.inside("a")
    assert not a.inside("a")
    assert seen.reader.end() == 0


def test_ticks_are_hexadecimal() -> None:
    seen = Seen("[4dc331a3a50] {gc-minor\n[4dc331a3a51] gc-minor}")
    assert (seen.closed[0].start, seen.reader.last_tick) == (0x4DC331A3A50, 0x4DC331A3A51)


def test_a_cut_log_closes_what_is_open_at_its_last_tick() -> None:
    seen = Seen("[1] {a\n[2] {b\nhal")
    assert seen.reader.end() == 2
    assert seen.names() == [("b", False), ("a", False)]
    assert [section.stop for section in seen.closed] == [2, 2]
    assert seen.closed[0].lines == ["hal"]


def test_an_end_closes_the_sections_left_open_in_it() -> None:
    seen = Seen("[1] {a\n[2] {b\n[3] a}\n[4] {c\n[5] c}")
    assert seen.names() == [("b", False), ("a", True), ("c", True)]
    assert (seen.reader.crossed, seen.reader.end()) == (1, 0)


def test_an_end_without_beginning_is_counted_and_changes_nothing() -> None:
    seen = Seen("[1] x}\n[2] {a\n[3] y}\nline\n[4] a}")
    assert seen.names() == [("a", True)]
    assert seen.closed[0].lines == ["line"]
    assert seen.reader.crossed == 2


def test_lines_outside_of_sections_are_counted_but_not_empty_ones() -> None:
    assert Seen("stray\n\n[1] {a\n[2] a}\nstray").reader.strays == 2


def test_empty_lines_count_and_come_whole_from_several_blocks() -> None:
    seen = Seen("[1] {a\n")
    for block in ("", "\n", "one\n\n", "[p0]\n", "[2] {b\n\n[3] b}\n\ntwo\n", "[9] a}\n"):
        seen.reader.feed(block)
    b, a = seen.closed
    assert (b.lines, b.text) == ([""], "")
    assert a.lines == ["", "one", "", "[p0]", "", "two"]
    assert a.text.split("\n") == a.lines


def test_lines_that_only_look_like_marks_are_lines() -> None:
    seen = Seen("[1] {a\n[p0, i1]\n[xyz] {b\n[12] b\n[2] a}")
    assert seen.closed[0].lines == ["[p0, i1]", "[xyz] {b", "[12] b"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_are_whole_whatever_the_blocks(monkeypatch: Any, size: int) -> None:
    monkeypatch.setattr(sections, "BLOCK_BYTES", size)
    data = "first\n\nzweite mit ü\nlast without end".encode()
    blocks = list(line_blocks(io.BytesIO(data)))
    assert "".join(blocks) == data.decode()
    assert all(block.endswith("\n") for block in blocks[:-1] if block)


def test_bytes_that_are_no_utf8_come_back_as_they_were() -> None:
    splitter = LineSplitter()
    text = splitter.push(b"a\xff\n\xc3") + splitter.push(b"\xbc\n") + splitter.end()
    assert text.encode("utf-8", "surrogateescape") == b"a\xff\n\xc3\xbc\n"
