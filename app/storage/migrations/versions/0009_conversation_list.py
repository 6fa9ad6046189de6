"""Conversations have a title, can be pinned and deleted, and know what of them was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns; what was said before counts as read."""
    op.add_column("conversation", sa.Column("title", sa.String(), nullable=False, server_default=""))
    op.add_column("conversation", sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("conversation", sa.Column("read_number", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("conversation", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE conversation SET read_number = "
        "(SELECT COALESCE(MAX(number), 0) FROM message WHERE message.conversation_id = conversation.id)"
    )
