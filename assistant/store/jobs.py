"""The durable queue of work for the one writer: it survives whoever asked and whoever works.

Adding a job needs no writer's lock, so that a page or a command can leave its work here and follow
it while the writer is busy. Every method is one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, select, update
from sqlalchemy.orm import Session

from assistant.errors import NameTakenError, UnknownNameError
from assistant.store.database import Database
from assistant.store.index import now
from assistant.store.rows import JobFileRow, JobRow
from assistant.store.types import Job, JobFile, JobKind, JobState

REJECTED = "rejected"
"""The status of a file that was not taken in."""
UNCHANGED = "unchanged"
"""The status of a file whose bytes were there before."""
CHANGES_KEPT = timedelta(hours=1)
"""Long enough for whoever asked for one to see how it ended."""
_NOTHING_NEW = (None, REJECTED, UNCHANGED)
_FIRST_CHANGES = case((JobRow.kind == JobKind.CHANGE.value, 0), else_=1)


class Jobs:
    """The jobs of a data dir. Thread-safe; touches no index and needs no writer's lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # For whoever asks

    def add(self, kind: JobKind, request: Mapping[str, Any], requested_by: str) -> int:
        """Queue a job and return its id; once this returns, it survives a crash."""
        with self._database.writing() as session:
            row = JobRow(
                kind=kind.value,
                request=dict(request),
                requested_by=requested_by,
                state=JobState.WAITING.value,
                is_stopping=False,
                n_attempts=0,
                n_bytes=0,
                n_bytes_done=0,
                created_at=now(),
            )
            session.add(row)
            session.flush()
            return row.id

    def add_file(
        self,
        job_id: int,
        document: str,
        size_bytes: int,
        *,
        place: Callable[[], None] = lambda: None,
    ) -> None:
        """Add a file that waits; a job that is over waits again.

        Args:
            job_id: Of a job for files that are sent.
            document: The file's name.
            size_bytes: Its size.
            place: Puts its bytes where they are looked for; called when nothing speaks against
                the file and nobody else can add one. If it raises, nothing was added.

        Raises:
            UnknownNameError: no such job.
            NameTakenError: the job has a file of that name.
        """
        with self._database.writing() as session:
            job = _found(session, job_id)
            if job.kind != JobKind.UPLOAD.value:
                raise UnknownNameError(f"job {job_id} takes no files; send them to a new one")
            if session.scalar(select(JobFileRow.id).filter_by(job_id=job_id, document=document)):
                message = f"{document!r} was sent already; send it again on its own"
                raise NameTakenError(message)
            row = JobFileRow(job_id=job_id, document=document)
            _reset(row, size_bytes)
            session.add(row)
            session.flush()
            place()
            _wake(job)

    def get(self, job_id: int) -> Job:
        """Return a job as it stands.

        Raises:
            UnknownNameError: no such job.
        """
        with self._database.reading() as session:
            _found(session, job_id)
            return _jobs(session, JobRow.id == job_id)[0]

    def list(self, kinds: Iterable[JobKind]) -> tuple[Job, ...]:
        """Return the jobs of some kinds, latest first."""
        wanted = [kind.value for kind in kinds]
        with self._database.reading() as session:
            return _jobs(session, JobRow.kind.in_(wanted))

    def has_work(self) -> bool:
        """Tell whether something waits or is being done, whatever it is."""
        over = [state.value for state in JobState if state.is_over]
        unfinished = select(JobRow.id).where(JobRow.state.not_in(over)).limit(1)
        with self._database.reading() as session:
            return session.scalar(unfinished) is not None

    def files(self, job_id: int) -> tuple[JobFile, ...]:
        """Return the files of a job in the order they were added."""
        with self._database.reading() as session:
            rows = session.scalars(
                select(JobFileRow).where(JobFileRow.job_id == job_id).order_by(JobFileRow.id)
            )
            return tuple(map(_file, rows))

    def stop(self, job_id: int) -> None:
        """Ask for a job's end: at once if it waits, else when its worker notices.

        Raises:
            UnknownNameError: no such job.
        """
        with self._database.writing() as session:
            job = _found(session, job_id)
            if job.state == JobState.WAITING.value:
                _end(job, JobState.STOPPED)
            elif job.state == JobState.RUNNING.value:
                job.is_stopping = True

    def retry(self, job_id: int) -> None:
        """Let a job that is over begin again with the files that were not taken in.

        Of what was sent, those without bytes are no files to begin with: they are empty, or
        records of one. Files of a folder are found again, if they are still there.

        Raises:
            UnknownNameError: no such job.
        """
        with self._database.writing() as session:
            job = _found(session, job_id)
            if not JobState(job.state).is_over:
                return
            rejected = select(JobFileRow).filter_by(job_id=job_id, status=REJECTED)
            for row in session.scalars(rejected):
                if job.kind != JobKind.UPLOAD.value:
                    session.delete(row)
                elif row.size_bytes:
                    _reset(row, row.size_bytes)
            _wake(job)

    def remove_if_over(self, job_id: int) -> bool:
        """Forget a job with its files' outcomes; tell whether it is gone."""
        with self._database.writing() as session:
            job = session.get(JobRow, job_id)
            if job is None:
                return True
            if not JobState(job.state).is_over:
                return False
            session.delete(job)
            return True

    # For the worker

    def recover(self) -> None:
        """Let jobs wait again that a killed worker left running, and forget changes long over.

        Only one worker may exist.
        """
        with self._database.writing() as session:
            seen = (datetime.now(UTC) - CHANGES_KEPT).isoformat(timespec="seconds")
            is_old = (JobRow.kind == JobKind.CHANGE.value) & (JobRow.finished_at < seen)
            session.execute(delete(JobRow).where(is_old))
            for job in session.scalars(select(JobRow).filter_by(state=JobState.RUNNING.value)):
                _put_back(job)

    def begin(self) -> Job | None:
        """Take the next job: changes first, then the oldest; None if there is none."""
        with self._database.writing() as session:
            row = session.scalar(
                select(JobRow)
                .where(JobRow.state == JobState.WAITING.value)
                .order_by(_FIRST_CHANGES, JobRow.id)
                .limit(1)
            )
            if row is None:
                return None
            row.state = JobState.RUNNING.value
            row.n_attempts += 1
            row.started_at = row.started_at or now()
            session.flush()
            return _jobs(session, JobRow.id == row.id)[0]

    def is_wanted_elsewhere(self, job_id: int) -> bool:
        """Tell whether a running job should pause: it is to stop, or a change waits."""
        with self._database.reading() as session:
            change_waits = (JobRow.kind == JobKind.CHANGE.value) & (
                JobRow.state == JobState.WAITING.value
            )
            stops = (JobRow.id == job_id) & JobRow.is_stopping
            return bool(session.scalar(select(func.count()).where(change_waits | stops)))

    def others_wait(self, job_id: int) -> bool:
        """Tell whether another job waits."""
        waits = (JobRow.state == JobState.WAITING.value) & (JobRow.id != job_id)
        with self._database.reading() as session:
            return session.scalar(select(JobRow.id).where(waits).limit(1)) is not None

    def replace_request(self, job_id: int, request: Mapping[str, Any]) -> None:
        """Note what is left to do of a job, for when it begins again."""
        with self._database.writing() as session:
            session.execute(update(JobRow).where(JobRow.id == job_id).values(request=dict(request)))

    def report_bytes(self, job_id: int, n_bytes: int, n_bytes_done: int) -> None:
        """Note how far a job is."""
        with self._database.writing() as session:
            session.execute(
                update(JobRow)
                .where(JobRow.id == job_id)
                .values(n_bytes=n_bytes, n_bytes_done=n_bytes_done)
            )

    def report_files(self, job_id: int, files: Sequence[JobFile]) -> None:
        """Note how files ended; what an earlier attempt took in is not made "unchanged" by this.

        Of several files of one name, which only different folders have, the last one counts.
        """
        names = func.json_each(json.dumps([file.document for file in files])).table_valued("value")
        with self._database.writing() as session:
            selection = select(JobFileRow).where(
                JobFileRow.job_id == job_id, JobFileRow.document.in_(select(names.c.value))
            )
            known = {row.document: row for row in session.scalars(selection)}
            for file in files:
                row = known.get(file.document)
                if row is None:
                    row = known[file.document] = JobFileRow(job_id=job_id, document=file.document)
                    _reset(row, file.size_bytes)
                    session.add(row)
                if row.status in _NOTHING_NEW or file.status != UNCHANGED:
                    row.status, row.reason, row.detail = file.status, file.reason, file.detail
                row.n_pages, row.n_chunks, row.flags = file.n_pages, file.n_chunks, [*file.flags]

    def finish(self, job_id: int, error: str | None = None) -> JobState:
        """Say that a worker is through with a job, and return what became of it.

        It is done, or failed with an error; if files came meanwhile, it waits again, unless
        somebody asked to stop it.
        """
        with self._database.writing() as session:
            job = _found(session, job_id)
            waits = select(func.count()).where(
                JobFileRow.job_id == job_id, JobFileRow.status.is_(None)
            )
            if error is not None:
                _end(job, JobState.FAILED, error)
            elif session.scalar(waits):
                _put_back(job)
            else:
                _end(job, JobState.DONE)
                job.n_bytes_done = job.n_bytes
            job.n_attempts = 0
            return JobState(job.state)

    def pause(self, job_id: int) -> JobState:
        """Put a job back in the middle; it goes on later, unless somebody asked to stop it."""
        with self._database.writing() as session:
            job = _found(session, job_id)
            _put_back(job)
            job.n_attempts = 0
            return JobState(job.state)


def _found(session: Session, job_id: int) -> JobRow:
    row = session.get(JobRow, job_id)
    if row is None:
        raise UnknownNameError(f"no job {job_id}; it may have been cleared")
    return row


def _wake(job: JobRow) -> None:
    if JobState(job.state).is_over:
        job.state, job.finished_at, job.error = JobState.WAITING.value, None, None
        job.started_at, job.n_attempts, job.n_bytes, job.n_bytes_done = None, 0, 0, 0


def _put_back(job: JobRow) -> None:
    if job.is_stopping:
        _end(job, JobState.STOPPED)
    else:
        job.state = JobState.WAITING.value


def _end(job: JobRow, state: JobState, error: str | None = None) -> None:
    job.state, job.error, job.finished_at, job.is_stopping = state.value, error, now(), False


def _reset(row: JobFileRow, size_bytes: int) -> None:
    row.size_bytes = size_bytes
    row.status = row.reason = row.detail = None
    row.n_pages, row.n_chunks, row.flags = 0, 0, []


def _jobs(session: Session, condition: ColumnElement[bool]) -> tuple[Job, ...]:
    waits = func.coalesce(func.sum(case((JobFileRow.status.is_(None), 1), else_=0)), 0)
    rejected = func.coalesce(func.sum(case((JobFileRow.status == REJECTED, 1), else_=0)), 0)
    n_files = func.count(JobFileRow.id)
    selection = (
        select(JobRow, n_files, case((n_files > 0, waits), else_=0), rejected)
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
        )
        for row, files, waiting, refused in session.execute(selection)
    )


def _file(row: JobFileRow) -> JobFile:
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
