"""Stopping a question that is being answered, from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from assistant.errors import QuestionCancelledError


class Cancellation:
    """One question's stop button. Thread-safe; once cancelled it stays so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._stop: Callable[[], None] | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    def cancel(self) -> None:
        """Stop what runs now and whatever would be next."""
        with self._lock:
            self._is_cancelled = True
            stop = self._stop
        if stop is not None:
            stop()

    def stops(self, stop: Callable[[], None]) -> None:
        """Say how to stop the step that has begun; called at once if it was cancelled before."""
        with self._lock:
            self._stop = stop
            is_cancelled = self._is_cancelled
        if is_cancelled:
            stop()

    def check(self) -> None:
        """Go on unless it was cancelled.

        Raises:
            QuestionCancelledError: it was.
        """
        if self._is_cancelled:
            raise QuestionCancelledError("the question was stopped before it was answered")
