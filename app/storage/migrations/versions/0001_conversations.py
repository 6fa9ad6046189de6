"""Conversations, messages, transcripts: the tables as they were before there were migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "message",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(), nullable=False, unique=True),
        sa.Column("conversation_id", sa.String(), sa.ForeignKey("conversation.id"), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("seconds", sa.Float()),
        sa.Column("audio_name", sa.String()),
        sa.Column("audio_type", sa.String()),
        sa.Column("error_code", sa.String()),
        sa.Column("error_details", sa.JSON(), nullable=False),
        sa.Column("quick_replies", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_message_conversation_id", "message", ["conversation_id"])
    op.create_index("ix_message_status", "message", ["status"])
    op.create_table(
        "transcript",
        sa.Column("message_id", sa.String(), sa.ForeignKey("message.id"), primary_key=True),
        sa.Column("data", sa.JSON(), nullable=False),
    )
