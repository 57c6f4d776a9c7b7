"""The dense half: inner products by FAISS, under the reader's mask.

A chunk's score depends on its vector and the query alone, to the last bit, so what else is stored
or readable cannot show in it. For a reader from whom any is hidden, all readable chunks are scored:
what is found is the nearest of these, whatever else there is. Only who may see all there is, and
more than `EXHAUSTIVE_ROWS` chunks of large segments (those with codes), is given approximate
candidates of them: codes say which rows may be near, and these are then scored exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assistant.retrieval.cores import on_all_cores
from assistant.retrieval.ties import nth_best
from assistant.retrieval.view import ListsView, Rows, SegmentView, View
from assistant.store.postings import Int64s
from models.types import FloatVector

EXHAUSTIVE_ROWS = 65_536
"""So many chunks in segments with codes are all scored even for who may see all there is: that
takes some milliseconds."""
READ_SHARE = 4
"""Of the codes one in so many is read, counted in readable rows: those in the nearest lists."""
LEAST_READ = 131_072
"""At least so many readable rows, if there are as many: the fewer there are, the less the nearness
of a list says about what is in it."""
RESCORED = 3
"""For each row asked for, so many candidates of all segments with codes are scored exactly."""
LEAST_RESCORED = 600
UNEVEN = 3
"""One segment may give so many times its share of the candidates."""

Floats = NDArray[np.float64]
Scores = NDArray[np.float32]
_Found = tuple[Rows, Scores]
"""Rows of the view with their exact scores."""


def best_rows(view: View, query: FloatVector, n: int) -> Rows:
    """Return the rows of the `n` readable chunks nearest to a query, ascending.

    Chunks without a vector are near to none.

    Args:
        view: Who asks.
        query: Unit vector, shape [dim].
        n: At least 1; fewer come back where fewer are readable.
    """
    parts = [part for part in view.segments if part.n_readable and part.segment.vectors]
    # Lists are cut from all vectors: which of them are read would tell of what is hidden.
    n_coded = sum(part.n_readable for part in parts if part.lists)
    is_exact = not view.reads_all or n_coded <= EXHAUSTIVE_ROWS
    coded = [(part, part.lists) for part in parts if part.lists and not is_exact]
    others = [part for part in parts if is_exact or not part.lists]
    found = on_all_cores(lambda part: _best(_all_scored(part, query), n), others)
    if coded:
        found += _near(coded, query, n)
    return np.sort(_best(_joined(found), n)[0])


def cosines(view: View, query: FloatVector, rows: Rows) -> Floats:
    """Return the cosine of a query and each of these rows, which are ascending.

    0 where a chunk has no vector yet: fusion then goes by its words.
    """
    found = []
    for part in view.segments:
        local = part.local(rows)
        if len(local):
            found.append(_scored(part, query, local))
    return _joined(found)[1].astype(np.float64)


def _near(
    parts: Sequence[tuple[SegmentView, ListsView]], query: FloatVector, n: int
) -> list[_Found]:
    """Return candidates for the `n` nearest rows of segments with codes."""
    wanted = max(RESCORED * n, LEAST_RESCORED)
    of_each = min(wanted, max(n, UNEVEN * wanted // len(parts)))
    nearness = [lists.codes.nearness(query) for _, lists in parts]
    chosen = _nearest_lists([lists.counts for _, lists in parts], nearness)
    read = [(*parts[i], numbers) for i, numbers in enumerate(chosen) if len(numbers)]

    def candidates(
        one: tuple[SegmentView, ListsView, Int64s],
    ) -> tuple[SegmentView, Int64s, Scores]:
        part, lists, numbers = one
        return part, *lists.codes.candidates(query, numbers, lists.mask, of_each)

    found = on_all_cores(candidates, read)
    cut = nth_best(np.concatenate([about for _, _, about in found]), wanted)
    return [_scored(part, query, np.sort(rows[about >= cut])) for part, rows, about in found]


def _nearest_lists(counts: Sequence[Int64s], nearness: Sequence[Scores]) -> list[Int64s]:
    """Return the lists of each segment to read: of all the nearest, until it is enough.

    Args:
        counts: Readable rows of each segment's lists.
        nearness: Of each segment's lists.
    """
    of_all = np.concatenate(counts)
    nearest_first = np.argsort(-np.concatenate(nearness))
    read = np.cumsum(of_all[nearest_first])
    enough = max(LEAST_READ, int(read[-1]) // READ_SHARE)
    chosen = nearest_first[: np.searchsorted(read, enough) + 1]
    chosen = np.sort(chosen[of_all[chosen] > 0])
    starts = np.cumsum([0, *map(len, counts)])
    ends = np.searchsorted(chosen, starts)
    return [chosen[ends[i] : ends[i + 1]] - starts[i] for i in range(len(counts))]


def _all_scored(part: SegmentView, query: FloatVector) -> _Found:
    return _scored(part, query, np.flatnonzero(part.readable))


def _scored(part: SegmentView, query: FloatVector, local: Rows) -> _Found:
    vectors = part.segment.vectors
    scores = vectors.scores(query, local) if vectors else np.zeros(len(local), np.float32)
    return local + part.first_row, scores


def _best(found: _Found, n: int) -> _Found:
    """Return the `n` best; of equal ones the first."""
    rows, scores = found
    above = scores >= nth_best(scores, n)
    rows, scores = rows[above], scores[above]
    order = np.lexsort((rows, -scores))[:n]
    return rows[order], scores[order]


def _joined(found: Sequence[_Found]) -> _Found:
    rows = [np.empty(0, np.int64), *(one for one, _ in found)]
    scores = [np.empty(0, np.float32), *(one for _, one in found)]
    return np.concatenate(rows), np.concatenate(scores)
