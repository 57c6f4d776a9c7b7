"""Jobs and their files as rows: what both ends of the queue do with them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from assistant.errors import UnknownNameError
from assistant.store.index import now
from assistant.store.rows import JobFileRow, JobRow
from assistant.store.types import Job, JobFile, JobKind, JobState

REJECTED = "rejected"
"""The status of a file that was not taken in."""
PUT_ASIDE = "put_aside"
"""Why a file was rejected that ended the worker, or failed unexpectedly, again and again."""


def found(session: Session, job_id: int) -> JobRow:
    """Return a job's row.

    Raises:
        UnknownNameError: no such job.
    """
    row = session.get(JobRow, job_id)
    if row is None:
        raise UnknownNameError(f"no job {job_id}; it may have been cleared")
    return row


def wake(job: JobRow) -> None:
    """Let a job that is over wait again."""
    if JobState(job.state).is_over:
        job.state, job.finished_at, job.error = JobState.WAITING.value, None, None
        job.started_at, job.n_attempts, job.n_bytes, job.n_bytes_done = None, 0, 0, 0


def put_back(job: JobRow) -> None:
    """Let a job that was begun wait again, unless somebody asked to stop it."""
    job.in_hand = None
    if job.is_stopping:
        end(job, JobState.STOPPED)
    else:
        job.state, job.doing = JobState.WAITING.value, ""


def note_death(job: JobRow) -> None:
    """Put a job back in the middle of which the worker ended or failed; its file is to blame.

    Where none was in hand, the job itself is: its attempts go on counting.
    """
    if job.in_hand is not None:
        job.n_deaths = {**job.n_deaths, job.in_hand: job.n_deaths.get(job.in_hand, 0) + 1}
        job.n_attempts = 1
    put_back(job)


def end(job: JobRow, state: JobState, error: str | None = None) -> None:
    """End a job."""
    job.state, job.error, job.finished_at, job.is_stopping = state.value, error, now(), False
    job.in_hand, job.doing = None, ""


def reset(row: JobFileRow, size_bytes: int) -> None:
    """Let a file wait."""
    row.size_bytes = size_bytes
    row.status = row.reason = row.detail = None
    row.n_pages, row.n_chunks, row.flags = 0, 0, []


def selected(session: Session, condition: ColumnElement[bool]) -> tuple[Job, ...]:
    """Return the jobs of a condition, latest first."""
    waits = func.coalesce(func.sum(case((JobFileRow.status.is_(None), 1), else_=0)), 0)
    rejected = func.coalesce(func.sum(case((JobFileRow.status == REJECTED, 1), else_=0)), 0)
    put_aside = func.coalesce(func.sum(case((JobFileRow.reason == PUT_ASIDE, 1), else_=0)), 0)
    n_files = func.count(JobFileRow.id)
    selection = (
        select(JobRow, n_files, case((n_files > 0, waits), else_=0), rejected, put_aside)
        .outerjoin(JobFileRow, JobFileRow.job_id == JobRow.id)
        .where(condition)
        .group_by(JobRow.id)
        .order_by(JobRow.id.desc())
    )
    return tuple(
        Job(
            job_id=row.id,
            kind=JobKind(row.kind),
            request=row.request,
            requested_by=row.requested_by,
            state=JobState(row.state),
            is_stopping=row.is_stopping,
            n_attempts=row.n_attempts,
            n_bytes=row.n_bytes,
            n_bytes_done=row.n_bytes_done,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            error=row.error,
            n_files=files,
            n_waiting=waiting,
            n_rejected=refused,
            n_put_aside=aside,
            n_deaths=row.n_deaths,
            doing=row.doing,
        )
        for row, files, waiting, refused, aside in session.execute(selection)
    )


def file_of(row: JobFileRow) -> JobFile:
    """Return a file of a job."""
    return JobFile(
        file_id=row.id,
        document=row.document,
        size_bytes=row.size_bytes,
        status=row.status,
        reason=row.reason,
        detail=row.detail,
        n_pages=row.n_pages,
        n_chunks=row.n_chunks,
        flags=tuple(row.flags),
    )
