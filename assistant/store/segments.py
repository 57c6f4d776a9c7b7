"""Segments: immutable index files, each holding some chunks' vectors and postings.

A file is named by the SHA-256 of its bytes, which the catalog records in the transaction that
publishes it. Reading checks the hash first; nothing here is ever unpickled.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from assistant.errors import IndexDamagedError, StoreError
from assistant.store.files import is_intact, said_of_disk, write_durably
from assistant.store.postings import Int64s, Postings, build_postings, merge_postings
from assistant.store.vectors import Vectors, build_vectors, map_vectors, vectors_to_bytes
from models.types import FloatMatrix

UNIT_TOLERANCE = 1e-3
CHECKED_ROWS = 16_384
"""Checked at a time, so that those of a mapped file take little memory."""
REBUILD = "rebuild the index from the catalog with `plinth doctor --repair`"


@dataclass(frozen=True, slots=True)
class SegmentFiles:
    """The hashes, and thereby the names, of a segment's files."""

    vectors_sha256: str | None
    """None: its chunks are not embedded yet, and there is no such file."""
    postings_sha256: str
    n_chunks: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files in the index folder."""
        return tuple(filter(None, (self.vectors_name, self.postings_name)))

    @property
    def vectors_name(self) -> str | None:
        """Name of the vectors' file; None if there is none."""
        return None if self.vectors_sha256 is None else f"{self.vectors_sha256}.faiss"

    @property
    def postings_name(self) -> str:
        """Name of the postings' file."""
        return f"{self.postings_sha256}.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Some chunks, searchable; row i of every part is chunk `chunk_ids[i]`."""

    chunk_ids: Int64s
    """Ascending."""
    vectors: Vectors | None
    """None: the chunks are not embedded yet."""
    postings: Postings

    def __repr__(self) -> str:
        return f"Segment({len(self.chunk_ids)} chunks)"


def build_segment(chunk_ids: Int64s, vectors: FloatMatrix | None, texts: Sequence[str]) -> Segment:
    """Return a segment of chunks.

    Args:
        chunk_ids: Ascending, shape [n].
        vectors: Unit vectors, shape [n, dim]; None for chunks that are not embedded yet.
        texts: `indexed_text` of each chunk.

    Raises:
        StoreError: a vector is not finite or not of unit length; it would poison every search.
    """
    if vectors is None:
        return Segment(chunk_ids, None, build_postings(texts))
    if not are_unit(vectors).all():
        message = "cannot index: a vector is not finite or not of unit length; check the embedder"
        raise StoreError(message)
    return Segment(chunk_ids, build_vectors(vectors), build_postings(texts))


def merge_segments(segments: Sequence[Segment], keep: Int64s) -> Segment:
    """Return one segment with those chunks of several that are in `keep` (ascending ids).

    Either all of the segments have vectors, or none has.
    """
    masks = [held(segment.chunk_ids, keep) for segment in segments]
    pairs = [(segment, mask) for segment, mask in zip(segments, masks, strict=True) if mask.any()]
    chunk_ids = np.concatenate([segment.chunk_ids[mask] for segment, mask in pairs])
    matrices = [
        segment.vectors.matrix[mask] for segment, mask in pairs if segment.vectors is not None
    ]
    order = np.argsort(chunk_ids)
    postings = merge_postings([(segment.postings, mask) for segment, mask in pairs], order)
    vectors = build_vectors(np.concatenate(matrices)[order]) if matrices else None
    return Segment(chunk_ids[order], vectors, postings)


def held(ids: Int64s, among: Int64s) -> NDArray[np.bool_]:
    """Return which of these chunk ids are among others; both ascending.

    The cost goes by the number of `ids` and of the others between the first and the last of them.
    """
    if not len(ids):
        return np.zeros(0, dtype=np.bool_)
    ends = np.searchsorted(among, ids[[0, -1]] + np.array([0, 1]))
    return np.isin(ids, among[ends[0] : ends[1]])


def are_unit(matrix: FloatMatrix) -> NDArray[np.bool_]:
    """Tell which vectors are finite and of unit length; others would poison every search."""
    unit = np.ones(len(matrix), dtype=np.bool_)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(matrix), CHECKED_ROWS):
            norms = np.linalg.norm(matrix[start : start + CHECKED_ROWS], axis=1)
            unit[start : start + CHECKED_ROWS] = np.abs(norms - 1) <= UNIT_TOLERANCE
    return unit


def _fits(segment: Segment, files: SegmentFiles) -> bool:
    """Tell whether all parts of a segment are of the chunks that the catalog says it has."""
    postings = segment.postings
    return (
        len(segment.chunk_ids) == files.n_chunks
        and bool((np.diff(segment.chunk_ids) > 0).all())
        and len(postings.lengths) == files.n_chunks
        and len(postings.indptr) == len(postings.terms) + 1
        and (segment.vectors is None or len(segment.vectors.matrix) == files.n_chunks)
    )


def _unfitting(files: SegmentFiles) -> IndexDamagedError:
    return IndexDamagedError(
        f"index file {files.postings_name!r} is not of the chunks that the catalog names; {REBUILD}"
    )


class IndexFolder:
    """The folder with the segments' files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, segment: Segment) -> SegmentFiles:
        """Write a segment durably; nothing refers to it until a transaction does.

        Raises:
            StoreError: the disk is full or refuses.
        """
        buffer = io.BytesIO()
        postings = segment.postings
        np.savez(
            buffer,
            chunk_ids=segment.chunk_ids,
            terms=np.frombuffer("\n".join(postings.terms).encode(), dtype=np.uint8),
            indptr=postings.indptr,
            rows=postings.rows,
            frequencies=postings.frequencies,
            lengths=postings.lengths,
        )
        vectors_sha256 = None
        if segment.vectors is not None:
            vectors = vectors_to_bytes(segment.vectors)
            _, vectors_sha256 = write_durably(self._folder, [vectors], "{sha256}.faiss")
        _, postings_sha256 = write_durably(self._folder, [buffer.getbuffer()], "{sha256}.npz")
        return SegmentFiles(vectors_sha256, postings_sha256, len(segment.chunk_ids))

    def read(self, files: SegmentFiles) -> Segment:
        """Return a segment after checking its files against their hashes.

        Raises:
            IndexDamagedError: a file is not what was written.
            FileNotFoundError: a file is gone, most likely to a later generation.
            StoreError: the disk refuses.
        """
        with said_of_disk(self._folder, passing=(FileNotFoundError,)):
            try:
                segment = self._read(files)
            except BadZipFile as error:  # though it fits its hash: it could not be read twice
                raise OSError(f"{files.postings_name} cannot be read") from error
            except (KeyError, ValueError, RuntimeError) as error:
                raise _unfitting(files) from error
        if not _fits(segment, files):
            raise _unfitting(files)
        return segment

    def _read(self, files: SegmentFiles) -> Segment:
        vectors = None
        if files.vectors_name is not None:
            vectors = map_vectors(self._verified(files.vectors_name))
        with np.load(self._verified(files.postings_name), allow_pickle=False) as arrays:
            names = arrays["terms"].tobytes().decode()
            postings = Postings(
                terms={name: i for i, name in enumerate(names.split("\n"))} if names else {},
                indptr=arrays["indptr"],
                rows=arrays["rows"],
                frequencies=arrays["frequencies"],
                lengths=arrays["lengths"],
            )
            return Segment(arrays["chunk_ids"], vectors, postings)

    def chunk_ids(self, files: SegmentFiles) -> Int64s:
        """Return the ids of a segment's chunks, ascending, without reading the rest."""
        path = self._folder / files.postings_name
        try:
            with np.load(path, allow_pickle=False) as arrays:
                ids: Int64s = arrays["chunk_ids"]
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            message = f"index file {path.name!r} cannot be read; {REBUILD}"
            raise IndexDamagedError(message) from error
        return ids

    def remove_except(self, wanted: Collection[SegmentFiles]) -> None:
        """Delete every file that belongs to none of these segments."""
        names = {name for files in wanted for name in files.names}
        for path in self._folder.glob("*"):
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _verified(self, name: str) -> Path:
        path = self._folder / name
        if not is_intact(path, name.partition(".")[0]):
            message = f"index file {name!r} does not match its hash in the catalog; {REBUILD}"
            raise IndexDamagedError(message)
        return path
