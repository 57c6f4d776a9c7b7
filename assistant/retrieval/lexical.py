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
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.retrieval.ties import nth_best
from assistant.retrieval.view import Rows, SegmentView, View
from assistant.store.postings import Int32s
from assistant.store.segments import held

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Fractions:
    """BM25 of the rows that hold a term of the query, as fractions of the most it could score."""

    rows: Rows
    """Ascending."""
    values: Floats
    """Above 0, at most 1; any other row's is 0."""

    def __repr__(self) -> str:
        return f"Fractions({len(self.rows)} rows)"

    def at(self, rows: Rows) -> Floats:
        """Return the fractions of these rows, which are ascending."""
        found = np.zeros(len(rows))
        found[held(rows, self.rows)] = self.values[held(self.rows, rows)]
        return found

    def best_rows(self, n: int) -> Rows:
        """Return the rows of the `n` best and of all that tie with the last, ascending."""
        best: Rows = self.rows[self.values >= nth_best(self.values, n)]
        return best


def score_fractions(view: View, terms: Sequence[str], *, k1: float, b: float) -> Fractions:
    """Return each readable row's BM25 as a fraction of the most the query could score.

    The cost goes by how many chunks hold the terms.

    Args:
        view: Who asks.
        terms: Distinct terms of the query. Those that no readable chunk holds count towards the
            most: a chunk without them is that far from what was asked.
        k1: How fast repetitions of a term saturate.
        b: How much long chunks are held back, 0 to 1.
    """
    entries = [
        (part, [_readable_entries(part, term) for term in terms])
        for part in view.segments
        if part.n_readable
    ]
    idfs = []
    for number in range(len(terms)):
        n_holding = sum(len(of_part[number][0]) for _, of_part in entries)
        idfs.append(math.log(1 + (view.n_readable - n_holding + 0.5) / (n_holding + 0.5)))
    most = sum(idf * (k1 + 1) for idf in idfs)
    rows, values = [np.empty(0, np.int64)], [np.empty(0)]
    for part, of_part in entries:
        scores = np.zeros(len(part.readable))
        for number, (holding, frequencies) in enumerate(of_part):
            lengths = part.segment.postings.lengths[holding] / max(view.average_length, 1)
            gain = frequencies * (k1 + 1) / (frequencies + k1 * (1 - b + b * lengths))
            scores[holding] += idfs[number] * gain
        scored = np.flatnonzero(scores)
        rows.append(scored + part.first_row)
        values.append(scores[scored] / most)
    return Fractions(np.concatenate(rows), np.concatenate(values))


def _readable_entries(part: SegmentView, term: str) -> tuple[Int32s, Int32s]:
    rows, frequencies = part.segment.postings.of(term)
    if part.n_readable == len(part.readable):
        return rows, frequencies
    readable = part.readable[rows]
    return rows[readable], frequencies[readable]
