"""Every case of a run with what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evals.case_scores import ReplyJson
from evals.layers import Layer, lost_in
from evals.outcomes import Outcome, judge
from evals.runs import Run
from evals.suites import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCase:
    """A case with what came of it."""

    case: Case
    outcome: Outcome
    layer: Layer | None
    """What lost it; None where it went well or was not scored."""
    reply: ReplyJson | None
    """As `assistant.reply_json` writes it."""
    error: str | None
    """Why there is no reply; None also if it was not asked."""
    page_tolerance: int


def judged_cases(run: Run) -> Mapping[str, tuple[JudgedCase, ...]]:
    """Return the cases of a run by suite, in its order.

    Raises:
        SuiteError: a case is damaged.
    """
    found = {}
    for suite in run.suites():
        replies, errors = run.replies(suite.name), run.errors(suite.name)
        found[suite.name] = tuple(
            _judged(case, replies.get(case.id), errors.get(case.id), suite.page_tolerance)
            for case in suite.cases
        )
    return found


def _judged(
    case: Case, reply: ReplyJson | None, error: str | None, page_tolerance: int
) -> JudgedCase:
    return JudgedCase(
        case=case,
        outcome=judge(case, reply),
        layer=None if reply is None else lost_in(case, reply, page_tolerance),
        reply=reply,
        error=error,
        page_tolerance=page_tolerance,
    )
