"""Parse the command line, call one function, print, and choose the exit code."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """See what PyPy does with a program."""
