"""Read what the time line needs from the tables: names and marks."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tracebin.server import tables
from tracebin.server.timeline_answers import FileNames, FunctionNames, Marks, MarkTime, Names


def names(session: Session, run: int) -> Names:
    """Give all functions and files of a run in columns."""
    one, other = tables.Function, tables.File
    functions = session.execute(
        select(one.name, one.qualname, one.file, one.line).where(one.run == run, one.id >= 0).order_by(one.id)
    ).all()
    files = session.execute(
        select(other.path, other.origin, other.module, other.package)
        .where(other.run == run)
        .order_by(other.id)
    ).all()
    return Names(
        FunctionNames(
            name=[row.name for row in functions],
            qualname=[row.qualname for row in functions],
            file=[row.file for row in functions],
            line=[row.line for row in functions],
        ),
        FileNames(
            path=[row.path for row in files],
            origin=[row.origin for row in files],
            module=[row.module for row in files],
            package=[row.package for row in files],
        ),
    )


def marks(session: Session, run: int, limit: int, offset: int) -> Marks:
    """List the marks of a run as the bundle has them."""
    table = tables.Mark
    mine = select(table).where(table.run == run)
    total = session.scalar(select(func.count()).select_from(mine.subquery())) or 0
    rows = session.scalars(mine.order_by(table.id).limit(limit).offset(offset))
    return Marks(
        total,
        [MarkTime(row.id, row.thread, row.start_ns, row.duration_ns, row.name, row.data) for row in rows],
    )
