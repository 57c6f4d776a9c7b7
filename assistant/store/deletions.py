"""The record of what was deleted: ids and hashes by which it is looked for; none of its text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from assistant.store.index import now
from assistant.store.rows import (
    CollectionRow,
    ContentRow,
    DeletionRow,
    DocumentRow,
    SourceRow,
    VersionRow,
)
from assistant.store.traces import ChunkRange, Footprint, chunk_ranges
from assistant.store.types import DeletedDocument
from assistant.types import DocumentId, Version


def record_deletion(session: Session, documents: Select[str], by: str) -> None:
    """Record documents that are about to be deleted in the same transaction.

    Args:
        session: A writing session.
        documents: Their ids.
        by: Who deletes them.
    """
    rows = session.execute(
        select(DocumentRow.id, DocumentRow.path, CollectionRow.name)
        .join(SourceRow, SourceRow.id == DocumentRow.source_id)
        .join(CollectionRow, CollectionRow.id == SourceRow.collection_id)
        .where(DocumentRow.id.in_(documents))
        .order_by(DocumentRow.path, DocumentRow.id)
    ).all()
    versions = session.execute(
        select(VersionRow.document_id, ContentRow.id, ContentRow.sha256)
        .join(ContentRow, ContentRow.id == VersionRow.content_id)
        .where(VersionRow.document_id.in_(documents))
        .order_by(VersionRow.ordinal)
    ).all()
    ranges = chunk_ranges(session, {row.id for row in versions})
    had = defaultdict(list)
    for row in versions:
        had[row.document_id].append((row.id, row.sha256))
    at = now()
    session.add_all(
        DeletionRow(
            document_id=row.id,
            document=row.path,
            collection=row.name,
            deleted_by=by,
            deleted_at=at,
            contents=[[content_id, *ranges[content_id]] for content_id, _ in had[row.id]],
            versions=sorted({sha256 for _, sha256 in had[row.id]}),
        )
        for row in rows
    )
    session.flush()


def deleted_documents(session: Session, name: str | None = None) -> tuple[DeletedDocument, ...]:
    """Return what was deleted, oldest first; only of one id or name where it is given."""
    selection = select(DeletionRow).order_by(DeletionRow.id)
    if name is not None:
        is_it = (DeletionRow.document_id == name) | (DeletionRow.document == name)
        selection = selection.where(is_it)
    return tuple(
        DeletedDocument(
            document_id=DocumentId(row.document_id),
            document=row.document,
            collection=row.collection,
            by=row.deleted_by,
            at=row.deleted_at,
        )
        for row in session.scalars(selection)
    )


def recorded_footprint(session: Session, deleted: Sequence[DeletedDocument]) -> Footprint:
    """Return what documents had when they were deleted."""
    wanted = {one.document_id for one in deleted}
    contents: dict[int, ChunkRange] = {}
    versions: set[Version] = set()
    for row in session.scalars(select(DeletionRow)):
        if row.document_id in wanted:
            contents.update({one: (first, last) for one, first, last in row.contents})
            versions.update(map(Version, row.versions))
    return Footprint(
        document_ids=frozenset(wanted), contents=contents, versions=frozenset(versions)
    )
