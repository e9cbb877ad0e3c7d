"""Open the database and hand out sessions: many readers, one writer at a time.

SQLite is the default and needs care (docs/server.md, "SQLite"): writers begin
with BEGIN IMMEDIATE, since a reader that turns writer fails at once whatever the
busy timeout; and they queue in this process first, since SQLite's own waiting is
unfair.
"""

from __future__ import annotations

import importlib
import sqlite3
import threading
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Iterator, Tuple

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from tracebin.errors import ConfigurationError

BUSY_TIMEOUT_S = 10
WAL_SIZE_BYTES = 64 << 20

# https://sqlite.org/wal.html#walresetbug: with two connections in WAL mode, committed pages may be lost.
_FIXED_FROM = (3, 51, 3)
_BACKPORTS = ((3, 50, 7), (3, 44, 6))


def wal_is_safe(version: Tuple[int, ...]) -> bool:
    """Say whether this SQLite is free of the WAL-reset bug."""
    return version >= _FIXED_FROM or any(version[:2] == b[:2] and version >= b for b in _BACKPORTS)


def choose_sqlite() -> Tuple[Any, str]:
    """Give the SQLite module to use and the journal mode that is safe with it."""
    if wal_is_safe(sqlite3.sqlite_version_info):
        return sqlite3, "WAL"
    newer = _pysqlite3()
    if newer is not None and wal_is_safe(newer.sqlite_version_info):
        return newer, "WAL"
    return sqlite3, "DELETE"


def _pysqlite3() -> Any:
    try:
        module: ModuleType = importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return None
    return module


class Database:
    """One engine, and sessions to read or to write with.

    Raises:
        ConfigurationError: the URL names no database this can open.
    """

    def __init__(self, url: URL) -> None:
        self.engine = _engine(url)
        self._writers = self.engine.execution_options(tracebin_write=True)
        self._turn = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session for one consistent view."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open the session that may write; commit at the end, roll back on any error."""
        with self._turn, Session(self._writers, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def changing_schema(self) -> Iterator[Connection]:
        """Open a connection for a migration, all of it or nothing."""
        with self._turn, self._writers.begin() as connection:
            yield connection

    def check(self) -> None:
        """Ask the database for an answer.

        Raises:
            OperationalError: it gives none.
        """
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    try:
        return create_engine(url, pool_pre_ping=True)
    except (ArgumentError, ImportError) as fault:
        raise ConfigurationError(f"TRACEBIN_DATABASE_URL can't be used: {fault}") from None


def _sqlite_engine(url: URL) -> Engine:
    module, journal = choose_sqlite()
    engine = create_engine(url, module=module, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # None: the module begins no transactions of its own, the listener below does.
        connection.isolation_level = None
        for pragma in (
            f"journal_mode={journal}",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"journal_size_limit={WAL_SIZE_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("tracebin_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
