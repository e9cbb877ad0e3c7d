"""What must never be committed: places of downloads, this machine's paths, big files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES = 200_000
# Links that lead to a file to install, and hosts named for serving such files.
DOWNLOAD = re.compile(
    r"https?://[^\s\"'<>)]+\.(?:tgz|whl|deb|tar\.(?:gz|bz2|xz|zst)|zip)\b"
    r"|https?://(?:registry|files|index|mirrors?|packages|proxy)\.[a-z0-9.-]+",
    re.IGNORECASE,
)


def committed() -> list[str]:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in names.split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[str, str]]:
    """Every committed file that is text, recordings of the tests left out: they quote what they like."""
    found = []
    for name in committed():
        data = (ROOT / name).read_bytes()
        if b"\0" not in data[:8192] and not re.match(r"tests/.*(golden|recordings)/", name):
            found.append((name, data.decode("utf-8", "replace")))
    return found


@pytest.fixture(scope="module")
def files() -> list[tuple[str, str]]:
    return texts()


def test_no_text_holds_a_place_of_download(files: list[tuple[str, str]]) -> None:
    found = [(name, match.group()) for name, text in files if (match := DOWNLOAD.search(text))]
    assert found == []


def test_no_text_holds_a_path_of_this_checkout(files: list[tuple[str, str]]) -> None:
    place = re.compile(re.escape(str(ROOT)) + r"\b")
    assert [name for name, text in files if place.search(text)] == []


def test_only_tests_may_hold_big_files() -> None:
    big = [name for name in committed() if (ROOT / name).stat().st_size > MAX_BYTES]
    assert [name for name in big if not name.startswith("tests/")] == []


def test_every_text_ends_with_one_line_feed(files: list[tuple[str, str]]) -> None:
    kept_as_made = ("tests/", "package-lock.json")
    wrong = [name for name, text in files if text and not re.search(r"[^\n]\n\Z", text)]
    assert [name for name in wrong if not name.startswith(kept_as_made)] == []
