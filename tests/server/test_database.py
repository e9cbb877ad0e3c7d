"""The database: opened safely, brought up to date, refused when it is from the future."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, text

from tracebin.errors import ConfigurationError
from tracebin.server import database as under_test
from tracebin.server import tables
from tracebin.server.database import Database, choose_sqlite, wal_is_safe
from tracebin.server.migrate import migrate
from tracebin.server.store import open_store


@pytest.fixture
def database(tmp_path: Any) -> Any:
    opened = Database(URL.create("sqlite", database=str(tmp_path / "100% of it?.sqlite3")))
    yield opened
    opened.close()


def test_a_fresh_database_gets_the_tables(database: Database) -> None:
    migrate(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, tables.Base.metadata) == []


def test_a_current_database_stays_as_it_is(database: Database) -> None:
    migrate(database)
    with database.writing() as session:
        session.execute(text("CREATE TABLE mine (x)"))
    migrate(database)
    with database.reading() as session:
        assert session.execute(text("SELECT * FROM mine")).all() == []


def test_a_newer_database_is_refused(database: Database) -> None:
    migrate(database)
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match=r"'9999'.*a newer one made it"):
        migrate(database)


def test_a_file_that_is_no_database_is_refused(tmp_path: Any, config: Any) -> None:
    config.data.mkdir()
    (config.data / "tracebin.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigurationError, match="can't be opened"):
        open_store(config)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Any, config: Any) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="TRACEBIN_DATA"):
        open_store(replace(config, data=tmp_path / "file" / "below"))


def test_a_failed_migration_leaves_nothing(database: Database, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        with database.engine.connect():
            raise RuntimeError

    monkeypatch.setattr("tracebin.server.migrate._refuse_unknown", fail)
    with pytest.raises(RuntimeError):
        migrate(database)
    with database.reading() as session:
        assert session.execute(text("SELECT name FROM sqlite_master")).all() == []


def test_migrations_from_many_processes_at_once(tmp_path: Any) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "shared.sqlite3"))
    many = [Database(url) for _ in range(4)]
    faults: list[BaseException] = []

    def bring_up(one: Database) -> None:
        try:
            migrate(one)
        except BaseException as fault:
            faults.append(fault)
        finally:
            one.close()

    threads = [threading.Thread(target=bring_up, args=(one,)) for one in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
        ((4, 0, 0), True),
    ],
)
def test_versions_with_the_wal_reset_bug(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


@pytest.mark.parametrize(("own", "other", "journal"), [(True, None, "wal"), (False, None, "delete")])
def test_the_journal_mode_is_safe_with_the_sqlite_there_is(
    monkeypatch: Any, tmp_path: Any, own: bool, other: Any, journal: str
) -> None:
    monkeypatch.setattr(under_test, "wal_is_safe", lambda _: own)
    monkeypatch.setattr(under_test, "_pysqlite3", lambda: other)
    assert choose_sqlite()[0] is sqlite3
    opened = Database(URL.create("sqlite", database=str(tmp_path / "x.sqlite3")))
    with opened.reading() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == journal
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1
        # 2 is FULL.
        assert session.execute(text("PRAGMA synchronous")).scalar() == 2
    opened.close()


def test_the_sqlite_used_here_is_safe() -> None:
    module, journal = choose_sqlite()
    assert journal == "DELETE" or wal_is_safe(module.sqlite_version_info)


def test_writers_wait_for_each_other(database: Database) -> None:
    migrate(database)
    with database.writing() as session:
        session.execute(text("CREATE TABLE counter (n)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))

    def count() -> None:
        for _ in range(25):
            with database.writing() as session:
                n = session.execute(text("SELECT n FROM counter")).scalar_one()
                session.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.execute(text("SELECT n FROM counter")).scalar() == 200


def test_an_error_rolls_back(database: Database) -> None:
    migrate(database)

    def fail() -> None:
        with database.writing() as session:
            session.execute(text("CREATE TABLE gone (n)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.reading() as session:
        assert session.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'gone'")).all() == []
