from __future__ import annotations

import pytest

from tracebin.recorder.whole_sections import Dump, Minor, whole_sections

MINOR = "[a] {gc-minor\nminor collect, total memory used: 7\n[b] gc-minor}\n"
WALKED = MINOR.replace("minor\nm", "minor\n[a] {gc-minor-walkroots\n[a] gc-minor-walkroots}\nm")
DUMP = (
    "[c] {jit-backend-dump\nBACKEND x86_64\nSYS_EXECUTABLE /usr/bin/pypy3\n"
    "CODE_DUMP @10 +4  00FF\n[d] jit-backend-dump}\n"
)
COLLECTED, DUMPED = Minor(10, 11, 7), Dump("x86_64", 13, 20, "00FF")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [("", None)]),
        ("a line\n", [("a line\n", None)]),
        (MINOR, [("", COLLECTED), ("", None)]),
        (WALKED, [("", COLLECTED), ("", None)]),
        (DUMP, [("", DUMPED), ("", None)]),
        (DUMP + MINOR + "rest\n", [("", DUMPED), ("", COLLECTED), ("rest\n", None)]),
        ("before\n" + DUMP, [("before\n", DUMPED), ("", None)]),
    ],
)
def test_what_stands_whole_is_cut_out(text: str, found: list[tuple[str, Minor | Dump | None]]) -> None:
    assert list(whole_sections(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "in a line " + MINOR,
        MINOR.rpartition("[")[0],
        MINOR.replace("7\n", "7\n[a] {tracebin-sync\n[a] tracebin-sync}\n"),
        MINOR.replace("7", "many"),
        DUMP.replace("  00FF", ""),
        DUMP.replace("+4", "4"),
        DUMP.replace("[c]", "[]"),
    ],
)
def test_what_has_another_form_is_left_as_it_is(text: str) -> None:
    assert list(whole_sections(text)) == [(text, None)]
