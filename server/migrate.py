"""Bring the database's tables up to date when the server starts."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tracebin.errors import ConfigurationError
from tracebin.server.database import Database

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Apply every migration the database lacks, all in one transaction.

    Raises:
        ConfigurationError: the database can't be opened, or a newer tracebin made it.
    """
    try:
        with database.changing_schema() as connection:
            _refuse_unknown(connection)
            command.upgrade(_config(connection), "head")
    except DBAPIError as fault:
        raise ConfigurationError(f"the database can't be opened or changed: {fault.orig}") from None


def _config(connection: Connection) -> Config:
    config = Config()
    # ConfigParser, which alembic reads this with, expands %.
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _refuse_unknown(connection: Connection) -> None:
    known = {script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()}
    for revision in MigrationContext.configure(connection).get_current_heads():
        if revision not in known:
            raise ConfigurationError(
                f"the database is at revision {revision!r}, which this tracebin doesn't know: "
                "a newer one made it; install that one, or name another TRACEBIN_DATABASE_URL"
            )
