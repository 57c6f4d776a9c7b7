"""Fits how confident answers may be to a site's own questions, and chooses from where on to answer.

What is fitted is a logistic regression over the signals that the engine has of every answer. How
good it is, and which threshold it needs, is judged on answers that it was not fitted to: they are
split into folds, and each fold is judged by a fit to the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from assistant.confidence import Calibration
from evals.bootstrap import Values
from evals.case_scores import ReplyJson, is_answered
from evals.errors import CalibrationError
from evals.measures import calibration_error, risk_area
from evals.outcomes import Outcome, judge
from evals.suites import Case

FOLDS = 5
SEED = 20240229
FEWEST = 10
"""Right answers, and wrong ones, without which nothing is fitted."""
SIGNALS = ("proof", "probe", "logprob")
"""What is fitted unless another choice is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An answer with its signals."""

    signals: Mapping[str, float]
    is_right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A calibration, and what it does to cases that it was not fitted to."""

    calibration: Calibration
    n: int
    """Answers."""
    n_right: int
    risk_area: float
    calibration_error: float
    share_answered: float
    """Of the answers, those that are given from the threshold on."""
    share_wrong: float
    """Of the answers given, those that are wrong."""

    def to_json(self) -> dict[str, Any]:
        """Return the calibration with how good it is."""
        return asdict(self.calibration)


def labelled(cases: Sequence[Case], replies: Mapping[str, ReplyJson]) -> tuple[Example, ...]:
    """Return the answers of a run with whether each is right; abstentions have nothing to judge.

    Args:
        cases: What was asked, so that every answer was given, however unsure (threshold 0).
        replies: By case id.
    """
    return tuple(
        Example(signals=reply["signals"], is_right=judge(case, reply) is Outcome.RIGHT)
        for case in cases
        if (reply := replies.get(case.id)) is not None and is_answered(reply)
    )


def fit(
    examples: Sequence[Example],
    *,
    most_wrong: float,
    generator: str,
    prompt_version: str,
    signals: Sequence[str] = SIGNALS,
) -> Fit:
    """Fit a calibration and choose the threshold that gives most answers at the wanted risk.

    Args:
        examples: Answers, right ones and wrong ones.
        most_wrong: Largest share of wrong ones among the answers given, 0 to 1.
        generator: Name of the model that gave them.
        prompt_version: Of its prompts.
        signals: Which signals are used.

    Raises:
        CalibrationError: there are too few answers of either kind, or no threshold keeps the risk.
    """
    right = np.array([example.is_right for example in examples], dtype=np.float64)
    n_right = int(right.sum())
    if min(n_right, len(right) - n_right) < FEWEST:
        raise CalibrationError(
            f"{n_right} right and {len(right) - n_right} wrong answers are too few to fit anything "
            f"(at least {FEWEST} of each); ask more questions, also some that the documents do not "
            "answer"
        )
    values = np.array([[e.signals.get(name, 0.0) for name in signals] for e in examples])
    unseen = _confidences_of_unseen(values, right)
    least = threshold(unseen, right, most_wrong)
    given = unseen >= least
    model = _regression().fit(values, right)
    told: dict[str, Any] = {
        "answers": len(examples),
        "right": n_right,
        "most_wrong": most_wrong,
        "share_wrong": round(float(1 - right[given].mean()), 4),
        "share_answered": round(float(given.mean()), 4),
    }
    calibration = Calibration(
        bias=float(model.intercept_[0]),
        coefficients={
            name: float(weight) for name, weight in zip(signals, model.coef_[0], strict=True)
        },
        least=least,
        generator=generator,
        prompt_version=prompt_version,
    )
    judged = np.stack([unseen, right], axis=-1)
    result = Fit(
        calibration=calibration,
        n=len(examples),
        n_right=n_right,
        risk_area=float(risk_area(np.stack([unseen, 1 - right], axis=-1))),
        calibration_error=float(calibration_error(judged)),
        share_answered=float(given.mean()),
        share_wrong=float(1 - right[given].mean()),
    )
    told |= {
        "risk_area": round(result.risk_area, 4),
        "calibration_error": round(result.calibration_error, 4),
    }
    return replace(result, calibration=replace(calibration, fitted=told))


def threshold(confidences: Values, right: Values, most_wrong: float) -> float:
    """Return the lowest confidence from which on at most a share of the answers is wrong.

    Source: the point of the risk-coverage curve (Geifman and El-Yaniv 2017) with most coverage at
    the wanted risk.

    Raises:
        CalibrationError: not even the surest answers keep to it.
    """
    order = np.argsort(-confidences, kind="stable")
    risks = 1 - np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    is_last = np.append(np.diff(confidences[order]) != 0, True)  # equals are given together
    kept = np.flatnonzero((risks <= most_wrong) & is_last)
    if not kept.size:
        raise CalibrationError(
            f"no threshold keeps the wrong answers at {most_wrong:.0%}: of the surest ones, "
            f"{risks[is_last].min():.0%} are wrong at best; allow more, or ask more questions"
        )
    return float(confidences[order][kept[-1]])


def _confidences_of_unseen(values: NDArray[np.float64], right: Values) -> Values:
    """Return for each answer its confidence by a fit to the other folds."""
    unseen = np.empty(len(right))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    for seen, held_out in folds.split(values, right):
        model = _regression().fit(values[seen], right[seen])
        unseen[held_out] = model.predict_proba(values[held_out])[:, 1]
    return unseen


def _regression() -> LogisticRegression:
    # Signals are of about the same size, so that one strength of regularisation suits them all.
    return LogisticRegression(C=10.0, max_iter=1000)
