"""Runs of evaluations, which were folders; deletions need no second look beside the catalog."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables; the folders are taken in when the catalog is opened."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("suites", sa.JSON(), nullable=False),
        sa.Column("starts", sa.JSON(), nullable=False),
        sa.Column("started", sa.String(), nullable=False),
        sa.Column("finished", sa.String(), nullable=True),
        sa.Column("n_changes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_table(
        "run_cases",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("suite_index", sa.Integer(), nullable=False),
        sa.Column("case", sa.JSON(), nullable=False),
        sa.Column("reply", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_run_cases_run_id_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name="pk_run_cases"),
    )
    op.create_table(
        "run_documents",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id", "position"],
            ["run_cases.run_id", "run_cases.position"],
            name="fk_run_documents_run_id_run_cases",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "position", "document_id", name="pk_run_documents"),
    )
    op.create_index("ix_run_documents_document_id", "run_documents", ["document_id"])
    op.drop_index("ix_deletions_is_tidied", "deletions")
    op.drop_column(
        "deletions", "is_tidied"
    )  # in its place: a copy would forget which ids were given
