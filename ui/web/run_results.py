"""What came of a run: its report and how each case went, computed once."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from evals.judged import JudgedCase, judged_cases
from evals.outcomes import Outcome
from evals.report import Report, report_run
from evals.runs import Run

KEPT = 8
"""Results kept in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResults:
    """What came of a run so far."""

    report: Report
    cases: Mapping[str, tuple[JudgedCase, ...]]
    """By suite, in its order."""

    def replies(self, suite: str) -> tuple[Mapping[str, Any], ...]:
        """Return the replies to a suite."""
        return tuple(judged.reply for judged in self.cases[suite] if judged.reply is not None)

    @property
    def index_generations(self) -> frozenset[int]:
        """The states of the corpus that answered; more than one: it changed meanwhile."""
        return frozenset(
            reply["index_generation"] for suite in self.cases for reply in self.replies(suite)
        )

    @property
    def mean_s(self) -> float | None:
        """Seconds that a question took; None without a reply."""
        times = [
            reply["timings_ms"]["total"] / 1000
            for suite in self.cases
            for reply in self.replies(suite)
        ]
        return sum(times) / len(times) if times else None


def run_results(run: Run) -> RunResults:
    """Return what came of a run; quick if nothing came since the last call.

    Raises:
        SuiteError: its cases are damaged.
    """
    return _computed(_Keyed(run, run.state))


def count_outcomes(cases: Sequence[JudgedCase]) -> dict[Outcome, int]:
    """Return how many cases went which way, every outcome included."""
    counts = dict.fromkeys(Outcome, 0)
    for judged in cases:
        counts[judged.outcome] += 1
    return counts


@dataclass(frozen=True, slots=True)
class _Keyed:
    """A run that is the same as long as nothing comes to it."""

    run: Run
    state: Hashable

    def __hash__(self) -> int:
        return hash((self.run.id, self.state))


@lru_cache(maxsize=KEPT)
def _computed(keyed: _Keyed) -> RunResults:
    return RunResults(report=report_run(keyed.run), cases=judged_cases(keyed.run))
