"""Codes of vectors: one bit a dimension, to find what may be near a query without reading it all.

Codes lie in lists, each around a centroid, of which whoever asks chooses those to read. What is
found are candidates, with scores only good enough to choose them; they are to be scored exactly.

Source:
    Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", 2011; André,
    Kermarrec and Le Scouarnec, "Cache locality is not enough", 2015 (the scan in registers). By
    FAISS.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.store.postings import Int32s, Int64s
from models.types import FloatMatrix, FloatVector

DIMENSIONS_PER_CODE = 4
BITS_PER_CODE = 4
ROWS_PER_LIST = 512
"""On average; with fewer, going from list to list costs more than the rows left out save."""
TRAINED_SHARE = 4
"""One row in so many decides where the centroids lie: 128 for each."""
LEAST_TRAINED = 4096
"""At least so many rows do: 256 for each of a code's 16 values."""
TRAINING_ROUNDS = 8
_ONE_QUERY = 11
"""The scan of FAISS that goes from list to list for a single query: a fifth faster than the one for
several, which it would choose."""

Bools = NDArray[np.bool_]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Which rows of a segment with codes a reader may see."""

    parameters: Any
    """`faiss.SearchParametersIVF`; never changed, so that several threads can use it."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """The codes of a segment."""

    index: Any
    """`faiss.IndexIVFPQFastScan`."""
    centroids: FloatMatrix
    """Unit vectors, shape [lists, dim]."""
    list_of: Int32s
    """The list of each row of the segment, shape [rows]."""

    def __repr__(self) -> str:
        return f"Codes({len(self.list_of)} rows in {len(self.centroids)} lists)"

    def count(self, readable: Bools) -> Int64s:
        """Return how many readable rows (shape [rows]) each list holds."""
        return np.bincount(self.list_of[readable], minlength=len(self.centroids))

    def nearness(self, query: FloatVector) -> Scores:
        """Return the cosine of a query and each centroid."""
        return products(query, self.centroids)

    def mask(self, readable: Bools) -> Mask:
        """Return which rows (shape [rows]) a reader may see, as `candidates` wants it."""
        faiss = load_faiss()
        selector = None
        if not readable.all():
            selector = faiss.IDSelectorBitmap(np.packbits(readable, bitorder="little"))
        return Mask(faiss.SearchParametersIVF(sel=selector, nprobe=len(self.centroids)))

    def candidates(
        self, query: FloatVector, lists: Int64s, mask: Mask, n: int
    ) -> tuple[Int64s, Scores]:
        """Return about the `n` nearest readable rows of some lists, and about their scores.

        Args:
            query: Unit vector, shape [dim].
            lists: At least one.
            mask: Of the reader.
            n: At least 1.
        """
        pointer = load_faiss().swig_ptr
        n_lists = len(self.centroids)
        rows, scores = np.empty(n, np.int64), np.empty(n, np.float32)
        asked = np.ascontiguousarray(query, dtype=np.float32)
        # All lists are named: the mask fixes their number. One with a negative name is not read.
        # How near they are does not count: codes are of the vectors, not of what is left of them
        # beside a centroid.
        named, near = np.full(n_lists, -1, np.int64), np.zeros(n_lists, np.float32)
        named[: len(lists)] = lists
        where = (pointer(named), pointer(near), pointer(scores), pointer(rows))
        self.index.search_preassigned_c(1, pointer(asked), n, *where, False, mask.parameters)
        found = rows >= 0
        return rows[found], scores[found]


def empty_codes(n: int, dim: int) -> Any:
    """Return an index for the codes of `n` vectors, neither trained nor filled."""
    faiss = load_faiss()
    per_code = next(size for size in (DIMENSIONS_PER_CODE, 2, 1) if dim % size == 0)
    index = faiss.IndexIVFPQFastScan(
        faiss.IndexFlatIP(dim),
        dim,
        max(1, n // ROWS_PER_LIST),
        dim // per_code,
        BITS_PER_CODE,
        faiss.METRIC_INNER_PRODUCT,
    )
    index.cp.niter = index.pq.cp.niter = TRAINING_ROUNDS
    return index


def read_codes(index: Any, centroids: FloatMatrix) -> Codes:
    """Return the codes of a filled index, to whose row i the i-th vector was added."""
    faiss = load_faiss()
    index.implem = _ONE_QUERY
    list_of = np.empty(index.ntotal, dtype=np.int32)
    for number in range(index.nlist):
        size = index.invlists.list_size(number)
        if size:
            list_of[faiss.rev_swig_ptr(index.invlists.get_ids(number), size)] = number
    return Codes(index, centroids, list_of)


def products(query: FloatVector, vectors: FloatMatrix) -> Scores:
    """Return the inner product of a query and each vector.

    Each is computed by itself, always the same way: the result for a vector does not depend, to
    the last bit, on what stands beside it. (numpy's matrix product does.)

    Args:
        query: Shape [dim].
        vectors: Contiguous, shape [n, dim].
    """
    pointer = load_faiss().swig_ptr
    n, dim = vectors.shape
    scores = np.empty(n, dtype=np.float32)
    asked = np.ascontiguousarray(query, dtype=np.float32)
    load_faiss().fvec_inner_products_ny(pointer(scores), pointer(asked), pointer(vectors), dim, n)
    return scores


def products_at(query: FloatVector, vectors: FloatMatrix, rows: Int64s) -> Scores:
    """Return what `products` has for these rows, to the last bit, without reading the others."""
    faiss = load_faiss()
    pointer = faiss.swig_ptr
    scores = np.empty(len(rows), dtype=np.float32)
    asked = np.ascontiguousarray(query, dtype=np.float32)
    wanted = np.ascontiguousarray(rows, dtype=np.int64)
    where = (pointer(scores), pointer(asked), pointer(vectors), pointer(wanted))
    faiss.fvec_inner_products_by_idx(*where, vectors.shape[1], 1, len(rows))
    return scores


@contextmanager
def one_thread() -> Iterator[None]:
    """Let FAISS use this thread alone: on a busy machine its threads wait for each other."""
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def use_one_thread() -> None:
    """Let FAISS use this thread alone from now on."""
    load_faiss().omp_set_num_threads(1)


def load_faiss() -> Any:
    """Return the faiss module, untyped; it is slow to import and only an index needs it."""
    import faiss

    return faiss
