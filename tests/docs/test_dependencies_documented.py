"""Each dependency has its line in docs/dependencies.md, and no line is left of one that went."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
REQUIREMENT = re.compile(r"[A-Za-z0-9_.@/-]+")


def documented() -> dict[str, set[str]]:
    """The names in the tables, by the heading above them."""
    _, *parts = SECTION.split((ROOT / "docs" / "dependencies.md").read_text())
    return {title: set(ROW.findall(text)) for title, text in zip(parts[::2], parts[1::2])}


def names(requirements: str) -> set[str]:
    found = (REQUIREMENT.match(line) for line in requirements.splitlines())
    return {match.group() for match in found if match}


def declared() -> dict[str, set[str]]:
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    python = {"Always": names(settings["options"]["install_requires"])}
    for extra, requirements in settings["options.extras_require"].items():
        python[f"With the extra `{extra}`"] = names(requirements)
    package = json.loads((ROOT / "package.json").read_text())
    npm = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
    return {
        **python,
        "From npm": set(npm),
        "From Debian": debian_packages(),
        "On PyPy": on_pypy(),
        "For the benchmarks": of_benchmarks(),
    }


def debian_packages() -> set[str]:
    need = (ROOT / "tools" / "need.sh").read_text()
    body = need.partition("packages_for() {")[2].partition("}")[0]
    return set(re.findall(r"\) echo ([a-z0-9-]+) ;;", body))


def of_benchmarks() -> set[str]:
    return set(re.findall(r'"([a-z0-9-]+)==[0-9.]+"', (ROOT / "bench" / "programs.py").read_text()))


def on_pypy() -> set[str]:
    return names((ROOT / "tools" / "pypy-tests.txt").read_text())


@pytest.mark.parametrize("place", sorted(declared()))
def test_each_dependency_says_why_it_is_there(place: str) -> None:
    assert documented()[place] == declared()[place]


def test_no_section_is_left_over() -> None:
    assert documented().keys() == declared().keys()
