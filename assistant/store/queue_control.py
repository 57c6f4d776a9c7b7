"""What admins do with the queue, so that it survives every process and stands in the audit log."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import Session

from assistant.store.audit import AuditLog
from assistant.store.database import Database
from assistant.store.index import now
from assistant.store.job_rows import PUT_ASIDE, found
from assistant.store.rows import JobFileRow, JobRow, QueuePauseRow
from assistant.store.types import AuditAction, JobKind, QueuePause

_THE_ONE = 1


def is_paused(session: Session) -> bool:
    """Tell whether the queue is paused."""
    return session.get(QueuePauseRow, _THE_ONE) is not None


def is_held() -> ColumnElement[bool]:
    """Return the condition on `JobRow` that a pause keeps it waiting: changes go on."""
    return (JobRow.kind != JobKind.CHANGE.value) & exists(select(QueuePauseRow.id))


class QueueControl:
    """Pauses the queue and clears it of what was put aside. Thread-safe.

    Args:
        database: Of the data dir.
        audit: Where it is recorded.
    """

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def current_pause(self) -> QueuePause | None:
        """Return who had the queue pause; None while it is worked off."""
        with self._database.reading() as session:
            row = session.get(QueuePauseRow, _THE_ONE)
            return None if row is None else QueuePause(by=row.paused_by, since=row.paused_at)

    def pause(self, by: str) -> None:
        """Have documents wait until `resume`; a job under way stops after what it has in hand."""
        with self._audit.recording(by) as recording:
            if not is_paused(recording.session):
                row = QueuePauseRow(id=_THE_ONE, paused_by=by, paused_at=now())
                recording.session.add(row)
                recording.note(AuditAction.QUEUE_PAUSED)

    def resume(self, by: str) -> None:
        """Let documents be taken in again."""
        with self._audit.recording(by) as recording:
            if is_paused(recording.session):
                recording.session.execute(delete(QueuePauseRow))
                recording.note(AuditAction.QUEUE_RESUMED)

    def discard(self, job_id: int, by: str) -> tuple[str, ...]:
        """Forget the files of a job that were put aside, and return their names.

        Raises:
            UnknownNameError: no such job.
        """
        with self._audit.recording(by) as recording:
            job = found(recording.session, job_id)
            put_aside = (JobFileRow.job_id == job_id) & (JobFileRow.reason == PUT_ASIDE)
            names = tuple(recording.session.scalars(select(JobFileRow.document).where(put_aside)))
            recording.session.execute(delete(JobFileRow).where(put_aside))
            if names:
                recording.note(
                    AuditAction.DISCARDED,
                    str(job.request.get("collection", "")),
                    documents=list(names),
                )
        return names
