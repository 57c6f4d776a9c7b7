"""What the cases of a suite add to a metric, and the figure that comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evals.bootstrap import Figure, Statistic, Values, figure, mean

BINS = 10
"""Of equal width, into which confidences are put for their calibration error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A metric before it is computed: what each case adds, and how that becomes a number."""

    statistic: Statistic
    parts: Mapping[str, tuple[float, ...]]
    """By case id, equally many of each; a case that is not eligible is not in it."""
    counts: int | None = None
    """Which part is summed up for `n`; None: the cases are counted."""

    def values(self, ids: Sequence[str]) -> Values:
        """Return what some of its cases add, shape [cases, parts]."""
        return np.array([self.parts[one] for one in ids], dtype=np.float64)

    @property
    def n(self) -> int:
        """What the figure is a mean, share or percentile of."""
        if self.counts is None:
            return len(self.parts)
        return int(sum(values[self.counts] for values in self.parts.values()))

    @property
    def is_yes_or_no(self) -> bool:
        """Whether every case adds 0 or 1 to a mean."""
        return self.statistic is mean and all(v in ((0.0,), (1.0,)) for v in self.parts.values())

    def figure(self) -> Figure | None:
        """Return the figure of all its cases; None if there is none."""
        if not self.parts:
            return None
        return figure(self.statistic, self.values(list(self.parts)), n=self.n)


def mean_of(values: Mapping[str, float]) -> Measure:
    """Return a mean over cases.

    >>> mean_of({"a": 0.0, "b": 1.0}).figure().value
    0.5
    """
    return Measure(statistic=mean, parts={one: (value,) for one, value in values.items()})


def ratio_of(parts: Mapping[str, tuple[float, float]]) -> Measure:
    """Return the sum of the first parts over the sum of the second.

    >>> ratio_of({"a": (1, 2), "b": (0, 2)}).figure().value
    0.25
    """
    return Measure(statistic=ratio, parts=parts, counts=1)


def percentile_of(values: Mapping[str, float], percent: int) -> Measure:
    """Return a percentile, linear between values."""
    return Measure(
        statistic=_PERCENTILES[percent], parts={one: (value,) for one, value in values.items()}
    )


def risk_area_of(sure_and_wrong: Mapping[str, tuple[float, float]]) -> Measure:
    """Return the area under the risk-coverage curve of answers: (confidence, whether wrong)."""
    return Measure(statistic=risk_area, parts=sure_and_wrong)


def calibration_error_of(sure_and_right: Mapping[str, tuple[float, float]]) -> Measure:
    """Return how far confidences are from how often they are right: (confidence, whether right)."""
    return Measure(statistic=calibration_error, parts=sure_and_right)


def ratio(values: Values) -> Values:
    """The sum of the first parts over the sum of the second; NaN over zero."""
    top, bottom = values[..., 0].sum(axis=-1), values[..., 1].sum(axis=-1)
    return np.asarray(np.divide(top, bottom, out=np.full_like(bottom, np.nan), where=bottom > 0))


def risk_area(values: Values) -> Values:
    """The mean, over every share of the surest answers, of the share of them that is wrong.

    Parts are confidence and whether wrong; of equal confidence the wrong ones come first, so that a
    confidence that tells nothing apart is not flattered. 0 is best. Source: Geifman and El-Yaniv,
    Selective classification for deep neural networks (NIPS 2017); "AURC".
    """
    order = np.lexsort((-values[..., 1], -values[..., 0]), axis=-1)
    wrong = np.take_along_axis(values[..., 1], order, axis=-1)
    ranks = np.arange(1, values.shape[-2] + 1)
    return np.asarray((np.cumsum(wrong, axis=-1) / ranks).mean(axis=-1))


def calibration_error(values: Values) -> Values:
    """The mean distance of confidence and share of right answers, by bins of confidence.

    Parts are confidence and whether right. Source: Guo et al., On calibration of modern neural
    networks (ICML 2017), equation 3; ten bins of equal width.
    """
    sure, right = values[..., 0], values[..., 1]
    bins = np.clip((sure * BINS).astype(np.int64), 0, BINS - 1)
    total = np.zeros(values.shape[:-2])
    for number in range(BINS):
        total += np.abs(((sure - right) * (bins == number)).sum(axis=-1))
    return np.asarray(total / values.shape[-2])


def _percentile(percent: int) -> Statistic:
    return lambda values: np.asarray(np.percentile(values[..., 0], percent, axis=-1))


_PERCENTILES = {percent: _percentile(percent) for percent in (50, 95)}
"""One function each, so that measures of two runs are of the same statistic."""
