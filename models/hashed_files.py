"""Files of what can be computed again: each with the hash of what it holds, within a budget.

A file is written beside its place, then renamed: whole or not there. One that does not fit its
hash is deleted. Nothing is synced to the disk, since nothing is lost with it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

HASH_BYTES = 32
_UNFINISHED = ".unfinished"
_ABANDONED_S = 3600.0
"""Nobody writes a file for so long: its writer was killed."""


def write_hashed(path: Path, body: bytes | bytearray) -> int:
    """Write a file for its owner only and return its size in bytes.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix + _UNFINISHED)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(body).digest())
            file.write(body)
        Path(temporary).rename(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    return HASH_BYTES + len(body)


def read_hashed(path: Path) -> bytearray | None:
    """Return what a file holds; None if it cannot be read, or is damaged and so deleted."""
    try:
        with path.open("rb") as file:
            wanted = file.read(HASH_BYTES)
            body = bytearray(file.read())
    except OSError:
        return None
    if hashlib.sha256(body).digest() != wanted:
        path.unlink(missing_ok=True)
        return None
    return body


def keep_within(folder: Path, suffix: str, n_bytes: int) -> None:
    """Delete the files used longest ago until all take at most so many bytes.

    What a killed writer left goes, too.

    Args:
        folder: With a folder for each group of files.
        suffix: Of the files that count.
        n_bytes: Below 0 as well, if more is about to come than the budget holds.
    """
    for path in folder.glob(f"*/*{suffix}{_UNFINISHED}"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()
    files = sorted(_by_use(folder.glob(f"*/*{suffix}")))
    over = sum(size for _, size, _ in files) - n_bytes
    for _, size, path in files:
        if over <= 0:
            return
        path.unlink(missing_ok=True)
        over -= size


def _by_use(paths: Iterable[Path]) -> Iterable[tuple[int, int, Path]]:
    """Yield when a file was used last, its size and the file."""
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            yield status.st_mtime_ns, status.st_size, path
