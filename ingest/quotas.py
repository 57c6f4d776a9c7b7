"""Limits on what people send: told before the bytes are read wherever the sender says how many."""

from __future__ import annotations

import shutil
from pathlib import Path

from assistant.store.types import Sent
from ingest.errors import IngestError
from ingest.settings import IngestSettings


class RefusedUploadError(IngestError):
    """A file was not accepted; the message says why and what to do."""


def require_size(size_bytes: int, settings: IngestSettings) -> None:
    """Let a file pass that is not too large.

    Raises:
        RefusedUploadError: it is.
    """
    if size_bytes > settings.max_file_bytes:
        raise RefusedUploadError(
            f"the file has more than the limit of {settings.max_file_bytes:,} bytes; divide it or "
            "raise ingest.max_file_bytes"
        )


def require_quota(
    sent: Sent, size_bytes: int, settings: IngestSettings, *, n_files: int = 1
) -> None:
    """Let files pass for which there is room beside what was sent before.

    Args:
        sent: What was sent before.
        size_bytes: Of the files, as far as it is known; the rest counts later.
        settings: The limits.
        n_files: How many they are.

    Raises:
        RefusedUploadError: there is none.
    """
    if sent.n_batch_files + n_files > settings.max_batch_files:
        raise RefusedUploadError(
            f"a batch has at most {settings.max_batch_files:,} files; send the others as another "
            "one, or raise ingest.max_batch_files"
        )
    room = (
        (sent.n_batch_bytes, "max_batch_bytes", "in one batch; send fewer at a time"),
        (
            sent.n_waiting_bytes_each,
            "max_waiting_bytes_each",
            "of yours that wait or were rejected; wait until they are taken in, or clear those",
        ),
        (
            sent.n_waiting_bytes,
            "max_waiting_bytes",
            "of everybody that wait or were rejected; wait until they are taken in",
        ),
    )
    for n_bytes, name, what in room:
        limit: int = getattr(settings, name)
        if n_bytes + size_bytes > limit:
            raise RefusedUploadError(
                f"there would be more than {limit:,} bytes {what}, or raise ingest.{name}"
            )


def require_disk(folder: Path, size_bytes: int, settings: IngestSettings) -> None:
    """Let a file pass that leaves enough room on the disk.

    Args:
        folder: On that disk.
        size_bytes: Still to be written.
        settings: What must stay free.

    Raises:
        RefusedUploadError: it does not.
        OSError: the disk does not answer.
    """
    if shutil.disk_usage(folder).free - size_bytes < settings.min_free_bytes:
        raise RefusedUploadError(
            f"the disk of the server is almost full: {settings.min_free_bytes:,} bytes are kept "
            "free (ingest.min_free_bytes); make room or ask an admin"
        )
