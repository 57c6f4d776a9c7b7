"""Selections of documents and chunks, and how their rows become values."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from assistant.access import ReadableSet
from assistant.store.hidden import WITH_HIDDEN
from assistant.store.queries import readable_document
from assistant.store.rows import (
    ChunkRow,
    CollectionRow,
    ContentRow,
    DocumentRow,
    PageRow,
    RejectionRow,
    SourceRow,
    VersionRow,
)
from assistant.store.terms import document_label
from assistant.store.types import DocumentSummary, KnownFile, ReadableChunk
from assistant.types import Chunk, ChunkId, DocumentId, DocumentRef, Span, Version

NEWER_REJECTED = "newer-version-rejected"
"""Flag of a document whose file has changed into something that could not be taken in."""


def document_selection(readable: ReadableSet) -> Select[*tuple[Any, ...]]:
    """Select what `summary` needs of the readable documents, by collection, path, source."""
    added_at = (
        select(VersionRow.added_at)
        .where(VersionRow.document_id == DocumentRow.id)
        .order_by(VersionRow.ordinal.desc())
        .limit(1)
        .scalar_subquery()
    )
    rejected = and_(
        RejectionRow.source_id == DocumentRow.source_id, RejectionRow.path == DocumentRow.path
    )
    return (
        select(
            DocumentRow.id.label("document_id"),
            DocumentRow.path,
            DocumentRow.content_id,
            CollectionRow.name.label("collection"),
            SourceRow.root,
            ContentRow.sha256,
            ContentRow.name,
            ContentRow.title,
            ContentRow.date,
            ContentRow.media_type,
            ContentRow.size_bytes,
            ContentRow.n_pages,
            ContentRow.n_chunks,
            ContentRow.flags,
            added_at.label("added_at"),
            RejectionRow.reason,
        )
        .join(SourceRow, SourceRow.id == DocumentRow.source_id)
        .join(CollectionRow, CollectionRow.id == SourceRow.collection_id)
        .join(ContentRow, ContentRow.id == DocumentRow.content_id)
        .outerjoin(RejectionRow, rejected)
        .where(readable_document(readable))
        .order_by(CollectionRow.name, DocumentRow.path, SourceRow.root)
    )


def matching(
    selection: Select[*tuple[Any, ...]], text: str, media_type: str | None
) -> Select[*tuple[Any, ...]]:
    """Narrow a `document_selection` to names and titles that hold every word of `text`."""
    for word in text.split():
        selection = selection.where(
            or_(
                *(
                    column.icontains(word, autoescape=True)
                    for column in (DocumentRow.path, ContentRow.title, CollectionRow.name)
                )
            )
        )
    return selection if media_type is None else selection.where(ContentRow.media_type == media_type)


def summary(row: Row[Any]) -> DocumentSummary:
    """Return the value of a row of `document_selection`."""
    stale = [NEWER_REJECTED] if row.reason is not None else []
    return DocumentSummary(
        document=row.path,
        document_id=DocumentId(row.document_id),
        collection=row.collection,
        source=row.root,
        version=Version(row.sha256),
        title=document_label(row.title, row.name),
        date=row.date,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        n_pages=row.n_pages,
        n_chunks=row.n_chunks,
        flags=tuple(sorted([*row.flags, *stale])),
        added_at=row.added_at,
    )


def chunk_selection(readable: ReadableSet) -> Select[*tuple[Any, ...]]:
    """Select what `readable_chunk` needs of live chunks, each with its documents by path."""
    length = ChunkRow.span_end - ChunkRow.span_start
    return (
        select(
            ChunkRow.id.label("chunk_id"),
            ChunkRow.content_id,
            ChunkRow.page_index,
            PageRow.page_number,
            ChunkRow.span_start,
            ChunkRow.span_end,
            func.substr(PageRow.text, ChunkRow.span_start + 1, length).label("text"),
            ChunkRow.heading,
            ContentRow.title,
            ContentRow.name,
            ContentRow.date,
            ContentRow.sha256,
            DocumentRow.id.label("document_id"),
            DocumentRow.path,
            DocumentRow.batch,
            CollectionRow.name.label("collection"),
        )
        .join(ContentRow, ContentRow.id == ChunkRow.content_id)
        .join(
            PageRow,
            and_(
                PageRow.content_id == ChunkRow.content_id,
                PageRow.page_index == ChunkRow.page_index,
            ),
        )
        .join(DocumentRow, DocumentRow.content_id == ChunkRow.content_id)
        .join(SourceRow, SourceRow.id == DocumentRow.source_id)
        .join(CollectionRow, CollectionRow.id == SourceRow.collection_id)
        .where(readable_document(readable))
        .order_by(DocumentRow.path, CollectionRow.name, SourceRow.root, ChunkRow.id)
    )


def readable_chunk(row: Row[Any]) -> ReadableChunk:
    """Return the value of a row of `chunk_selection`."""
    return ReadableChunk(
        chunk=Chunk(
            chunk_id=ChunkId(row.chunk_id),
            content_id=row.content_id,
            page_index=row.page_index,
            page_number=row.page_number,
            span=Span(row.span_start, row.span_end),
            text=row.text,
            heading=row.heading,
            title=document_label(row.title, row.name),
        ),
        document=DocumentRef(
            document=row.path,
            document_id=DocumentId(row.document_id),
            version=Version(row.sha256),
            collection=row.collection,
            effective_date=row.date,
            batch=row.batch,
        ),
    )


def known_files(session: Session, collection: str, source: str) -> dict[str, KnownFile]:
    """Return the files known below a source folder, by path; a rejection is the later news."""
    in_source = (
        select(SourceRow.id)
        .join(CollectionRow, CollectionRow.id == SourceRow.collection_id)
        .where(CollectionRow.name == collection, SourceRow.root == source)
    )
    documents = session.execute(
        select(DocumentRow, ContentRow)
        .join(ContentRow, ContentRow.id == DocumentRow.content_id)
        .where(DocumentRow.source_id.in_(in_source))
    )
    known = {
        document.path: KnownFile(
            sha256=Version(content.sha256),
            recipe=content.recipe.removesuffix(WITH_HIDDEN),
            document_id=DocumentId(document.id),
            n_pages=content.n_pages,
            n_chunks=content.n_chunks,
            flags=tuple(content.flags),
        )
        for document, content in documents
    }
    rejections = select(RejectionRow).where(RejectionRow.source_id.in_(in_source))
    for row in session.scalars(rejections):
        earlier = known.get(row.path)
        known[row.path] = KnownFile(
            sha256=None if row.sha256 is None else Version(row.sha256),
            recipe=row.recipe,
            document_id=earlier.document_id if earlier else None,
            reason=row.reason,
            detail=row.detail,
        )
    return known
