"""A segment's vectors: as they are, and from a size on with codes beside them.

The file is a FAISS index, of one of two kinds: `IndexFlatIP`, or `IndexRefineFlat` whose base are
the codes and whose refinement holds the vectors. It is opened by memory map, so that only what a
search reads takes memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.store.codes import (
    LEAST_TRAINED,
    TRAINED_SHARE,
    Codes,
    Scores,
    empty_codes,
    load_faiss,
    one_thread,
    products,
    products_at,
    read_codes,
)
from assistant.store.postings import Int64s
from models.types import FloatMatrix, FloatVector

LEAST_CODED = 16_384
"""Fewer vectors are all read."""
PICKED_SHARE = 3
"""Below one row in so many, the wanted rows are read alone; else all are scored."""


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Unit vectors by row of the segment."""

    index: Any
    """`faiss.IndexFlatIP` or `faiss.IndexRefineFlat`: all of what the file holds."""
    matrix: FloatMatrix
    """The vectors, exact and read-only, contiguous, shape [rows, dim]."""
    codes: Codes | None
    """None where there are few vectors."""

    def __repr__(self) -> str:
        return f"Vectors({len(self.matrix)} rows, {self.codes or 'no codes'})"

    def scores(self, query: FloatVector, rows: Int64s) -> Scores:
        """Return the exact inner product of a query and each of these rows.

        A score depends on its row's vector and the query alone, to the last bit.
        """
        if len(rows) * PICKED_SHARE < len(self.matrix):
            return products_at(query, self.matrix, rows)
        return products(query, self.matrix)[rows]


def build_vectors(matrix: FloatMatrix) -> Vectors:
    """Return vectors to search, with codes if they are at least `LEAST_CODED`.

    All that the codes learn they learn from these vectors alone.

    Args:
        matrix: Unit vectors, shape [n, dim].
    """
    faiss = load_faiss()
    contiguous = np.ascontiguousarray(matrix, dtype=np.float32)
    n, dim = contiguous.shape
    with one_thread():
        if n < LEAST_CODED:
            index = faiss.IndexFlatIP(dim)
        else:
            index = faiss.IndexRefineFlat(empty_codes(n, dim))
            index.train(contiguous[:: max(1, min(TRAINED_SHARE, n // LEAST_TRAINED))])
        index.add(contiguous)
    return _of(index)


def vectors_to_bytes(vectors: Vectors) -> memoryview:
    """Return the content of a vectors' file."""
    return memoryview(load_faiss().serialize_index(vectors.index))


def map_vectors(path: Path) -> Vectors:
    """Return the vectors of a file whose bytes were verified; they are read when needed.

    The file may be removed meanwhile.

    Raises:
        FileNotFoundError: it is gone.
    """
    faiss = load_faiss()
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:
        path.stat()  # says that it is gone, if that is the reason
        raise
    return _of(index)


def _of(index: Any) -> Vectors:
    faiss = load_faiss()
    if isinstance(index, faiss.IndexFlatIP):
        return Vectors(index, _matrix(index, index), None)
    coded, exact = map(faiss.downcast_index, (index.base_index, index.refine_index))
    centroids = _matrix(faiss.downcast_index(coded.quantizer), index)
    return Vectors(index, _matrix(exact, index), read_codes(coded, centroids))


class _Held:
    """Memory of a flat index as numpy wants it; the array made of it keeps its owner alive."""

    def __init__(self, flat: Any, owner: Any) -> None:
        self._kept = (flat, owner)
        self.__array_interface__ = {
            "version": 3,
            "data": (int(flat.get_xb()), True),
            "shape": (flat.ntotal, flat.d),
            "typestr": "<f4",
        }


def _matrix(flat: Any, owner: Any) -> FloatMatrix:
    matrix: FloatMatrix = np.asarray(_Held(flat, owner))
    return matrix
