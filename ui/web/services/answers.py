"""Asking: a question is answered from what the person may read, as long as that stays so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from assistant.access import Who
from assistant.errors import AssistantError
from assistant.reply_json import document_ids, reply_to_json
from assistant.store.open_questions import OpenQuestion, OpenQuestions
from assistant.types import DocumentId, Reply, Turn
from ui.web.answering import AnswerRun, start_answer
from ui.web.services.conversations import OwnConversations

if TYPE_CHECKING:
    from assistant.answer_cache import AnswerCache
    from assistant.waiting_line import WaitingLine
    from ui.web.metrics import Metrics

CHANGED = "What you may read has changed meanwhile. Ask again."


class Answers:
    """Answers for the person who asks.

    Args:
        who: Who asks, as of now.
        cache: Answers, once models are loaded.
        line: Of all who want the model.
        metrics: Count how questions end.
        conversations: Where replies are kept.
        open_questions: Where questions are kept until they are recorded.
    """

    def __init__(
        self,
        who: Who,
        cache: Future[AnswerCache],
        line: WaitingLine,
        metrics: Metrics,
        conversations: OwnConversations,
        open_questions: OpenQuestions,
    ) -> None:
        self._who = who
        self._cache = cache
        self._line = line
        self._metrics = metrics
        self._conversations = conversations
        self._open_questions = open_questions

    def start(
        self,
        question: str,
        *,
        conversation_id: str | None,
        on_stored: Callable[[str], None],
        is_watched: Callable[[], bool] = lambda: True,
        anew: bool = False,
    ) -> AnswerRun:
        """Begin to answer and return at once.

        Args:
            question: As it was asked.
            conversation_id: Where it is asked; None: in a new conversation.
            on_stored: Told the conversation in which the reply was stored, in another thread.
            is_watched: Tells, from another thread, whether anybody is there to see it.
            anew: Whether an earlier answer to the same question must not be given again.

        Raises:
            UnknownNameError: there is no such conversation.
        """
        person = self._who()
        history: tuple[Turn, ...] = ()
        if conversation_id is not None:
            history = tuple(
                Turn(role=role, content=content)
                for turn in self._conversations.turns(conversation_id)
                for role, content in (("user", turn.question), ("assistant", turn.reply["answer"]))
            )

        def store(reply: Mapping[str, Any]) -> int:
            stored_in, turn_id = self._conversations.add_turn(conversation_id, question, reply)
            on_stored(stored_in)
            return turn_id

        return start_answer(
            self._cache.result,
            question,
            history=history,
            readable=person.readable,
            ticket=self._line.ticket(person.name),
            record=_Record(self._open_questions, person.name, store),
            on_end=self._metrics.note_question,
            is_watched=is_watched,
            anew=anew,
        )

    def end_if_changed(self, run: AnswerRun) -> None:
        """End an answer under way whose asker may not read now what it is made from."""
        try:
            is_same = self._who().readable == run.readable
        except AssistantError:  # signed out
            is_same = False
        if not is_same:
            run.abandon(CHANGED)


class _Record:
    """Records a question in the name of who asked it, who may be signed out by its end."""

    def __init__(
        self,
        open_questions: OpenQuestions,
        actor: str,
        store: Callable[[Mapping[str, Any]], int],
    ) -> None:
        self._open_questions = open_questions
        self._actor = actor
        self._store = store
        self._question: OpenQuestion | None = None

    def begin(self) -> None:
        self._question = self._open_questions.begin(self._actor)

    def before_shown(self, documents: frozenset[DocumentId]) -> None:
        if self._question is not None:
            self._open_questions.add_shown(self._question, documents)

    def end(self, run: AnswerRun, reply: Reply | None) -> None:
        if self._question is None:
            return
        if reply is None:
            status = "stopped" if run.is_stopped else "failed"
            self._open_questions.end(self._question, status=status, shown=run.shown)
            return
        held = reply_to_json(reply)
        shown = run.shown | document_ids(held)
        self._open_questions.add_shown(self._question, shown)  # before it can be read
        turn_id = self._store(held)
        self._open_questions.end(self._question, status=held["status"], shown=shown, turn=turn_id)
