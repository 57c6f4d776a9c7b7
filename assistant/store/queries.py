"""Conditions and selections that reading and writing share."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import ScalarSelect

from assistant.access import ReadableSet
from assistant.store.postings import Int64s
from assistant.store.rows import ChunkRow, DocumentRow, GenerationRow, SegmentRow, SourceRow
from assistant.store.segments import SegmentFiles


def readable_document(readable: ReadableSet) -> ColumnElement[bool]:
    """Return the condition on `DocumentRow` that the reader may see it."""
    if readable.everything:
        return true()
    sources = select(SourceRow.id).where(SourceRow.collection_id.in_(readable.collections))
    return DocumentRow.source_id.in_(sources)


def listed(values: Iterable[int]) -> ScalarSelect[int]:
    """Return a subselect of any number of integers; a plain IN has a limit."""
    rows = func.json_each(json.dumps([int(value) for value in values])).table_valued("value")
    return select(rows.c.value).scalar_subquery()


def readable_ids(session: Session, ids: Iterable[str], readable: ReadableSet) -> frozenset[str]:
    """Return those of some document ids that exist and that the reader may see."""
    selection = select(DocumentRow.id).where(
        DocumentRow.id.in_(sorted(ids)), readable_document(readable)
    )
    return frozenset(session.scalars(selection))


def live_chunk_ids(session: Session, readable: ReadableSet) -> Int64s:
    """Return the ids of all chunks in current versions the reader may see, ascending."""
    contents = select(DocumentRow.content_id).where(readable_document(readable))
    return _ids(session, select(ChunkRow.id).where(ChunkRow.content_id.in_(contents)))


def stored_chunk_ids(session: Session) -> Int64s:
    """Return the ids of all chunks, those of earlier versions included, ascending."""
    return _ids(session, select(ChunkRow.id))


def current_generation(session: Session) -> int:
    """Return the number of the current index generation; 0 before the first publish."""
    return session.scalar(select(func.max(GenerationRow.id))) or 0


def segment_files(session: Session) -> tuple[SegmentFiles, ...]:
    """Return the segments of the current generation, oldest first."""
    rows = session.scalars(select(SegmentRow).order_by(SegmentRow.id))
    return tuple(SegmentFiles(r.vectors_sha256, r.postings_sha256, r.n_chunks) for r in rows)


def _ids(session: Session, selection: Select[int]) -> Int64s:
    return np.sort(np.fromiter(session.scalars(selection), dtype=np.int64))
