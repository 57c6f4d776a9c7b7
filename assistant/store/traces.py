"""What a document has in a data dir, and what is left of it once it is deleted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from assistant.store.blocks import KeptBlocks
from assistant.store.index import Index
from assistant.store.originals import Originals
from assistant.store.queries import listed
from assistant.store.rows import (
    Base,
    ChunkRow,
    ContentRow,
    DocumentRow,
    PageRow,
    TurnDocumentRow,
    VersionRow,
)
from assistant.types import ChunkId, DocumentId, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """The ids of everything that belongs to a document, and that are never used again."""

    document_id: DocumentId
    content_ids: frozenset[int]
    chunk_ids: frozenset[ChunkId]
    versions: frozenset[Version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """How much of a footprint a data dir holds."""

    n_documents: int
    """1 while the document itself is there."""
    n_pages: int
    n_chunks: int
    n_vectors: int
    """In the files of the current index generation."""
    n_files: int
    """Kept original bytes."""
    n_blocks: int
    """Passages as the generator has computed them."""
    n_replies: int
    """Stored replies that show its text."""
    n_twins: int
    """Other documents with equal bytes, for whose sake the rest is kept."""

    @property
    def is_none(self) -> bool:
        """Whether nothing is left, but for what other documents with equal bytes hold."""
        own = self.n_documents + self.n_replies
        shared = self.n_pages + self.n_chunks + self.n_vectors + self.n_files + self.n_blocks
        return own == 0 and (shared == 0 or self.n_twins > 0)


def footprint(session: Session, document_id: DocumentId) -> Footprint:
    """Return the footprint of a document; empty but for its id if there is none."""
    contents = session.execute(
        select(ContentRow.id, ContentRow.sha256)
        .join(VersionRow, VersionRow.content_id == ContentRow.id)
        .where(VersionRow.document_id == document_id)
    ).all()
    content_ids = frozenset(row.id for row in contents)
    chunks = select(ChunkRow.id).where(ChunkRow.content_id.in_(listed(content_ids)))
    return Footprint(
        document_id=document_id,
        content_ids=content_ids,
        chunk_ids=frozenset(map(ChunkId, session.scalars(chunks))),
        versions=frozenset(Version(row.sha256) for row in contents),
    )


def traces(
    session: Session, index: Index, originals: Originals, blocks: KeptBlocks, of: Footprint
) -> Traces:
    """Count what a data dir holds of a footprint."""

    def count(row: type[Base], condition: ColumnElement[bool]) -> int:
        return session.scalar(select(func.count()).select_from(row).where(condition)) or 0

    contents = listed(of.content_ids)
    wanted = np.fromiter(of.chunk_ids, dtype=np.int64, count=len(of.chunk_ids))
    twins = select(VersionRow.document_id).where(
        VersionRow.content_id.in_(contents), VersionRow.document_id != of.document_id
    )
    return Traces(
        n_documents=count(DocumentRow, DocumentRow.id == of.document_id),
        n_pages=count(PageRow, PageRow.content_id.in_(contents)),
        n_chunks=count(ChunkRow, ChunkRow.id.in_(listed(of.chunk_ids))),
        n_vectors=sum(
            int(np.isin(segment.chunk_ids, wanted).sum()) for segment in index.segments.values()
        ),
        n_files=sum(originals.path(version).exists() for version in of.versions),
        n_blocks=blocks.count(of.content_ids),
        n_replies=count(TurnDocumentRow, TurnDocumentRow.document_id == of.document_id),
        n_twins=len(frozenset(session.scalars(twins))),
    )
