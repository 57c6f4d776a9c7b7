"""Questions that are being answered: off the page's thread, watched through snapshots."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from assistant.cancellation import Cancellation
from assistant.errors import AssistantError, QuestionCancelledError
from assistant.events import BestEvidence, Event, QuestionResolved, SentenceChecked, TextPiece
from assistant.types import Answer
from models.errors import ModelError
from ui.web.logs import new_request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from assistant.access import ReadableSet
    from assistant.events import Listener
    from assistant.types import AnswerSentence, Citation, Reply, Turn

_LOG = logging.getLogger(__name__)
UNEXPECTED = "something went wrong that should not; ask again, and report it if it stays"


class Answerer(Protocol):
    """What answers: the engine, or what it answered before."""

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn],
        readable: ReadableSet,
        listener: Listener,
        cancellation: Cancellation,
        anew: bool,
    ) -> Reply:
        """Answer, telling the listener in this thread; not from memory if `anew`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSentence:
    """A sentence that was checked, with its own citations."""

    sentence: AnswerSentence
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerProgress:
    """How far a question is; every field only ever grows."""

    question: str
    resolved: str | None = None
    best: Citation | None = None
    """The sentence of the documents that answers best by itself."""
    text: str = ""
    """What the model wrote so far, unverified."""
    checked: tuple[CheckedSentence, ...] = ()
    reply: Reply | None = None
    error: str | None = None
    """Why there will be no reply, for the asker."""
    is_cancelled: bool = False
    is_stopping: bool = False
    """Whether somebody asked it to stop."""
    elapsed_s: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return self.reply is not None or self.error is not None or self.is_cancelled


@dataclass(slots=True, eq=False)
class AnswerRun:
    """One question on its way. Thread-safe."""

    question: str
    readable: ReadableSet
    """What it is answered from."""
    cancellation: Cancellation = field(default_factory=Cancellation)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started_s: float = field(default_factory=time.monotonic)
    _progress: AnswerProgress = field(init=False)

    def __post_init__(self) -> None:
        self._progress = AnswerProgress(question=self.question)

    def snapshot(self) -> AnswerProgress:
        """Return how far it is now."""
        with self._lock:
            return replace(
                self._progress,
                is_stopping=self.cancellation.is_cancelled,
                elapsed_s=time.monotonic() - self._started_s,
            )

    def stop(self) -> None:
        """Stop it within a token; what it had so far can still be seen."""
        self.cancellation.cancel()

    def abandon(self, error: str) -> None:
        """Stop it, and say why instead of what it had so far."""
        self.cancellation.cancel()
        with self._lock:
            self._progress = AnswerProgress(question=self.question, error=error)

    def listen(self, event: Event) -> None:
        """Take in what the engine tells."""
        with self._lock:
            if self._progress.is_done:
                return
            match event:
                case QuestionResolved(question=resolved):
                    self._progress = replace(self._progress, resolved=resolved)
                case BestEvidence(citation=best):
                    self._progress = replace(self._progress, best=best)
                case TextPiece(text=text):
                    self._progress = replace(self._progress, text=self._progress.text + text)
                case SentenceChecked(sentence=sentence, citations=citations):
                    checked = CheckedSentence(sentence=sentence, citations=citations)
                    self._progress = replace(
                        self._progress, checked=(*self._progress.checked, checked)
                    )

    def finish(
        self, *, reply: Reply | None = None, error: str | None = None, is_cancelled: bool = False
    ) -> None:
        """Say how it ended."""
        with self._lock:
            if not self._progress.is_done:  # it may have been abandoned
                self._progress = replace(
                    self._progress, reply=reply, error=error, is_cancelled=is_cancelled
                )


def start_answer(
    answerer: Callable[[], Answerer],
    question: str,
    *,
    history: Sequence[Turn],
    readable: ReadableSet,
    on_reply: Callable[[Reply], None],
    anew: bool = False,
) -> AnswerRun:
    """Answer in a thread of its own and return at once.

    Args:
        answerer: Called in that thread; may have to wait until models are loaded.
        question: As it was asked.
        history: Earlier turns, oldest first.
        readable: What the asker may see.
        on_reply: Called in that thread before the run is done, to store the reply.
        anew: Whether an earlier answer to the same question must not be given again.
    """
    run = AnswerRun(question, readable)

    def work() -> None:
        try:
            reply = answerer().ask(
                question,
                history=history,
                readable=readable,
                listener=run.listen,
                cancellation=run.cancellation,
                anew=anew,
            )
            on_reply(reply)
        except QuestionCancelledError:
            run.finish(is_cancelled=True)
        except (AssistantError, ModelError) as error:
            run.finish(error=str(error))
        except Exception as error:  # noqa: BLE001 - the boundary: no run may stay without an end
            _LOG.error("a question ended unexpectedly", exc_info=error)
            run.finish(error=UNEXPECTED)
        else:
            run.finish(reply=reply)
        _log_end(run.snapshot())

    threading.Thread(target=work, name="answer", daemon=True).start()
    return run


def _log_end(progress: AnswerProgress) -> None:
    """Log how a question ended; neither it nor its answer."""
    outcome = "error" if progress.error else "stopped" if progress.is_cancelled else "abstained"
    fields: dict[str, Any] = {"question_id": new_request_id()}
    if progress.reply is not None:
        outcome = "answered" if isinstance(progress.reply, Answer) else "abstained"
        timings = progress.reply.record.timings
        fields |= {"first_word_ms": timings.ttft_ms, "total_ms": timings.total_ms}
    _LOG.info("question", extra={"fields": fields | {"outcome": outcome}})
