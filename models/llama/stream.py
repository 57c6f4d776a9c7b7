"""A generation of `LlamaGenerator`, as whoever asked for it and as the generator see it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from queue import SimpleQueue

from models.errors import ModelError
from models.llama import wire
from models.types import FinishReason, Generation

_NOT_BEGUN = Generation(
    text="",
    finish_reason=FinishReason.CANCELLED,
    prompt_tokens=0,
    prompt_tokens_computed=0,
    completion_tokens=0,
    ttft_ms=0.0,
    total_ms=0.0,
    mean_logprob=None,
)


class LlamaStream:
    """A stream of text; `begin`, `begin_again`, `say` and `put` are the generator's side."""

    def __init__(self, message: wire.Generate, cancel_running: Callable[[int], None]) -> None:
        self.message = message
        self._cancel_running = cancel_running
        self._lock = threading.Lock()
        self._has_begun = False
        self._is_cancelled = False
        self._events: SimpleQueue[str | Generation | ModelError] = SimpleQueue()
        self._outcome: Generation | ModelError | None = None
        self._said = ""
        self._to_repeat = ""

    def __iter__(self) -> Iterator[str]:
        while self._outcome is None:
            event = self._events.get()
            if isinstance(event, str):
                yield event
            else:
                self._outcome = event
        if isinstance(self._outcome, ModelError):
            raise self._outcome

    def cancel(self) -> None:
        """End it within a token, at once if it still waits for its turn."""
        with self._lock:
            self._is_cancelled = True
            if not self._has_begun:
                self.put(_NOT_BEGUN)
                return
        self._cancel_running(self.message["id"])

    def result(self) -> Generation:
        """Drain what is left and return the outcome."""
        for _ in self:
            pass
        if not isinstance(self._outcome, Generation):
            raise TypeError("a stream that ended without error has an outcome")
        return self._outcome

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    def begin(self) -> bool:
        """Take its turn; False if it was cancelled before."""
        with self._lock:
            self._has_begun = not self._is_cancelled
            return self._has_begun

    def cancelled(self) -> Generation:
        """Return the outcome of a cancelled stream whose process died."""
        return replace(_NOT_BEGUN, text=self._said)

    def begin_again(self) -> None:
        """Expect all that was said so far once more, before anything new."""
        self._to_repeat = self._said

    def say(self, text: str) -> bool:
        """Add a piece of text, but for what it repeats; False if it says something else instead."""
        known = min(len(text), len(self._to_repeat))
        if text[:known] != self._to_repeat[:known]:
            return False
        self._to_repeat = self._to_repeat[known:]
        if new := text[known:]:
            self._said += new
            self.put(new)
        return True

    def put(self, event: str | Generation | ModelError) -> None:
        """Add a piece of text, or the outcome."""
        self._events.put(event)
