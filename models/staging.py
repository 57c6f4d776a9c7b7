"""Where weight files wait until they are whole: one locked folder per model beside the models.

What was fetched stays there when a pull ends early, so the next one continues.
"""

from __future__ import annotations

import errno
import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from models.catalog import ModelEntry, ModelFile
from models.errors import ModelDownloadError, ModelFileError
from models.files import Progress, install

PARTIAL = ".partial"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_READY = "ready"
_RESERVE_BYTES = 64 * 2**20


@contextmanager
def open_staging(name: str, models_dir: Path, on_progress: Progress) -> Iterator[Path]:
    """Hold a model's staging folder; whoever else wants it waits until we are done or dead.

    Raises:
        ModelDownloadError: the folder cannot be written, or its disk is full; what is staged stays.
    """
    folder = models_dir / PARTIAL / name
    try:
        with hold_lock(folder.with_name(f"{name}.lock"), on_progress):
            folder.mkdir(exist_ok=True)
            yield folder
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise ModelDownloadError(
                f"cannot use {str(error.filename or folder)!r} ({error.strerror or error}); "
                "check its rights, or set PLINTH_MODELS_DIR to another folder"
            ) from error
        raise ModelDownloadError(
            f"cannot get {name!r}: the disk of {str(models_dir)!r} is full; free some space, or "
            "set PLINTH_MODELS_DIR to a folder on another disk, and repeat: what was fetched is "
            "kept"
        ) from error


@contextmanager
def hold_lock(path: Path, on_progress: Progress) -> Iterator[None]:
    """Hold a lock file, waiting for it; the system releases it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_progress(
                done_bytes=0, total_bytes=0, message="another process is getting it; waiting for it"
            )
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require_space(name: str, needed_bytes: int, folder: Path) -> None:
    """Raise `ModelDownloadError` unless the disk can take this on top of what is staged."""
    needed = max(0, needed_bytes - staged_bytes(folder)) + _RESERVE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelDownloadError(
            f"cannot get {name!r}: it needs {needed:,} bytes of disk while it is fetched, "
            f"{str(folder.parent.parent)!r} has {free:,} free; "
            "free some space, or set PLINTH_MODELS_DIR to a folder on another disk"
        )


def staged_bytes(folder: Path) -> int:
    """Return the size of everything staged so far."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def ready_path(folder: Path, file: ModelFile) -> Path:
    """Return where a source puts the whole file, by one atomic rename; its folder exists."""
    path = folder / _READY / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def install_staged(
    model: ModelEntry, files: Sequence[ModelFile], folder: Path, models_dir: Path
) -> None:
    """Move the ready files to their places and remove the staging folder.

    Raises:
        ModelFileError: one is not what the catalogue says; everything staged is thrown away, as
            nobody can tell which part of it is wrong.
    """
    try:
        for file in files:
            install(model, file, ready_path(folder, file), models_dir)
    except ModelFileError:
        shutil.rmtree(folder)
        folder.mkdir()
        raise
    shutil.rmtree(folder)
