"""The dense half: exact inner products by FAISS, under the reader's mask.

A chunk's score depends on its vector and the query alone, to the last bit: FAISS takes single
queries row by row, so what else is stored or readable cannot show in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.retrieval.view import Rows, View
from assistant.store.segments import load_faiss
from models.types import FloatVector

Floats = NDArray[np.float64]


def best_rows(view: View, query: FloatVector, n: int) -> Rows:
    """Return the rows of the `n` readable chunks nearest to a query, ascending.

    Args:
        view: Who asks.
        query: Unit vector, shape [dim].
        n: At least 1; fewer come back where fewer are readable.
    """
    rows, scores = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for part in view.segments:
        local, found = _search(part.segment.vectors, query, part.readable, n)
        rows.append(local + part.first_row)
        scores.append(found)
    all_rows, all_scores = np.concatenate(rows), np.concatenate(scores)
    best = np.lexsort((all_rows, -all_scores))[:n]
    return np.sort(all_rows[best])


def cosines(view: View, query: FloatVector, rows: Rows) -> Floats:
    """Return the cosine of a query and each of these rows, which are ascending."""
    scores = [np.empty(0, np.float64)]
    for part in view.segments:
        local = part.local(rows)
        if not len(local):
            continue
        wanted = np.zeros(len(part.readable), dtype=np.bool_)
        wanted[local] = True
        found_rows, found = _search(part.segment.vectors, query, wanted, len(local))
        scores.append(found[np.argsort(found_rows)].astype(np.float64))
    return np.concatenate(scores)


def _search(
    index: Any, query: FloatVector, mask: NDArray[np.bool_], n: int
) -> tuple[Rows, NDArray[np.float32]]:
    n = min(n, int(mask.sum()))
    if n == 0:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    faiss = load_faiss()
    selector = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
    # Also where all is readable: without a selector FAISS takes another way, whose last bits
    # differ and whose threads wait for each other on a busy machine.
    parameters = faiss.SearchParameters(sel=selector)
    scores, rows = index.search(query[np.newaxis], n, params=parameters)
    return rows[0], scores[0]
