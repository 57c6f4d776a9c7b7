"""How long people waited: quantiles of questions, over a time and bucket by bucket."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ui.web.metrics import Outcome, QuestionSample

N_BUCKETS = 24
"""Of any time looked at."""

Seconds = Callable[[QuestionSample], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Quantiles of some questions' waits, in seconds."""

    n: int
    p50: float
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The questions of a part of the time."""

    from_s: float
    """Seconds since 1970."""
    waits: Waits


def first_word(sample: QuestionSample) -> float | None:
    """Return the wait for the first word; None of a reply given again, which says nothing new."""
    return None if sample.from_memory else sample.first_word_s


def whole_reply(sample: QuestionSample) -> float | None:
    """Return the time to the end of a reply; None of one given again, or of none."""
    has_reply = sample.outcome in (Outcome.ANSWERED, Outcome.ABSTAINED)
    return sample.total_s if has_reply and not sample.from_memory else None


def latest(samples: Sequence[QuestionSample], since_s: float) -> list[QuestionSample]:
    """Return the questions that ended from a moment on."""
    return [sample for sample in samples if sample.ended_s >= since_s]


def count_outcomes(samples: Sequence[QuestionSample]) -> Counter[Outcome]:
    """Count how questions ended."""
    return Counter(sample.outcome for sample in samples)


def waits(samples: Sequence[QuestionSample], seconds: Seconds) -> Waits | None:
    """Return the quantiles over all; None where no question has that time."""
    values = [value for sample in samples if (value := seconds(sample)) is not None]
    if not values:
        return None
    p50, p95 = np.quantile(values, [0.5, 0.95])
    return Waits(n=len(values), p50=float(p50), p95=float(p95))


def buckets(
    samples: Sequence[QuestionSample], seconds: Seconds, *, since_s: float, until_s: float
) -> list[Bucket]:
    """Return the quantiles of equal parts of a time, without those in which nobody waited."""
    width_s = (until_s - since_s) / N_BUCKETS
    parts: defaultdict[int, list[QuestionSample]] = defaultdict(list)
    for sample in latest(samples, since_s):
        parts[min(N_BUCKETS - 1, int((sample.ended_s - since_s) / width_s))].append(sample)
    found = ((index, waits(part, seconds)) for index, part in sorted(parts.items()))
    return [
        Bucket(from_s=since_s + index * width_s, waits=of_part)
        for index, of_part in found
        if of_part is not None
    ]
