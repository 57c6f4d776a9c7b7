"""Chunks and segments without vectors: text is published first, vectors follow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Let vectors be missing."""
    if op.get_context().dialect.name == "sqlite":
        _remake_chunks()
    else:
        op.alter_column("chunks", "vector", nullable=True)
    op.create_index(
        "ix_chunks_without_vector",
        "chunks",
        ["content_id"],
        sqlite_where=sa.text("vector IS NULL"),
        postgresql_where=sa.text("vector IS NULL"),
    )
    with op.batch_alter_table("segments") as batch:
        batch.alter_column("vectors_sha256", existing_type=sa.String(), nullable=True)


def _remake_chunks() -> None:
    # A table made anew counts from its largest id: an id that was given must not come again.
    last_id = op.get_bind().scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'chunks'"))
    with op.batch_alter_table("chunks", copy_from=_chunks(), recreate="always") as batch:
        batch.alter_column("vector", existing_type=sa.LargeBinary(), nullable=True)
    if last_id is not None:
        for change in (
            "DELETE FROM sqlite_sequence WHERE name = 'chunks'",
            f"INSERT INTO sqlite_sequence (name, seq) VALUES ('chunks', {int(last_id)})",  # noqa: S608 - a number
        ):
            op.execute(change)


def _chunks() -> sa.Table:
    """Return the table as it was made: SQLite does not tell all that it must keep."""
    return sa.Table(
        "chunks",
        sa.MetaData(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content_id", sa.Integer(), nullable=False),
        sa.Column("page_index", sa.Integer(), nullable=False),
        sa.Column("span_start", sa.Integer(), nullable=False),
        sa.Column("span_end", sa.Integer(), nullable=False),
        sa.Column("heading", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("0 <= span_start AND span_start < span_end", name="ck_chunks_span"),
        sa.ForeignKeyConstraint(
            ["content_id", "page_index"],
            ["pages.content_id", "pages.page_index"],
            name="fk_chunks_content_id_pages",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_chunks"),
        sa.UniqueConstraint("content_id", "page_index", "span_start", name="uq_chunks_content_id"),
        sqlite_autoincrement=True,
    )
