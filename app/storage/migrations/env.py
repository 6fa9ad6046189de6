"""Where alembic runs a step: on the connection that it was given."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    # SQLite cannot alter most of a table: a copy takes its place.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
