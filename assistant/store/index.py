"""The index of one generation: opened from, and brought in line with, the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from assistant.access import OPERATOR
from assistant.errors import IndexDamagedError, IndexMismatchError
from assistant.store.postings import Int64s
from assistant.store.queries import live_chunk_ids, segment_files, stored_chunk_ids
from assistant.store.rows import ContentRow, DocumentRow, GenerationRow, SegmentRow
from assistant.store.segments import (
    IndexFolder,
    Segment,
    SegmentFiles,
    build_segment,
    held,
    merge_segments,
)
from assistant.store.stored_chunks import stored_chunks, unembedded_chunk_ids
from assistant.store.terms import indexed_text

MAX_SEGMENTS = 12
"""Most segments below half of `SEGMENT_CHUNKS` with vectors, and as many again without; every query
visits every segment."""
MERGED_SEGMENTS = 6
"""What a merge leaves of these, about; the gap to the maximum makes merges rare."""
SEGMENT_CHUNKS = 131_072
"""Most chunks of a segment: deleting a document rewrites the segments that hold its chunks, so this
bounds what that costs, however large the corpus is."""
BUILD_CHUNKS = 20_000
"""Chunks indexed at a time, which bounds memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """One generation, opened and verified."""

    generation: int
    """0: nothing was published yet."""
    embedder_fingerprint: str
    segments: dict[SegmentFiles, Segment]


NOTHING_PUBLISHED = Index(0, "", {})


@dataclass(frozen=True, slots=True)
class IndexRefresh:
    """A generation written, to be committed with the rows it was made from."""

    generation: int
    segments: tuple[SegmentFiles, ...]


def refresh_index(
    session: Session, folder: IndexFolder, embedder_fingerprint: str, *, rebuild: bool = False
) -> IndexRefresh:
    """Write what the index lacks and record the new generation.

    Live chunks that no segment holds get a new segment: one with vectors, and one without for
    those that are not embedded yet, which is replaced as their vectors come. Segments with
    chunks that are no longer stored are rewritten without them. Chunks that are stored but not
    live stay until a merge, or until they are most of their segment: they are masked at search.

    Args:
        session: A writing session that holds the changed rows.
        folder: Where segments lie.
        embedder_fingerprint: What the vectors of all live chunks must come from.
        rebuild: Trust no segment, make all anew.

    Raises:
        IndexMismatchError: a live content was embedded by another embedder.
        StoreError: the disk is full or refuses.
    """
    _require_embedder(session, embedder_fingerprint)
    live, stored = live_chunk_ids(session, OPERATOR), stored_chunk_ids(session)
    unembedded = unembedded_chunk_ids(session)
    known = {} if rebuild else _held_chunks(session, folder)
    kept: list[SegmentFiles] = []
    covered: list[Int64s] = [live[:0]]
    for files, chunk_ids in known.items():
        remaining = chunk_ids[held(chunk_ids, live)]
        if not len(remaining):
            continue
        if files.vectors_sha256 is None and _few_lack_vectors(remaining, unembedded):
            continue  # its chunks count as missing and are indexed anew
        if _stays(chunk_ids, remaining, stored):
            kept.append(files)
        else:
            try:
                segment = folder.read(files)
            except (IndexDamagedError, FileNotFoundError):
                continue  # its chunks count as missing and are indexed anew
            kept += _written(folder, [segment], remaining)
        covered.append(chunk_ids)
    missing = np.setdiff1d(live, np.concatenate(covered), assume_unique=True)
    lacks_vector = held(missing, unembedded)
    for alike in (missing[~lacks_vector], missing[lacks_vector]):
        for start in range(0, len(alike), BUILD_CHUNKS):
            chunk_ids = alike[start : start + BUILD_CHUNKS]
            kept.append(folder.write(_segment_from_rows(session, chunk_ids)))
    kept = _merged(folder, kept, live)
    return _record(session, kept, embedder_fingerprint)


def _require_embedder(session: Session, fingerprint: str) -> None:
    live = select(DocumentRow.content_id)
    others = ContentRow.embedder_fingerprint != fingerprint
    if session.scalar(select(ContentRow.id).where(ContentRow.id.in_(live), others).limit(1)):
        message = (
            "cannot publish: earlier documents were embedded with another model than "
            f"{fingerprint!r}; set models.embedder back, or ingest all into a new data dir"
        )
        raise IndexMismatchError(message)


def _held_chunks(session: Session, folder: IndexFolder) -> dict[SegmentFiles, Int64s]:
    found: dict[SegmentFiles, Int64s] = {}
    for files in segment_files(session):
        try:
            found[files] = folder.chunk_ids(files)
        except IndexDamagedError:
            continue  # its chunks count as missing and are indexed anew
    return found


def _segment_from_rows(session: Session, chunk_ids: Int64s) -> Segment:
    """Return a segment of chunks that all have a vector, or all have none."""
    chunks = stored_chunks(session, chunk_ids)
    texts = [indexed_text(chunk.label, chunk.heading, chunk.text) for chunk in chunks]
    rows = [np.frombuffer(chunk.vector, dtype="<f4") for chunk in chunks if chunk.vector]
    return build_segment(chunk_ids, np.stack(rows) if rows else None, texts)


def _few_lack_vectors(chunk_ids: Int64s, unembedded: Int64s) -> bool:
    """Tell whether a segment without vectors is worth being written anew, in two parts.

    At each half, not at each publish: so a chunk is written twice on the average, however many
    publishes it takes until all of a segment is embedded.
    """
    return 2 * int(np.isin(chunk_ids, unembedded, assume_unique=True).sum()) <= len(chunk_ids)


def _stays(chunk_ids: Int64s, remaining: Int64s, stored: Int64s) -> bool:
    """Tell whether a segment can stay as it is."""
    is_small_enough = len(chunk_ids) <= SEGMENT_CHUNKS
    is_worth_its_size = 2 * len(remaining) >= len(chunk_ids)
    return is_small_enough and is_worth_its_size and bool(held(chunk_ids, stored).all())


def _merged(folder: IndexFolder, kept: list[SegmentFiles], live: Int64s) -> list[SegmentFiles]:
    """Merge the smallest of the small segments if too many of these have, or lack, vectors."""
    for has_vectors in (True, False):
        small = sorted(
            (
                files
                for files in kept
                if 2 * files.n_chunks < SEGMENT_CHUNKS
                and (files.vectors_sha256 is not None) is has_vectors
            ),
            key=lambda files: files.n_chunks,
        )
        if len(small) <= MAX_SEGMENTS:
            continue
        chosen = small[: len(small) - MERGED_SEGMENTS + 1]
        segments = [folder.read(files) for files in chosen]
        held_ids = np.sort(np.concatenate([segment.chunk_ids for segment in segments]))
        merged = _written(folder, segments, held_ids[held(held_ids, live)])
        kept = [*(files for files in kept if files not in chosen), *merged]
    return kept


def _written(folder: IndexFolder, segments: Sequence[Segment], keep: Int64s) -> list[SegmentFiles]:
    """Write these chunks of some segments anew, in as many segments as their number needs."""
    n_pieces = -(-len(keep) // SEGMENT_CHUNKS)
    return [
        folder.write(merge_segments(segments, piece)) for piece in np.array_split(keep, n_pieces)
    ]


def _record(session: Session, segments: list[SegmentFiles], fingerprint: str) -> IndexRefresh:
    session.execute(delete(SegmentRow))
    session.add_all(
        SegmentRow(
            vectors_sha256=files.vectors_sha256,
            postings_sha256=files.postings_sha256,
            n_chunks=files.n_chunks,
        )
        for files in segments
    )
    row = GenerationRow(created_at=now(), embedder_fingerprint=fingerprint)
    session.add(row)
    session.flush()
    return IndexRefresh(row.id, tuple(segments))


def now() -> str:
    """Return the time as the catalog writes it: ISO, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
