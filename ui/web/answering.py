"""Questions that are being answered: off the page's thread, watched through snapshots."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from assistant.cancellation import Cancellation
from assistant.errors import AssistantError, QuestionCancelledError
from assistant.events import (
    BestEvidence,
    Event,
    EvidenceChosen,
    QuestionResolved,
    SentenceChecked,
    TextPiece,
)
from assistant.types import Answer
from assistant.waiting_line import InLine
from models.errors import GeneratorCrashedError, ModelError
from ui.web.logs import log_unexpected, new_request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from assistant.access import ReadableSet
    from assistant.events import Listener
    from assistant.types import AnswerSentence, Citation, DocumentId, Reply, Turn
    from assistant.waiting_line import Ticket

_LOG = logging.getLogger(__name__)
WATCH_S = 0.5
GRACE_S = 5.0
"""A connection that is lost for a moment comes back within it."""
UNEXPECTED = (
    "something went wrong that should not; ask again, and if it stays tell an admin this number: {}"
)
MODEL_DIED = (
    "the language model's process died, and the next one could not do it again; ask again, and if "
    "it stays tell an admin this number: {}"
)


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
        ticket: Ticket,
        anew: bool,
    ) -> Reply:
        """Answer, telling the listener in this thread; not from memory if `anew`."""


class QuestionRecord(Protocol):
    """Keeps what becomes of a question. Called in its thread; an error of it ends the question."""

    def begin(self) -> None:
        """Keep that it is asked, before anything is done for it."""

    def before_shown(self, documents: frozenset[DocumentId]) -> None:
        """Keep that something of these documents, too, is shown from now on."""

    def end(self, run: AnswerRun, reply: Reply | None) -> None:
        """Store the reply before it is shown; None: there is none, or it could not be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSentence:
    """A sentence that was checked, with its own citations."""

    sentence: AnswerSentence
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerProgress:
    """How far a question is; every field only ever grows, but for `in_line`."""

    question: str
    resolved: str | None = None
    best: Citation | None = None
    """The sentence of the documents that answers best by itself."""
    in_line: InLine | None = None
    """Who comes first, while it waits for the model."""
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
    before_shown: Callable[[frozenset[DocumentId]], None] = lambda _: None
    """Called by `listen` with the documents of which something is shown next for the first time."""
    cancellation: Cancellation = field(default_factory=Cancellation)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started_s: float = field(default_factory=time.monotonic)
    _progress: AnswerProgress = field(init=False)
    _shown: set[DocumentId] = field(default_factory=set)
    _read: frozenset[DocumentId] = frozenset()
    """Documents of which the model has read something: its text may be from any of them."""

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

    @property
    def shown(self) -> frozenset[DocumentId]:
        """Documents of which anything was shown, whatever became of the question."""
        with self._lock:
            return frozenset(self._shown)

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to end."""
        return self.cancellation.is_cancelled

    def stop(self) -> None:
        """Stop it within a token; what it had so far can still be seen."""
        self.cancellation.cancel()

    def abandon(self, error: str) -> None:
        """Stop it, and say why instead of what it had so far."""
        self.cancellation.cancel()
        with self._lock:
            self._progress = AnswerProgress(question=self.question, error=error)

    def listen(self, event: Event) -> None:
        """Take in what the engine tells, in one thread."""
        with self._lock:
            if self._progress.is_done:
                return
            shown = self._shown_by(event)
            is_first = not shown <= self._shown
        if is_first:  # waits for the disk: not while others want to see how far it is
            self.before_shown(shown)
        with self._lock:
            if self._progress.is_done:
                return
            self._shown |= shown
            match event:
                case QuestionResolved(question=resolved):
                    self._progress = replace(self._progress, resolved=resolved)
                case BestEvidence(citation=best):
                    self._progress = replace(self._progress, best=best)
                case EvidenceChosen(documents=documents):
                    self._read = documents
                case InLine():
                    self._progress = replace(self._progress, in_line=event)
                case TextPiece(text=text):
                    self._progress = replace(
                        self._progress, text=self._progress.text + text, in_line=None
                    )
                case SentenceChecked(sentence=sentence, citations=citations):
                    checked = CheckedSentence(sentence=sentence, citations=citations)
                    self._progress = replace(
                        self._progress, checked=(*self._progress.checked, checked)
                    )

    def _shown_by(self, event: Event) -> frozenset[DocumentId]:
        match event:
            case BestEvidence(citation=best):
                return frozenset({best.document_id})
            case TextPiece():
                return self._read
            case SentenceChecked(citations=citations):
                return frozenset(citation.document_id for citation in citations)
            case _:
                return frozenset()

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
    ticket: Ticket,
    record: QuestionRecord,
    on_end: Callable[[AnswerProgress], None] = lambda _: None,
    is_watched: Callable[[], bool] = lambda: True,
    anew: bool = False,
) -> AnswerRun:
    """Answer in a thread of its own and return at once.

    Args:
        answerer: Called in that thread; may have to wait until models are loaded.
        question: As it was asked.
        history: Earlier turns, oldest first.
        readable: What the asker may see.
        ticket: In the line of those who want the model.
        record: Told there how it goes, each time before anybody sees it.
        on_end: Called there last, with how it ended.
        is_watched: Tells whether anybody is there to see it. Once nobody has been for `GRACE_S`,
            it is stopped: others wait for the model.
        anew: Whether an earlier answer to the same question must not be given again.
    """
    run = AnswerRun(question, readable, record.before_shown)
    has_ended = threading.Event()

    def work() -> None:
        ended: dict[str, Any] = {}
        try:
            record.begin()
            reply = answerer().ask(
                question,
                history=history,
                readable=readable,
                listener=run.listen,
                cancellation=run.cancellation,
                ticket=ticket,
                anew=anew,
            )
            record.end(run, reply)
            ended = {"reply": reply}
        except QuestionCancelledError:
            ended = {"is_cancelled": True}
        except GeneratorCrashedError as error:  # what its process said last is not for the asker
            error_id = log_unexpected(_LOG, "a question ended with the model's process", error)
            ended = {"error": MODEL_DIED.format(error_id)}
        except (AssistantError, ModelError) as error:
            ended = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - the boundary: no run may stay without an end
            error_id = log_unexpected(_LOG, "a question ended unexpectedly", error)
            ended = {"error": UNEXPECTED.format(error_id)}
        try:
            if "reply" not in ended:
                record.end(run, None)
        except Exception as error:  # noqa: BLE001 - the same
            log_unexpected(_LOG, "a question without a reply is not in the audit log", error)
        finally:
            run.finish(**ended)
        has_ended.set()
        ended_as = run.snapshot()
        _log_end(ended_as, ticket)
        on_end(ended_as)

    def watch() -> None:
        seen_s = time.monotonic()
        while not has_ended.wait(WATCH_S):
            if is_watched():
                seen_s = time.monotonic()
            elif time.monotonic() - seen_s >= GRACE_S:
                run.stop()
                return

    threading.Thread(target=work, name="answer", daemon=True).start()
    threading.Thread(target=watch, name="answer-watch", daemon=True).start()
    return run


def _log_end(progress: AnswerProgress, ticket: Ticket) -> None:
    """Log how a question ended; neither it nor its answer."""
    outcome = "error" if progress.error else "stopped" if progress.is_cancelled else "abstained"
    fields: dict[str, Any] = {"question_id": new_request_id()}
    if progress.reply is not None:
        outcome = "answered" if isinstance(progress.reply, Answer) else "abstained"
        timings = progress.reply.record.timings
        fields |= {"first_word_ms": timings.ttft_ms, "total_ms": timings.total_ms}
    if ticket.took_s is not None and ticket.waited_s is not None:
        fields |= {"in_line_ms": ticket.waited_s * 1000, "turn_ms": ticket.took_s * 1000}
    _LOG.info("question", extra={"fields": fields | {"outcome": outcome}})
