"""What the pages for people name is there: commands, make targets, files behind links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracebin.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
LINK = re.compile(r"\]\((?!https?://)([^)#]*)(#[^)]*)?\)")
TARGET = re.compile(r"^([a-z][a-z-]*):.*## ", re.MULTILINE)


def test_the_readme_lists_every_command() -> None:
    listed = re.findall(r"^\| `tracebin ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(name for name, command in main.commands.items() if not command.hidden)


def test_the_developers_page_lists_every_make_target() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text())) - {"help"}
    listed = re.findall(r"^\| `make ([a-z-]+)`", (ROOT / "docs" / "development.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(targets)


@pytest.mark.parametrize("document", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_links_between_pages_lead_somewhere(document: Path) -> None:
    targets = [
        document.parent / match.group(1) for match in LINK.finditer(document.read_text()) if match.group(1)
    ]
    assert [str(target) for target in targets if not target.exists()] == []
