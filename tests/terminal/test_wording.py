from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracebin.bundle.records import Exit
from tracebin.terminal.wording import (
    calls_mode,
    command,
    counted,
    duration,
    ending,
    percent,
    place,
    size,
    source_text,
    visible,
)


@given(st.text(st.characters()))
def test_what_is_printed_is_printable(text):
    assert visible(text).isprintable()
    visible(text).encode("utf-8")


def test_escapes_show_what_was_there():
    assert visible("a\x1b[2J\r\n\u202e\ud800é漢") == "a\\x1b[2J\\r\\n\\u202e\\ud800é漢"


def test_tabs_of_source_become_blanks():
    assert source_text("\tif x:\t# \x1b\r") == "    if x:   # \\x1b"


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_500, "1.50 µs"),
        (31_540_000, "31.5 ms"),
        (999_600_000, "1000 ms"),
        (61_000_000_000, "61.0 s"),
    ],
)
def test_times_have_three_digits_and_a_unit(ns, text):
    assert duration(ns) == text


# The cases of tests/js/format.test.js: the pages say the same.
@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1536, "1.50 KiB"),
        (1024**2 - 1, "1.00 MiB"),
        (123 * 1024**2, "123 MiB"),
        (5000 * 1024**4, "5000 TiB"),
    ],
)
def test_sizes_have_three_digits_and_a_binary_unit(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0%"), (0.0001, "<1%"), (0.01, "1%"), (0.314, "31%"), (1.0, "100%")]
)
def test_shares_are_whole_percents(share, text):
    assert percent(share) == text


def test_numbers_agree_with_their_noun():
    assert (counted(1, "loop"), counted(2, "loop")) == ("1 loop", "2 loops")


def test_a_place_is_file_and_line():
    assert place("prog.py", 3) == "prog.py:3"
    assert place("a\x1b.py", None) == "a\\x1b.py"
    assert place(None, 3) == ""


def test_the_command_is_what_a_shell_takes(make):
    assert command(make.run()) == "prog.py 'a b'"
    assert command(make.run(target="module", command=["-m", "json.tool", "x"])) == "-m json.tool x"
    assert "\x1b" not in command(make.run(command=["\x1b[31m"]))


def test_the_end_of_the_program_is_said():
    assert ending(Exit(status=3)) == "exit status 3"
    assert ending(Exit(signal=9)) == "killed by signal 9"
    assert ending(Exit()) == "how it ended is not known"


def test_the_mode_of_calls_is_said(make):
    run = make.findings().run
    said = {}
    modes = [{"calls": mode} for mode in ("exact", "exact+c", "off")]
    slowed = {"interval_s": 0.001, "later_interval_s": 0.004}
    for asked in (*modes, {"interval_s": 0.001}, {"interval_s": 0}, slowed):
        options = dataclasses.replace(run.options, recorder=asked)
        said[str(asked)] = calls_mode(dataclasses.replace(run, options=options))
    assert [text.split(" ")[0] for text in said.values()] == [
        "every",
        "every",
        "neither",
        "sampled",
        "neither",
        "sampled",
    ]
    assert said["{'interval_s': 0.001}"] == "sampled every 1.00 ms"
    assert said[str(slowed)] == "sampled every 1.00 ms, later 4.00 ms"
