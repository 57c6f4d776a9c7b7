"""How each case went: right, or wrong in one of three ways, or without a reply; pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from evals.case_scores import score_case
from evals.suites import Case
from evals.text_metrics import token_f1

RIGHT_F1 = 0.5
"""From this F1 with a long gold answer on, an answer in other words counts as right."""
LONG_WORDS = 6
"""Words that make a gold answer long. Of a shorter one, half may be right and the other half the
wrong number: "25 days" for "26 days"."""


class Outcome(StrEnum):
    """How a case went."""

    RIGHT = "right"
    WRONG = "wrong"
    """Answered, and the answer does not hold a gold answer."""
    WRONGLY_ABSTAINED = "wrongly abstained"
    """Not answered, though the corpus answers it."""
    WRONGLY_ANSWERED = "wrongly answered"
    """Answered, though the corpus does not answer it."""
    UNSCORED = "unscored"
    """No reply: not asked yet, or asking failed."""


def judge(case: Case, reply: Mapping[str, Any] | None) -> Outcome:
    """Return how a case went.

    An answer is right if `containment` is 1 (a gold answer, or every fact, occurs in it) or if its
    F1 with a gold answer of `LONG_WORDS` or more is at least `RIGHT_F1`; an abstention is right if
    the case is not answerable.

    Args:
        case: What was asked.
        reply: As `plinth ask --json` prints it; None without one.
    """
    if reply is None:
        return Outcome.UNSCORED
    is_answered = reply["status"] == "answered"
    if not case.answerable:
        return Outcome.WRONGLY_ANSWERED if is_answered else Outcome.RIGHT
    if not is_answered:
        return Outcome.WRONGLY_ABSTAINED
    is_held = dict(score_case(case, reply))["containment"] == 1
    is_alike = any(
        token_f1(reply["answer"], gold) >= RIGHT_F1
        for gold in case.answers
        if len(gold.split()) >= LONG_WORDS
    )
    return Outcome.RIGHT if is_held or is_alike else Outcome.WRONG
