"""Which upload or ingest run a document came with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; what is there already counts as one batch."""
    op.add_column("documents", sa.Column("batch", sa.String(), nullable=False, server_default=""))
