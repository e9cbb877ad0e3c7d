"""Publish, fetch and delete runs: the only place that commits.

The order of steps keeps one promise at every moment, also when the process is
killed: a run that can be seen has its blobs.  Blobs go into place before the row is
committed, and away after the row is gone, each while the database's write lock is
held, so that two requests about the same bytes can't cross.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import BinaryIO, Iterator, Set

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.orm import Session

from tracebin.bundle.records import Exit
from tracebin.errors import RunNotFound, StorageUnavailable, TokenRefused
from tracebin.server import tables
from tracebin.server.answers import RunRow, Runs
from tracebin.server.blobs import BlobFolder, BlobStore, Part
from tracebin.server.config import ServerConfig
from tracebin.server.database import Database
from tracebin.server.ingest import Body, Ingested, RunParts, examine, receive
from tracebin.server.migrate import migrate
from tracebin.server.parts import Parts, PartsCache

# 24 random bytes are 32 characters; ids can't be guessed, and tokens even less.
ID_BYTES = 24
INSERT_ROWS = 5_000
# Version of what is made of a bundle.  A run with another one is made anew when it is asked for.
DERIVED = 7
_KEYS = (tables.Run.bundle_key, tables.Run.columns_key, tables.Run.timeline_key)


@dataclass(frozen=True)
class Published:
    """The id of a stored run, and the token that deletes it: kept nowhere, given out once."""

    id: str
    delete_token: str


@dataclass(frozen=True)
class Timeline:
    """The time line of a run, open for reading."""

    parts: Parts
    duration_ns: int

    def __enter__(self) -> Timeline:
        return self

    def __exit__(self, *fault: object) -> None:
        self.parts.close()


@dataclass(frozen=True)
class StoredBundle:
    """A bundle as it was uploaded."""

    stream: BinaryIO
    encoding: str
    size_bytes: int


class Store:
    """The runs of one server."""

    def __init__(self, config: ServerConfig, database: Database, blobs: BlobStore) -> None:
        self.config = config
        self.database = database
        self.blobs = blobs
        self._parts = PartsCache(blobs)
        # One at a time: it takes as long, and as much memory, as an upload.
        self._deriving = threading.Lock()

    def publish(self, body: Body) -> Published:
        """Store an uploaded bundle as a new run, whole or not at all.

        Raises:
            BundleError: it isn't a whole, consistent bundle within the limits.
            StorageUnavailable: there is no room for it.
        """
        self._need_room(body.announced_bytes or 0)
        with self.blobs.stage() as bundle, self._staged() as parts:
            receive(body, bundle, self.config.body_bytes)
            with bundle.reopen() as source:
                ingested = examine(source, parts, body.encoding, self.config)
            with self.database.writing() as session:
                return _insert(session, ingested, bundle, parts, body.encoding)

    def open_timeline(self, run: tables.Run) -> Timeline:
        """Open the time line of a run that :meth:`make_current` gave."""
        return Timeline(self._parts.open(run.timeline_key or ""), run.duration_ns)

    def make_current(self, run_id: str) -> tables.Run:
        """Make sure that what is stored of a run is what this tracebin makes of its bundle.

        Raises:
            RunNotFound: there is no such run.
        """
        with self.database.reading() as session:
            run = find_run(session, run_id)
        return run if run.derived == DERIVED else self._derive_again(run_id)

    def _derive_again(self, run_id: str) -> tables.Run:
        """Make everything of a stored run's bundle anew, as if it had just been uploaded."""
        with self._deriving:
            with self.database.reading() as session:
                run = find_run(session, run_id)
            if run.derived == DERIVED:
                return run
            with self._staged() as parts:
                with self.blobs.open(run.bundle_key) as source:
                    ingested = examine(source, parts, run.encoding, self.config)
                with self.database.writing() as session:
                    found = find_run(session, run_id)
                    _replace(session, found, ingested, parts)
                    return found

    @contextmanager
    def _staged(self) -> Iterator[RunParts]:
        with self.blobs.stage() as columns, self.blobs.stage() as timeline:
            yield RunParts(columns, timeline)

    def delete(self, run_id: str, token: str) -> None:
        """Delete a run, and its blobs where no other run has the same.

        Raises:
            RunNotFound: there is no such run.
            TokenRefused: the token isn't this run's.
        """
        with self.database.writing() as session:
            run = find_run(session, run_id)
            if not hmac.compare_digest(run.token_sha256, _sha256(token)):
                raise TokenRefused("this token doesn't delete this run")
            session.execute(delete(tables.Run).where(tables.Run.pk == run.pk))
            keys = [key for key in (run.bundle_key, run.columns_key, run.timeline_key) if key]
        with self.database.writing() as session:
            for key in keys:
                if not _is_used(session, key):
                    self.blobs.delete(key)

    def runs(self, limit: int, offset: int) -> Runs:
        """List runs, newest first."""
        with self.database.reading() as session:
            total = session.scalar(select(func.count()).select_from(tables.Run)) or 0
            newest = select(tables.Run).order_by(tables.Run.pk.desc()).limit(limit).offset(offset)
            return Runs(total, [_run_row(run) for run in session.scalars(newest)])

    def bundle(self, run_id: str) -> StoredBundle:
        """Open the bundle of a run.

        Raises:
            RunNotFound: there is no such run.
        """
        with self.database.reading() as session:
            run = find_run(session, run_id)
            return StoredBundle(self.blobs.open(run.bundle_key), run.encoding, run.bundle_bytes)

    def check(self) -> None:
        """Try the database and the blob folder.

        Raises:
            StorageUnavailable: the blob folder takes nothing.
            OperationalError: the database gives no answer.
        """
        self.database.check()
        self.blobs.check()

    def sweep(self) -> int:
        """Remove what killed processes left behind; say how many files."""
        with self.database.writing() as session:
            return self.blobs.sweep(_used_keys(session))

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def _need_room(self, more_bytes: int) -> None:
        if self.blobs.free_bytes() < self.config.free_bytes + more_bytes:
            raise StorageUnavailable(
                "the server's disk is nearly full: nothing can be uploaded until runs are deleted"
            )


def open_store(config: ServerConfig) -> Store:
    """Make the folder and the tables where they lack, and clear what a crash left.

    Raises:
        ConfigurationError: the folder or the database can't be used.
    """
    blobs = BlobFolder(config.blobs)
    database = Database(config.database)
    migrate(database)
    store = Store(config, database, blobs)
    store.sweep()
    return store


def find_run(session: Session, run_id: str) -> tables.Run:
    """Give the run with this id.

    Raises:
        RunNotFound: there is none.
    """
    run = session.scalar(select(tables.Run).where(tables.Run.id == run_id))
    if run is None:
        raise RunNotFound(f"there is no run {run_id[:40]!r} here")
    return run


def _insert(session: Session, ingested: Ingested, bundle: Part, parts: RunParts, encoding: str) -> Published:
    published = Published(secrets.token_urlsafe(ID_BYTES), secrets.token_urlsafe(ID_BYTES))
    run = tables.Run(
        **ingested.run,
        id=published.id,
        token_sha256=_sha256(published.delete_token),
        uploaded=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        bundle_bytes=bundle.size,
        encoding=encoding,
        bundle_key=bundle.key,
    )
    _fill(session, run, ingested, parts)
    # Last: what fails above leaves no blob.  What fails below (the commit) leaves garbage for the next sweep.
    bundle.keep()
    return published


def _replace(session: Session, run: tables.Run, ingested: Ingested, parts: RunParts) -> None:
    """Put what was made of a bundle in the place of what an older tracebin made of it."""
    for table in ingested.rows:
        session.execute(delete(table).where(table.run == run.pk))  # type: ignore[attr-defined]
    for name, value in ingested.run.items():
        setattr(run, name, value)
    # The old blob of columns is swept at the next start: another run may have the same.
    _fill(session, run, ingested, parts)


def _fill(session: Session, run: tables.Run, ingested: Ingested, parts: RunParts) -> None:
    run.columns_key, run.timeline_key, run.derived = parts.columns.key, parts.timeline.key, DERIVED
    session.add(run)
    session.flush()
    for table, rows in ingested.rows.items():
        for start in range(0, len(rows), INSERT_ROWS):
            session.execute(
                insert(table), [{**row, "run": run.pk} for row in rows[start : start + INSERT_ROWS]]
            )
    parts.columns.keep()
    parts.timeline.keep()


def _run_row(run: tables.Run) -> RunRow:
    return RunRow(
        id=run.id,
        command=json.loads(run.command),
        started=run.started,
        duration_ns=run.duration_ns,
        exit=Exit(run.exit_status, run.exit_signal),
        pypy=run.pypy,
        python=run.python,
        traces=run.traces,
        aborts=run.aborts,
        bundle_bytes=run.bundle_bytes,
        uploaded=run.uploaded,
    )


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _is_used(session: Session, key: str) -> bool:
    users = or_(*(column == key for column in _KEYS))
    return session.scalar(select(tables.Run.pk).where(users).limit(1)) is not None


def _used_keys(session: Session) -> Set[str]:
    return {key for row in session.execute(select(*_KEYS)) for key in row if key}
