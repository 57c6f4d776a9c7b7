"""Pages that were read from pictures, and where their words stand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table; no page was read so before. Add what a job reads just now."""
    op.create_table(
        "scanned_pages",
        sa.Column("content_id", sa.Integer(), nullable=False),
        sa.Column("page_index", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_id", "page_index"],
            ["pages.content_id", "pages.page_index"],
            name="fk_scanned_pages_content_id_pages",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("content_id", "page_index", name="pk_scanned_pages"),
    )
    op.add_column("jobs", sa.Column("doing", sa.String(), nullable=False, server_default=""))
