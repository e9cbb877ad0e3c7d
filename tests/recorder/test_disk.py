from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from tracebin.errors import RecorderError
from tracebin.recorder import disk
from tracebin.recorder.disk import DiskLimit, Hole, hole_of, read_around

MIB = 1 << 20


class Punched:
    """Stands for fallocate: keeps what was asked for."""

    def __init__(self, fault: OSError | None = None) -> None:
        self.holes: dict[str, list[Hole]] = {}
        self.fault = fault

    def __call__(self, path: Path, hole: Hole) -> None:
        if self.fault:
            raise self.fault
        self.holes.setdefault(path.name, []).append(hole)


def grow(path: Path, size: int) -> None:
    with path.open("ab") as stream:
        stream.truncate(size)


def test_within_its_room_nothing_is_dropped(tmp_path: Path) -> None:
    punched = Punched()
    grow(tmp_path / "1.log", 5 * MIB)
    DiskLimit(tmp_path, 16 * MIB, punched).look()
    assert (punched.holes, hole_of(tmp_path / "1.log")) == ({}, None)


def test_samples_are_dropped_before_the_log_and_both_ends_stay(tmp_path: Path) -> None:
    punched = Punched()
    limit = DiskLimit(tmp_path, 16 * MIB, punched)
    for name, size in {"1.log": 8, "1.prof": 5, "1.stamps": 1, "1.notes": 1}.items():
        grow(tmp_path / name, size * MIB)
    (tmp_path / disk.STOP).unlink()
    # WHEN there are 3 MiB more than three quarters of 16
    limit.look()
    assert punched.holes == {"1.prof": [Hole(MIB, 4 * MIB)]}
    assert hole_of(tmp_path / "1.prof") == Hole(MIB, 4 * MIB)
    limit.look()
    assert list(punched.holes) == ["1.prof"]
    # WHEN the log grows, the hole does, and never again what is gone already
    (tmp_path / disk.DROPS).unlink()
    grow(tmp_path / "1.log", 12 * MIB)
    grow(tmp_path / "1.prof", 6 * MIB)
    limit.look()
    assert punched.holes["1.prof"][1:] == [Hole(4 * MIB, 5 * MIB)]
    assert punched.holes["1.log"] == [Hole(MIB, 5 * MIB)]


@pytest.mark.parametrize(("room", "kept"), [(64, 4), (8, 1), (2, 0.75)])
def test_of_calls_two_blocks_at_the_end_stay_where_there_is_room(
    tmp_path: Path, room: int, kept: float
) -> None:
    # GIVEN blocks of half a MiB: of the end of any length a whole one is wanted
    punched = Punched()
    limit = DiskLimit(tmp_path, room * MIB, punched)
    for name in "1.calls", "1.log":
        grow(tmp_path / name, 100 * MIB)
    limit.look()
    holes = punched.holes["1.calls"]
    assert holes[0].start == room * MIB // 16
    assert 100 * MIB - holes[-1].stop == pytest.approx(kept * MIB, abs=16 << 10)


def test_all_that_is_on_disk_stays_within_the_room(tmp_path: Path) -> None:
    limit, log = DiskLimit(tmp_path, 4 * MIB), tmp_path / "1.log"
    for _ in range(40):
        with log.open("ab") as stream:
            stream.write(b"x" * (MIB // 2))
        limit.look()
        assert sum(path.stat().st_blocks * 512 for path in tmp_path.iterdir()) <= 4 * MIB or limit.refused
    if not limit.refused:  # by this file system
        head, rest = read_around(log)
        assert len(head) == MIB // 4
        assert rest is not None
        assert set(head) | set(rest) == {ord("x")}


def test_a_file_system_without_holes_drops_nothing(tmp_path: Path) -> None:
    limit = DiskLimit(tmp_path, 4 * MIB, Punched(OSError(errno.EOPNOTSUPP, "no")))
    grow(tmp_path / "1.log", 9 * MIB)
    limit.look()
    assert limit.refused
    assert hole_of(tmp_path / "1.log") is None


def test_a_folder_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    limit = DiskLimit(folder, MIB)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    limit.look()
    assert limit.is_full()


def test_samples_without_room_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: int, part: Hole) -> None:
        raise OSError(errno.ENOSPC, "full")

    limit = DiskLimit(tmp_path, 16 * MIB)
    grow(tmp_path / "1.prof", 10)
    monkeypatch.setattr(disk, "_allocate", refuse)
    limit.look()
    assert limit.has_stopped
    assert (tmp_path / disk.STOP).read_bytes()[:1] == b"\1"


def test_never_more_than_half_of_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 8 * MIB

    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage)
    assert disk.room(tmp_path, 1 << 31) == 4 * MIB
    assert disk.room(tmp_path, MIB) == MIB
    Usage.free = MIB
    with pytest.raises(RecorderError, match="there is no room for a recording"):
        disk.room(tmp_path, MIB)


@pytest.mark.parametrize("text", ["", "[]", '{"1.log": 3}', '{"1.log": [1, "x"]}', '{"1.log": [5, 5]}'])
def test_a_list_of_holes_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / disk.DROPS).write_text(text)
    (tmp_path / "1.log").write_bytes(b"abc")
    assert hole_of(tmp_path / "1.log") is None
    assert read_around(tmp_path / "1.log") == (b"abc", None)


def test_what_was_dropped_is_not_read(tmp_path: Path) -> None:
    (tmp_path / disk.DROPS).write_text(json.dumps({"1.log": [2, 4]}))
    (tmp_path / "1.log").write_bytes(b"ab\0\0ef")
    assert read_around(tmp_path / "1.log") == (b"ab", b"ef")
