"""Files that somebody sends: on disk and in the queue before they are acknowledged."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath

from assistant.store.jobs import Jobs
from assistant.store.layout import Layout
from assistant.store.types import JobKind
from ingest.errors import IngestError
from ingest.requests import IngestRequest
from ingest.sources import document_name

MAX_NAME_CHARS = 500
RESERVE_BYTES = 200_000_000
"""Kept free on the disk, for the catalog and everything else that must go on."""


class RefusedUploadError(IngestError):
    """A file was not accepted; the message says why and what to do."""


def open_upload(jobs: Jobs, collection: str, requested_by: str) -> int:
    """Queue a job for files that will be sent, and return its id."""
    request = IngestRequest(paths=(), collection=collection)
    return jobs.add(JobKind.UPLOAD, request.to_json(), requested_by)


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
    max_bytes: int,
) -> None:
    """Write a file that is being sent to disk and queue it; once this returns, it is safe.

    Args:
        body: Its bytes as they come; never held in memory together.
        jobs: The queue.
        layout: Of the data dir.
        job_id: As `open_upload` returned it.
        name: As the sender calls it, with folders; untrusted.
        max_bytes: Longer files are refused.

    Raises:
        RefusedUploadError: the name cannot be used, it is too long, or the disk is full.
        NameTakenError: the job has a file of that name.
        UnknownNameError: no such job.
    """
    document = upload_name(name)
    jobs.get(job_id)
    path = layout.upload(job_id, document)
    partial = path.with_name(f".{uuid.uuid4().hex}")

    def place() -> None:
        partial.replace(path)
        _sync(path.parent)

    def finish(size_bytes: int) -> None:
        _sync(partial)
        jobs.add_file(job_id, document, size_bytes, place=place)

    try:
        _make_folder(path.parent, layout.root)
        size_bytes = await _write(body, partial, max_bytes)
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


async def _write(body: AsyncIterator[bytes], path: Path, max_bytes: int) -> int:
    size_bytes = 0
    with path.open("xb") as file:
        async for block in body:
            size_bytes += len(block)
            if size_bytes > max_bytes:
                message = (
                    f"the file has more than the limit of {max_bytes:,} bytes; divide it or raise "
                    "ingest.max_file_bytes"
                )
                raise RefusedUploadError(message)
            if shutil.disk_usage(path.parent).free < RESERVE_BYTES:
                message = "the disk of the server is almost full; make room or ask an admin"
                raise RefusedUploadError(message)
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
