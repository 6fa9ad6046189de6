"""Files on their way to a transcript, and what is heard in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "transcription_job",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("audio_name", sa.String(), nullable=False),
        sa.Column("audio_type", sa.String(), nullable=False),
        sa.Column("seconds", sa.Float()),
        sa.Column("heard", sa.Float(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String()),
        sa.Column("error_details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_transcription_job_owner", "transcription_job", ["owner"])
    op.create_index("ix_transcription_job_status", "transcription_job", ["status"])
    op.create_table(
        "transcription_segment",
        sa.Column("job_id", sa.String(), sa.ForeignKey("transcription_job.id"), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("data", sa.JSON(), nullable=False),
    )
