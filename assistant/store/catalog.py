"""Reading the catalog. Whatever a person may ask for takes their `ReadableSet`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Select, and_, func, select

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import IndexDamagedError, UnknownNameError, WriterBusyError
from assistant.settings import SignInSettings
from assistant.store import queries
from assistant.store.accounts import Accounts
from assistant.store.audit import AuditLog
from assistant.store.blocks import KeptBlocks
from assistant.store.conversations import Conversations
from assistant.store.database import Database
from assistant.store.deletion_check import DeletionCheck
from assistant.store.documents import (
    chunk_selection,
    document_selection,
    known_files,
    matching,
    readable_chunk,
    summary,
)
from assistant.store.examination import Examination
from assistant.store.files import said_of_disk
from assistant.store.hidden import hidden_passages
from assistant.store.index import NOTHING_PUBLISHED, Index
from assistant.store.jobs import Jobs
from assistant.store.layout import Layout
from assistant.store.lock import ProcessLock
from assistant.store.named_files import named_originals
from assistant.store.open_questions import OpenQuestions
from assistant.store.opening import open_database
from assistant.store.originals import Originals
from assistant.store.people import People, collection_id
from assistant.store.people_editor import PeopleEditor
from assistant.store.postings import Int64s
from assistant.store.queue_control import QueueControl
from assistant.store.reviews import Reviews
from assistant.store.rows import (
    Base,
    ChunkRow,
    CollectionRow,
    ContentRow,
    DocumentRow,
    GenerationRow,
    PageRow,
    RejectionRow,
    ScannedPageRow,
    SegmentRow,
    SourceRow,
    VersionRow,
)
from assistant.store.run_folders import run_folders, take_in_runs
from assistant.store.runs import Runs
from assistant.store.scans import page_scan
from assistant.store.segments import REBUILD, IndexFolder, Segment, SegmentFiles, are_unit
from assistant.store.stored_chunks import count_unembedded, first_unembedded
from assistant.store.suites import Suites
from assistant.store.traces import Footprint, Traces, footprint, traces
from assistant.store.types import (
    CitedPage,
    ContentKey,
    CorpusCounts,
    DocumentDetail,
    DocumentsFound,
    DocumentSummary,
    DocumentVersion,
    HiddenPassages,
    KnownFile,
    ReadableChunk,
    RejectedFile,
    StoredChunk,
    StoredPage,
)
from assistant.store.watched import WatchedFolders
from assistant.types import ChunkId, DocumentId, Version

MIGRATION_WAIT_S = 60.0
MIGRATION_POLL_S = 0.2
_SCAN_OF_PAGE = and_(
    ScannedPageRow.content_id == PageRow.content_id,
    ScannedPageRow.page_index == PageRow.page_index,
)


def _pages_of(document_id: DocumentId, readable: ReadableSet) -> Select[*tuple[Any, ...]]:
    """Select the pages of all versions of a document, if it may be read."""
    return (
        select(PageRow, ContentRow, VersionRow.ordinal, ScannedPageRow)
        .select_from(PageRow)
        .join(ContentRow)
        .join(VersionRow)
        .join(DocumentRow)
        .outerjoin(ScannedPageRow, _SCAN_OF_PAGE)
        .where(DocumentRow.id == document_id, queries.readable_document(readable))
    )


@contextmanager
def open_catalog(data_dir: Path) -> Iterator[Catalog]:
    """Open the catalog of a data dir for reading; a new data dir is an empty corpus.

    Raises:
        SchemaTooNewError: a later Plinth wrote it.
        WriterBusyError: it has an old schema, and another process kept it from being migrated.
        StoreError: it cannot be read.
    """
    layout = Layout(data_dir)
    database = open_database(layout)
    try:
        _migrate(layout, database)
        _take_in_runs(layout, database)
        yield Catalog(layout, database)
    finally:
        database.close()


def _migrate(layout: Layout, database: Database) -> None:
    deadline = time.monotonic() + MIGRATION_WAIT_S
    while database.needs_migration():
        try:
            with (
                said_of_disk(layout.root),
                ProcessLock(layout.lock, wait_s=MIGRATION_POLL_S),
            ):
                database.migrate()
        except WriterBusyError:
            # A writer migrates first, then may hold the lock for hours: only the schema matters.
            if time.monotonic() >= deadline:
                raise


def _take_in_runs(layout: Layout, database: Database) -> None:
    if not run_folders(layout):
        return
    with (
        suppress(WriterBusyError),  # a writer took in what there was when it began
        said_of_disk(layout.root),
        ProcessLock(layout.lock, wait_s=0),
    ):
        take_in_runs(layout, database)


class Catalog:
    """Documents, pages, chunks and people as stored. Thread-safe; made by `open_catalog`.

    Attributes:
        conversations: What people asked; read and written beside the one writer of documents.
        jobs: Work left for that writer.
        queue: Pauses that work, and clears it of what was put aside.
        watched: How the folders that are followed are doing.
        blocks: Passages that the generator keeps computed.
        people: Who there is, and who may read what.
        audit: What people did.
        open_questions: What people ask just now.
        suites: Gold questions.
        reviews: Feedback that was sent to reviewers.
        examination: What is wrong with the files that the catalog names.
        deletions: What was deleted, and the proof that it is gone.
        runs: Evaluations; read and written beside the one writer of documents.
    """

    def __init__(self, layout: Layout, database: Database) -> None:
        self._database = database
        self._folder = IndexFolder(layout.index)
        self._originals = Originals(layout.originals)
        self.blocks = KeptBlocks(layout.blocks)
        self.conversations = Conversations(database)
        self.jobs = Jobs(database)
        self.people = People(database)
        self.audit = AuditLog(database, layout.audit_anchor)
        self.open_questions = OpenQuestions(database, self.audit)
        self.suites = Suites(database, self.audit)
        self.reviews = Reviews(database, self.audit)
        self.queue = QueueControl(database, self.audit)
        self.watched = WatchedFolders(database)
        self.examination = Examination(database, layout)
        self.deletions = DeletionCheck(database, layout, self.traces, self.examination)
        self.runs = Runs(database, layout.run_locks)

    def edit_people(self, by: str) -> PeopleEditor:
        """Return what changes people, groups, collections and grants, in somebody's name."""
        return PeopleEditor(self._database, self.audit, by)

    def accounts(self, settings: SignInSettings) -> Accounts:
        """Return who is signed in, and what signs people in."""
        return Accounts(self._database, self.audit, settings)

    # Documents

    def list_documents(
        self, readable: ReadableSet, collection: str | None = None
    ) -> tuple[DocumentSummary, ...]:
        """Return the documents a reader may see, by collection, path, source.

        Raises:
            UnknownNameError: no such collection that the reader may see.
        """
        with self._database.reading() as session:
            if collection is not None:
                readable = readable.within(collection_id(session, collection, readable))
            return tuple(map(summary, session.execute(document_selection(readable))))

    def document_names(self, readable: ReadableSet) -> frozenset[str]:
        """Return the paths of all documents a reader may see."""
        selection = select(DocumentRow.path).where(queries.readable_document(readable))
        with self._database.reading() as session:
            return frozenset(session.scalars(selection))

    def readable_ids(self, ids: Iterable[str], readable: ReadableSet) -> frozenset[str]:
        """Return those of some document ids that exist and that the reader may see."""
        with self._database.reading() as session:
            return queries.readable_ids(session, ids, readable)

    def find_documents(
        self,
        readable: ReadableSet,
        *,
        text: str = "",
        media_type: str | None = None,
        offset: int = 0,
        limit: int,
    ) -> DocumentsFound:
        """Return some of the documents a reader may see, by collection, path, source.

        Args:
            readable: What may be seen.
            text: Words that name, title or collection must hold, in any order and case.
            media_type: Only of this type; None: of any.
            offset: How many to leave out at the beginning.
            limit: How many to return at most.
        """
        found = matching(document_selection(readable), text, media_type)
        with self._database.reading() as session:
            n_total = session.scalar(
                select(func.count()).select_from(found.order_by(None).subquery())
            )
            rows = session.execute(found.offset(offset).limit(limit))
            return DocumentsFound(documents=tuple(map(summary, rows)), n_total=n_total or 0)

    def media_types(self, readable: ReadableSet) -> tuple[str, ...]:
        """Return the media types of the documents a reader may see, sorted."""
        found = document_selection(readable).order_by(None).subquery()
        with self._database.reading() as session:
            return tuple(sorted(session.scalars(select(found.c.media_type).distinct())))

    def footprint(self, document_id: DocumentId) -> Footprint:
        """Return the ids of all that belongs to a document, to look for them once it is deleted."""
        with self._database.reading() as session:
            return footprint(session, [document_id])

    def traces(self, of: Footprint) -> Traces:
        """Return what is held of a document now, in every store and file.

        Raises:
            IndexDamagedError: the index cannot be read.
        """
        index = self.open_index(reuse={})
        with self._database.reading() as session:
            return traces(session, index, self._originals, self.blocks, of)

    def document(self, document_id: DocumentId, readable: ReadableSet) -> DocumentDetail:
        """Return a document with its versions and the pages of the current one.

        Raises:
            UnknownNameError: no such document that the reader may see.
        """
        with self._database.reading() as session:
            selection = document_selection(readable).where(DocumentRow.id == document_id)
            found = session.execute(selection).one_or_none()
            if found is None:
                message = f"no document {document_id!r}; `plinth docs list` shows the ids"
                raise UnknownNameError(message)
            versions = session.execute(
                select(ContentRow.sha256, VersionRow.ordinal, ContentRow.id, VersionRow.added_at)
                .join(VersionRow)
                .where(VersionRow.document_id == document_id)
                .order_by(VersionRow.ordinal)
            ).all()
            pages = session.execute(
                select(
                    PageRow.page_index,
                    PageRow.page_number,
                    PageRow.text,
                    ScannedPageRow.confidence,
                )
                .outerjoin(ScannedPageRow, _SCAN_OF_PAGE)
                .where(PageRow.content_id == found.content_id)
                .order_by(PageRow.page_index)
            )
            return DocumentDetail(
                summary=summary(found),
                versions=tuple(
                    DocumentVersion(
                        version=Version(sha256),
                        ordinal=ordinal,
                        content_id=content_id,
                        added_at=added,
                    )
                    for sha256, ordinal, content_id, added in versions
                ),
                pages=tuple(
                    StoredPage(
                        page_index=index,
                        page_number=number,
                        text=text,
                        scan_confidence=confidence,
                    )
                    for index, number, text, confidence in pages
                ),
            )

    def hidden_passages(self, document_id: DocumentId, readable: ReadableSet) -> HiddenPassages:
        """Return what no reader sees of a document's current version, and whether it answers.

        Raises:
            UnknownNameError: no such document that the reader may see.
        """
        with self._database.reading() as session:
            content_id = session.scalar(
                select(DocumentRow.content_id).where(
                    DocumentRow.id == document_id, queries.readable_document(readable)
                )
            )
            if content_id is None:
                message = f"no document {document_id!r}; `plinth docs list` shows the ids"
                raise UnknownNameError(message)
            return hidden_passages(session, content_id)

    def page_text(self, content_id: int, page_index: int, readable: ReadableSet) -> str:
        """Return a page's text, also of an earlier version: citations stay readable.

        Raises:
            UnknownNameError: no such page that the reader may see.
        """
        links = (
            select(VersionRow.content_id)
            .join(DocumentRow)
            .where(queries.readable_document(readable))
        )
        with self._database.reading() as session:
            text = session.scalar(
                select(PageRow.text).where(
                    PageRow.content_id == content_id,
                    PageRow.page_index == page_index,
                    PageRow.content_id.in_(links),
                )
            )
        if text is None:
            message = f"no page {page_index} of content {content_id}; it may have been deleted"
            raise UnknownNameError(message)
        return text

    def cited_page(
        self, document_id: DocumentId, chunk_id: ChunkId, readable: ReadableSet
    ) -> CitedPage:
        """Return the page a citation points into, also of an earlier version of its document.

        Raises:
            UnknownNameError: no such chunk in a version of a document that the reader may see.
        """
        selection = _pages_of(document_id, readable).where(
            select(ChunkRow.id)
            .where(
                ChunkRow.id == chunk_id,
                ChunkRow.content_id == PageRow.content_id,
                ChunkRow.page_index == PageRow.page_index,
            )
            .exists()
        )
        missing = f"no passage {chunk_id} in document {document_id!r}; it may be deleted"
        return self._cited_page(selection, missing)

    def page(
        self, document_id: DocumentId, ordinal: int, page_number: int, readable: ReadableSet
    ) -> CitedPage:
        """Return a page of a version of a document, counted within that document only.

        Args:
            document_id: The document.
            ordinal: Of the version, from 1.
            page_number: 1-based physical page.
            readable: What the reader may see.

        Raises:
            UnknownNameError: no such page in a version of a document that the reader may see.
        """
        selection = _pages_of(document_id, readable).where(
            VersionRow.ordinal == ordinal, PageRow.page_number == page_number
        )
        missing = f"no page {page_number} in version {ordinal} of document {document_id!r}"
        return self._cited_page(selection, missing)

    def _cited_page(self, selection: Select[*tuple[Any, ...]], missing: str) -> CitedPage:
        newest = selection.order_by(VersionRow.ordinal.desc()).limit(1)
        with self._database.reading() as session:
            found = session.execute(newest).one_or_none()
            if found is None:
                raise UnknownNameError(missing)
            page, content, ordinal, scan = found
            return CitedPage(
                page=StoredPage(
                    page_index=page.page_index,
                    page_number=page.page_number,
                    text=page.text,
                    scan_confidence=None if scan is None else scan.confidence,
                ),
                version=Version(content.sha256),
                ordinal=ordinal,
                media_type=content.media_type,
                scan=None if scan is None else page_scan(scan.confidence, scan.words),
            )

    # Chunks

    def chunks(self, ids: Iterable[ChunkId], readable: ReadableSet) -> dict[ChunkId, ReadableChunk]:
        """Return chunks by id; those deleted, outdated or not readable are missing.

        Of several documents through which a chunk is readable, the first by path is named.
        """
        return self._chunks(chunk_selection(readable).where(ChunkRow.id.in_(queries.listed(ids))))

    def page_chunks(
        self, content_id: int, page_index: int, readable: ReadableSet
    ) -> tuple[ReadableChunk, ...]:
        """Return the live chunks of a page in reading order; none if it is not readable."""
        on_page = (ChunkRow.content_id == content_id, ChunkRow.page_index == page_index)
        found = self._chunks(chunk_selection(readable).where(*on_page))
        return tuple(sorted(found.values(), key=lambda item: item.chunk.span))

    def _chunks(self, selection: Select[*tuple[Any, ...]]) -> dict[ChunkId, ReadableChunk]:
        found: dict[ChunkId, ReadableChunk] = {}
        with self._database.reading() as session:
            for row in session.execute(selection):
                found.setdefault(ChunkId(row.chunk_id), readable_chunk(row))
        return found

    def unembedded(
        self, embedder_fingerprint: str, *, after: int = 0, limit: int
    ) -> tuple[StoredChunk, ...]:
        """Return the first live chunks whose vectors are to follow, by ascending id.

        Args:
            embedder_fingerprint: Of the embedder they were cut for.
            after: Only ids over this one.
            limit: How many at most.
        """
        with self._database.reading() as session:
            return first_unembedded(session, embedder_fingerprint, after=after, limit=limit)

    def n_unembedded(self) -> int:
        """Return how many live chunks are found by their words only."""
        with self._database.reading() as session:
            return count_unembedded(session)

    # Files of earlier ingests

    def known_files(self, collection: str, source: str) -> dict[str, KnownFile]:
        """Return what is known of the files below a source folder, by path.

        A file that became bad is known by its rejected bytes. Empty for an unknown collection or
        source.
        """
        with self._database.reading() as session:
            return known_files(session, collection, source)

    def find_content(self, sha256: Version, recipe: str, names: Sequence[str]) -> ContentKey | None:
        """Return the stored content that equal bytes of a file can be linked to.

        Args:
            sha256: Of the file's bytes.
            recipe: How the file would be read now.
            names: Values of `ContentKey.name` that fit the file.
        """
        with self._database.reading() as session:
            found = session.scalar(
                select(ContentRow.name)
                .where(
                    ContentRow.sha256 == sha256,
                    ContentRow.recipe == recipe,
                    ContentRow.name.in_(names),
                )
                .order_by(ContentRow.name)
                .limit(1)
            )
        if found is None:
            return None
        return ContentKey(sha256=sha256, recipe=recipe, name=found)

    def has_version(self, sha256: Version) -> bool:
        """Tell whether these bytes are stored, under any name and recipe."""
        with self._database.reading() as session:
            return (
                session.scalar(select(ContentRow.id).filter_by(sha256=sha256).limit(1)) is not None
            )

    def original(self, version: Version) -> Path | None:
        """Return where the bytes of a version lie; None if they are not kept."""
        path = self._originals.path(version)
        return path if path.exists() else None

    def named_originals(self) -> tuple[Version, ...]:
        """Return the versions whose bytes are kept, those of earlier versions included, sorted."""
        with self._database.reading() as session:
            return named_originals(session)

    def rejected_files(self) -> tuple[RejectedFile, ...]:
        """Return all files remembered as rejected, by collection, path, source."""
        selection = (
            select(RejectionRow, CollectionRow.name, SourceRow.root)
            .join(SourceRow, SourceRow.id == RejectionRow.source_id)
            .join(CollectionRow, CollectionRow.id == SourceRow.collection_id)
            .order_by(CollectionRow.name, RejectionRow.path, SourceRow.root)
        )
        with self._database.reading() as session:
            return tuple(
                RejectedFile(
                    document=row.path,
                    collection=collection,
                    source=root,
                    reason=row.reason,
                    detail=row.detail,
                )
                for row, collection, root in session.execute(selection)
            )

    # The index

    def current_generation(self) -> int:
        """Return the number of the current index generation; 0 before the first publish."""
        with self._database.reading() as session:
            return queries.current_generation(session)

    def live_chunk_ids(self, readable: ReadableSet) -> tuple[int, Int64s]:
        """Return the current generation and the ids of its chunks the reader may see, ascending."""
        with self._database.reading() as session:
            generation = queries.current_generation(session)
            return generation, queries.live_chunk_ids(session, readable)

    def open_index(self, reuse: Mapping[SegmentFiles, Segment]) -> Index:
        """Open and verify the current generation of the index.

        Args:
            reuse: Segments opened before; they are not read again.

        Raises:
            IndexDamagedError: a file is missing or not what was written.
        """
        while True:
            with self._database.reading() as session:
                generation = session.scalar(
                    select(GenerationRow).order_by(GenerationRow.id.desc()).limit(1)
                )
                files = queries.segment_files(session)
            if generation is None:
                return NOTHING_PUBLISHED
            try:
                segments = {one: reuse.get(one) or self._folder.read(one) for one in files}
            except FileNotFoundError as error:
                if self.current_generation() != generation.id:
                    continue  # a writer published and cleaned up meanwhile
                message = f"index file {error.filename!r} is missing; {REBUILD}"
                raise IndexDamagedError(message) from error
            dims = {one.vectors.matrix.shape[1] for one in segments.values() if one.vectors}
            if len(dims) > 1:
                message = f"the index holds vectors of different dimensions; {REBUILD}"
                raise IndexDamagedError(message)
            return Index(generation.id, generation.embedder_fingerprint, segments)

    def counts(self) -> CorpusCounts:
        """Return how much there is."""
        with self._database.reading() as session:

            def count(row: type[Base]) -> int:
                return session.scalar(select(func.count()).select_from(row)) or 0

            return CorpusCounts(
                n_collections=count(CollectionRow),
                n_documents=count(DocumentRow),
                n_contents=count(ContentRow),
                n_pages=count(PageRow),
                n_chunks=count(ChunkRow),
                n_live_chunks=len(queries.live_chunk_ids(session, OPERATOR)),
                n_unembedded=count_unembedded(session),
                n_rejected=count(RejectionRow),
                n_segments=count(SegmentRow),
            )

    def copy_to(self, path: Path, on_progress: Callable[[], None] = lambda: None) -> None:
        """Write one state of the catalog into a new file; see `Database.copy_to`."""
        self._database.copy_to(path, on_progress)

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the catalog and the index; empty if nothing is."""
        return (*self.row_problems(), *self.index_problems())

    def row_problems(self) -> tuple[str, ...]:
        """Return what is wrong with the catalog itself; only a backup can help."""
        return self._database.problems()

    def index_problems(self) -> tuple[str, ...]:
        """Return what is wrong with the index; it can be made anew."""
        found: list[str] = []
        try:
            index = self.open_index(reuse={})
        except IndexDamagedError as error:
            return (str(error),)
        generation, live = self.live_chunk_ids(OPERATOR)
        held = [segment.chunk_ids for segment in index.segments.values()]
        n_missing = len(np.setdiff1d(live, np.concatenate([live[:0], *held])))
        if n_missing and generation == index.generation:
            found.append(f"{n_missing} chunks are missing from the index; {REBUILD}")
        vectors = [one.vectors for one in index.segments.values() if one.vectors]
        if not all(are_unit(one.matrix).all() for one in vectors):
            found.append(f"the index holds vectors that are not of unit length; {REBUILD}")
        return tuple(found)
