"""Figures with their uncertainty: percentile bootstrap over cases.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3. Cases are
resampled with replacement; the same resamples serve every figure of equally many cases, so that
a ratio's parts stay together, two runs of the same cases stay paired, and equal input gives equal
output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 20240229
INTERVAL = (2.5, 97.5)
"""Percentiles of the 95 % interval."""

Values = NDArray[np.float64]
Statistic = Callable[[Values], Values]
"""From what cases add, shape [..., cases, parts], to a number each, shape [...]; NaN where there is
none, as of a ratio over zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured number with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int
    """What it is a mean, share or percentile of; at least 1."""


def mean(values: Values) -> Values:
    """The mean of the first part."""
    return np.asarray(values[..., 0].mean(axis=-1))


def mean_figure(values: Sequence[float]) -> Figure | None:
    """Return the mean; None without values.

    >>> mean_figure([0.5, 0.5])
    Figure(value=0.5, low=0.5, high=0.5, n=2)
    """
    if not values:
        return None
    return figure(mean, np.asarray(values, dtype=np.float64)[:, np.newaxis], n=len(values))


def figure(statistic: Statistic, values: Values, *, n: int) -> Figure | None:
    """Return a statistic of cases; None where it has no value.

    Args:
        statistic: What is computed.
        values: Of each case, shape [cases, parts], at least one.
        n: Told with the figure.
    """
    value = float(statistic(values))
    return _figure(value, statistic(values[_resamples(len(values))]), n)


def paired_difference(statistic: Statistic, left: Values, right: Values) -> Figure | None:
    """Return by how much a statistic is higher on the right; None where one side has no value.

    Args:
        statistic: What is computed.
        left: Of each case, shape [cases, parts], at least one.
        right: Of the same cases in the same order.
    """
    rows = _resamples(len(left))
    value = float(statistic(right) - statistic(left))
    return _figure(value, statistic(right[rows]) - statistic(left[rows]), len(left))


def _figure(value: float, draws: Values, n: int) -> Figure | None:
    draws = draws[np.isfinite(draws)]
    if not (np.isfinite(value) and draws.size):
        return None
    low, high = np.percentile(draws, INTERVAL)
    return Figure(value=value, low=float(low), high=float(high), n=n)


@lru_cache(maxsize=4)
def _resamples(n: int) -> NDArray[np.int64]:
    """Return case indexes, shape [RESAMPLES, n]."""
    return np.random.default_rng(SEED).integers(0, n, (RESAMPLES, n))
