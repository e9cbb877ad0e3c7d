"""Say how runs lie in the database: storage, and no behaviour.

Rows hold what is searched, sorted and joined.  What is only shown lies beside it
as JSON; what is long and only read whole as packed JSON (``packed.py``).  Ids other than a
run's are positions in the bundle's lists, so the key of a row is (run, position).
Numbers from a bundle are 64 bits wide.

A change here needs a migration in ``migrations/versions`` (a test compares them).
"""

from __future__ import annotations

from typing import Any, Optional

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NUL_STANDS_AS = "\N{REPLACEMENT CHARACTER}"


class Name(TypeDecorator[str]):
    """Text out of a bundle; a NUL, which PostgreSQL refuses, becomes U+FFFD everywhere alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Optional[str], dialect: Dialect) -> Optional[str]:
        """Replace NULs on the way in."""
        return None if value is None else value.replace("\0", NUL_STANDS_AS)

    def process_result_value(self, value: Any, dialect: Dialect) -> Optional[str]:
        """Hand back what is stored."""
        return None if value is None else str(value)


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {str: Name(), int: BigInteger(), bytes: LargeBinary()}  # noqa: RUF012


def _run() -> Mapped[int]:
    return mapped_column(ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True)


def _position() -> Mapped[int]:
    return mapped_column(primary_key=True, autoincrement=False)


class Run(Base):
    """One uploaded bundle.

    ``columns_key`` is the blob of its columnar sections, ``timeline_key`` that of its time line.
    ``derived`` is the version of what was made of the bundle (``store.DERIVED``).
    """

    __tablename__ = "runs"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - a deleted run's number isn't given again

    pk: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    token_sha256: Mapped[bytes]
    uploaded: Mapped[str]
    bundle_key: Mapped[str] = mapped_column(String(64), index=True)
    bundle_bytes: Mapped[int]
    encoding: Mapped[str] = mapped_column(String(8))
    columns_key: Mapped[str] = mapped_column(String(64), index=True)
    timeline_key: Mapped[Optional[str]] = mapped_column(String(64), index=True)
    derived: Mapped[int] = mapped_column(server_default="0")
    command: Mapped[str]
    started: Mapped[str]
    duration_ns: Mapped[int]
    exit_status: Mapped[Optional[int]]
    exit_signal: Mapped[Optional[int]]
    pypy: Mapped[str]
    python: Mapped[str]
    traces: Mapped[int]
    aborts: Mapped[int]
    overview: Mapped[str]


class Process(Base):
    """One process of a run."""

    __tablename__ = "processes"

    run: Mapped[int] = _run()
    id: Mapped[int] = _position()
    pid: Mapped[int]
    parent: Mapped[Optional[int]]
    start_ns: Mapped[int]
    end_ns: Mapped[Optional[int]]


class File(Base):
    """One source file; ``text`` is packed UTF-8, None where the bundle has none; ``left_out`` says why."""

    __tablename__ = "files"

    run: Mapped[int] = _run()
    id: Mapped[int] = _position()
    path: Mapped[str]
    origin: Mapped[str]
    module: Mapped[Optional[str]]
    package: Mapped[Optional[str]]
    sha256: Mapped[Optional[str]]
    text: Mapped[Optional[bytes]]
    left_out: Mapped[Optional[str]]


class Function(Base):
    """One function with its times; ``record`` is its element of the bundle, with the bytecode.

    The row with the id -1, of other drivers' loops, has the file -1, no path and no record.
    """

    __tablename__ = "functions"

    run: Mapped[int] = _run()
    id: Mapped[int] = _position()
    name: Mapped[str]
    qualname: Mapped[str]
    file: Mapped[int]
    path: Mapped[str]
    origin: Mapped[str]
    line: Mapped[int]
    total_ns: Mapped[int]
    self_ns: Mapped[int]
    total_samples: Mapped[int]
    self_samples: Mapped[int]
    interpreted_ns: Mapped[int]
    jitted_ns: Mapped[int]
    traces: Mapped[int]
    calls: Mapped[int] = mapped_column(server_default="0")
    record: Mapped[bytes] = mapped_column(deferred=True)


class Trace(Base):
    """One trace; ``parent_trace`` and ``parent_op`` name the guard a bridge comes from.

    ``ops`` counts the optimised stage, ``ops_traced`` and ``ops_assembled`` the
    others, None where the bundle lacks the stage.
    """

    __tablename__ = "traces"
    __table_args__ = (Index(None, "run", "parent_trace"), Index(None, "run", "function"))

    run: Mapped[int] = _run()
    id: Mapped[int] = _position()
    kind: Mapped[str]
    driver: Mapped[str]
    name: Mapped[str]
    number: Mapped[Optional[int]]
    function: Mapped[Optional[int]]
    title: Mapped[str]
    path: Mapped[Optional[str]]
    line: Mapped[Optional[int]]
    ops: Mapped[int]
    ops_traced: Mapped[Optional[int]]
    ops_assembled: Mapped[Optional[int]]
    guards: Mapped[int]
    bridges: Mapped[int]
    size_bytes: Mapped[Optional[int]]
    runs: Mapped[Optional[int]]
    samples: Mapped[int]
    time_ns: Mapped[int]
    compile_ns: Mapped[int]
    start_ns: Mapped[int]
    own: Mapped[bool]
    parent_trace: Mapped[Optional[int]]
    parent_op: Mapped[Optional[int]]
    freed_ns: Mapped[Optional[int]]


class TraceRecord(Base):
    """One trace's element of the bundle, apart so that lists of traces stay quick."""

    __tablename__ = "trace_records"

    run: Mapped[int] = _run()
    id: Mapped[int] = _position()
    record: Mapped[bytes]


class TraceTarget(Base):
    """A name by which the jumps and calls of ``trace`` mean another trace, or itself.

    Names are used again once a trace is freed, so what one means depends on who says it.
    """

    __tablename__ = "trace_targets"

    run: Mapped[int] = _run()
    trace: Mapped[int] = _position()
    id: Mapped[int] = _position()
    token: Mapped[str]
    target: Mapped[int]


class Abort(Base):
    """One abort; ``row`` is what the API shows of it."""

    __tablename__ = "aborts"
    __table_args__ = (Index(None, "run", "function"),)

    run: Mapped[int] = _run()
    id: Mapped[int] = _position()
    reason: Mapped[str]
    function: Mapped[Optional[int]]
    start_ns: Mapped[int]
    row: Mapped[str]


class Mark(Base):
    """One mark (``duration_ns`` None) or span that the program set itself."""

    __tablename__ = "marks"

    run: Mapped[int] = _run()
    id: Mapped[int] = _position()
    thread: Mapped[int]
    start_ns: Mapped[int]
    duration_ns: Mapped[Optional[int]]
    name: Mapped[str]
    data: Mapped[Optional[str]]


class Chunk(Base):
    """Where in the run's blob of columns a chunk of a section lies; see ``columns.py``.

    ``owner`` is its process or thread; ``first_ns`` and ``last_ns`` span its rows.
    """

    __tablename__ = "chunks"

    run: Mapped[int] = _run()
    section: Mapped[str] = mapped_column(String(16), primary_key=True)
    id: Mapped[int] = _position()
    owner: Mapped[int]
    first_ns: Mapped[int]
    last_ns: Mapped[int]
    rows: Mapped[int]
    start_byte: Mapped[int]
    end_byte: Mapped[int]
