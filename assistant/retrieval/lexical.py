"""The lexical half: BM25 with the statistics of what the reader may see.

Number of chunks, their average length and the document frequency of each term are counted under
the reader's mask, so that scores equal those of a corpus without the rest.

Source:
    Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; idf as
    Lucene computes it, ln(1 + (N - df + 0.5) / (df + 0.5)), which is never negative. Deviation:
    scores are divided by the most the query could score, Σ idf · (k1 + 1), which gives 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assistant.retrieval.view import Rows, View

Floats = NDArray[np.float64]


def score_fractions(view: View, terms: Sequence[str], *, k1: float, b: float) -> Floats:
    """Return each row's BM25 as a fraction of the most the query could score.

    Args:
        view: Who asks.
        terms: Distinct terms of the query.
        k1: How fast repetitions of a term saturate.
        b: How much long chunks are held back, 0 to 1.

    Returns:
        Shape [rows of the view], 0 to 1; 0 for unreadable rows. Terms that no readable chunk
        holds count towards the most: a chunk without them is that far from what was asked.
    """
    scores = np.zeros(len(view.chunk_ids))
    most = 0.0
    for term in terms:
        entries = []
        for part in view.segments:
            rows, frequencies = part.segment.postings.of(term)
            readable = part.readable[rows]
            entries.append((part, rows[readable], frequencies[readable]))
        n_holding = sum(len(rows) for _, rows, _ in entries)
        idf = math.log(1 + (view.n_readable - n_holding + 0.5) / (n_holding + 0.5))
        most += idf * (k1 + 1)
        for part, rows, frequencies in entries:
            lengths = part.segment.postings.lengths[rows] / max(view.average_length, 1)
            gain = frequencies * (k1 + 1) / (frequencies + k1 * (1 - b + b * lengths))
            scores[part.first_row + rows] += idf * gain
    return scores / most if most else scores


def best_rows(scores: Floats, n: int) -> Rows:
    """Return the rows of the `n` best scores above 0 and of all that tie with the last."""
    n_positive = int(np.count_nonzero(scores))
    if n_positive <= n:
        return np.flatnonzero(scores)
    cut = np.partition(scores, len(scores) - n)[len(scores) - n]
    return np.flatnonzero(scores >= cut)
