"""Where alembic runs a step: on the connection that it was given."""

from __future__ import annotations

from alembic import context

from app.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most of a table: a copy takes its place.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
