from __future__ import annotations

import marshal
from pathlib import Path
from typing import Any

import pytest

from tracebin.bundle.records import CodeMemory, Exit, Host, Stream
from tracebin.errors import RecordingUnreadable
from tracebin.recorder.raw import Finish, Launch, NotesReader, RawRecording

FRAMES: list[tuple[Any, ...]] = [
    ("start", {"pid": 7, "stdlib": "/lib", "pypy": "7.3.11"}),
    ("sampling", {"started_ns": 10, "interval_s": 0.001}),
    ("code", ("f", "x.py", 3, None), b"marshalled"),
    ("sampled", {"stopped_ns": 20}),
    ("threads", [(140, "MainThread")], 2),
    ("memory", (4096, 1024)),
    ("fault", "compile hook: ValueError: x"),
    ("end", {"stopped_ns": 30, "forks": 2}),
]
NOTES = b"".join(marshal.dumps(frame) for frame in FRAMES)


@pytest.fixture
def raw(tmp_path: Path) -> RawRecording:
    (tmp_path / "7.notes").write_bytes(NOTES)
    return RawRecording(tmp_path)


def test_notes_are_read(raw: RawRecording) -> None:
    notes = raw.notes("7")
    assert notes.about["pypy"] == "7.3.11"
    assert notes.sampling == {"started_ns": 10, "interval_s": 0.001, "stopped_ns": 20}
    assert [(code.name, code.file, code.line, code.marshalled) for code in notes.codes] == [
        ("f", "x.py", 3, b"marshalled")
    ]
    assert (notes.names_at_end, notes.other_threads) == ({140: "MainThread"}, 2)
    assert (notes.forks, notes.code_memory) == (2, CodeMemory(4096, 1024))
    assert notes.faults == ["compile hook: ValueError: x"]
    assert notes.is_ended


def test_notes_cut_anywhere_give_the_frames_before_the_cut(raw: RawRecording) -> None:
    ends = [len(b"".join(marshal.dumps(frame) for frame in FRAMES[:count])) for count in range(len(FRAMES))]
    for size in range(len(NOTES)):
        raw.path("7", "notes").write_bytes(NOTES[:size])
        notes = raw.notes("7")
        assert not notes.is_ended
        assert bool(notes.about) == (size >= ends[1])
        assert len(notes.codes) == (size >= ends[3])


def test_notes_may_grow_byte_by_byte_while_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "7.notes"
    reader = NotesReader("7", path)
    assert reader.update() == []
    news = []
    with path.open("wb", buffering=0) as stream:
        for byte in NOTES:
            stream.write(bytes([byte]))
            news += reader.update()
    assert len(news) == 1
    assert reader.notes.is_ended


@pytest.mark.parametrize(
    "frame",
    [None, 1, (), ("code",), ("code", 1, 2), ("start", 3), ("memory", (1,)), ("threads", [1])],
)
def test_a_note_of_another_form_is_told_and_passed_over(raw: RawRecording, frame: Any) -> None:
    raw.path("7", "notes").write_bytes(marshal.dumps(frame) + NOTES)
    notes = raw.notes("7")
    assert notes.is_ended
    assert notes.faults == ["a note of a form this tracebin doesn't know", "compile hook: ValueError: x"]


@pytest.mark.parametrize("data", [b"", b"\0", b"garbage", b"\xff" * 50])
def test_bytes_that_are_no_notes_give_none(raw: RawRecording, data: bytes) -> None:
    raw.path("7", "notes").write_bytes(data)
    assert raw.notes("7").about == {}


def test_launch_and_finish_come_back_as_they_were(raw: RawRecording) -> None:
    launch = Launch(
        ["prog.py", "ä"], "script", "/", "2026-11-22T18:00:00.000000Z", 5, Host("Linux", "6", "x86_64"),
        "0.1", {"interval_s": 0.001, "source": "used"}, {}, {"threshold": 3}, problems=["one"],
    )  # fmt: skip
    finish = Finish(7, 10, Exit(signal=9), {"stdout": Stream("utf-8", "a", "", 1, 0)}, 100, 200)
    raw.write_launch(launch)
    assert raw.finish() is None
    raw.write_finish(finish)
    assert (raw.launch(), raw.finish()) == (launch, finish)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"command": 1}'])
def test_a_folder_without_a_launch_is_no_recording(tmp_path: Path, text: Any) -> None:
    if text is not None:
        (tmp_path / "launch.json").write_text(text)
    with pytest.raises(RecordingUnreadable, match="holds no recording"):
        RawRecording(tmp_path).launch()


def test_processes_are_found_by_their_files(raw: RawRecording) -> None:
    for name in ("12.notes", "12.log", "a1.7.notes", "3.log"):
        (raw.folder / name).touch()
    assert raw.stems() == ["12", "7", "a1.7"]
    assert raw.data("99", "prof") == b""
