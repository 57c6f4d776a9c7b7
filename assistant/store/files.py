"""Files that are whole or not there: written beside, synced, then renamed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from assistant.errors import StoreError

TEMPORARY_SUFFIX = ".partial"


def write_durably(
    folder: Path, pieces: Iterable[bytes | memoryview], name: str = "{sha256}"
) -> tuple[Path, str]:
    """Write a file that survives a crash of the machine once this returns.

    Args:
        folder: Made when missing.
        pieces: The content.
        name: The file's name below `folder`, slashes allowed; `{sha256}` and `{prefix}` stand for
            the content's hash and its first two digits.

    Returns:
        The path and the lower-case hex SHA-256 of the content.

    Raises:
        StoreError: the disk is full or refuses.
    """
    digest = hashlib.sha256()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(dir=folder, suffix=TEMPORARY_SUFFIX)
        try:
            with os.fdopen(fd, "wb") as file:
                for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            sha256 = digest.hexdigest()
            path = folder / name.format(sha256=sha256, prefix=sha256[:2])
            if path.parent != folder:
                path.parent.mkdir(exist_ok=True)
                _sync_folder(folder)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        message = f"cannot write into {str(folder)!r}: {error.strerror}; check the disk's space"
        raise StoreError(message) from error
    return path, sha256


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
