"""How likely an answer is right: one number from what is known after generation."""

from __future__ import annotations

import math
from collections.abc import Mapping

BIAS = -4.8
COEFFICIENTS: Mapping[str, float] = {
    "proof": 6.3,
    "probe": 1.4,
    "logprob": 2.2,
}
"""Weights of a logistic regression over the signals of an answer: how near the cited sentences are
to the question, the model's log odds that the excerpts state the answer, and its mean log
probability of the words it wrote.

Fitted with the default models to 206 answers on two public document sets, one of encyclopedia
articles with questions made to mislead, one of a company's benefits. More signals (overlap, scores
of retrieval, names in common) did not rank held-out answers better, nor did a new fit after the
prompt changed. With another generator the
order stays useful, the numbers need a new fit."""


def confidence(signals: Mapping[str, float]) -> float:
    """Return the estimated probability, 0 to 1, that an answer with these signals is right.

    Signals without a coefficient are ignored; a missing one counts as 0.
    """
    odds = BIAS + sum(weight * signals.get(name, 0.0) for name, weight in COEFFICIENTS.items())
    return 1.0 / (1.0 + math.exp(-odds))
