"""Where feedback came from and what became of it, in words."""

from __future__ import annotations

import streamlit as st

from assistant.errors import UnknownNameError
from assistant.store.review_types import Problem, ReviewOutcome, ReviewSummary
from ui.web.local_time import moment
from ui.web.services.reviews import ReviewDesk
from ui.web.shown_text import plain

PROBLEMS = {
    Problem.EVIDENCE: "The evidence is wrong",
    Problem.ANSWER: "The answer is wrong",
    Problem.MISSING: "Something is missing",
}


def draw_trail(reviews: ReviewDesk, review_id: int) -> None:
    """Say of which feedback a case was made, by whom and when."""
    try:
        summary = reviews.review(review_id).summary
    except UnknownNameError:
        return
    st.caption(f"Made of feedback {review_id}: {plain(trail(summary))}")


def trail(summary: ReviewSummary) -> str:
    """Return what happened with feedback so far."""

    def at(time: str | None) -> str:
        return "" if time is None else f" on {moment(time, st.context.timezone)}"

    steps = [f"“{PROBLEMS[summary.problem]}”, sent{at(summary.sent_at)}"]
    if summary.taken_by is not None:
        steps.append(f"taken by {summary.taken_by}{at(summary.taken_at)}")
    if summary.outcome is ReviewOutcome.CASE:
        of = "" if summary.suite is None else f" ({summary.case_key} of {summary.suite})"
        steps.append(f"made a question{of} by {summary.closed_by}{at(summary.closed_at)}")
    elif summary.outcome is ReviewOutcome.DISMISSED:
        steps.append(f"dismissed by {summary.closed_by}{at(summary.closed_at)}: {summary.reason}")
    elif summary.outcome is ReviewOutcome.WITHDRAWN:
        steps.append(f"taken back by who sent it{at(summary.closed_at)}")
    return "; ".join(steps)
