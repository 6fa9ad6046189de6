"""Hotword lists with their versions, the lists a conversation uses, corrections and the words they suggest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables, and room for what was recognised before a correction and for the last answer's beginning."""
    op.add_column("conversation", sa.Column("last_turn", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("message", sa.Column("heard", sa.String(), nullable=True))
    op.create_table(
        "hotword_list",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("owner", "name"),
    )
    op.create_index("ix_hotword_list_owner", "hotword_list", ["owner"])
    op.create_table(
        "hotword_version",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("list_id", sa.String(), sa.ForeignKey("hotword_list.id"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_hotword_version_list_id", "hotword_version", ["list_id"])
    op.create_table(
        "conversation_hotwords",
        sa.Column(
            "conversation_id", sa.String(), sa.ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("list_ids", sa.JSON(), nullable=False),
    )
    op.create_table(
        "hotword_candidate",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), sa.ForeignKey("message.id", ondelete="CASCADE"), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("alias_is_word", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_hotword_candidate_owner", "hotword_candidate", ["owner"])
    op.create_index("ix_hotword_candidate_message_id", "hotword_candidate", ["message_id"])
