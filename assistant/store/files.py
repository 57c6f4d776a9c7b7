"""Files that are whole or not there: written beside, synced, then renamed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
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


_Identity = tuple[int, int, int, int, int]
_INTACT: dict[Path, tuple[str, _Identity]] = {}
"""Files found intact by this process; an entry is replaced whole, so threads need no lock."""


def is_intact(path: Path, sha256: str) -> bool:
    """Tell whether a file holds the bytes of this hash; it is read once per process.

    It is read again if its size, its times or its place on the disk are not what they were.

    Raises:
        FileNotFoundError: it is gone.
    """
    with path.open("rb") as file:
        identity = _identity(file.fileno())
        if _INTACT.get(path) == (sha256, identity):
            return True
        _INTACT.pop(path, None)
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            return False
        if not os.fstat(file.fileno()).st_nlink:
            raise FileNotFoundError(f"{str(path)!r} was removed while it was read")
        if _identity(file.fileno()) != identity:
            return False  # it was written while it was read
    _INTACT[path] = (sha256, identity)
    return True


def total_bytes(paths: Iterable[Path]) -> int:
    """Return the size of files, without those that are removed meanwhile."""
    total = 0
    for path in paths:
        with suppress(OSError):
            total += path.stat().st_size
    return total


def _identity(fd: int) -> _Identity:
    stat = os.fstat(fd)
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
