"""Settle what the server may do, once, before it does anything.

A setting is a field of :class:`ServerConfig`; its variable is ``TRACEBIN_`` and
the field's name in capitals.  Nothing else in the server reads the environment.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

import platformdirs
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tracebin.errors import ConfigurationError

PREFIX = "TRACEBIN_"
# Variables the command line and the recorder read; a server started from the same shell takes no offence.
ELSEWHERE = ("TRACEBIN_PYPY", "TRACEBIN_SERVER", "TRACEBIN_AGENT", "TRACEBIN_RUN_")
# Limits of one upload, by the name a refusal gives as its reason.
LIMITS = (
    "body_bytes",
    "inflated_bytes",
    "line_bytes",
    "elements",
    "name_chars",
    "source_chars",
    "shown_chars",
)
_MIB = 1 << 20
_HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*\Z|\[[0-9a-f:]+\]\Z")


def default_data() -> Path:
    """Name the folder for bundles and the database where none is set."""
    return Path(platformdirs.user_data_dir("tracebin", appauthor=False))


@dataclass(frozen=True)
class ServerConfig:
    """Everything that can be set, checked.

    Limits are at least 1: there is no "0 means off", which programs tend to get
    wrong on one path of several.  A limit that shouldn't bind is set high.

    Raises:
        ConfigurationError: a value makes no sense; the message names its variable.
    """

    data: Path = dataclasses.field(default_factory=default_data)
    database_url: Optional[str] = None
    trusted_hosts: Tuple[str, ...] = ()
    # Kept free, since SQLite can't even delete on a full disk.
    free_bytes: int = 1024 * _MIB
    threads: int = 8
    body_bytes: int = 256 * _MIB
    inflated_bytes: int = 4096 * _MIB
    line_bytes: int = 64 * _MIB
    elements: int = 2_000_000
    name_chars: int = 65_536
    source_chars: int = 8 * _MIB
    # A name is written once in a bundle and shown with each row, op and step that refers to it.
    shown_chars: int = 256 * _MIB

    def __post_init__(self) -> None:
        for name in (*LIMITS, "threads"):
            _need(getattr(self, name) >= 1, name, "must be 1 or more")
        _need(self.free_bytes >= 0, "free_bytes", "must be 0 or more")
        _need(self.data.is_absolute(), "data", "must be an absolute path")
        for host in self.trusted_hosts:
            _need(_HOST.match(host) is not None, "trusted_hosts", f"holds {host!r}, which is no host name")
        _check_database(self.database_url)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ServerConfig:
        """Take the settings out of ``environ``.

        Raises:
            ConfigurationError: a TRACEBIN_ variable is unknown, or its value makes no sense.
        """
        given: Dict[str, Any] = {}
        for variable in sorted(environ):
            if variable.startswith(PREFIX) and not variable.startswith(ELSEWHERE):
                field = variable[len(PREFIX) :].lower()
                _need(field in _PARSERS, field, "is no setting of the server; docs/server.md lists them")
                given[field] = _PARSERS[field](field, environ[variable])
        return cls(**given)

    def limits(self) -> Dict[str, int]:
        """Give the limits of one upload by name."""
        return {name: getattr(self, name) for name in LIMITS}

    @property
    def database(self) -> URL:
        """The database's URL, the default being a SQLite file beside the blobs."""
        if self.database_url is None:
            return URL.create("sqlite", database=str(self.data / "tracebin.sqlite3"))
        return make_url(self.database_url)

    @property
    def blobs(self) -> Path:
        """The folder of the blobs."""
        return self.data / "blobs"


def _need(good: bool, field: str, what: str) -> None:
    if not good:
        raise ConfigurationError(f"{PREFIX}{field.upper()} {what}")


def _check_database(url: Optional[str]) -> None:
    try:
        parsed = make_url(url) if url is not None else None
    except ArgumentError:
        raise ConfigurationError("TRACEBIN_DATABASE_URL is no database URL") from None
    if parsed is not None and parsed.get_backend_name() == "sqlite":
        in_memory = parsed.database in (None, "", ":memory:")
        _need(not in_memory, "database_url", "must name a file: every connection opens it anew")


def _whole_number(field: str, text: str) -> int:
    _need(re.fullmatch(r"[0-9]{1,18}", text) is not None, field, f"must be a whole number, and is {text!r}")
    return int(text)


def _path(field: str, text: str) -> Path:
    _need(bool(text), field, "is empty")
    return Path(text).expanduser().absolute()


def _text(field: str, text: str) -> str:
    _need(bool(text), field, "is empty")
    return text


def _names(_field: str, text: str) -> Tuple[str, ...]:
    return tuple(name.strip().lower() for name in text.split(",") if name.strip())


_PARSERS: Dict[str, Callable[[str, str], Any]] = {
    "data": _path,
    "database_url": _text,
    "trusted_hosts": _names,
    "free_bytes": _whole_number,
    "threads": _whole_number,
    **dict.fromkeys(LIMITS, _whole_number),
}
