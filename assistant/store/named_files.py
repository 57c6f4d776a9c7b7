"""The files that the catalog's rows stand for and that nothing else holds."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from assistant.store.job_rows import REJECTED
from assistant.store.originals import RECORD_MEDIA_TYPE
from assistant.store.rows import ContentRow, JobFileRow, JobRow
from assistant.store.types import JobKind
from assistant.types import Version


def named_originals(session: Session) -> tuple[Version, ...]:
    """Return the versions whose bytes are kept, those of earlier versions included, sorted."""
    selection = (
        select(ContentRow.sha256)
        .where(ContentRow.media_type != RECORD_MEDIA_TYPE)
        .distinct()
        .order_by(ContentRow.sha256)
    )
    return tuple(map(Version, session.scalars(selection)))


def named_uploads(session: Session, *, with_rejected: bool) -> tuple[tuple[int, str], ...]:
    """Return job and name of the files that were sent and wait, in the order in which they came.

    Args:
        session: A reading session.
        with_rejected: Also of those that were refused, which are kept until somebody has seen it.
    """
    waits = JobFileRow.status.is_(None)
    selection = (
        select(JobFileRow.job_id, JobFileRow.document)
        .join(JobRow, JobRow.id == JobFileRow.job_id)
        .where(
            JobRow.kind == JobKind.UPLOAD.value,
            or_(waits, JobFileRow.status == REJECTED) if with_rejected else waits,
        )
        .order_by(JobFileRow.id)
    )
    return tuple((job_id, document) for job_id, document in session.execute(selection))
