"""Writing the catalog: one writer, each change whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from assistant.access import OPERATOR_NAME
from assistant.errors import UnknownNameError
from assistant.store import queries
from assistant.store.audit import Recording
from assistant.store.blocks import KeptBlocks
from assistant.store.catalog import Catalog
from assistant.store.conversations import forget_documents
from assistant.store.database import Database
from assistant.store.deletions import deleted_documents, record_deletion
from assistant.store.examination import DamagedOriginal, damaged_vectors
from assistant.store.files import said_of_disk
from assistant.store.gold_quotes import forget_left_quotes, forget_quotes
from assistant.store.hidden import switch_hidden
from assistant.store.index import IndexRefresh, now, refresh_index
from assistant.store.layout import Layout
from assistant.store.lock import ProcessLock
from assistant.store.opening import open_database
from assistant.store.originals import Originals
from assistant.store.people import named
from assistant.store.publishing import apply_batch, purge_contents, removed_documents
from assistant.store.rows import (
    ChunkRow,
    CollectionRow,
    ContentRow,
    DocumentRow,
    GenerationRow,
    RunDocumentRow,
    SourceRow,
    TurnDocumentRow,
)
from assistant.store.run_folders import take_in_runs
from assistant.store.runs import forget_replies
from assistant.store.segments import IndexFolder
from assistant.store.stored_chunks import add_vectors
from assistant.store.types import AuditAction, PublishBatch
from assistant.types import ChunkId, DocumentId, Version
from models.types import FloatMatrix

DEFAULT_WAIT_S = 5.0


@contextmanager
def open_writer(
    data_dir: Path,
    *,
    wait_s: float = DEFAULT_WAIT_S,
    by: str = OPERATOR_NAME,
    database: Database | None = None,
) -> Iterator[CatalogWriter]:
    """Open a data dir for writing, as the only writer; a missing one is made.

    Files that a killed writer left behind are removed.

    Args:
        data_dir: The data dir.
        wait_s: How long to wait for another writer.
        by: In whose name, for the audit log.
        database: Another one than the data dir's settings say; it is closed in the end.

    Raises:
        WriterBusyError: another process kept writing; the message says which.
        SchemaTooNewError: a later Plinth wrote the catalog.
        StoreError: the data dir cannot be written.
    """
    layout = Layout(data_dir)
    database = database or open_database(layout)
    try:
        with ExitStack() as lock:
            with said_of_disk(data_dir):
                lock.enter_context(ProcessLock(layout.lock, wait_s=wait_s))
            database.migrate()
            take_in_runs(layout, database)
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
        self._root = layout.root
        self._folder = IndexFolder(layout.index)
        self._originals = Originals(layout.originals)
        self._blocks = KeptBlocks(layout.blocks)
        self._kept: set[Version] = set()  # originals on their way to a publish
        self.catalog = Catalog(layout, database)
        self.people = self.catalog.edit_people(by)
        self._by = by
        self._added_with = uuid.uuid4().hex

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
            if batch.removals:
                record_deletion(session, removed_documents(batch), self._by)
                forget_quotes(session, removed_documents(batch), self._by)
            apply_batch(session, batch, now(), self._added_with)
            if batch.removals:
                _forget_gone(session)
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
            document = _document(session, document_id)
            it = select(DocumentRow.id).filter_by(id=document_id)
            record_deletion(session, it, self._by)
            forget_quotes(session, it, self._by)
            session.delete(document)
            recording.note(AuditAction.DELETED, document.path, document_id=document_id)
            gone, refresh = self._after_deletion(session)
        self._clean_up(refresh, gone, has_removed=True)
        return refresh.generation

    def use_hidden_text(self, document_id: DocumentId) -> int:
        """Let a document answer from what no reader sees of it, too, until its bytes change.

        Its hidden texts become part of its pages, behind what is seen of them; they are found by
        their words at once, and by their meaning when their vectors follow.

        Returns:
            The new index generation.

        Raises:
            UnknownNameError: no such document, or none of its text is hidden.
        """
        return self._switch_hidden(document_id, AuditAction.HIDDEN_TEXT_USED, use=True)

    def leave_out_hidden_text(self, document_id: DocumentId) -> int:
        """Take back what `use_hidden_text` did; returns and raises the same."""
        return self._switch_hidden(document_id, AuditAction.HIDDEN_TEXT_LEFT_OUT, use=False)

    def _switch_hidden(self, document_id: DocumentId, action: AuditAction, *, use: bool) -> int:
        with self.catalog.audit.recording(self._by) as recording:
            session = recording.session
            document = _document(session, document_id)
            switch_hidden(session, document, use=use)
            recording.note(action, document.path, document_id=document_id)
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
            collection = named(session, CollectionRow, name)
            held = (
                select(DocumentRow.id)
                .join(SourceRow, SourceRow.id == DocumentRow.source_id)
                .where(SourceRow.collection_id == collection.id)
            )
            record_deletion(session, held, self._by)
            forget_quotes(session, held, self._by)
            session.delete(collection)
            recording.note(AuditAction.COLLECTION_REMOVED, name)
            gone, refresh = self._after_deletion(session)
        self._clean_up(refresh, gone, has_removed=True)
        return refresh.generation

    def rebuild_index(self) -> int:
        """Make the whole index anew from the catalog and return the new generation.

        Contents that no document has any more go.
        """
        with self._database.writing() as session:
            gone = purge_contents(session)
            fingerprint = _latest_embedder(session)
            refresh = refresh_index(session, self._folder, fingerprint, rebuild=True)
        self._clean_up(refresh, gone, has_removed=bool(gone))
        return refresh.generation

    def erase_deleted(self) -> bool:
        """Take all that was ever deleted out of stored replies, suites and freed pages again.

        Returns:
            Whether the catalog had to be written anew, for its freed pages held something.
        """
        with self._database.writing() as session:
            forget_left_quotes(session, deleted_documents(session), self._by)
        self._tidy_deletions()
        self._database.forget_deleted()
        return self._database.overwrite_freed()

    def forget_damaged_vectors(self) -> int:
        """Drop stored vectors that are none, and return how many.

        Their chunks are found by their words until the next ingest makes the vectors anew. The
        caller rebuilds the index.
        """
        with self._database.writing() as session:
            damaged = damaged_vectors(session)
            session.execute(
                update(ChunkRow)
                .where(ChunkRow.id.in_(queries.listed(damaged.tolist())))
                .values(vector=None)
            )
        return len(damaged)

    def restore_original(self, damaged: DamagedOriginal) -> bool:
        """Copy the bytes of a version again from where they were taken in; tell whether it could.

        Raises:
            StoreError: the copy cannot be written.
            OSError: the file cannot be read.
        """
        if damaged.source is None:
            return False
        _, version = self._originals.keep(damaged.source)
        return version == damaged.version

    def remove_leftovers(self) -> None:
        """Remove files that a killed writer left without a row that refers to them."""
        with self._database.reading() as session:
            files = queries.segment_files(session)
            versions = frozenset(session.scalars(select(ContentRow.sha256)))
        with said_of_disk(self._root):
            self._folder.remove_except(files)
            self._originals.remove_partial()
            for version in self._originals.versions():
                if version not in versions:
                    self._originals.remove(version)
            self._remove_blocks()
            if self._tidy_deletions():
                self._database.forget_deleted()

    def _tidy_deletions(self) -> bool:
        """Take deleted documents out of replies that are left; tell whether there was anything."""
        existing = select(DocumentRow.id)
        with self._database.reading() as session:
            has_orphans = any(
                session.scalar(
                    select(row.document_id).where(row.document_id.not_in(existing)).limit(1)
                )
                for row in (TurnDocumentRow, RunDocumentRow)
            )
        if has_orphans:
            with self._database.writing() as session:
                _forget_gone(session)
        return has_orphans

    def _after_deletion(self, session: Session) -> tuple[frozenset[Version], IndexRefresh]:
        session.flush()
        _forget_gone(session)
        gone = purge_contents(session)
        return gone, refresh_index(session, self._folder, _latest_embedder(session))

    def _clean_up(
        self, refresh: IndexRefresh, gone: frozenset[Version], *, has_removed: bool
    ) -> None:
        """Remove what the new generation needs no more; what fails here, the next writer does."""
        with said_of_disk(self._root):
            self._folder.remove_except(refresh.segments)
            for version in gone - self._kept:
                self._originals.remove(version)
            if gone or has_removed:
                self._database.forget_deleted()
            self._remove_blocks()

    def _remove_blocks(self) -> None:
        with self._database.reading() as session:
            self._blocks.remove_except(frozenset(session.scalars(select(ContentRow.id))))


def _forget_gone(session: Session) -> None:
    """Take documents that are not there any more out of all stored replies."""
    forget_documents(session, select(DocumentRow.id))
    forget_replies(session, select(DocumentRow.id))


def _document(session: Session, document_id: DocumentId) -> DocumentRow:
    document = session.get(DocumentRow, document_id)
    if document is None:
        message = f"no document {document_id!r}; `plinth docs list` shows the ids"
        raise UnknownNameError(message)
    return document


def _latest_embedder(session: Session) -> str:
    latest = select(GenerationRow.embedder_fingerprint).order_by(GenerationRow.id.desc()).limit(1)
    return session.scalar(latest) or ""


def _note_batch(recording: Recording, batch: PublishBatch) -> None:
    paths = [document.path for document in batch.documents]
    for action, documents in ((AuditAction.UPLOADED, paths), (AuditAction.DELETED, batch.removals)):
        if documents:
            recording.note(action, batch.collection, documents=list(documents))
