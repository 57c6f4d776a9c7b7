"""Files that somebody sends: on disk and in the queue before they are acknowledged."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from assistant.store.files import said_of_disk
from assistant.store.jobs import Jobs
from assistant.store.layout import Layout
from assistant.store.queue_control import QueueControl
from assistant.store.types import JobKind
from ingest.quotas import RefusedUploadError, require_disk, require_quota, require_size
from ingest.requests import IngestRequest
from ingest.settings import IngestSettings
from ingest.sources import document_name

MAX_NAME_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What somebody says that a batch will be; 0 where nothing is said."""

    n_files: int = 0
    n_bytes: int = 0


NOTHING_ANNOUNCED = Announced()


def open_upload(jobs: Jobs, collection: str, requested_by: str) -> int:
    """Queue a job for files that will be sent, and return its id; see `require_room`."""
    request = IngestRequest(paths=(), collection=collection)
    return jobs.add(JobKind.UPLOAD, request.to_json(), requested_by)


def require_room(
    jobs: Jobs, layout: Layout, requested_by: str, settings: IngestSettings, announced: Announced
) -> None:
    """Let a batch pass for which there is room, before anything of it is sent.

    Raises:
        RefusedUploadError: there is none.
    """
    sent = jobs.sent_by(requested_by)
    require_quota(sent, announced.n_bytes, settings, n_files=announced.n_files)
    require_disk(layout.root, announced.n_bytes, settings)


def upload_name(name: str) -> str:
    """Return the document name of a file that is sent: a relative path, and never more than data.

    Raises:
        RefusedUploadError: it is empty, too long, or leads out of its folder.

    >>> upload_name("hr/Leave policy.pdf")
    'hr/Leave policy.pdf'
    """
    message = f"the file name {name[:80]!r} cannot be used; rename the file"
    try:
        path = PurePosixPath(document_name(name.replace("\\", "/")))
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise RefusedUploadError(message) from error
    document = str(path)
    if not path.name or len(document) > MAX_NAME_CHARS or path.is_absolute() or ".." in path.parts:
        raise RefusedUploadError(message)
    return document


async def receive(
    body: AsyncIterator[bytes],
    *,
    jobs: Jobs,
    layout: Layout,
    job_id: int,
    name: str,
    settings: IngestSettings,
    declared_bytes: int = 0,
) -> None:
    """Write a file that is being sent to disk and queue it; once this returns, it is safe.

    Args:
        body: Its bytes as they come; never held in memory together.
        jobs: The queue.
        layout: Of the data dir.
        job_id: As `open_upload` returned it.
        name: As the sender calls it, with folders; untrusted.
        settings: The limits.
        declared_bytes: How long the sender says it is; what is too much by that is refused before
            anything is read or written.

    Raises:
        RefusedUploadError: the name cannot be used, a limit is reached, or the disk is full.
        NameTakenError: the job has a file of that name.
        UnknownNameError: no such job.
    """
    document = upload_name(name)
    require_size(declared_bytes, settings)
    require_quota(await asyncio.to_thread(jobs.sent, job_id), declared_bytes, settings)
    path = layout.upload(job_id, document)
    partial = path.with_name(f".{uuid.uuid4().hex}")

    def place() -> None:
        partial.replace(path)
        _sync(path.parent)

    def finish(size_bytes: int) -> None:
        _sync(partial)
        jobs.add_file(
            job_id,
            document,
            size_bytes,
            place=place,
            # What others sent meanwhile counts, too.
            check=lambda sent: require_quota(sent, size_bytes, settings),
        )

    try:
        require_disk(layout.root, declared_bytes, settings)
        _make_folder(path.parent, layout.root)
        size_bytes = await _write(body, partial, settings)
        # Disks and the writer of the catalog take their time; other requests go on.
        await asyncio.to_thread(finish, size_bytes)
    except OSError as error:
        message = f"{document!r} cannot be stored ({error.strerror}); make room or ask an admin"
        raise RefusedUploadError(message) from error
    finally:
        partial.unlink(missing_ok=True)


def clear_job(jobs: Jobs, layout: Layout, job_id: int) -> None:
    """Forget a job, with the files of it that were not taken in; not before it is over."""
    if jobs.remove_if_over(job_id):
        shutil.rmtree(layout.uploads / str(job_id), ignore_errors=True)


def discard_put_aside(queue: QueueControl, layout: Layout, job_id: int, by: str) -> int:
    """Forget the files of a job that were put aside, with their bytes; return how many.

    Raises:
        UnknownNameError: no such job.
        StoreError: the disk refuses.
    """
    names = queue.discard(job_id, by)
    with said_of_disk(layout.uploads):
        for name in names:
            # Of a folder's job nothing lies there; what a crash leaves, the server's start removes.
            layout.upload(job_id, name).unlink(missing_ok=True)
    return len(names)


def remove_leftovers(jobs: Jobs, layout: Layout) -> None:
    """Remove what killed senders and cleared jobs left behind; nothing may be arriving."""
    known = {str(job.job_id): job.job_id for job in jobs.list([JobKind.UPLOAD])}
    for folder in layout.uploads.glob("*"):
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        job_id = known[folder.name]
        wanted = {layout.upload(job_id, file.document) for file in jobs.files(job_id)}
        for leftover in set(folder.iterdir()) - wanted:
            leftover.unlink(missing_ok=True)


async def _write(body: AsyncIterator[bytes], path: Path, settings: IngestSettings) -> int:
    size_bytes = 0
    with path.open("xb") as file:
        async for block in body:
            size_bytes += len(block)
            require_size(size_bytes, settings)
            require_disk(path.parent, 0, settings)
            file.write(block)
    return size_bytes


def _make_folder(folder: Path, root: Path) -> None:
    """Make a folder below an existing one, so that it survives a crash of the machine."""
    if folder.is_dir() or folder == root:
        return
    _make_folder(folder.parent, root)
    folder.mkdir(exist_ok=True, mode=0o700)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
