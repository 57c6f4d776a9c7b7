"""The files of passages that the generator has computed: a folder for each content."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path


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
        return sum(path.stat().st_size for path in self._folder.glob("*/*.kv"))

    def remove_except(self, content_ids: Collection[int]) -> None:
        """Remove what belongs to no content any more."""
        kept = {str(content_id) for content_id in content_ids}
        for folder in self._folder.glob("*"):
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=False)
