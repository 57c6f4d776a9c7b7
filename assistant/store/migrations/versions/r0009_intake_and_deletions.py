"""Pauses, files that end the worker, watched folders, and what deleted documents had."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add columns and tables."""
    op.add_column("jobs", sa.Column("in_hand", sa.String(), nullable=True))
    op.add_column("jobs", sa.Column("n_deaths", sa.JSON(), nullable=False, server_default="{}"))
    op.create_table(
        "queue_pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("paused_by", sa.String(), nullable=False),
        sa.Column("paused_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_queue_pauses"),
    )
    op.create_table(
        "watched_folders",
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("looked_at", sa.String(), nullable=False),
        sa.Column("n_files", sa.Integer(), nullable=False),
        sa.Column("n_unsettled", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("folder", "collection", name="pk_watched_folders"),
    )
    op.create_table(
        "deletions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("deleted_by", sa.String(), nullable=False),
        sa.Column("deleted_at", sa.String(), nullable=False),
        sa.Column("contents", sa.JSON(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("is_tidied", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deletions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deletions_document_id", "deletions", ["document_id"])
    op.create_index("ix_deletions_is_tidied", "deletions", ["is_tidied"])
