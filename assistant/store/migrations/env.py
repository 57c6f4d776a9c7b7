"""Entry point of Alembic; `upgrade.py` hands the connection over."""

from __future__ import annotations

from alembic import context

from assistant.store.rows import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
