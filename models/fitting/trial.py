"""What a trial of a candidate found, and whether that is good enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

WORTHWHILE_SPEEDUP = 1.05
"""Less is within what repeated measurements differ by, and does not pay for a second file."""
SLOWEST_PART = 0.95
"""Neither reading nor writing may become slower; the rest is noise."""
TYPICAL_PROMPT_TOKENS = 140
TYPICAL_REPLY_TOKENS = 24
"""What is computed of a question with the sentences chosen for it, where no passage is prepared
and the instruction is cached, and what is written for an answer of one sentence."""

MAX_MEAN_KL = 0.06
MIN_SURE_AGREEMENT = 0.97
"""Measured on the shipped texts with Qwen2.5-Coder as Q4_K_M, 1.5B and 0.5B: candidates that keep
what is fast and small come to 0.02 and 0.03, and agree at 0.99 of the sure positions; Q4_0 in every
matrix comes to 0.04 and 0.10 (0.99 and 0.96), with the output matrix as Q4_K to 0.05 (0.99), Q2_K
to 0.39 (0.89). Where the original is sure, a
fact that it has just read is at stake; the rest is mostly how things are worded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """Tokens a second of one file."""

    prefill_tokens_s: float
    decode_tokens_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Closeness:
    """How near the candidate's next-token distributions are to the original's, teacher-forced."""

    n_positions: int
    mean_kl: float
    """Mean over positions of KL(original || candidate), in nats."""
    agreement: float
    """Fraction of positions where both hold the same token for the likeliest."""
    n_sure: int
    """Positions where the original gives its likeliest token at least one half."""
    sure_agreement: float
    """`agreement` over those: where greedy decoding has no close second to slip to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One candidate, measured against the original in turn in one process, or predicted."""

    recipe: str
    original: Speeds
    candidate: Speeds
    prefill_ratio: float
    """Candidate's speed / original's speed, above 1 is faster; measured: the rounds' median."""
    decode_ratio: float
    closeness: Closeness | None
    """None where the candidate was not faster, so that nobody asked."""

    @property
    def speedup(self) -> float:
        """How many times faster a typical question is answered."""
        prefill_s = TYPICAL_PROMPT_TOKENS / self.original.prefill_tokens_s
        decode_s = TYPICAL_REPLY_TOKENS / self.original.decode_tokens_s
        return (prefill_s + decode_s) / (
            prefill_s / self.prefill_ratio + decode_s / self.decode_ratio
        )


def is_faster(trial: Trial) -> bool:
    """Tell whether the gain is worth a second file."""
    slowest = min(trial.prefill_ratio, trial.decode_ratio)
    return trial.speedup >= WORTHWHILE_SPEEDUP and slowest >= SLOWEST_PART


def is_close(closeness: Closeness) -> bool:
    """Tell whether the candidate predicts as the original does."""
    return (
        math.isfinite(closeness.mean_kl)
        and closeness.mean_kl <= MAX_MEAN_KL
        and closeness.sure_agreement >= MIN_SURE_AGREEMENT
    )


def too_slow(trial: Trial) -> str:
    """Say that a candidate is not fast enough."""
    return (
        f"not fast enough: prefill {trial.prefill_ratio:.2f} x, decode {trial.decode_ratio:.2f} x, "
        f"a question {trial.speedup:.2f} x"
    )


def refusal(trial: Trial) -> str | None:
    """Return why a candidate is not used; None: it may be."""
    if not is_faster(trial):
        return too_slow(trial)
    if trial.closeness is None or not is_close(trial.closeness):
        found = trial.closeness
        return (
            "predictions were not compared"
            if found is None
            else (
                f"predicts differently: mean KL {found.mean_kl:.3f} (at most {MAX_MEAN_KL}), "
                f"same token where the original is sure {found.sure_agreement:.3f} "
                f"(at least {MIN_SURE_AGREEMENT})"
            )
        )
    return None
