"""Carries out the queue: the one writer while a server runs.

A job that is stopped, paused, interrupted by a change or cut off with the process loses nothing
that was published, and goes on with the rest: ingesting is a comparison, so doing it again is
harmless. After a death or an unexpected failure it goes on file by file, so that what caused it is
known, comes last from then on, and is put aside when it does so again and again: the other files
are taken in.
Vectors that a job left to follow are made when there is nothing else to do.
"""

from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event

from assistant.errors import AssistantError, StoreError, WriterBusyError
from assistant.store.changes import Change, apply_change
from assistant.store.jobs import Jobs
from assistant.store.layout import Layout
from assistant.store.types import Job, JobFile, JobKind
from assistant.store.writer import CatalogWriter, open_writer
from ingest.care import Care
from ingest.pipeline import IngestReport, ingest
from ingest.records import SUFFIX as RECORDS_SUFFIX
from ingest.reporting import Gathered, Throttled
from ingest.requests import UPLOADS, IngestRequest, job_file, prepare_collection
from ingest.settings import IngestSettings
from ingest.sources import Found, find_files, received_files
from ingest.types import FileStatus
from ingest.vectors import embed_waiting
from models.errors import ModelError
from models.protocols import Embedder

_LOG = logging.getLogger(__name__)
POLL_S = 0.3
BUSY_WAIT_S = 2.0
MOST_ATTEMPTS = 3
FAILURE_PAUSE_S = 1.0
"""Before a job that failed unexpectedly is begun again; after a death, whoever starts it pauses."""
UNEXPECTED = (
    "something went wrong that should not; try it again, and if it stays tell an admin that it is "
    "job {} in the server's log"
)


class Worker:
    """Works off the jobs of one data dir until it is told to close.

    Args:
        data_dir: The data dir; no other worker runs on it.
        jobs: Its queue.
        embedder: Called when the first document comes; loading takes seconds.
        settings: How to cut, and what a file may cost.
        closing: Once set, what is complete is published, and `run` returns within seconds.
    """

    def __init__(
        self,
        *,
        data_dir: Path,
        jobs: Jobs,
        embedder: Callable[[], Embedder],
        settings: IngestSettings,
        closing: Event,
    ) -> None:
        self._layout = Layout(data_dir)
        self._jobs = jobs
        self._embedder = embedder
        self._settings = settings
        self._closing = closing
        self._may_lack_vectors = True

    def run(self) -> None:
        """Work until closed."""
        self._jobs.recover()
        while not self._closing.is_set():
            if not self.work_once():
                self._closing.wait(POLL_S)

    def work_once(self) -> bool:
        """Carry out the next job, else embed what waits for it; tell whether there was anything."""
        job = self._jobs.begin()
        if job is None:
            return self._may_lack_vectors and self._embed_left()
        self._may_lack_vectors = True
        if job.n_attempts > MOST_ATTEMPTS:
            error = (
                f"the process ended, or failed unexpectedly, {MOST_ATTEMPTS} times in the middle "
                "of it, and not because of one file; the server's log says how"
            )
            self._jobs.finish(job.job_id, error)
            return True
        try:
            with open_writer(self._layout.root, wait_s=BUSY_WAIT_S, by=job.requested_by) as writer:
                self._carry_out(job, writer)
        except WriterBusyError:
            self._jobs.pause(job.job_id)
            return False
        except (AssistantError, ModelError) as error:
            self._jobs.finish(job.job_id, str(error))
        except Exception as error:  # noqa: BLE001 - the boundary: one job fails alone
            _LOG.error("job %d ended unexpectedly", job.job_id, exc_info=error)
            if job.kind is JobKind.CHANGE:
                self._jobs.finish(job.job_id, UNEXPECTED.format(job.job_id))
            else:
                self._jobs.give_back(job.job_id)
                self._closing.wait(FAILURE_PAUSE_S)
        return True

    def _embed_left(self) -> bool:
        """Embed what earlier jobs left without vectors; tell whether there was anything."""
        if self._jobs.is_paused():
            return False
        try:
            with open_writer(self._layout.root, wait_s=BUSY_WAIT_S) as writer:
                n_before = writer.catalog.n_unembedded()
                if n_before:
                    with self._watched(self._is_needed) as cancel:
                        embed_waiting(writer, self._embedder(), is_unwanted=cancel.is_set)
                n_left = writer.catalog.n_unembedded()
        except WriterBusyError:
            return False
        except (AssistantError, ModelError) as error:
            _LOG.error("documents that are found by words only got no vectors: %s", error)
            n_before = n_left = 0
        self._may_lack_vectors = 0 < n_left < n_before
        return n_left < n_before

    def _is_needed(self) -> bool:
        return self._jobs.has_work() or self._jobs.is_paused()

    def _carry_out(self, job: Job, writer: CatalogWriter) -> None:
        if job.kind is JobKind.CHANGE:
            apply_change(writer, Change(job.request["change"]), job.request["arguments"])
            self._jobs.finish(job.job_id)
            return
        request = IngestRequest.from_json(job.request)
        prepare_collection(writer, request.collection, request.groups)
        if request.groups:
            # Granted once: what is revoked while the job goes on stays revoked.
            self._jobs.replace_request(job.job_id, replace(request, groups=()).to_json())
        if job.kind is JobKind.UPLOAD:
            self._take_in(job, request, writer, self._received(job))
        else:
            self._take_in(job, request, writer, self._found(request))

    def _found(self, request: IngestRequest) -> tuple[Found, ...]:
        found = find_files(request.paths, leave_out=self._layout.root)
        if request.only is None:
            return found
        only = frozenset(request.only)

        def is_wanted(document: str) -> bool:
            # What records a file holds is known only from the file: unread, they would seem gone.
            return document in only or document.endswith(RECORDS_SUFFIX)

        return tuple(replace(one, listing=one.listing.only(is_wanted)) for one in found)

    def _received(self, job: Job) -> tuple[Found, ...]:
        folder = self._layout.uploads / str(job.job_id)
        waiting = [file for file in self._jobs.files(job.job_id) if file.status is None]
        files = [(one.document, self._layout.upload(job.job_id, one.document)) for one in waiting]
        return (received_files(folder, UPLOADS, files),)

    def _take_in(
        self, job: Job, request: IngestRequest, writer: CatalogWriter, found: Sequence[Found]
    ) -> None:
        sizes = {file.document: file.size_bytes for one in found for file in one.listing.files}

        progress = Throttled(
            lambda now: self._jobs.report_bytes(
                job.job_id, now.n_bytes, now.n_bytes_done, doing=now.doing
            )
        )
        outcomes = Gathered(lambda ended: self._jobs.report_files(job.job_id, ended))
        with self._watched(lambda: self._jobs.is_wanted_elsewhere(job.job_id)) as cancel:
            report = ingest(
                found,
                collection=request.collection,
                writer=writer,
                embedder=self._embedder(),
                settings=self._settings,
                prune=request.prune,
                on_progress=progress,
                on_outcomes=outcomes,
                cancel=cancel,
                care=self._care(job, request),
            )
        self._settle(job, report, sizes, error=_spared(report, request))

    def _care(self, job: Job, request: IngestRequest) -> Care:
        has_failed = job.n_attempts > 1 or bool(job.n_deaths)
        return Care(
            begins=partial(self._jobs.begin_file, job.job_id) if has_failed else None,
            n_deaths=job.n_deaths,
            tries_again=request.tries_again,
            texts_wait=partial(self._jobs.others_wait, job.job_id),
            spares_many=request.is_watched,
        )

    def _settle(
        self, job: Job, report: IngestReport, sizes: dict[str, int], *, error: str | None
    ) -> None:
        """Store the final counts, drop what was taken in, and say how the job stands."""
        self._jobs.report_files(job.job_id, [job_file(outcome) for outcome in report.outcomes])
        if job.kind is JobKind.UPLOAD:
            if not report.is_interrupted:
                self._settle_records(job, report, sizes)
            for file in self._jobs.files(job.job_id):
                if file.status not in (None, FileStatus.REJECTED.value):
                    self._layout.upload(job.job_id, file.document).unlink(missing_ok=True)
        if report.is_interrupted:
            self._jobs.pause(job.job_id)
        else:
            self._jobs.finish(job.job_id, error)

    def _settle_records(self, job: Job, report: IngestReport, sizes: dict[str, int]) -> None:
        """A file of records has no outcome of its own: its records do."""
        named = {outcome.document for outcome in report.outcomes}
        self._jobs.report_files(
            job.job_id,
            [
                JobFile(
                    file_id=0, document=document, size_bytes=size, status=FileStatus.INGESTED.value
                )
                for document, size in sizes.items()
                if document not in named
            ],
        )

    @contextmanager
    def _watched(self, is_unwanted: Callable[[], bool]) -> Iterator[Event]:
        """Yield an event that is set as soon as what is done should give way."""
        cancel, done = Event(), Event()

        def watch() -> None:
            while not done.wait(POLL_S):
                try:
                    gives_way = is_unwanted()
                except StoreError:
                    gives_way = False  # a busy catalog is asked again
                if gives_way or self._closing.is_set():
                    cancel.set()
                    return

        watcher = threading.Thread(target=watch, name="watch-job")
        watcher.start()
        try:
            yield cancel
        finally:
            done.set()
            watcher.join()


def _spared(report: IngestReport, request: IngestRequest) -> str | None:
    """Say that documents were kept whose files are gone; None if none were."""
    if not report.n_spared:
        return None
    folder, collection = (shlex.quote(str(one)) for one in (request.paths[0], request.collection))
    return (
        f"the files of {report.n_spared:,} documents are gone, more than half of this folder's; "
        "none was removed, since its disk may be missing. If it is meant, run "
        f"`plinth ingest {folder} --collection {collection} --prune`"
    )
