"""Feedback on answers, for those who answer for what comes of it."""

from __future__ import annotations

from assistant.access import Who
from assistant.store.review_types import Review, ReviewSummary
from assistant.store.reviews import Reviews


class ReviewDesk:
    """The feedback that people sent, of each answer only what the person who asks may read.

    Args:
        who: Who asks, as of now.
        reviews: All of it.
    """

    def __init__(self, who: Who, reviews: Reviews) -> None:
        self._who = who
        self._reviews = reviews

    def queue(self) -> tuple[ReviewSummary, ...]:
        """Return what is not closed, oldest first."""
        return self._reviews.queue(self._who().readable)

    def closed(self, limit: int) -> tuple[ReviewSummary, ...]:
        """Return what was closed last, latest first."""
        return self._reviews.closed(self._who().readable, limit=limit)

    def review(self, review_id: int) -> Review:
        """Return feedback with what it is about; see `Reviews.review`."""
        return self._reviews.review(review_id, self._who().readable)

    def take(self, review_id: int) -> None:
        """Answer for it from now on; see `Reviews.take`."""
        self._reviews.take(review_id, by=self._who().name)

    def put_back(self, review_id: int) -> None:
        """Leave it to others; see `Reviews.put_back`."""
        self._reviews.put_back(review_id, by=self._who().name)

    def dismiss(self, review_id: int, reason: str) -> None:
        """Close it without a case; see `Reviews.dismiss`."""
        self._reviews.dismiss(review_id, reason, by=self._who().name)
