"""Writing the catalog: one writer, each change whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.access import OPERATOR_NAME
from assistant.errors import UnknownNameError
from assistant.store import queries
from assistant.store.audit import Recording
from assistant.store.blocks import KeptBlocks
from assistant.store.catalog import Catalog, open_database
from assistant.store.conversations import forget_documents
from assistant.store.database import Database
from assistant.store.index import IndexRefresh, now, refresh_index
from assistant.store.layout import Layout
from assistant.store.lock import ProcessLock
from assistant.store.originals import Originals
from assistant.store.people import named
from assistant.store.publishing import apply_batch, purge_contents
from assistant.store.rows import (
    CollectionRow,
    ContentRow,
    DocumentRow,
    GenerationRow,
)
from assistant.store.segments import IndexFolder
from assistant.store.stored_chunks import add_vectors
from assistant.store.types import AuditAction, PublishBatch
from assistant.types import ChunkId, DocumentId, Version
from models.types import FloatMatrix

DEFAULT_WAIT_S = 5.0


@contextmanager
def open_writer(
    data_dir: Path, *, wait_s: float = DEFAULT_WAIT_S, by: str = OPERATOR_NAME
) -> Iterator[CatalogWriter]:
    """Open a data dir for writing, as the only writer; a missing one is made.

    Files that a killed writer left behind are removed.

    Args:
        data_dir: The data dir.
        wait_s: How long to wait for another writer.
        by: In whose name, for the audit log.

    Raises:
        WriterBusyError: another process kept writing; the message says which.
        SchemaTooNewError: a later Plinth wrote the catalog.
        StoreError: the data dir cannot be written.
    """
    layout = Layout(data_dir)
    database = open_database(layout)
    try:
        with ProcessLock(layout.lock, wait_s=wait_s):
            database.migrate()
            writer = CatalogWriter(layout, database, by)
            writer.remove_leftovers()
            yield writer
    finally:
        database.close()


class CatalogWriter:
    """All changes to a data dir. For one thread; made by `open_writer`.

    Attributes:
        catalog: Reads the same data dir; sees every change once its method has returned.
        people: Changes people and grants in the same name.
    """

    def __init__(self, layout: Layout, database: Database, by: str) -> None:
        self._database = database
        self._folder = IndexFolder(layout.index)
        self._originals = Originals(layout.originals)
        self._blocks = KeptBlocks(layout.blocks)
        self._kept: set[Version] = set()  # originals on their way to a publish
        self.catalog = Catalog(layout, database)
        self.people = self.catalog.edit_people(by)
        self._by = by

    def keep_original(self, file: Path) -> tuple[Path, Version]:
        """Copy a file into the data dir; parse the copy, which cannot change meanwhile.

        The one method that may run in several threads. A copy that no published content comes to
        belong to is removed by the next writer.

        Returns:
            The copy and the SHA-256 of exactly its bytes.

        Raises:
            StoreError: the copy cannot be written.
            OSError: the file cannot be read.
        """
        path, version = self._originals.keep(file)
        self._kept.add(version)
        return path, version

    def publish(self, batch: PublishBatch) -> int:
        """Make a batch visible in one step and return the new index generation.

        Atomicity: rows and index appear together or, on an error or a crash, not at all.

        Raises:
            UnknownNameError: no such collection.
            IndexMismatchError: earlier documents were embedded by another embedder.
            StoreError: a document names an unknown content, or the disk refuses.
        """
        with self.catalog.audit.recording(self._by) as recording:
            session = recording.session
            apply_batch(session, batch, now())
            if batch.removals:
                forget_documents(session, select(DocumentRow.id))
            gone = purge_contents(session)
            _note_batch(recording, batch)
            refresh = refresh_index(session, self._folder, batch.embedder_fingerprint)
        self._kept.difference_update(document.content.sha256 for document in batch.documents)
        self._clean_up(refresh, gone, has_removed=bool(batch.removals))
        return refresh.generation

    def publish_vectors(
        self, ids: Sequence[ChunkId], vectors: FloatMatrix, *, embedder_fingerprint: str
    ) -> int:
        """Add vectors to chunks that were published without and return the new index generation.

        Atomicity: all of them appear together or, on an error or a crash, none. In the index they
        replace what holds the words of those chunks only, as soon as few of it lack their vectors.

        Args:
            ids: Of chunks as `Catalog.unembedded` gives them.
            vectors: Shape [len(ids), dim], unit norm.
            embedder_fingerprint: What made them.

        Raises:
            IndexMismatchError: documents were embedded, or were to be, by another embedder.
            StoreError: a vector is not finite or not of unit length, or the disk refuses.
        """
        with self._database.writing() as session:
            add_vectors(session, ids, vectors)
            refresh = refresh_index(session, self._folder, embedder_fingerprint)
        self._clean_up(refresh, frozenset(), has_removed=False)
        return refresh.generation

    def delete_document(self, document_id: DocumentId) -> int:
        """Delete a document with all its versions and, with the last link, what it held.

        Returns:
            The new index generation.

        Raises:
            UnknownNameError: no such document.
        """
        with self.catalog.audit.recording(self._by) as recording:
            session = recording.session
            document = session.get(DocumentRow, document_id)
            if document is None:
                message = f"no document {document_id!r}; `plinth docs list` shows the ids"
                raise UnknownNameError(message)
            session.delete(document)
            recording.note(AuditAction.DELETED, document.path, document_id=document_id)
            gone, refresh = self._after_deletion(session)
        self._clean_up(refresh, gone, has_removed=True)
        return refresh.generation

    def remove_collection(self, name: str) -> int:
        """Delete a collection with its documents and grants.

        Returns:
            The new index generation.

        Raises:
            UnknownNameError: no such collection.
        """
        with self.catalog.audit.recording(self._by) as recording:
            session = recording.session
            session.delete(named(session, CollectionRow, name))
            recording.note(AuditAction.COLLECTION_REMOVED, name)
            gone, refresh = self._after_deletion(session)
        self._clean_up(refresh, gone, has_removed=True)
        return refresh.generation

    def rebuild_index(self) -> int:
        """Make the whole index anew from the catalog and return the new generation."""
        with self._database.writing() as session:
            fingerprint = _latest_embedder(session)
            refresh = refresh_index(session, self._folder, fingerprint, rebuild=True)
        self._clean_up(refresh, frozenset(), has_removed=False)
        return refresh.generation

    def remove_leftovers(self) -> None:
        """Remove files that a killed writer left without a row that refers to them."""
        with self._database.reading() as session:
            files = queries.segment_files(session)
            versions = frozenset(session.scalars(select(ContentRow.sha256)))
        self._folder.remove_except(files)
        self._originals.remove_partial()
        for version in self._originals.versions():
            if version not in versions:
                self._originals.remove(version)
        self._remove_blocks()

    def _after_deletion(self, session: Session) -> tuple[frozenset[Version], IndexRefresh]:
        session.flush()
        forget_documents(session, select(DocumentRow.id))
        gone = purge_contents(session)
        return gone, refresh_index(session, self._folder, _latest_embedder(session))

    def _clean_up(
        self, refresh: IndexRefresh, gone: frozenset[Version], *, has_removed: bool
    ) -> None:
        self._folder.remove_except(refresh.segments)
        for version in gone - self._kept:
            self._originals.remove(version)
        if gone or has_removed:
            self._database.forget_deleted()
        self._remove_blocks()

    def _remove_blocks(self) -> None:
        with self._database.reading() as session:
            self._blocks.remove_except(frozenset(session.scalars(select(ContentRow.id))))


def _latest_embedder(session: Session) -> str:
    latest = select(GenerationRow.embedder_fingerprint).order_by(GenerationRow.id.desc()).limit(1)
    return session.scalar(latest) or ""


def _note_batch(recording: Recording, batch: PublishBatch) -> None:
    paths = [document.path for document in batch.documents]
    for action, documents in ((AuditAction.UPLOADED, paths), (AuditAction.DELETED, batch.removals)):
        if documents:
            recording.note(action, batch.collection, documents=list(documents))
