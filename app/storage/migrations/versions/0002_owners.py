"""Every conversation belongs to a person; those that were there belong to whoever uses the machine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give each conversation its owner."""
    op.add_column("conversation", sa.Column("owner", sa.String(), nullable=False, server_default="local"))
    op.create_index("ix_conversation_owner", "conversation", ["owner"])
