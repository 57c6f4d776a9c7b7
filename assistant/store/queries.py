"""Conditions and selections that reading and writing share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, ColumnElement, Select, String, cast, func, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.sql.selectable import ScalarSelect

from assistant.access import ReadableSet
from assistant.errors import StoreError
from assistant.store.postings import Int64s
from assistant.store.rows import ChunkRow, DocumentRow, GenerationRow, SegmentRow, SourceRow
from assistant.store.segments import SegmentFiles
from assistant.types import CollectionId


def readable_document(readable: ReadableSet) -> ColumnElement[bool]:
    """Return the condition on `DocumentRow` that the reader may see it."""
    if readable.everything:
        return true()
    in_collections = DocumentRow.source_id.in_(_sources(readable.collections))
    if not readable.documents:
        return in_collections
    alone: ColumnElement[bool] = DocumentRow.id.in_(listed_texts(sorted(readable.documents)))
    if readable.documents_in is not None:
        alone &= DocumentRow.source_id.in_(_sources([readable.documents_in]))
    return in_collections | alone


def _sources(collections: Iterable[CollectionId]) -> Select[int]:
    return select(SourceRow.id).where(SourceRow.collection_id.in_(collections))


class _JsonItems(GenericFunction[str]):
    """The items of a JSON list, as rows with one column `value`."""

    name = "json_each"
    type = String()
    inherit_cache = True


@compiles(_JsonItems, "postgresql")
def _in_postgresql(items: _JsonItems, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(items.clauses, **options)} AS JSON))"


def listed(values: Iterable[int]) -> ScalarSelect[int]:
    """Return a subselect of any number of whole numbers; a plain IN has a limit."""
    rows = _JsonItems(json.dumps(list(values), default=int)).table_valued("value")
    return select(cast(rows.c.value, BigInteger)).scalar_subquery()


def listed_texts(values: Iterable[str]) -> ScalarSelect[str]:
    """Return a subselect of any number of texts."""
    rows = _JsonItems(json.dumps(list(values))).table_valued("value")
    return select(rows.c.value).scalar_subquery()


def readable_ids(session: Session, ids: Iterable[str], readable: ReadableSet) -> frozenset[str]:
    """Return those of some document ids that exist and that the reader may see."""
    selection = select(DocumentRow.id).where(
        DocumentRow.id.in_(listed_texts(sorted(ids))), readable_document(readable)
    )
    return frozenset(session.scalars(selection))


def live_chunk_ids(session: Session, readable: ReadableSet) -> Int64s:
    """Return the ids of all chunks in current versions the reader may see, ascending."""
    contents = select(DocumentRow.content_id).where(readable_document(readable))
    return _chunk_ids(session, ChunkRow.content_id.in_(contents))


def stored_chunk_ids(session: Session) -> Int64s:
    """Return the ids of all chunks, those of earlier versions included, ascending."""
    return _chunk_ids(session, true())


def current_generation(session: Session) -> int:
    """Return the number of the current index generation; 0 before the first publish."""
    return session.scalar(select(func.max(GenerationRow.id))) or 0


def segment_files(session: Session) -> tuple[SegmentFiles, ...]:
    """Return the segments of the current generation, oldest first."""
    rows = session.scalars(select(SegmentRow).order_by(SegmentRow.id))
    return tuple(SegmentFiles(r.vectors_sha256, r.postings_sha256, r.n_chunks) for r in rows)


def _chunk_ids(session: Session, condition: ColumnElement[bool]) -> Int64s:
    # A row for each content, not for each chunk: the chunks of a content were numbered in one
    # statement, and none of them is ever added or removed alone.
    rows = session.execute(
        select(func.min(ChunkRow.id), func.max(ChunkRow.id), func.count())
        .where(condition)
        .group_by(ChunkRow.content_id)
    ).all()
    numbers = chain.from_iterable(rows)  # numpy asks each row a lot before it takes it for a tuple
    first, last, counts = np.fromiter(numbers, dtype=np.int64).reshape(-1, 3).T
    if (last - first + 1 != counts).any():
        message = "the chunks of a content are not numbered in a row; restore a backup"
        raise StoreError(message)
    order = np.argsort(first)
    counts = counts[order]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    ids: Int64s = np.arange(offsets[-1]) + np.repeat(first[order] - offsets[:-1], counts)
    return ids
