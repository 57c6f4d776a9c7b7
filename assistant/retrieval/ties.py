"""Where the best end: scores that tie with the last of them belong to them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32] | NDArray[np.float64]


def nth_best(scores: Scores, n: int) -> float:
    """Return the `n`-th highest score; minus infinity where there are no more than `n`.

    The scores that are not below it are the `n` best and all that tie with the last of these.

    Args:
        scores: In any order.
        n: At least 1.
    """
    if len(scores) <= n:
        return -math.inf
    return float(np.partition(scores, -n)[-n])
