"""What documents have in a data dir, and what is left of it once they are deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from assistant.store.blocks import KeptBlocks
from assistant.store.gold_quotes import quoting
from assistant.store.index import Index
from assistant.store.originals import Originals
from assistant.store.postings import Int64s
from assistant.store.queries import listed, listed_texts
from assistant.store.rows import (
    Base,
    ChunkRow,
    ContentRow,
    DocumentRow,
    HiddenTextRow,
    PageRow,
    RunDocumentRow,
    ScannedPageRow,
    TurnDocumentRow,
    VersionRow,
)
from assistant.types import DocumentId, Version

ChunkRange = tuple[int, int]
"""The ids of a content's first and last chunk: they were numbered in one go."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """The ids of everything that belongs to some documents, and that are never used again."""

    document_ids: frozenset[DocumentId]
    contents: Mapping[int, ChunkRange]
    """By content."""
    versions: frozenset[Version]

    @property
    def n_chunks(self) -> int:
        """How many chunks there were."""
        return sum(last - first + 1 for first, last in self.contents.values())

    @cached_property
    def chunk_ids(self) -> Int64s:
        """All chunks, ascending."""
        ranges = [np.arange(first, last + 1) for first, last in sorted(self.contents.values())]
        return np.concatenate([np.zeros(0, dtype=np.int64), *ranges])


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """How much of a footprint a data dir holds, but for what other documents need."""

    n_documents: int
    """Documents that are there."""
    n_pages: int
    n_hidden: int
    """Pieces of text that no reader sees."""
    n_chunks: int
    n_scanned_pages: int
    """Pages of which it is kept where the words stand."""
    n_vectors: int
    """In the files of the current index generation; words, where vectors do not follow yet."""
    n_files: int
    """Kept original bytes."""
    n_blocks: int
    """Passages as the generator has computed them."""
    n_replies: int
    """Stored replies that show its text."""
    n_evaluated: int
    """Replies of evaluations that do."""
    n_quotes: int
    """Passages that suites quote, of those that were picked from it."""
    n_twins: int
    """Other documents with equal bytes, which go on answering."""

    @property
    def is_none(self) -> bool:
        """Whether nothing is left."""
        return not any(
            getattr(self, field.name) for field in fields(self) if field.name != "n_twins"
        )


def footprint(session: Session, document_ids: Iterable[str]) -> Footprint:
    """Return the footprint of documents; empty but for the ids of those that do not exist."""
    ids = frozenset(map(DocumentId, document_ids))
    contents = session.execute(
        select(ContentRow.id, ContentRow.sha256)
        .join(VersionRow, VersionRow.content_id == ContentRow.id)
        .where(VersionRow.document_id.in_(listed_texts(sorted(ids))))
        .distinct()
    ).all()
    return Footprint(
        document_ids=ids,
        contents=chunk_ranges(session, [row.id for row in contents]),
        versions=frozenset(Version(row.sha256) for row in contents),
    )


def chunk_ranges(session: Session, content_ids: Collection[int]) -> dict[int, ChunkRange]:
    """Return the chunks of contents; of one without any, an empty range."""
    ranges = session.execute(
        select(ChunkRow.content_id, func.min(ChunkRow.id), func.max(ChunkRow.id))
        .where(ChunkRow.content_id.in_(listed(content_ids)))
        .group_by(ChunkRow.content_id)
    )
    empty: dict[int, ChunkRange] = dict.fromkeys(content_ids, (1, 0))
    return empty | {content_id: (first, last) for content_id, first, last in ranges}


def traces(
    session: Session,
    index: Index,
    originals: Originals,
    blocks: KeptBlocks,
    of: Footprint,
) -> Traces:
    """Count what a data dir holds of a footprint."""

    def count(row: type[Base], condition: ColumnElement[bool]) -> int:
        return session.scalar(select(func.count()).select_from(row).where(condition)) or 0

    ids = listed_texts(sorted(of.document_ids))
    of_others = VersionRow.document_id.not_in(ids)
    linked = select(VersionRow.content_id).where(
        of_others, VersionRow.content_id.in_(listed(of.contents))
    )
    needed_contents = frozenset(session.scalars(linked))
    own = Footprint(
        document_ids=of.document_ids,
        contents={one: of.contents[one] for one in of.contents.keys() - needed_contents},
        versions=of.versions,
    )
    same_bytes = session.execute(
        select(VersionRow.document_id, ContentRow.sha256)
        .join(ContentRow, ContentRow.id == VersionRow.content_id)
        .where(of_others, ContentRow.sha256.in_(listed_texts(sorted(of.versions))))
    ).all()
    needed = {row.sha256 for row in same_bytes}
    contents = listed(own.contents)
    return Traces(
        n_documents=count(DocumentRow, DocumentRow.id.in_(ids)),
        n_pages=count(PageRow, PageRow.content_id.in_(contents)),
        n_scanned_pages=count(ScannedPageRow, ScannedPageRow.content_id.in_(contents)),
        n_hidden=count(HiddenTextRow, HiddenTextRow.content_id.in_(contents)),
        n_chunks=count(ChunkRow, ChunkRow.content_id.in_(contents)),
        n_vectors=sum(
            int(np.isin(segment.chunk_ids, own.chunk_ids).sum())
            for segment in index.segments.values()
        ),
        n_files=sum(
            originals.path(version).exists() for version in of.versions if version not in needed
        ),
        n_blocks=blocks.count(own.contents),
        n_replies=count(TurnDocumentRow, TurnDocumentRow.document_id.in_(ids)),
        n_evaluated=count(RunDocumentRow, RunDocumentRow.document_id.in_(ids)),
        n_quotes=sum(len(places) for _, places in quoting(session, of.document_ids, ())),
        n_twins=len({row.document_id for row in same_bytes}),
    )
