"""Static files have an address that changes with them, and are kept as long as it doesn't."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable

import pytest
from flask.testing import FlaskClient

from tracebin.server.static_files import FOLDER, address_of


def put(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / name).write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    put(tmp_path, a="1", b="2")
    return tmp_path


CHANGES: dict[str, Callable[[Path], object]] = {
    "a text": lambda folder: put(folder, a="3"),
    "a new file": lambda folder: put(folder, c=""),
    "a file less": lambda folder: (folder / "b").unlink(),
    "another name": lambda folder: (folder / "b").rename(folder / "c"),
    "another folder": lambda folder: (folder / "b").rename(folder / "inner" / "b"),
    "texts exchanged": lambda folder: put(folder, a="2", b="1"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_gives_another_address(folder: Path, change: str) -> None:
    before = address_of(folder)
    CHANGES[change](folder)
    assert address_of(folder) != before


def test_the_same_files_have_the_same_address(folder: Path) -> None:
    before = address_of(folder)
    put(folder, a="1")
    assert address_of(folder) == before


def test_a_page_names_files_that_may_be_kept(client: FlaskClient) -> None:
    named = re.findall(r'(?:src|href)="(/static/[^"]+)"', client.get("/").text)
    assert any(name.endswith("/main.js") for name in named)
    for name in named:
        assert name.startswith(address_of(FOLDER))
        with client.get(name) as response:
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("name", ["nothing.js", "../server/app.py"])
def test_what_is_not_there_is_not_kept(client: FlaskClient, name: str) -> None:
    response = client.get(f"{address_of(FOLDER)}/{name}")
    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "private, no-cache"


def test_a_file_that_is_as_the_browser_has_it_is_kept_on(client: FlaskClient) -> None:
    path = f"{address_of(FOLDER)}/main.js"
    with (
        client.get(path) as first,
        client.get(path, headers={"If-None-Match": first.headers["ETag"]}) as again,
    ):
        assert again.status_code == 304
        assert "immutable" in again.headers["Cache-Control"]
