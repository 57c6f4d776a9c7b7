"""Suites of gold questions with all their versions, and feedback on answers to be reviewed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "suites",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("collection_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("page_tolerance", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name="fk_suites_collection_id_collections",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_suites"),
        sa.UniqueConstraint("collection_id", "key", name="uq_suites_collection_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "suite_versions",
        sa.Column("suite_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("n_cases", sa.Integer(), nullable=False),
        sa.Column("saved_by", sa.String(), nullable=False),
        sa.Column("saved_at", sa.String(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("has_lost", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["suite_id"],
            ["suites.id"],
            name="fk_suite_versions_suite_id_suites",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("suite_id", "ordinal", name="pk_suite_versions"),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("turn_id", sa.Integer(), nullable=True),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("sent_at", sa.String(), nullable=False),
        sa.Column("taken_by", sa.String(), nullable=True),
        sa.Column("taken_at", sa.String(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("closed_at", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("suite_id", sa.Integer(), nullable=True),
        sa.Column("case_key", sa.String(), nullable=False),
        sa.CheckConstraint("problem IN ('evidence', 'answer', 'missing')", name="problem"),
        sa.CheckConstraint("outcome IN ('case', 'dismissed', 'withdrawn')", name="outcome"),
        sa.ForeignKeyConstraint(
            ["suite_id"], ["suites.id"], name="fk_reviews_suite_id_suites", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name="fk_reviews_turn_id_turns", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.UniqueConstraint("turn_id", name="uq_reviews_turn_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "suite_cases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("suite_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.Column("line", sa.JSON(), nullable=False),
        sa.Column("document_ids", sa.JSON(), nullable=False),
        sa.Column("review_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["review_id"],
            ["reviews.id"],
            name="fk_suite_cases_review_id_reviews",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["suite_id"], ["suites.id"], name="fk_suite_cases_suite_id_suites", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_suite_cases"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suite_cases_suite_id", "suite_cases", ["suite_id"])
