"""People sign in; documents are granted one by one; what people do is recorded."""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_AUTOINCREMENT = {"sqlite_autoincrement": True}
"""Of every table that is made anew: it is not taken over."""


def upgrade() -> None:
    """Make the tables, and give every person a name that capitals do not tell apart."""
    _extend_users()
    op.create_table(
        "document_grants",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["documents.id"],
            name="fk_document_grants_document_id_documents",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["groups.id"],
            name="fk_document_grants_group_id_groups",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("group_id", "document_id", name="pk_document_grants"),
    )
    op.create_index("ix_document_grants_document_id", "document_grants", ["document_id"])
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("signed_in_by", sa.String(), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "signed_in_by IN ('password', 'link', 'provider')", name="ck_sessions_signed_in_by"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_sessions_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_sign_in_links_user_id_users", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in_links"),
    )
    op.create_index("ix_sign_in_links_user_id", "sign_in_links", ["user_id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_actor", "audit", ["actor"])
    op.create_index("ix_audit_action", "audit", ["action"])


def _extend_users() -> None:
    users = sa.Table(
        "users",
        sa.MetaData(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.CheckConstraint("role IN ('employee', 'evaluator', 'admin')", name="ck_users_role"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
        sqlite_autoincrement=True,
    )
    # Made anew where only that brings the promise that no id comes again; others keep it anyway.
    is_made_anew = op.get_context().dialect.name == "sqlite"
    with op.batch_alter_table(
        "users",
        copy_from=users,
        recreate="always" if is_made_anew else "never",
        table_kwargs=_AUTOINCREMENT,
    ) as batch:
        batch.add_column(sa.Column("key", sa.String(), nullable=True))
        batch.add_column(sa.Column("password_hash", sa.String(), nullable=True))
        batch.add_column(sa.Column("subject", sa.String(), nullable=True))
    connection = op.get_bind()
    given: set[str] = set()
    for user_id, name in connection.execute(sa.text("SELECT id, name FROM users ORDER BY id")):
        key = unicodedata.normalize("NFKC", name).casefold()
        if key in given:  # told apart by capitals so far: the later one signs in by the exact name
            key = f"{key}\n{user_id}"  # which no name is folded to
        given.add(key)
        connection.execute(
            sa.text("UPDATE users SET key = :key WHERE id = :id"), {"key": key, "id": user_id}
        )
    with op.batch_alter_table("users", table_kwargs=_AUTOINCREMENT) as batch:
        batch.alter_column("key", existing_type=sa.String(), nullable=False)
        batch.create_unique_constraint("uq_users_key", ["key"])
        batch.create_unique_constraint("uq_users_subject", ["subject"])
