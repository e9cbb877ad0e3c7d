"""docs/cli.md and the command line say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator

import click
import pytest

from tracebin.cli import main

CLI_DOC = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
HEADING = re.compile(r"^##+ .*`tracebin ([a-z -]+?)`.*$", re.MULTILINE)
LONG_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Walk the tree: each command with the words that call it."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        elif not command.hidden:
            yield prefix + name, command


def options(command: click.Command) -> set[str]:
    spelled = [
        option
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for option in [*parameter.opts, *parameter.secondary_opts]
    ]
    return {option for option in spelled if option.startswith("--")}


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """docs/cli.md cut at its headings: the words of a command -> what is written about it."""
    text = CLI_DOC.read_text()
    found = list(HEADING.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return {match.group(1): text[match.start() : end] for match, end in zip(found, ends)}


def test_every_command_has_a_section_and_every_section_a_command(sections: dict[str, str]) -> None:
    assert sorted(sections) == [name for name, _ in commands(main)]


@pytest.mark.parametrize(("name", "command"), list(commands(main)), ids=[name for name, _ in commands(main)])
def test_a_section_names_every_option_and_no_other(
    name: str, command: click.Command, sections: dict[str, str]
) -> None:
    assert set(LONG_OPTION.findall(sections[name])) - {"--help"} == options(command)
