"""How likely an answer is right: one number from what is known after generation."""

from __future__ import annotations

import math
from collections.abc import Mapping

BIAS = -1.0
COEFFICIENTS: Mapping[str, float] = {
    "dense": 2.0,
    "lexical": 1.0,
    "sentence": 0.5,
    "coverage": 0.5,
    "probe": 0.2,
}
"""Weights of a logistic regression over the signals of an answer.

Set by hand, not fitted: the result orders answers and is no calibrated probability yet."""


def confidence(signals: Mapping[str, float]) -> float:
    """Return the estimated probability, 0 to 1, that an answer with these signals is right.

    Signals without a coefficient are ignored; a missing one counts as 0.
    """
    odds = BIAS + sum(weight * signals.get(name, 0.0) for name, weight in COEFFICIENTS.items())
    return 1.0 / (1.0 + math.exp(-odds))
