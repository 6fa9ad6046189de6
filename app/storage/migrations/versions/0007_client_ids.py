"""Messages know the name that their client gave them, so that one sent again is not taken again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the name; messages that were there have none."""
    op.add_column("message", sa.Column("client_id", sa.String(), nullable=True))
    op.create_index("ix_message_client_id", "message", ["conversation_id", "client_id"], unique=True)
