"""Read the words of the command line that click alone doesn't know how to."""

from __future__ import annotations

import math
import os
import re
from typing import Any, List, Optional, Set, Tuple

import click
from click.core import ParameterSource

DEFAULT_SERVER = "http://127.0.0.1:8765"
LEAST_MAX_SIZE = 1 << 20
# A tick costs some 15 us: at 20 us a loop took eighteen times as long, at 10 it stood still.
LEAST_INTERVAL_S = 0.0001


def size(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    """Read a number of bytes, or of units of 1024, its square and its cube: K, M, G."""
    match = re.fullmatch(r"(\d{1,12})([KMG]?)", value.strip().upper())
    if match is None:
        raise click.BadParameter(f"{value!r} is no size such as 500M or 2G")
    found = int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]
    if found < LEAST_MAX_SIZE:
        raise click.BadParameter(f"{value!r} is too little: a recording needs 1M at least")
    return found


class Seconds(click.FloatRange):
    """A number of seconds from 0 on; ``least`` is of those that aren't 0."""

    name = "number of seconds"

    def __init__(self, most: Optional[float] = None, least: float = 0) -> None:
        super().__init__(0, most)
        self._least = least

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> float:
        """Read it; nan is in every range, for click."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value} is no number of seconds", param, ctx)
        if 0 < seconds < self._least:
            self.fail(f"{value} is too short: below {self._least} a program hardly gets on", param, ctx)
        return seconds


def patterns(_ctx: click.Context, _param: click.Parameter, value: Tuple[str, ...]) -> List[str]:
    """Refuse a pattern that fits nothing."""
    if not all(pattern.strip() for pattern in value):
        raise click.BadParameter("an empty pattern fits nothing; name a package, module or file")
    return list(value)


class RunCommand(click.Command):
    """``run`` as python itself takes its words: what follows the target is the program's."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Cut the words at the target, so that click sees tracebin's own options alone."""
        own, target, words = _cut_at_target(args, _takes_value(self))
        ctx.meta["target"], ctx.meta["words"] = target, words
        try:
            return super().parse_args(ctx, own)
        except click.BadParameter as fault:
            fault.param_hint = fault.param_hint or _variable(ctx, fault.param)
            raise


def _variable(ctx: click.Context, param: Optional[click.Parameter]) -> Optional[str]:
    """Name the variable that an option's value is from, if it isn't from the command line."""
    if param is None or param.name is None:
        return None
    is_one = ctx.get_parameter_source(param.name) is ParameterSource.ENVIRONMENT
    return f"${param.envvar}" if is_one else None


def _takes_value(command: click.Command) -> Set[str]:
    options = (param for param in command.params if isinstance(param, click.Option))
    return {name for option in options if not option.is_flag for name in option.opts}


def _cut_at_target(args: List[str], takes_value: Set[str]) -> Tuple[List[str], str, List[str]]:
    """Give tracebin's own words, what kind of target follows, and the words for PyPy.

    ``--upload`` takes its URL after an equals sign alone: the word behind it may be the script.
    """
    own: List[str] = []
    at = 0
    while at < len(args):
        word = args[at]
        if word == "--":
            return own, "script", args[at + 1 :]
        if word[:2] in ("-m", "-c") and not word.startswith("--"):
            return own, "module" if word[1] == "m" else "code", _joined(args[at:])
        if not word.startswith("-") or word == "-":
            return own, "script", args[at:]
        own.append(word if word != "--upload" else f"--upload={_default_server()}")
        if word in takes_value and word != "--upload":
            at += 1
            own += args[at : at + 1]
        at += 1
    return own, "none", []


def _joined(words: List[str]) -> List[str]:
    first = words[0]
    return words if len(first) == 2 else [first[:2], first[2:], *words[1:]]


def _default_server() -> str:
    return os.environ.get("TRACEBIN_SERVER", DEFAULT_SERVER)
