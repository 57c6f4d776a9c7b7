"""What the server counts: for Prometheus, and for the page Monitoring.

Numbers only: no name, no question and no text of a document is ever a label.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from assistant.types import Answer
from ui.web.answering import AnswerProgress

RECENT = 5000
"""Questions remembered one by one."""
_SECONDS = (0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 13, 20, 30, 60, 120)


class Outcome(StrEnum):
    """How a question ended."""

    ANSWERED = "answered"
    ABSTAINED = "abstained"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSample:
    """One question that has ended."""

    ended_s: float
    """Seconds since 1970."""
    outcome: Outcome
    first_word_s: float | None
    """None: no word was written."""
    total_s: float
    from_memory: bool
    """Whether an earlier reply was given again."""


class Metrics:
    """Counts since the server started. Thread-safe."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._lock = threading.Lock()
        self._recent: deque[QuestionSample] = deque(maxlen=RECENT)
        self._questions = self._counter("questions", "Questions that ended.", "outcome")
        self._requests = self._counter("requests", "Requests answered.", "status")
        self._deaths = self._counter("generator_deaths", "Deaths of the language model's process.")
        self._from_memory = self._counter("replies_from_memory", "Earlier replies given again.")
        self._prompt_tokens = self._counter(
            "prompt_tokens", "Tokens of prompts: shown in all, and computed.", "kind"
        )
        self._reply_tokens = self._counter("reply_tokens", "Tokens the model wrote.")
        self._first_word = self._histogram("first_word_seconds", "Until the first word.")
        self._total = self._histogram("answer_seconds", "Until the reply was complete.")
        self._gauges: dict[str, Gauge] = {}

    def note_question(self, progress: AnswerProgress) -> None:
        """Take in how a question ended."""
        reply = progress.reply
        outcome = (
            (Outcome.ANSWERED if isinstance(reply, Answer) else Outcome.ABSTAINED)
            if reply is not None
            else Outcome.STOPPED
            if progress.is_cancelled
            else Outcome.FAILED
        )
        self._questions.labels(outcome=outcome.value).inc()
        first_word_s, total_s, from_memory = None, progress.elapsed_s, False
        if reply is not None:
            timings, usage = reply.record.timings, reply.record.usage
            first_word_s = None if timings.ttft_ms is None else timings.ttft_ms / 1000
            total_s, from_memory = timings.total_ms / 1000, usage.from_cache
            if from_memory:
                self._from_memory.inc()
            else:
                self._prompt_tokens.labels(kind="shown").inc(usage.prompt_tokens)
                self._prompt_tokens.labels(kind="computed").inc(usage.prompt_tokens_computed)
                self._reply_tokens.inc(usage.completion_tokens)
                self._total.observe(total_s)
                if first_word_s is not None:
                    self._first_word.observe(first_word_s)
        sample = QuestionSample(
            ended_s=time.time(),
            outcome=outcome,
            first_word_s=first_word_s,
            total_s=total_s,
            from_memory=from_memory,
        )
        with self._lock:
            self._recent.append(sample)

    def note_request(self, status: int) -> None:
        """Take in how a request was answered."""
        self._requests.labels(status=f"{status // 100}xx").inc()

    def note_death(self) -> None:
        """Take in that the language model's process died."""
        self._deaths.inc()

    def recent(self) -> tuple[QuestionSample, ...]:
        """Return the latest questions, oldest first."""
        with self._lock:
            return tuple(self._recent)

    def text(self, now: Mapping[str, float]) -> bytes:
        """Return all of it in Prometheus' text format.

        Args:
            now: What is measured at this moment, by name.
        """
        with self._lock:
            for name, value in now.items():
                if name not in self._gauges:
                    self._gauges[name] = Gauge(
                        f"plinth_{name}", f"{name.replace('_', ' ')}, now", registry=self._registry
                    )
                self._gauges[name].set(value)
        return generate_latest(self._registry)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(f"plinth_{name}", says, labels, registry=self._registry)

    def _histogram(self, name: str, says: str) -> Histogram:
        return Histogram(f"plinth_{name}", says, buckets=_SECONDS, registry=self._registry)
