"""Two runs of the same cases: by how much each metric differs, and which cases flipped.

Only cases that both runs have a reply to are compared, each with itself. A difference comes with
the interval of a paired bootstrap and the p-value of a paired test: McNemar's for metrics of which
every case is a yes or a no, else a randomisation test that swaps the two runs case by case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.stats import binomtest

from evals.bootstrap import SEED, Figure, Values, paired_difference
from evals.case_scores import ReplyJson
from evals.errors import RunError
from evals.measures import Measure
from evals.metrics import LESS_IS_BETTER, measure_suite
from evals.outcomes import Outcome, judge
from evals.runs import Run
from evals.suites import Case, Suite

SWAPS = 1999
"""Random swaps of the randomisation test."""


class Test(StrEnum):
    """Where a p-value comes from."""

    __test__ = False  # pytest takes it for one of its own

    MCNEMAR = "McNemar, exact"
    SWAPS = "randomisation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a metric differs between two runs, on the cases that are eligible in both."""

    left: float
    right: float
    change: Figure
    """Right minus left; `n` is the number of cases."""
    test: Test
    p_value: float
    """Probability of a change as large if the runs were interchangeable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A case that went otherwise."""

    case: Case
    left: Outcome
    right: Outcome
    left_reply: ReplyJson
    right_reply: ReplyJson

    @property
    def is_better(self) -> bool:
        """Whether the right run has it right."""
        return self.right is Outcome.RIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteComparison:
    """Two runs of one suite."""

    n: int
    """Cases that are compared."""
    left_out: Mapping[str, str]
    """Why a case of either run is not compared, by its id."""
    differences: Mapping[str, Difference]
    """By metric, in report order."""
    flips: tuple[Flip, ...]
    """In the order of the suite, those that went from right to wrong or back, and between ways of
    being wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs, as far as they asked the same."""

    left: Run
    right: Run
    suites: Mapping[str, SuiteComparison]


def compare_runs(left: Run, right: Run) -> Comparison:
    """Compare two runs on the cases that both have a reply to.

    Raises:
        RunError: they have no such case in common.
    """
    theirs = {suite.name: suite for suite in left.suites()}
    suites = {}
    for suite in right.suites():
        if suite.name in theirs:
            suites[suite.name] = _compare(
                theirs[suite.name], suite, left.replies(suite.name), right.replies(suite.name)
            )
    if not any(one.n for one in suites.values()):
        raise RunError(
            f"runs {left.id} and {right.id} have no answered case in common; compare runs of the "
            "same suite, drawn with the same seed"
        )
    return Comparison(left=left, right=right, suites=suites)


def _compare(
    left: Suite,
    right: Suite,
    left_replies: Mapping[str, ReplyJson],
    right_replies: Mapping[str, ReplyJson],
) -> SuiteComparison:
    earlier = {case.id: case for case in left.cases}
    later = {case.id: case for case in right.cases}
    left_out = {
        one: reason
        for one in dict.fromkeys((*earlier, *later))
        if (reason := _obstacle(one, earlier, later, left_replies, right_replies)) is not None
    }
    cases = [case for case in right.cases if case.id not in left_out]
    measured = [
        measure_suite(cases, replies, page_tolerance=right.page_tolerance)
        for replies in (left_replies, right_replies)
    ]
    differences = {
        name: difference
        for name, measure in measured[1].items()
        if name in measured[0]
        and (difference := difference_of(measured[0][name], measure)) is not None
    }
    flips = tuple(_flips(cases, left_replies, right_replies))
    return SuiteComparison(n=len(cases), left_out=left_out, differences=differences, flips=flips)


def _obstacle(
    one: str,
    earlier: Mapping[str, Case],
    later: Mapping[str, Case],
    left_replies: Mapping[str, ReplyJson],
    right_replies: Mapping[str, ReplyJson],
) -> str | None:
    if one not in earlier or one not in later:
        return f"only the {'right' if one in later else 'left'} run asks it"
    if earlier[one] != later[one]:
        return "the case was changed between the runs"
    missing = [
        side
        for side, replies in (("left", left_replies), ("right", right_replies))
        if one not in replies
    ]
    return f"no reply in the {' and the '.join(missing)} run" if missing else None


def _flips(
    cases: list[Case], left: Mapping[str, ReplyJson], right: Mapping[str, ReplyJson]
) -> Iterator[Flip]:
    for case in cases:
        before, after = judge(case, left[case.id]), judge(case, right[case.id])
        if before is not after:
            yield Flip(
                case=case,
                left=before,
                right=after,
                left_reply=left[case.id],
                right_reply=right[case.id],
            )


def difference_of(left: Measure, right: Measure) -> Difference | None:
    """Compare one metric on the cases that are eligible in both; None where it has no value."""
    ids = [one for one in right.parts if one in left.parts]
    if not ids:
        return None
    before, after = left.values(ids), right.values(ids)
    statistic = right.statistic
    change = paired_difference(statistic, before, after)
    if change is None:
        return None
    if left.is_yes_or_no and right.is_yes_or_no:
        test, p_value = Test.MCNEMAR, _mcnemar(before, after)
    else:
        test, p_value = Test.SWAPS, _randomisation(right, before, after, change.value)
    return Difference(
        left=float(statistic(before)),
        right=float(statistic(after)),
        change=change,
        test=test,
        p_value=p_value,
    )


def is_worse(metric: str, difference: Difference) -> bool:
    """Tell whether the right run is worse beyond chance: the whole interval is on that side."""
    change = difference.change
    return change.low > 0 if metric in LESS_IS_BETTER else change.high < 0


def worst_loss(metric: str, difference: Difference) -> float:
    """Return by how much the right run may be worse, at the end of the interval."""
    change = difference.change
    return change.high if metric in LESS_IS_BETTER else -change.low


def _mcnemar(left: Values, right: Values) -> float:
    """Source: McNemar (Psychometrika 1947), as an exact binomial test of the discordant cases."""
    gained = int(np.sum(right[:, 0] > left[:, 0]))
    lost = int(np.sum(right[:, 0] < left[:, 0]))
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def _randomisation(measure: Measure, left: Values, right: Values, change: float) -> float:
    """Source: Noreen, Computer-intensive methods for testing hypotheses (1989), chapter 2."""
    swap = np.random.default_rng(SEED).random((SWAPS, len(left), 1)) < 0.5
    swapped = measure.statistic(np.where(swap, left, right)) - measure.statistic(
        np.where(swap, right, left)
    )
    as_large = np.abs(swapped) >= abs(change) - 1e-12
    return float((1 + np.sum(as_large)) / (1 + SWAPS))
