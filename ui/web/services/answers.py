"""Asking: a question is answered from what the person may read, as long as that stays so."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from assistant.access import Who
from assistant.errors import AssistantError
from assistant.reply_json import reply_to_json
from assistant.store.audit import AuditLog
from assistant.store.types import AuditAction
from assistant.types import Reply, Turn
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
        conversations: Where replies are kept and recorded.
        audit: Where questions without a reply are recorded.
    """

    def __init__(
        self,
        who: Who,
        cache: Future[AnswerCache],
        line: WaitingLine,
        metrics: Metrics,
        conversations: OwnConversations,
        audit: AuditLog,
    ) -> None:
        self._who = who
        self._cache = cache
        self._line = line
        self._metrics = metrics
        self._conversations = conversations
        self._audit = audit

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

        def store(reply: Reply) -> None:
            stored_in, _ = self._conversations.add_turn(
                conversation_id, question, reply_to_json(reply)
            )
            on_stored(stored_in)

        def record(run: AnswerRun) -> None:
            # In the name of who asked, who may be signed out by now.
            status = "stopped" if run.is_stopped else "failed"
            self._audit.note(person.name, AuditAction.ASKED, status=status, shown=sorted(run.shown))

        return start_answer(
            self._cache.result,
            question,
            history=history,
            readable=person.readable,
            ticket=self._line.ticket(person.name),
            on_reply=store,
            on_no_reply=record,
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
