"""Files that are whole or not there: written beside, synced, then renamed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assistant.errors import StoreError, WriterBusyError

TEMPORARY_SUFFIX = ".partial"


@contextmanager
def said_of_disk(folder: Path, *, passing: tuple[type[OSError], ...] = ()) -> Iterator[None]:
    """Say what the disk refuses inside `folder`, in words for people.

    Args:
        folder: Named where the system names no file.
        passing: Errors that mean something else here.

    Raises:
        StoreError: instead of any other error of the system.
    """
    try:
        yield
    except passing:
        raise
    except OSError as error:
        message = (
            f"cannot use {str(error.filename or folder)!r}: {error.strerror or error}; check the "
            "disk's space and permissions, and try again"
        )
        raise StoreError(message) from error


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
                sync_folder(folder)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        message = f"cannot write into {str(folder)!r}: {error.strerror}; check the disk's space"
        raise StoreError(message) from error
    return path, sha256


@contextmanager
def work_folder(target: Path) -> Iterator[Path]:
    """Give an empty private folder beside what is to be made in it; it goes at the end.

    What is ready is renamed into its place; the folder itself may be, too. What a killed process
    left is removed when the same is made again.

    Args:
        target: What is to be made; its folder exists.

    Raises:
        WriterBusyError: another process is making the same.
        StoreError: the folder belongs to somebody else.
        OSError: the disk refuses.
    """
    folder = target.with_name(f".{target.name}{TEMPORARY_SUFFIX}")
    folder.mkdir(mode=0o700, exist_ok=True)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_uid != os.geteuid():
            raise StoreError(f"{str(folder)!r} belongs to somebody else; remove it or rename it")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another process is making {str(target)!r}; wait until it is done"
            raise WriterBusyError(message) from error
        try:
            os.fchmod(fd, 0o700)
            for path in folder.iterdir():
                _remove(path)
            yield folder
        finally:
            with suppress(OSError):
                if folder.stat().st_ino == os.fstat(fd).st_ino:  # else it has been renamed
                    shutil.rmtree(folder)
    finally:
        os.close(fd)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


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


def sync_folder(folder: Path) -> None:
    """Have the disk hold the names in a folder, those that came and those that went."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
