"""A message of the bot's may be a table or a picture instead of a text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Give each message room for what it shows."""
    op.add_column("message", sa.Column("card", sa.JSON(), nullable=True))
