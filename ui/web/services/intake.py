"""What admins do with documents: add, watch being taken in, delete."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assistant.access import Who
from assistant.errors import UnknownNameError
from assistant.store.catalog import Catalog
from assistant.store.changes import Change
from assistant.store.layout import Layout
from assistant.store.traces import Footprint, Traces
from assistant.store.types import Job, JobFile, JobKind, QueuePause, WatchedFolder
from assistant.types import DocumentId
from ingest.settings import IngestSettings
from ingest.uploads import (
    NOTHING_ANNOUNCED,
    Announced,
    clear_job,
    discard_put_aside,
    open_upload,
    receive,
    require_room,
)
from ui.web.worker_process import WorkerProcess

BATCHES = (JobKind.UPLOAD, JobKind.INGEST)


class Intake:
    """The queue of the one writer, in the name of the person who asks.

    Args:
        who: Who asks, as of now.
        catalog: All documents and the queue.
        layout: Of the data dir.
        settings: What a file may cost.
        worker: Carries out what is queued.
    """

    def __init__(
        self,
        who: Who,
        catalog: Catalog,
        layout: Layout,
        settings: IngestSettings,
        worker: WorkerProcess,
    ) -> None:
        self._who = who
        self._catalog = catalog
        self._layout = layout
        self._settings = settings
        self._worker = worker

    def collections(self) -> tuple[str, ...]:
        """Return the names of all collections."""
        self._who()
        return tuple(one.name for one in self._catalog.people.collections())

    def batches(self) -> tuple[Job, ...]:
        """Return the batches under way and those that ended and were not cleared."""
        self._who()
        return self._catalog.jobs.list(BATCHES)

    def job(self, job_id: int) -> Job:
        """Return a job.

        Raises:
            UnknownNameError: there is none.
        """
        self._who()
        return self._catalog.jobs.get(job_id)

    def files(self, job_id: int) -> tuple[JobFile, ...]:
        """Return the files of a batch."""
        self._who()
        return self._catalog.jobs.files(job_id)

    def stop(self, job_id: int) -> None:
        """Stop a batch; what is complete stays."""
        self._who()
        self._catalog.jobs.stop(job_id)

    def retry(self, job_id: int) -> None:
        """Do what failed or was stopped again."""
        self._who()
        self._catalog.jobs.retry(job_id)

    def clear(self, job_id: int) -> None:
        """Take a batch that is over off the list."""
        self._who()
        clear_job(self._catalog.jobs, self._layout, job_id)

    def discard(self, job_id: int) -> None:
        """Throw away the files of a batch that were put aside."""
        discard_put_aside(self._catalog.queue, self._layout, job_id, self._who().name)

    def current_pause(self) -> QueuePause | None:
        """Return who had the queue pause; None while it is worked off."""
        self._who()
        return self._catalog.queue.current_pause()

    def pause(self) -> None:
        """Have files wait; what is complete stays."""
        self._catalog.queue.pause(self._who().name)

    def resume(self) -> None:
        """Let files be taken in again."""
        self._catalog.queue.resume(self._who().name)

    def watched_folders(self) -> tuple[WatchedFolder, ...]:
        """Return the folders that are followed, and how that goes."""
        self._who()
        return self._catalog.watched.list()

    @property
    def max_file_bytes(self) -> int:
        """How large a file may be."""
        self._who()
        return self._settings.max_file_bytes

    def begin_upload(self, collection: str, announced: Announced = NOTHING_ANNOUNCED) -> int:
        """Open a batch for files that will be sent and return its number.

        Raises:
            RefusedUploadError: there is no room for what is announced.
        """
        name = self._who().name
        require_room(self._catalog.jobs, self._layout, name, self._settings, announced)
        return open_upload(self._catalog.jobs, collection, name)

    async def receive(
        self, job_id: int, name: str, body: AsyncIterator[bytes], *, declared_bytes: int = 0
    ) -> None:
        """Take in one file of a batch; once this returns, it is safe.

        Raises:
            RefusedUploadError: the name cannot be used, a limit is reached, or the disk is full.
            NameTakenError: the batch has a file of that name.
            UnknownNameError: no such batch of this person.
        """
        person = self._who()
        if self._catalog.jobs.get(job_id).requested_by != person.name:
            raise UnknownNameError(f"no batch {job_id} of yours; begin a new one")
        await receive(
            body,
            jobs=self._catalog.jobs,
            layout=self._layout,
            job_id=job_id,
            name=name,
            settings=self._settings,
            declared_bytes=declared_bytes,
        )

    def delete(self, document_id: DocumentId) -> tuple[int, Footprint]:
        """Queue a document's deletion; return the job and what there was, to prove it gone."""
        person = self._who()
        footprint = self._catalog.footprint(document_id)
        request = {
            "change": Change.DELETE_DOCUMENT.value,
            "arguments": {"document_id": document_id},
        }
        return self._catalog.jobs.add(JobKind.CHANGE, request, person.name), footprint

    def traces(self, of: Footprint) -> Traces:
        """Return what is held of a deleted document now, in every store and file."""
        self._who()
        return self._catalog.traces(of)

    def n_without_vectors(self) -> int:
        """Return how many passages are found by their words only."""
        self._who()
        return self._catalog.n_unembedded()

    def is_worker_alive(self) -> bool:
        """Tell whether the process that takes documents in runs."""
        self._who()
        return self._worker.is_alive()
