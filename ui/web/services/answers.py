"""Asking: a question is answered from what the person may read, as long as that stays so."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from assistant.access import Who
from assistant.errors import AssistantError
from assistant.reply_json import reply_to_json
from assistant.types import Reply, Turn
from ui.web.answering import AnswerRun, start_answer
from ui.web.services.conversations import OwnConversations

if TYPE_CHECKING:
    from assistant.answer_cache import AnswerCache

CHANGED = "What you may read has changed meanwhile. Ask again."


class Answers:
    """Answers for the person who asks.

    Args:
        who: Who asks, as of now.
        cache: Answers, once models are loaded.
        conversations: Where replies are kept.
    """

    def __init__(
        self, who: Who, cache: Future[AnswerCache], conversations: OwnConversations
    ) -> None:
        self._who = who
        self._cache = cache
        self._conversations = conversations

    def start(
        self,
        question: str,
        *,
        conversation_id: str | None,
        on_stored: Callable[[str], None],
        anew: bool = False,
    ) -> AnswerRun:
        """Begin to answer and return at once.

        Args:
            question: As it was asked.
            conversation_id: Where it is asked; None: in a new conversation.
            on_stored: Told the conversation in which the reply was stored, in another thread.
            anew: Whether an earlier answer to the same question must not be given again.

        Raises:
            UnknownNameError: there is no such conversation.
        """
        readable = self._who().readable
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

        return start_answer(
            self._cache.result,
            question,
            history=history,
            readable=readable,
            on_reply=store,
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
