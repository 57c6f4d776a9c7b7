"""The files of passages that the generator has computed: a folder for each content."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from assistant.store.files import total_bytes
from assistant.types import Chunk

_TRIES = 5
"""The generator may write into a folder while it is removed."""


class KeptBlocks:
    """The generator fills the folder; here it is only counted and emptied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def count(self, content_ids: Collection[int]) -> int:
        """Return how many files belong to some contents."""
        return sum(
            1 for content_id in content_ids for _ in (self._folder / str(content_id)).glob("*")
        )

    def n_bytes(self) -> int:
        """Return the size of the blocks; of what else lies beside them, nothing."""
        return total_bytes(self._folder.glob("*/*.kv"))

    def drop(self, chunk: Chunk) -> None:
        """Remove the blocks of a chunk, and the folder if nothing else is in it."""
        folder = self._folder / str(chunk.content_id)
        for path in folder.glob(f"{chunk.chunk_id}-*.kv"):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()

    def remove_except(self, content_ids: Collection[int]) -> None:
        """Remove what belongs to no content any more."""
        kept = {str(content_id) for content_id in content_ids}
        for folder in self._folder.glob("*"):
            if folder.name not in kept:
                _remove(folder)


def _remove(path: Path) -> None:
    """Remove whatever it is, also if others write to it or remove it meanwhile."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for _ in range(_TRIES):
        with suppress(OSError):
            shutil.rmtree(path)
        if not path.exists():
            return
    shutil.rmtree(path)  # says what is wrong
