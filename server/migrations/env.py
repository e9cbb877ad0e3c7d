"""Run migrations on the connection that tracebin.server.migrate hands over."""

from __future__ import annotations

from alembic import context

from tracebin.server.tables import Base

# Transactional: SQLite rolls schema changes back like any other, which alembic doesn't take for granted.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
