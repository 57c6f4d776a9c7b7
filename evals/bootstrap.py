"""Figures with their uncertainty: percentile bootstrap over cases.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3. Cases are
resampled with replacement; the same resamples serve every figure of equally many cases, so that
a ratio's parts stay together and equal input gives equal output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 20240229
INTERVAL = (2.5, 97.5)
"""Percentiles of the 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured number with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int
    """What it is a mean, share or percentile of; at least 1."""


def mean_figure(values: Sequence[float]) -> Figure | None:
    """Return the mean; None without values.

    >>> mean_figure([0.5, 0.5])
    Figure(value=0.5, low=0.5, high=0.5, n=2)
    """
    if not values:
        return None
    data = np.asarray(values, dtype=np.float64)
    return _figure(float(data.mean()), data[_resamples(len(data))].mean(axis=1), len(data))


def ratio_figure(tops: Sequence[float], bottoms: Sequence[float]) -> Figure | None:
    """Return sum(tops) / sum(bottoms), case i giving tops[i] and bottoms[i]; None over zero.

    `n` is sum(bottoms). Resamples whose bottoms sum to zero are left out of the interval.
    """
    top = np.asarray(tops, dtype=np.float64)
    bottom = np.asarray(bottoms, dtype=np.float64)
    if bottom.sum() == 0:
        return None
    rows = _resamples(len(bottom))
    below = bottom[rows].sum(axis=1)
    kept = below > 0
    draws = top[rows].sum(axis=1)[kept] / below[kept]
    return _figure(float(top.sum() / bottom.sum()), draws, int(bottom.sum()))


def percentile_figure(values: Sequence[float], percent: float) -> Figure | None:
    """Return a percentile, linear between values; None without values."""
    if not values:
        return None
    data = np.asarray(values, dtype=np.float64)
    draws = np.percentile(data[_resamples(len(data))], percent, axis=1)
    return _figure(float(np.percentile(data, percent)), draws, len(data))


def _figure(value: float, draws: NDArray[np.float64], n: int) -> Figure:
    low, high = np.percentile(draws, INTERVAL)
    return Figure(value=value, low=float(low), high=float(high), n=n)


@lru_cache(maxsize=4)
def _resamples(n: int) -> NDArray[np.int64]:
    """Return case indexes, shape [RESAMPLES, n]."""
    return np.random.default_rng(SEED).integers(0, n, (RESAMPLES, n))
