"""The bytes of ingested files, stored once by hash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from assistant.store.files import TEMPORARY_SUFFIX, write_durably
from assistant.types import Version

BLOCK_BYTES = 1 << 20
RECORD_MEDIA_TYPE = "application/jsonl"
"""Of a document that is one line of a file: of these no bytes are kept."""


class Originals:
    """A folder of files named by their SHA-256, spread over 256 folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, version: Version) -> Path:
        """Return where the bytes of a version lie if they are kept."""
        return self._folder / version[:2] / version

    def keep(self, file: Path) -> tuple[Path, Version]:
        """Copy a file in; the copy cannot change while it is parsed.

        Returns:
            The copy and the SHA-256 of exactly its bytes.

        Raises:
            StoreError: the copy cannot be written.
            OSError: the file cannot be read.
        """
        with file.open("rb") as source:  # a source that cannot be opened is the caller's matter
            blocks = iter(lambda: source.read(BLOCK_BYTES), b"")
            path, sha256 = write_durably(self._folder, blocks, "{prefix}/{sha256}")
        return path, Version(sha256)

    def versions(self) -> Iterator[Version]:
        """Yield the versions whose bytes are kept, in no order."""
        for path in self._folder.glob("??/*"):
            yield Version(path.name)

    def remove(self, version: Version) -> None:
        """Delete the bytes of a version; silent if they are not kept."""
        self.path(version).unlink(missing_ok=True)

    def remove_partial(self) -> None:
        """Delete what a killed writer left half written."""
        for path in self._folder.glob(f"*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)
