"""What is wrong with what the catalog names: originals, files that wait, vectors, leftovers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from assistant.store.database import Database
from assistant.store.files import TEMPORARY_SUFFIX, said_of_disk
from assistant.store.layout import Layout
from assistant.store.named_files import named_originals, named_uploads
from assistant.store.originals import Originals
from assistant.store.postings import Int64s
from assistant.store.queries import segment_files
from assistant.store.rows import ChunkRow, ContentRow, DocumentRow, SourceRow, VersionRow
from assistant.store.run_folders import run_folders
from assistant.store.segments import are_unit
from assistant.types import Version

READ_ROWS = 4_000
"""Vectors read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedOriginal:
    """The bytes of a version that are missing or not what was taken in."""

    version: Version
    document: str
    """A document that has it."""
    is_missing: bool
    source: Path | None
    """A file with these bytes where it was taken in from; None if there is none any more."""


class Examination:
    """Looks at a data dir and changes nothing. Thread-safe."""

    def __init__(self, database: Database, layout: Layout) -> None:
        self._database = database
        self._layout = layout
        self._originals = Originals(layout.originals)

    def run_folders(self) -> tuple[str, ...]:
        """Return the names of the runs of an earlier Plinth that are not in the catalog."""
        return tuple(folder.name for folder in run_folders(self._layout))

    def damaged_originals(
        self, on_progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> tuple[DamagedOriginal, ...]:
        """Read all originals and return those that are missing or changed, by version.

        Args:
            on_progress: Called with the bytes that are read and all there are.

        Raises:
            StoreError: the disk refuses.
        """
        with self._database.reading() as session:
            versions = named_originals(session)
        sizes = [_size(self._originals.path(one)) for one in versions]
        n_bytes, n_done = sum(sizes), 0
        damaged = []
        for version, size in zip(versions, sizes, strict=True):
            path = self._originals.path(version)
            with said_of_disk(path):
                sha256 = _sha256(path)
            if sha256 != version and (found := self._damaged(version, is_missing=sha256 is None)):
                damaged.append(found)
            n_done += size
            on_progress(n_done, n_bytes)
        return tuple(damaged)

    def _damaged(self, version: Version, *, is_missing: bool) -> DamagedOriginal | None:
        with self._database.reading() as session:
            places = session.execute(
                select(DocumentRow.path, SourceRow.root)
                .join(SourceRow, SourceRow.id == DocumentRow.source_id)
                .join(VersionRow, VersionRow.document_id == DocumentRow.id)
                .join(ContentRow, ContentRow.id == VersionRow.content_id)
                .where(ContentRow.sha256 == version)
                .order_by(DocumentRow.path, SourceRow.root)
            ).all()
        if not places:
            return None  # deleted meanwhile
        files = [Path(root) / path for path, root in places if Path(root).is_absolute()]
        return DamagedOriginal(
            version=version,
            document=places[0].path,
            is_missing=is_missing,
            source=next((file for file in files if _sha256_if_readable(file) == version), None),
        )

    def missing_uploads(self) -> tuple[str, ...]:
        """Return the names of files that were sent and wait, but are not there."""
        with self._database.reading() as session:
            waiting = named_uploads(session, with_rejected=False)
            missing = {one for one in waiting if not self._layout.upload(*one).exists()}
        with self._database.reading() as session:  # what was taken in meanwhile waits no more
            still = missing.intersection(named_uploads(session, with_rejected=False))
        return tuple(sorted(document for _, document in still))

    def n_damaged_vectors(self) -> int:
        """Return how many stored vectors are not finite, of unit length and of one dimension."""
        with self._database.reading() as session:
            return len(damaged_vectors(session))

    def n_leftovers(self) -> int:
        """Return how many files belong to nothing: a killed writer left them, the next one tidies.

        While somebody writes, what is being written is among them.
        """
        layout = self._layout
        with self._database.reading() as session:
            indexed = {name for files in segment_files(session) for name in files.names}
            versions = frozenset(session.scalars(select(ContentRow.sha256)))
            contents = {str(one) for one in session.scalars(select(ContentRow.id))}
        return (
            sum(path.name not in indexed for path in layout.index.glob("*"))
            + sum(one not in versions for one in self._originals.versions())
            + sum(1 for _ in layout.originals.glob(f"*{TEMPORARY_SUFFIX}"))
            + sum(path.name not in contents for path in layout.blocks.glob("*"))
        )


def damaged_vectors(session: Session) -> Int64s:
    """Return the ids of chunks whose vector is not finite, of unit length and of one dimension."""
    n_bytes = func.length(ChunkRow.vector)
    usual = session.scalar(
        select(n_bytes)
        .where(ChunkRow.vector.is_not(None))
        .group_by(n_bytes)
        .order_by(func.count().desc(), n_bytes)
        .limit(1)
    )
    if not usual:
        return np.zeros(0, dtype=np.int64)
    whole = usual - usual % 4  # none is, where the usual size is no number of floats
    wrong = list(session.scalars(select(ChunkRow.id).where(n_bytes != whole)))
    selection = select(ChunkRow.id, ChunkRow.vector).where(n_bytes == whole).order_by(ChunkRow.id)
    found = session.execute(selection, execution_options={"yield_per": READ_ROWS})
    for rows in found.partitions():
        ids = np.array([row.id for row in rows], dtype=np.int64)
        vectors = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f4")
        wrong += ids[~are_unit(vectors.reshape(len(rows), -1))].tolist()
    return np.sort(np.array(wrong, dtype=np.int64))


def _sha256(path: Path) -> str | None:
    """Return the hash of a file's bytes; None if there is no file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _sha256_if_readable(path: Path) -> str | None:
    with suppress(OSError):
        return _sha256(path) if path.is_file() else None
    return None


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
