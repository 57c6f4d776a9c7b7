"""The durable queue of work for the one writer: it survives whoever asked and whoever works.

Adding a job needs no writer's lock, so that a page or a command can leave its work here and follow
it while the writer is busy. Every method is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, func, select, update

from assistant.errors import NameTakenError, UnknownNameError
from assistant.store.database import Database
from assistant.store.index import now
from assistant.store.job_rows import (
    REJECTED,
    end,
    file_of,
    found,
    note_death,
    put_back,
    reset,
    selected,
    wake,
)
from assistant.store.queries import listed_texts
from assistant.store.queue_control import is_held, is_paused
from assistant.store.rows import JobFileRow, JobRow
from assistant.store.sent import sent
from assistant.store.types import Job, JobFile, JobKind, JobState, Sent

UNCHANGED = "unchanged"
"""The status of a file whose bytes were there before."""
AGAIN = "again"
"""Of a request: whether to try what was put aside."""
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
                doing="",
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
        check: Callable[[Sent], None] = lambda _: None,
    ) -> None:
        """Add a file that waits; a job that is over waits again.

        Args:
            job_id: Of a job for files that are sent.
            document: The file's name.
            size_bytes: Its size.
            place: Puts its bytes where they are looked for; called when nothing speaks against
                the file and nobody else can add one. If it raises, nothing was added.
            check: Is given what was sent before, while nobody else can add a file. If it raises,
                nothing was added.

        Raises:
            UnknownNameError: no such job.
            NameTakenError: the job has a file of that name.
        """
        with self._database.writing() as session:
            job = found(session, job_id)
            if job.kind != JobKind.UPLOAD.value:
                raise UnknownNameError(f"job {job_id} takes no files; send them to a new one")
            if session.scalar(select(JobFileRow.id).filter_by(job_id=job_id, document=document)):
                message = f"{document!r} was sent already; send it again on its own"
                raise NameTakenError(message)
            check(sent(session, job_id, job.requested_by))
            row = JobFileRow(job_id=job_id, document=document)
            reset(row, size_bytes)
            session.add(row)
            session.flush()
            place()
            wake(job)

    def sent(self, job_id: int) -> Sent:
        """Return what was sent so far, of this job, by whom it belongs to, and in all.

        Raises:
            UnknownNameError: no such job.
        """
        with self._database.reading() as session:
            return sent(session, job_id, found(session, job_id).requested_by)

    def sent_by(self, requested_by: str) -> Sent:
        """Return what was sent so far by somebody who is to send more, and in all."""
        with self._database.reading() as session:
            return sent(session, None, requested_by)

    def get(self, job_id: int) -> Job:
        """Return a job as it stands.

        Raises:
            UnknownNameError: no such job.
        """
        with self._database.reading() as session:
            found(session, job_id)
            return selected(session, JobRow.id == job_id)[0]

    def list(self, kinds: Iterable[JobKind]) -> tuple[Job, ...]:
        """Return the jobs of some kinds, latest first."""
        wanted = [kind.value for kind in kinds]
        with self._database.reading() as session:
            return selected(session, JobRow.kind.in_(wanted))

    def has_work(self) -> bool:
        """Tell whether something is being done, or waits and no pause holds it."""
        waits = (JobRow.state == JobState.WAITING.value) & ~is_held()
        unfinished = select(JobRow.id).where(waits | (JobRow.state == JobState.RUNNING.value))
        with self._database.reading() as session:
            return session.scalar(unfinished.limit(1)) is not None

    def files(self, job_id: int) -> tuple[JobFile, ...]:
        """Return the files of a job in the order they were added."""
        with self._database.reading() as session:
            rows = session.scalars(
                select(JobFileRow).where(JobFileRow.job_id == job_id).order_by(JobFileRow.id)
            )
            return tuple(map(file_of, rows))

    def stop(self, job_id: int) -> None:
        """Ask for a job's end: at once if it waits, else when its worker notices.

        Raises:
            UnknownNameError: no such job.
        """
        with self._database.writing() as session:
            job = found(session, job_id)
            if job.state == JobState.WAITING.value:
                end(job, JobState.STOPPED)
            elif job.state == JobState.RUNNING.value:
                job.is_stopping = True

    def retry(self, job_id: int) -> None:
        """Let a job that is over begin again with the files that were not taken in.

        Of what was sent, those without bytes are no files to begin with: they are empty, or
        records of one. Files of a folder are found again, if they are still there. What was put
        aside is tried again, too.

        Raises:
            UnknownNameError: no such job.
        """
        with self._database.writing() as session:
            job = found(session, job_id)
            if not JobState(job.state).is_over:
                return
            rejected = select(JobFileRow).filter_by(job_id=job_id, status=REJECTED)
            for row in session.scalars(rejected):
                if job.kind != JobKind.UPLOAD.value:
                    session.delete(row)
                elif row.size_bytes:
                    reset(row, row.size_bytes)
            job.n_deaths = {}
            job.request = {**job.request, AGAIN: True}
            wake(job)

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

        Only one worker may exist. The file that was in hand is held to be what ended it.
        """
        with self._database.writing() as session:
            seen = (datetime.now(UTC) - CHANGES_KEPT).isoformat(timespec="seconds")
            is_old = (JobRow.kind == JobKind.CHANGE.value) & (JobRow.finished_at < seen)
            session.execute(delete(JobRow).where(is_old))
            for job in session.scalars(select(JobRow).filter_by(state=JobState.RUNNING.value)):
                note_death(job)

    def begin(self) -> Job | None:
        """Take the next job: changes first, then the oldest; None if there is none.

        While the queue is paused, only changes are taken.
        """
        with self._database.writing() as session:
            row = session.scalar(
                select(JobRow)
                .where(JobRow.state == JobState.WAITING.value, ~is_held())
                .order_by(_FIRST_CHANGES, JobRow.id)
                .limit(1)
            )
            if row is None:
                return None
            row.state = JobState.RUNNING.value
            row.n_attempts += 1
            row.started_at = row.started_at or now()
            session.flush()
            return selected(session, JobRow.id == row.id)[0]

    def is_wanted_elsewhere(self, job_id: int) -> bool:
        """Tell whether a running job should pause: it is to stop, the queue is, a change waits."""
        with self._database.reading() as session:
            change_waits = (JobRow.kind == JobKind.CHANGE.value) & (
                JobRow.state == JobState.WAITING.value
            )
            stops = (JobRow.id == job_id) & JobRow.is_stopping
            wanted = select(func.count()).where(change_waits | stops)
            return bool(session.scalar(wanted)) or is_paused(session)

    def begin_file(self, job_id: int, document: str) -> None:
        """Note which file is being taken in, where that is done one by one."""
        with self._database.writing() as session:
            session.execute(update(JobRow).where(JobRow.id == job_id).values(in_hand=document))

    def give_back(self, job_id: int) -> None:
        """Put a job back that failed unexpectedly; the file that was in hand is held to blame."""
        with self._database.writing() as session:
            note_death(found(session, job_id))

    def is_paused(self) -> bool:
        """Tell whether an admin had the queue pause."""
        with self._database.reading() as session:
            return is_paused(session)

    def others_wait(self, job_id: int) -> bool:
        """Tell whether another job waits."""
        waits = (JobRow.state == JobState.WAITING.value) & (JobRow.id != job_id)
        with self._database.reading() as session:
            return session.scalar(select(JobRow.id).where(waits).limit(1)) is not None

    def replace_request(self, job_id: int, request: Mapping[str, Any]) -> None:
        """Note what is left to do of a job, for when it begins again."""
        with self._database.writing() as session:
            session.execute(update(JobRow).where(JobRow.id == job_id).values(request=dict(request)))

    def report_bytes(
        self, job_id: int, n_bytes: int, n_bytes_done: int, *, doing: str = ""
    ) -> None:
        """Note how far a job is, and what takes long just now."""
        with self._database.writing() as session:
            session.execute(
                update(JobRow)
                .where(JobRow.id == job_id)
                .values(n_bytes=n_bytes, n_bytes_done=n_bytes_done, doing=doing)
            )

    def report_files(self, job_id: int, files: Sequence[JobFile]) -> None:
        """Note how files ended; what an earlier attempt took in is not made "unchanged" by this.

        Of several files of one name, which only different folders have, the last one counts.
        """
        names = listed_texts(file.document for file in files)
        with self._database.writing() as session:
            selection = select(JobFileRow).where(
                JobFileRow.job_id == job_id, JobFileRow.document.in_(names)
            )
            known = {row.document: row for row in session.scalars(selection)}
            for file in files:
                row = known.get(file.document)
                if row is None:
                    row = known[file.document] = JobFileRow(job_id=job_id, document=file.document)
                    reset(row, file.size_bytes)
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
            job = found(session, job_id)
            waits = select(func.count()).where(
                JobFileRow.job_id == job_id, JobFileRow.status.is_(None)
            )
            if error is not None:
                end(job, JobState.FAILED, error)
            elif session.scalar(waits):
                put_back(job)
            else:
                end(job, JobState.DONE)
                job.n_bytes_done = job.n_bytes
            job.n_attempts = 0
            return JobState(job.state)

    def pause(self, job_id: int) -> JobState:
        """Put a job back in the middle; it goes on later, unless somebody asked to stop it."""
        with self._database.writing() as session:
            job = found(session, job_id)
            put_back(job)
            job.n_attempts = 0
            return JobState(job.state)
