"""Vectors of sentences, embedded as late as possible: the best one is found before most of them.

A sentence's score is its cosine to the question plus what is known without its vector: shared rare
words, the score of its passage, values. No cosine is over 1, so a sentence whose rest is that far
behind the best score found cannot be the best and need not be embedded to know it.

Source: the stopping rule of Fagin, Lotem and Naor, "Optimal Aggregation Algorithms for
Middleware", 2003, with one list read in order and one looked up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.protocols import Embedder
from models.types import FloatMatrix, FloatVector

MOST_COSINE = 1.0001
"""Of two unit vectors, rounding included."""
FIRST_BATCH = 6
"""Sentences before the first look at whether the search can end; twice as many before each further
look, since a search that did not end at once may need them all, and each call costs by itself."""
_SPARE_TOKENS = 8

Floats = NDArray[np.float64]


class SentenceVectors:
    """The vectors of some sentences; belongs to one question.

    A sentence longer than the embedder's window is represented by its first tokens: the vector
    only ranks, the whole sentence is what is shown and quoted.
    """

    def __init__(self, texts: Sequence[str], embedder: Embedder) -> None:
        self._texts = texts
        self._embedder = embedder
        self._rows = np.zeros((len(texts), embedder.info.dim), dtype=np.float32)
        self._is_known = np.zeros(len(texts), dtype=np.bool_)

    @property
    def n_known(self) -> int:
        """How many sentences were embedded, here or before."""
        return int(self._is_known.sum())

    def best(self, rest: Floats, query: FloatVector) -> int:
        """Return the index of the sentence with the highest score, the first of equals.

        Exactly the one that all vectors would give; only as many are embedded as prove it.

        Args:
            rest: Of each sentence, the score less the cosine; at least one.
            query: Unit vector of the question.
        """
        order = np.argsort(-rest, kind="stable")
        n_together = FIRST_BATCH
        while True:
            scores = np.where(self._is_known, self._rows @ query + rest, -np.inf)
            within_reach = ~self._is_known & (rest + MOST_COSINE >= scores.max())
            candidates = order[within_reach[order]]
            if not len(candidates):
                return int(scores.argmax())
            self._embed(candidates[:n_together])
            n_together *= 2

    def put(self, indexes: Sequence[int], rows: FloatMatrix) -> None:
        """Take vectors that are known already, shape [len(indexes), dim]."""
        self._rows[indexes] = rows
        self._is_known[indexes] = True

    def all(self) -> FloatMatrix:
        """Return all vectors, shape [sentences, dim]."""
        self._embed(np.flatnonzero(~self._is_known))
        return self._rows

    def _embed(self, indexes: NDArray[np.int64]) -> None:
        texts = [_fitting(self._texts[index], self._embedder) for index in indexes]
        self.put(indexes.tolist(), self._embedder.embed_documents(texts))


def _fitting(text: str, embedder: Embedder) -> str:
    most = embedder.info.max_tokens - _SPARE_TOKENS
    # A token is at least one character, so short texts need no count.
    if len(text) < most:
        return text
    tokens = embedder.token_spans(text)
    return text if len(tokens) <= most else text[: tokens[most - 1][1]]
