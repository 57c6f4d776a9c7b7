"""Replies kept for the next time the same question is asked of the same documents.

Nothing here is fuzzy: a reply is given again only where the engine would be asked the very same
again. The models, the prompts and the settings are those of one engine; the documents are those of
one index generation; who asks may read exactly the same collections; the question has the same
words. A change of the index drops all that was kept.
"""

from __future__ import annotations

import json
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from assistant.access import ReadableSet
from assistant.cancellation import Cancellation
from assistant.engine import abstention_text
from assistant.events import Event, Listener, QuestionResolved, TextPiece
from assistant.question import is_follow_up
from assistant.reply_json import reply_to_json
from assistant.types import Abstention, Record, Reply, Timings, Turn
from assistant.waiting_line import InLine, Ticket

MOST_REPLIES = 1000
_ENDS = " .?!…。？！"


class Answering(Protocol):
    """What answers where nothing is kept: the engine."""

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn],
        readable: ReadableSet,
        listener: Listener,
        cancellation: Cancellation | None,
        ticket: Ticket | None,
    ) -> Reply:
        """Answer, telling the listener in this thread."""


@dataclass(frozen=True, slots=True)
class _Key:
    readable: ReadableSet
    question: str


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    reply: Reply
    events: tuple[Event, ...]
    n_bytes: int


class AnswerCache:
    """Answers from memory where it can, else by its engine. Thread-safe.

    Args:
        engine: Its models, prompts and settings stay what they are for as long as this lives.
        current_generation: Returns the number of the index generation.
        most_bytes: Of replies kept, as JSON; those given longest ago go first. 0: none is kept.
    """

    def __init__(
        self, engine: Answering, current_generation: Callable[[], int], *, most_bytes: int
    ) -> None:
        self._engine = engine
        self._current_generation = current_generation
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._generation = 0
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._n_bytes = 0

    @property
    def n_bytes(self) -> int:
        """Of the replies kept."""
        return self._n_bytes

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        readable: ReadableSet,
        listener: Listener,
        cancellation: Cancellation | None = None,
        ticket: Ticket | None = None,
        anew: bool = False,
    ) -> Reply:
        """Answer as the engine does, at once if the same was asked before.

        A follow-up, which is understood by what was said before, is always answered anew.

        Args:
            question: What the user wrote.
            history: Earlier turns, oldest first.
            readable: What the asker may see.
            listener: Is told the same of a kept reply as of a new one, but for single words.
            cancellation: Stops it.
            ticket: Waits before the engine generates; a kept reply needs no turn.
            anew: Ask the engine in any case, and keep its reply instead of the earlier one.

        Raises:
            InvalidQuestionError, QuestionCancelledError, GeneratorCrashedError: as the engine does.
        """
        started = time.perf_counter()
        generation = self._current_generation()
        key = _Key(readable, normalised_question(question))
        stands_alone = self._most_bytes > 0 and not (history and is_follow_up(question))
        kept = None if anew or not stands_alone else self._find(key, generation)
        if kept is not None:
            return _given_again(kept, question.strip(), listener, started)
        events: list[Event] = []

        def listen(event: Event) -> None:
            if not isinstance(event, TextPiece | InLine):
                events.append(event)
            listener(event)

        reply = self._engine.ask(
            question,
            history=history,
            readable=readable,
            listener=listen,
            cancellation=cancellation,
            ticket=ticket,
        )
        # Numbers only grow: equal before and after, the index was the same all the while.
        if stands_alone and self._current_generation() == generation:
            self._keep(key, generation, reply, tuple(events))
        return reply

    def drop_outdated(self) -> None:
        """Drop what was answered from documents as they are no more."""
        generation = self._current_generation()
        with self._lock:
            self._turn_to(generation)

    def _find(self, key: _Key, generation: int) -> _Kept | None:
        with self._lock:
            self._turn_to(generation)
            kept = self._kept.get(key) if generation == self._generation else None
            if kept is not None:
                self._kept.move_to_end(key)
            return kept

    def _keep(self, key: _Key, generation: int, reply: Reply, events: tuple[Event, ...]) -> None:
        n_bytes = len(json.dumps(reply_to_json(reply)))
        with self._lock:
            self._turn_to(generation)
            if generation != self._generation or n_bytes > self._most_bytes:
                return
            if key in self._kept:
                self._n_bytes -= self._kept.pop(key).n_bytes
            self._kept[key] = _Kept(reply, events, n_bytes)
            self._n_bytes += n_bytes
            while self._n_bytes > self._most_bytes or len(self._kept) > MOST_REPLIES:
                self._n_bytes -= self._kept.popitem(last=False)[1].n_bytes

    def _turn_to(self, generation: int) -> None:
        if generation > self._generation:
            self._kept.clear()
            self._n_bytes, self._generation = 0, generation


def normalised_question(question: str) -> str:
    """Return a question without what makes no difference: white space, case, marks at its end.

    Words in capitals stay so: "it" is not "IT".

    >>> normalised_question("What  does IT approve ?"), normalised_question("Who is IN IT?")
    ('what does IT approve', 'who is IN IT')
    """
    text = unicodedata.normalize("NFC", question).rstrip().rstrip(_ENDS)
    return " ".join(
        word if len(word) > 1 and word.isupper() else word.casefold() for word in text.split()
    )


def _given_again(kept: _Kept, question: str, listener: Listener, started: float) -> Reply:
    for event in kept.events:
        listener(
            QuestionResolved(question=question) if isinstance(event, QuestionResolved) else event
        )
    reply = kept.reply
    elapsed_ms = (time.perf_counter() - started) * 1000
    record = _record_again(reply.record, question, elapsed_ms)
    if isinstance(reply, Abstention):
        return replace(reply, text=abstention_text(question), record=record)
    return replace(reply, record=record)


def _record_again(record: Record, question: str, elapsed_ms: float) -> Record:
    """Return the record of a reply that took no retrieval and no generation."""
    return replace(
        record,
        question=question,
        resolved_question=question,
        timings=Timings(
            retrieve_ms=0.0,
            evidence_ms=elapsed_ms,
            ttft_ms=elapsed_ms,
            verified_ms=elapsed_ms,
            total_ms=elapsed_ms,
        ),
        usage=replace(record.usage, prompt_tokens_computed=0, from_cache=True),
    )
