"""How much was sent, for the limits on it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from assistant.store.job_rows import REJECTED
from assistant.store.rows import JobFileRow, JobRow
from assistant.store.types import JobKind, Sent


def sent(session: Session, job_id: int | None, by: str) -> Sent:
    """Return what was sent of a batch (None: of one that is to begin), by a person, and by all."""
    n_bytes = func.coalesce(func.sum(JobFileRow.size_bytes), 0)
    n_files, n_batch_bytes = session.execute(
        select(func.count(), n_bytes).where(JobFileRow.job_id == job_id)
    ).one()
    # Rejected files are kept, too, until somebody has seen it.
    is_kept = or_(JobFileRow.status.is_(None), JobFileRow.status == REJECTED)

    def kept(condition: ColumnElement[bool]) -> int:
        selection = (
            select(n_bytes)
            .join(JobRow, JobRow.id == JobFileRow.job_id)
            .where(JobRow.kind == JobKind.UPLOAD.value, is_kept, condition)
        )
        return session.scalar(selection) or 0

    return Sent(
        n_batch_files=n_files,
        n_batch_bytes=n_batch_bytes,
        n_waiting_bytes_each=kept(JobRow.requested_by == by),
        n_waiting_bytes=kept(JobRow.id.is_not(None)),
    )
