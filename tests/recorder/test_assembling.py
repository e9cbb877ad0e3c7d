from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tracebin.recorder import assembling
from tracebin.recorder.assembling import Follower
from tracebin.recorder.pace import Outlook

# More than any rest leaves unread.
MUCH = 100_000_000


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """Give what the launcher says to the reader; nothing closes the pipe."""
    reading, writing = os.pipe()

    def told(line: bytes) -> None:
        if line:
            os.write(writing, line)
        os.close(writing)

    with open(reading, encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield told


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Outlook]:
    """Give what the pace was asked about; it says to read."""
    asked: list[Outlook] = []
    monkeypatch.setattr(assembling, "rest_s", lambda outlook: asked.append(outlook) or 0.0)
    return asked


def grow(path: Path, size: int) -> None:
    """Make a file that long without writing it."""
    with path.open("ab") as stream:
        stream.truncate(size)


def test_a_program_that_ends_soon_is_read_afterwards(tell: Callable[[bytes], None], tmp_path: Path) -> None:
    grow(tmp_path / "1.log", 1000)
    tell(b"end\n")
    assert Follower(tmp_path, rests=True).has_ended_before_work()


def test_a_launcher_that_is_gone_ends_a_rest(tell: Callable[[bytes], None], tmp_path: Path) -> None:
    tell(b"")
    with pytest.raises(SystemExit):
        Follower(tmp_path, rests=True).has_ended_before_work()


@pytest.mark.usefixtures("tell")
def test_work_begins_when_there_is_much_of_all_processes(tmp_path: Path) -> None:
    grow(tmp_path / "1.log", MUCH // 2)
    grow(tmp_path / "2.log", MUCH // 2)
    assert not Follower(tmp_path, rests=True).has_ended_before_work()


@pytest.mark.usefixtures("tell")
def test_where_it_may_not_rest_it_begins_at_once(looked: list[Outlook], tmp_path: Path) -> None:
    follower = Follower(tmp_path, rests=False)
    assert not follower.has_ended_before_work()
    assert not any(follower(has_news) for has_news in (True, False, False, False))
    assert not looked


@pytest.mark.usefixtures("tell")
def test_what_came_while_it_was_read_counts_as_unread(looked: list[Outlook], tmp_path: Path) -> None:
    log, samples = tmp_path / "1.log", tmp_path / "1.prof"
    follower = Follower(tmp_path, rests=True)
    assert not follower.has_ended_before_work()
    # GIVEN a look that sees 3,000 bytes of log, and 500 more before that has been read
    grow(log, 3000)
    follower(False)
    grow(log, 3500)
    grow(samples, 70)
    (tmp_path / "1.notes").write_bytes(b"no concern of it")
    follower(False)
    # THEN those are what is behind
    last = looked[-1]
    assert (last.log, last.samples, last.unread_log, last.unread_samples) == (3500, 70, 500, 70)


@pytest.mark.usefixtures("tell")
def test_it_rests_only_after_two_looks_without_news(looked: list[Outlook], tmp_path: Path) -> None:
    follower = Follower(tmp_path, rests=True)
    for has_news in (True, False, True, False):
        follower(has_news)
    assert not looked
    follower(False)
    assert len(looked) == 1


def test_the_end_is_heard_between_two_blocks(tell: Callable[[bytes], None], tmp_path: Path) -> None:
    follower = Follower(tmp_path, rests=True)
    assert not follower(True)
    tell(b"end\n")
    assert follower(True)


@pytest.mark.usefixtures("tell")
def test_a_folder_that_is_gone_has_nothing(looked: list[Outlook], tmp_path: Path) -> None:
    follower = Follower(tmp_path / "gone", rests=True)
    assert not follower.has_ended_before_work()
    assert (looked[-1].log, looked[-1].samples) == (0, 0)
