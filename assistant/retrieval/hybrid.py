"""Hybrid retrieval: dense and lexical, each under the reader's mask, fused with fixed bounds.

The fused score is `w · max(0, cosine) + (1 - w) · lexical fraction`. Nothing in it depends on the
other candidates, so it is comparable between questions and blind to what is not readable.

Source:
    Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023: a
    convex combination with theoretical bounds beats reciprocal rank fusion.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import IndexDamagedError, IndexMismatchError
from assistant.retrieval import dense, lexical
from assistant.retrieval.naming import named_first
from assistant.retrieval.ties import nth_best
from assistant.retrieval.view import View, build_view
from assistant.settings import RetrievalSettings
from assistant.store.catalog import Catalog
from assistant.store.index import NOTHING_PUBLISHED, Index
from assistant.store.postings import Int64s
from assistant.store.segments import REBUILD
from assistant.store.terms import query_terms
from assistant.store.types import ReadableChunk
from assistant.types import ChunkId, Hit, Span, Version
from models.protocols import Embedder

KEPT_VIEWS = 64
"""Views of at most that many different readable sets stay in memory."""
KEPT_ROWS = 64_000_000
"""All kept views but the latest have at most so many rows, a byte each."""
TOLD_APART = 50
"""At least so many hits are compared by the names of their documents."""
ATTEMPTS = 10
"""Searches of one query, each spoilt by a publish in between, before giving up."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Chunks found by either half, with the exact scores of both."""

    chunk_ids: Int64s
    dense: Floats
    lexical: Floats
    fused: Floats


class HybridRetriever:
    """Searches the current generation of an index; thread-safe.

    A publish by any process is noticed at the next query; only new segments are read then.

    Args:
        catalog: Stays open as long as the retriever is used.
        embedder: Must be the one the index was made with.
        settings: Weights and limits.
    """

    def __init__(self, catalog: Catalog, embedder: Embedder, settings: RetrievalSettings) -> None:
        self._catalog = catalog
        self._embedder = embedder
        self._settings = settings
        self._lock = threading.Lock()
        self._index = NOTHING_PUBLISHED
        self._n_live = 0
        self._views: OrderedDict[ReadableSet, View] = OrderedDict()

    @property
    def index_generation(self) -> int:
        """The generation the latest `retrieve` searched; 0 for an empty corpus."""
        return self._index.generation

    def retrieve(self, query: str, top_k: int, readable: ReadableSet) -> tuple[Hit, ...]:
        """Return at most `top_k` hits, best first.

        Where the question names one of several documents with like names, the others' passages
        score less.

        Passages that stand in several readable documents word for word at the same place of
        equal bytes are found once. Ties are broken by version, page and place, which are the same
        in every corpus, then by chunk id.

        Raises:
            IndexMismatchError: the index was made with another embedder.
            IndexDamagedError: an index file is not what was written.
        """
        vector = None
        for _ in range(ATTEMPTS):
            view = self._view(readable)
            if view.n_readable == 0 or top_k < 1 or not query.strip():
                return ()
            if vector is None:
                vector = self._embedder.embed_query(query)
            candidates = self._candidates(view, query, vector, top_k)
            hits = self._hits(candidates, max(top_k, TOLD_APART), readable)
            if hits is not None:
                return named_first(query, hits)[:top_k]
        message = f"cannot search: documents kept disappearing meanwhile; {REBUILD}"
        raise IndexDamagedError(message)

    def _view(self, readable: ReadableSet) -> View:
        generation = self._catalog.current_generation()
        with self._lock:
            if generation == self._index.generation and readable in self._views:
                self._views.move_to_end(readable)
                return self._views[readable]
            while True:
                generation, ids = self._catalog.live_chunk_ids(readable)
                if generation == self._index.generation:
                    break
                self._open()
            segments = tuple(self._index.segments.values())
            view = build_view(segments, ids, n_live=self._n_live)
            self._views[readable] = view
            most = max(1, min(KEPT_VIEWS, KEPT_ROWS // max(1, view.n_rows)))
            while len(self._views) > most:
                self._views.popitem(last=False)
            return view

    def _open(self) -> None:
        index = self._catalog.open_index(self._index.segments)
        fingerprint = self._embedder.info.fingerprint
        if index.segments and index.embedder_fingerprint != fingerprint:
            message = (
                f"the documents were embedded with {index.embedder_fingerprint!r}, the embedder "
                f"set is {fingerprint!r}; set models.embedder back, or ingest into a new data dir"
            )
            raise IndexMismatchError(message)
        _require_dimension(index, self._embedder.info.dim)
        # Of a later generation where one was published just now; this one is not searched then.
        _, live = self._catalog.live_chunk_ids(OPERATOR)
        self._index, self._n_live = index, len(live)
        self._views.clear()

    def _candidates(
        self, view: View, query: str, vector: NDArray[np.float32], top_k: int
    ) -> _Candidates:
        settings = self._settings
        n = max(settings.candidates, top_k)
        fractions = lexical.score_fractions(
            view, query_terms(query), k1=settings.bm25_k1, b=settings.bm25_b
        )
        rows = np.union1d(dense.best_rows(view, vector, n), fractions.best_rows(n))
        cosines, of_rows = dense.cosines(view, vector, rows), fractions.at(rows)
        weight = settings.dense_weight
        fused = weight * np.clip(cosines, 0, 1) + (1 - weight) * of_rows
        return _Candidates(view.chunk_ids(rows), cosines, of_rows, fused)

    def _hits(
        self, candidates: _Candidates, top_k: int, readable: ReadableSet
    ) -> tuple[Hit, ...] | None:
        """Return the hits; None if a writer removed one of them since the view was made."""
        wanted = top_k
        fused = candidates.fused
        while True:
            best = np.flatnonzero(fused >= nth_best(fused, wanted)).tolist()
            ids = {i: ChunkId(int(candidates.chunk_ids[i])) for i in best}
            chunks = self._catalog.chunks(ids.values(), readable)
            if len(chunks) < len(ids):
                return None
            ranked = sorted(
                (-fused[i], _place(chunks[chunk_id]), chunk_id, i) for i, chunk_id in ids.items()
            )
            distinct: dict[tuple[Version, int, Span], tuple[int, ChunkId]] = {}
            for _, place, chunk_id, i in ranked:
                distinct.setdefault(place, (i, chunk_id))
            if len(distinct) >= top_k or len(best) == len(fused):
                break
            wanted *= 2  # copies took places
        return tuple(
            Hit(
                chunk=chunks[chunk_id].chunk,
                document=chunks[chunk_id].document,
                score=float(fused[i]),
                rank=rank,
                dense=float(candidates.dense[i]),
                lexical=float(candidates.lexical[i]),
            )
            for rank, (i, chunk_id) in enumerate(islice(distinct.values(), top_k), 1)
        )


def _place(found: ReadableChunk) -> tuple[Version, int, Span]:
    """Return where a passage stands, the same for copies of it and in every corpus."""
    return found.document.version, found.chunk.page_index, found.chunk.span


def _require_dimension(index: Index, dim: int) -> None:
    for segment in index.segments.values():
        if segment.vectors is not None and segment.vectors.matrix.shape[1] != dim:
            message = (
                f"the index holds vectors of {segment.vectors.matrix.shape[1]} dimensions, the "
                f"embedder's have {dim}; {REBUILD}"
            )
            raise IndexDamagedError(message)
