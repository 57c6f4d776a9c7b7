"""Text that no reader sees, kept apart from the pages that it lies on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table; documents get rows as they are read anew."""
    op.create_table(
        "hidden_texts",
        sa.Column("content_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("page_index", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("span_start", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("content_id", "ordinal", name="pk_hidden_texts"),
        sa.ForeignKeyConstraint(
            ["content_id", "page_index"],
            ["pages.content_id", "pages.page_index"],
            name="fk_hidden_texts_content_id_pages",
            ondelete="CASCADE",
        ),
    )
