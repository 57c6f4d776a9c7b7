"""How likely an answer is right: one number from what is known after generation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A logistic model of an answer's signals, and how sure an answer must be to be given."""

    bias: float
    coefficients: Mapping[str, float]
    """By signal; others are ignored."""
    least: float
    """Below this confidence the reply is an abstention."""
    generator: str
    """Name of the model whose answers it was fitted to."""
    prompt_version: str
    """Of the prompts that it was fitted or judged with."""
    fitted: Mapping[str, Any] = field(default_factory=dict)
    """JSON: on what it was fitted, and how well it did on cases that it had not seen."""

    def confidence(self, signals: Mapping[str, float]) -> float:
        """Return the estimated probability, 0 to 1, that an answer with these signals is right.

        Signals without a coefficient are ignored; a missing one counts as 0.
        """
        odds = self.bias + sum(
            weight * signals.get(name, 0.0) for name, weight in self.coefficients.items()
        )
        return 1.0 / (1.0 + math.exp(-max(-700.0, min(700.0, odds))))

    def is_for(self, generator: str, prompt_version: str) -> bool:
        """Tell whether it was fitted to what answers now."""
        return (self.generator, self.prompt_version) == (generator, prompt_version)


SHIPPED = Calibration(
    bias=-4.8,
    coefficients={"proof": 6.3, "probe": 1.4, "logprob": 2.2},
    least=0.25,
    generator="qwen2.5-coder-1.5b-instruct",
    prompt_version="51c4bfd99fe0",
)
"""How near the cited sentences are to the question, the model's log odds that the excerpts state
the answer, and its mean log probability of the words it wrote.

Fitted with the default models to 206 answers on two public document sets, one of encyclopedia
articles with questions made to mislead, one of a company's benefits. More signals (overlap, scores
of retrieval, names in common) did not rank held-out answers better, nor did a new fit after the
prompt changed. With another generator or other prompts the order stays useful, the numbers need a
new fit: whoever changes either judges them anew (`plinth eval calibrate`) and says here what they
are for."""
