"""Values of feedback on answers that reviewers look at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Problem(StrEnum):
    """What a reader says is wrong with a reply."""

    EVIDENCE = "evidence"
    """The sources do not show what the answer says."""
    ANSWER = "answer"
    MISSING = "missing"
    """Something that the documents say is not in the answer."""


class ReviewOutcome(StrEnum):
    """How a review ended."""

    CASE = "case"
    """It became a case of a suite."""
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"
    """Who sent the feedback took it back."""


class ReviewState(StrEnum):
    """How far a review is."""

    WAITING = "waiting"
    TAKEN = "taken"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFeedback:
    """What somebody sent to reviewers about a reply, as this one is told."""

    problem: Problem
    state: ReviewState


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSummary:
    """Feedback in the reviewers' queue, and its trail. It never says who sent it."""

    review_id: int
    problem: Problem
    sent_at: str
    """ISO time, UTC; so are the next two."""
    taken_by: str | None
    """Who answers for it; None: nobody yet."""
    taken_at: str | None
    closed_by: str | None
    closed_at: str | None
    outcome: ReviewOutcome | None
    """None: it is not closed."""
    reason: str
    """Why it was dismissed."""
    suite: str | None
    """Collection and name of the suite that it became a case of; None also where the reader may not
    see that."""
    case_key: str
    question: str | None
    """None: the conversation was deleted."""

    @property
    def state(self) -> ReviewState:
        """How far it is."""
        if self.outcome is not None:
            return ReviewState.CLOSED
        return ReviewState.WAITING if self.taken_by is None else ReviewState.TAKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Feedback with what it is about, as far as the reviewer may see that."""

    summary: ReviewSummary
    reply: dict[str, Any] | None
    """As `assistant.reply_json` writes it, without what the reviewer may not read; None: the
    conversation was deleted."""
    note: str
    """In the words of who sent it; may be empty."""
    has_hidden: bool
    """Whether something was left out of the reply."""
