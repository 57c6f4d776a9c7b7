"""How well a ranking puts what is wanted first; pure functions over hits, best first, 0 to 1.

A hit tells whether the thing at its rank is wanted; of several things that stand for the same
wanted one, the first is its hit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def precision_at(hits: Sequence[bool], cutoff: int) -> float:
    """Return the share of the first `cutoff` ranks that is wanted; empty ranks count as unwanted.

    >>> precision_at([True, False, True], 5)
    0.4
    """
    return sum(hits[:cutoff]) / cutoff


def reciprocal_rank(hits: Sequence[bool]) -> float:
    """Return 1 / rank of the first hit; 0 without one.

    Source: Voorhees, The TREC-8 question answering track report (1999).

    >>> reciprocal_rank([False, True, True])
    0.5
    """
    return next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0)


def average_precision(hits: Sequence[bool], n_wanted: int) -> float:
    """Return the mean, over what is wanted, of the precision at its rank; 0 for what is not found.

    Its mean over questions is MAP. Source: Manning et al., Introduction to Information Retrieval
    (2008), section 8.4.

    >>> average_precision([True, False, True], 3)  # (1/1 + 2/3 + 0) / 3
    0.5555555555555555
    """
    found = [rank for rank, hit in enumerate(hits, 1) if hit]
    return sum(number / rank for number, rank in enumerate(found, 1)) / n_wanted


def ndcg_at(hits: Sequence[bool], n_wanted: int, cutoff: int) -> float:
    """Return the discounted gain of the first `cutoff` ranks as a share of the best possible one.

    Source: Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques (TOIS 2002),
    with gains 0 and 1 and the logarithm to base 2.

    >>> round(ndcg_at([False, True], 1, 5), 4)  # (1 / log2 3) / 1
    0.6309
    """
    best = sum(_discount(rank) for rank in range(1, min(n_wanted, cutoff) + 1))
    return sum(_discount(rank) for rank, hit in enumerate(hits[:cutoff], 1) if hit) / best


def _discount(rank: int) -> float:
    return 1 / math.log2(rank + 1)
