"""Chunks as rows: what is indexed of them, and the vectors that follow their text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from assistant.store.postings import Int64s
from assistant.store.queries import listed
from assistant.store.rows import ChunkRow, ContentRow, DocumentRow, PageRow
from assistant.store.terms import document_label
from assistant.store.types import StoredChunk
from assistant.types import ChunkId
from models.types import FloatMatrix

_IS_LIVE = ChunkRow.content_id.in_(select(DocumentRow.content_id))


def stored_chunks(session: Session, ids: Iterable[int]) -> tuple[StoredChunk, ...]:
    """Return chunks by ascending id; ids that are not stored are left out."""
    chunks = session.execute(
        select(
            ChunkRow.id,
            ChunkRow.content_id,
            ChunkRow.page_index,
            ChunkRow.span_start,
            ChunkRow.span_end,
            ChunkRow.heading,
            ChunkRow.vector,
            ContentRow.title,
            ContentRow.name,
        )
        .join(ContentRow, ContentRow.id == ChunkRow.content_id)
        .where(ChunkRow.id.in_(listed(ids)))
        .order_by(ChunkRow.id)
    ).all()
    pages = {
        (content_id, page_index): text
        for content_id, page_index, text in session.execute(
            select(PageRow.content_id, PageRow.page_index, PageRow.text).where(
                PageRow.content_id.in_(listed({chunk.content_id for chunk in chunks}))
            )
        )
    }
    return tuple(
        StoredChunk(
            chunk_id=ChunkId(chunk.id),
            label=document_label(chunk.title, chunk.name),
            heading=chunk.heading,
            text=pages[chunk.content_id, chunk.page_index][chunk.span_start : chunk.span_end],
            vector=chunk.vector,
        )
        for chunk in chunks
    )


def unembedded_chunk_ids(session: Session) -> Int64s:
    """Return the ids of all chunks without a vector, live or not, ascending."""
    ids = session.scalars(select(ChunkRow.id).where(ChunkRow.vector.is_(None)))
    return np.sort(np.fromiter(ids, dtype=np.int64))


def first_unembedded(
    session: Session, embedder_fingerprint: str, *, after: int, limit: int
) -> tuple[StoredChunk, ...]:
    """Return the first live chunks that wait for an embedder, of ids over `after`, ascending."""
    ids = session.scalars(
        select(ChunkRow.id)
        .join(ContentRow, ContentRow.id == ChunkRow.content_id)
        .where(
            ChunkRow.vector.is_(None),
            _IS_LIVE,
            ChunkRow.id > after,
            ContentRow.embedder_fingerprint == embedder_fingerprint,
        )
        .order_by(ChunkRow.id)
        .limit(limit)
    )
    return stored_chunks(session, ids)


def count_unembedded(session: Session) -> int:
    """Return how many live chunks have no vector."""
    without = select(func.count(ChunkRow.id)).where(ChunkRow.vector.is_(None), _IS_LIVE)
    return session.scalar(without) or 0


def add_vectors(session: Session, ids: Sequence[ChunkId], vectors: FloatMatrix) -> None:
    """Store the vectors of chunks; of those that are gone, none."""
    if not ids:
        return
    rows = [
        {"chunk_id": int(chunk_id), "bytes": stored_vector(vector)}
        for chunk_id, vector in zip(ids, vectors, strict=True)
    ]
    session.connection().execute(
        update(ChunkRow)
        .where(ChunkRow.id == bindparam("chunk_id"))
        .values(vector=bindparam("bytes")),
        rows,
    )


def stored_vector(vector: ArrayLike) -> bytes:
    """Return a vector as it is stored: float32, little-endian."""
    return np.asarray(vector, dtype="<f4").tobytes()
