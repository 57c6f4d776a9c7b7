"""The rows of one publish: contents, documents, rejections, removals."""

from __future__ import annotations

import uuid
from itertools import repeat

from sqlalchemy import Select, delete, insert, select
from sqlalchemy.orm import Session

from assistant.errors import StoreError
from assistant.store.hidden import as_decided
from assistant.store.people import named
from assistant.store.queries import listed, listed_texts
from assistant.store.rows import (
    ChunkRow,
    CollectionRow,
    ContentRow,
    DocumentRow,
    HiddenTextRow,
    PageRow,
    RejectionRow,
    ScannedPageRow,
    SourceRow,
    VersionRow,
)
from assistant.store.scans import stored_words
from assistant.store.stored_chunks import stored_vector
from assistant.store.types import (
    ContentKey,
    DocumentPut,
    NewContent,
    PublishBatch,
    RejectionPut,
)
from assistant.types import Version


def apply_batch(session: Session, batch: PublishBatch, added_at: str, added_with: str) -> None:
    """Change the rows as the batch says; contents that lose their last link stay to be purged.

    Args:
        session: A writing session.
        batch: What to change.
        added_at: When.
        added_with: Which upload or ingest run this is a part of.

    Raises:
        UnknownNameError: no such collection.
        StoreError: a document names a content that is neither stored nor in the batch.
    """
    source_id = _source_id(session, batch)
    for content in batch.contents:
        _add_content(session, content, batch.embedder_fingerprint)
    for document in batch.documents:
        _put_document(session, source_id, document, added_at, added_with)
    for rejection in batch.rejections:
        _put_rejection(session, source_id, rejection)
    for path in batch.removals:
        here = {"source_id": source_id, "path": path}
        session.execute(delete(DocumentRow).filter_by(**here))
        session.execute(delete(RejectionRow).filter_by(**here))


def removed_documents(batch: PublishBatch) -> Select[str]:
    """Return the ids of the documents that a batch removes."""
    return (
        select(DocumentRow.id)
        .join(SourceRow, SourceRow.id == DocumentRow.source_id)
        .join(CollectionRow, CollectionRow.id == SourceRow.collection_id)
        .where(
            CollectionRow.name == batch.collection,
            SourceRow.root == batch.source,
            DocumentRow.path.in_(listed_texts(batch.removals)),
        )
    )


def purge_contents(session: Session) -> frozenset[Version]:
    """Delete contents, with pages and chunks, that no version of any document refers to.

    Returns:
        Versions that no stored content has any more: their original bytes can go.
    """
    linked = select(VersionRow.content_id)
    unlinked = session.execute(
        select(ContentRow.id, ContentRow.sha256).where(ContentRow.id.not_in(linked))
    ).all()
    session.execute(delete(ContentRow).where(ContentRow.id.in_(listed(row.id for row in unlinked))))
    gone = {row.sha256 for row in unlinked}
    return frozenset(Version(sha256) for sha256 in gone if not _has_version(session, sha256))


def _has_version(session: Session, sha256: str) -> bool:
    return session.scalar(select(ContentRow.id).filter_by(sha256=sha256).limit(1)) is not None


def _source_id(session: Session, batch: PublishBatch) -> int:
    collection = named(session, CollectionRow, batch.collection)
    key = {"collection_id": collection.id, "root": batch.source}
    found = session.scalar(select(SourceRow.id).filter_by(**key))
    if found is not None:
        return found
    source = SourceRow(**key)
    session.add(source)
    session.flush()
    return source.id


def _content_id(session: Session, key: ContentKey) -> int | None:
    return session.scalar(
        select(ContentRow.id).filter_by(sha256=key.sha256, recipe=key.recipe, name=key.name)
    )


def _add_content(session: Session, content: NewContent, embedder_fingerprint: str) -> None:
    if _content_id(session, content.key) is not None:
        return
    row = ContentRow(
        sha256=content.key.sha256,
        recipe=content.key.recipe,
        name=content.key.name,
        title=content.title,
        date=content.date,
        media_type=content.media_type,
        size_bytes=content.size_bytes,
        flags=list(content.flags),
        n_pages=len(content.pages),
        n_chunks=len(content.chunks),
        embedder_fingerprint=embedder_fingerprint,
    )
    session.add(row)
    session.flush()
    pages = [
        {
            "content_id": row.id,
            "page_index": index,
            "page_number": page.page_number,
            "text": page.text,
        }
        for index, page in enumerate(content.pages)
    ]
    vectors = repeat(None) if content.vectors is None else map(stored_vector, content.vectors)
    chunks = [
        {
            "content_id": row.id,
            "page_index": chunk.page_index,
            "span_start": chunk.span.start,
            "span_end": chunk.span.end,
            "heading": chunk.heading,
            "vector": vector,
        }
        for chunk, vector in zip(content.chunks, vectors, strict=False)
    ]
    scans = [
        {
            "content_id": row.id,
            "page_index": index,
            "confidence": page.scan.confidence,
            "words": stored_words(page.scan),
        }
        for index, page in enumerate(content.pages)
        if page.scan
    ]
    hidden = [
        {
            "content_id": row.id,
            "ordinal": ordinal,
            "page_index": one.page_index,
            "kind": one.kind,
            "text": one.text,
            "span_start": None,
        }
        for ordinal, one in enumerate(content.hidden)
    ]
    for table, rows in (
        (PageRow, pages),
        (ScannedPageRow, scans),
        (ChunkRow, chunks),
        (HiddenTextRow, hidden),
    ):
        if rows:
            session.execute(insert(table), rows)


def _put_document(
    session: Session, source_id: int, put: DocumentPut, added_at: str, added_with: str
) -> None:
    content_id = _content_id(session, put.content)
    if content_id is None:
        message = (
            f"cannot publish document {put.path!r}: its content {put.content!r} is not stored; "
            "put it into the same batch"
        )
        raise StoreError(message)
    here = {"source_id": source_id, "path": put.path}
    session.execute(delete(RejectionRow).filter_by(**here))
    document = session.scalar(select(DocumentRow).filter_by(**here))
    if document is None:
        document = DocumentRow(id=uuid.uuid4().hex, content_id=content_id, batch=added_with, **here)
        session.add(document)
        session.flush()
    else:
        content_id = as_decided(session, document, content_id)
        if document.content_id == content_id:
            return
        document.content_id = content_id
        document.batch = added_with
    _put_version(session, document.id, content_id, put.content.sha256, added_at)
    session.flush()


def _put_version(
    session: Session, document_id: str, content_id: int, sha256: Version, added_at: str
) -> None:
    latest = session.execute(
        select(VersionRow, ContentRow.sha256)
        .join(ContentRow, ContentRow.id == VersionRow.content_id)
        .where(VersionRow.document_id == document_id)
        .order_by(VersionRow.ordinal.desc())
        .limit(1)
    ).one_or_none()
    if latest is not None and latest.sha256 == sha256:
        # Equal bytes read another way are the same version.
        latest.VersionRow.content_id = content_id
        return
    ordinal = 1 if latest is None else latest.VersionRow.ordinal + 1
    session.add(
        VersionRow(
            document_id=document_id, ordinal=ordinal, content_id=content_id, added_at=added_at
        )
    )


def _put_rejection(session: Session, source_id: int, put: RejectionPut) -> None:
    session.merge(
        RejectionRow(
            source_id=source_id,
            path=put.path,
            sha256=put.sha256,
            recipe=put.recipe,
            reason=put.reason,
            detail=put.detail,
        )
    )
    session.flush()
