"""Every error has a status, every reason a section, every section a reason to be there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from tracebin import errors
from tracebin.server import problems
from tracebin.server.config import LIMITS
from tracebin.server.explanations import EXPLANATIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
# Limits that are the reader's own, not settings.
FIXED = ("compressed_members",)


def tree(error: type[errors.TracebinError]) -> Iterator[type[errors.TracebinError]]:
    yield error
    for below in error.__subclasses__():
        yield from tree(below)


CLASSES = list(tree(errors.TracebinError))


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_has_a_status(error: type[errors.TracebinError]) -> None:
    assert error in problems.STATUS


def test_no_status_without_an_error() -> None:
    assert set(problems.STATUS) == set(CLASSES)


def test_the_page_has_a_section_for_each_slug_and_reason_and_no_other() -> None:
    sections = re.findall(r"^### (\S+)$", PAGE.read_text(), re.MULTILINE)
    expected = [error.slug for error in CLASSES] + list(problems.REASONS) + [*LIMITS, *FIXED]
    assert sorted(sections) == sorted(expected)


def test_the_server_explains_what_the_page_does() -> None:
    groups = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    told = {}
    for title, *sections in (re.split(r"^### ", group, flags=re.MULTILINE) for group in groups):
        split = (section.partition("\n") for section in sections)
        told[title.partition("\n")[0]] = {slug: " ".join(text.split()) for slug, _, text in split}
    assert told == EXPLANATIONS


@pytest.mark.parametrize("root", ["", "/profiles"])
def test_the_type_of_a_problem_is_a_page_that_explains_it(client: FlaskClient, root: str) -> None:
    refused = client.get("/api/v1/runs/none", environ_overrides={"SCRIPT_NAME": root}).get_json()
    address, _, slug = refused["type"].partition("#")
    assert (address, slug) == (f"{root}/docs/errors", "not-found")
    page = client.get(address.removeprefix(root))
    assert (page.status_code, page.mimetype) == (200, "text/html")
    text = page.get_data(as_text=True)
    assert f'id="{slug}"' in text
    assert "There is no such run, trace or file here." in text
    assert "<code>TRACEBIN_BODY_BYTES</code>" in text


@pytest.mark.parametrize("reason", [*problems.REASONS, *LIMITS, *FIXED])
def test_every_reason_is_met_in_a_test(reason: str) -> None:
    sources = [path.read_text() for path in Path(__file__).parent.glob("test_*.py")]
    assert any(f'"{reason}"' in source for source in sources)


def test_slugs_differ() -> None:
    slugs = [error.slug for error in CLASSES]
    assert len(set(slugs)) == len(slugs)


def test_a_limit_is_named() -> None:
    fault = errors.BundleTooLarge("too many", reason="elements", limit=5, where="line 3")
    document = problems.of_error(fault)
    assert (document["reason"], document["limit"], document["where"]) == ("elements", 5, "line 3")
    assert document["type"] == "/docs/errors#bundle-too-large"


def test_what_does_not_apply_is_left_out() -> None:
    document = problems.of_error(errors.RunNotFound("gone"))
    assert set(document) == {"type", "title", "status", "detail", "reason"}


def test_a_database_out_of_reach_is_503(client: FlaskClient, store: Any, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("SELECT secret", {}, Exception("database is locked"))

    monkeypatch.setattr(store.database, "check", fail)
    response = client.get("/healthz")
    assert (response.status_code, response.get_json()["reason"]) == (503, "storage-unavailable")
    assert b"secret" not in response.data
    assert response.headers["Retry-After"]


def test_a_blob_folder_out_of_reach_is_503(client: FlaskClient, config: Any) -> None:
    config.blobs.rmdir()
    assert client.get("/healthz").status_code == 503
