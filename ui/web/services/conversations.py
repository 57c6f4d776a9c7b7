"""One's own conversations, without what may not be read any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.access import Who
from assistant.store.conversations import Conversations
from assistant.store.review_types import Problem
from assistant.store.reviews import Reviews
from assistant.store.types import ConversationSummary, Feedback, StoredTurn


class OwnConversations:
    """The conversations of the person who asks.

    Args:
        who: Who asks, as of now.
        conversations: Everybody's.
        reviews: Where feedback is sent.
    """

    def __init__(self, who: Who, conversations: Conversations, reviews: Reviews) -> None:
        self._who = who
        self._conversations = conversations
        self._reviews = reviews

    def list(self) -> tuple[ConversationSummary, ...]:
        """Return the conversations, latest first."""
        return self._conversations.list(self._who().owner)

    def turns(self, conversation_id: str) -> tuple[StoredTurn, ...]:
        """Return the turns of a conversation, oldest first, without what may not be read now.

        Raises:
            UnknownNameError: there is no such conversation.
        """
        person = self._who()
        return self._conversations.turns(conversation_id, person.owner, person.readable)

    def add_turn(
        self, conversation_id: str | None, question: str, reply: Mapping[str, Any]
    ) -> tuple[str, int]:
        """Add a turn, to a new conversation where no id is given, and return the ids of both.

        Raises:
            UnknownNameError: there is no such conversation.
        """
        person = self._who()
        return self._conversations.add_turn(conversation_id, person.owner, question, reply)

    def rate(self, turn_id: int, feedback: Feedback | None) -> None:
        """Store what the person thinks of a reply; None takes it back.

        Unless the reply is unhelpful, what was sent of it to reviewers is taken back, too.

        Raises:
            UnknownNameError: there is no such turn.
        """
        person = self._who()
        if feedback is not Feedback.UNHELPFUL:
            self._reviews.withdraw(turn_id, person.owner, by=person.name)
        self._conversations.give_feedback(turn_id, person.owner, feedback)

    def send_feedback(self, turn_id: int, problem: Problem, note: str) -> None:
        """Send question, reply and what is wrong with it to reviewers; see `Reviews.send`."""
        person = self._who()
        self._reviews.send(turn_id, person.owner, problem, note, by=person.name)

    def take_back_feedback(self, turn_id: int) -> None:
        """Take back what was sent; see `Reviews.withdraw`."""
        person = self._who()
        self._reviews.withdraw(turn_id, person.owner, by=person.name)

    def delete(self, conversation_id: str) -> None:
        """Delete a conversation with its turns.

        Raises:
            UnknownNameError: there is no such conversation.
        """
        self._conversations.delete(conversation_id, self._who().owner)
