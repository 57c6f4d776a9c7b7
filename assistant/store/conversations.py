"""Conversations: every question with its full reply, each seen by its owner only.

A stored reply holds text of documents. What its owner may not read any more is taken out when it
is read, and deleting a document takes its text out for good.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import UnknownNameError
from assistant.reply_json import document_ids, without_documents, without_resolution
from assistant.store.database import Database
from assistant.store.index import now
from assistant.store.queries import listed, readable_ids
from assistant.store.review_types import Problem, ReviewOutcome, ReviewState, SentFeedback
from assistant.store.rows import ConversationRow, ReviewRow, TurnDocumentRow, TurnRow
from assistant.store.types import ConversationSummary, Feedback, StoredTurn

TITLE_CHARS = 80


class Conversations:
    """The conversations of a data dir. Thread-safe; touches no index and needs no writer's lock.

    Every method takes the owner and finds nothing of anybody else's: an id that is guessed or
    passed on is of no use.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, owner: str) -> tuple[ConversationSummary, ...]:
        """Return an owner's conversations, latest first."""
        selection = (
            select(ConversationRow, func.count())
            .join(TurnRow)
            .where(ConversationRow.owner == owner)
            .group_by(ConversationRow.id)
            .order_by(ConversationRow.updated_at.desc(), func.max(TurnRow.id).desc())
        )
        with self._database.reading() as session:
            return tuple(
                ConversationSummary(
                    conversation_id=row.id, title=row.title, updated_at=row.updated_at, n_turns=n
                )
                for row, n in session.execute(selection)
            )

    def turns(
        self, conversation_id: str, owner: str, readable: ReadableSet
    ) -> tuple[StoredTurn, ...]:
        """Return the turns of a conversation, oldest first, without what may not be read now.

        Raises:
            UnknownNameError: the owner has no such conversation.
        """
        with self._database.reading() as session:
            _owned(session, conversation_id, owner)
            rows = session.scalars(
                select(TurnRow)
                .where(TurnRow.conversation_id == conversation_id)
                .order_by(TurnRow.id)
            ).all()
            shown = frozenset().union(*(document_ids(row.reply) for row in rows))
            gone = shown - readable_ids(session, shown, readable)
            replies = replies_without(rows, gone)
            sent = _sent_feedback(session, [row.id for row in rows])
            return tuple(
                StoredTurn(
                    turn_id=row.id,
                    question=row.question,
                    reply=reply,
                    asked_at=row.asked_at,
                    feedback=None if row.feedback is None else Feedback(row.feedback),
                    comment=row.comment,
                    sent=sent.get(row.id),
                )
                for row, reply in zip(rows, replies, strict=True)
            )

    def add_turn(
        self, conversation_id: str | None, owner: str, question: str, reply: Mapping[str, Any]
    ) -> tuple[str, int]:
        """Add a turn, to a new conversation where no id is given.

        What documents say that are not there any more is taken out.

        Args:
            conversation_id: Of one of the owner's conversations, or None.
            owner: Who asked.
            question: As it was asked.
            reply: As `assistant.reply_json.reply_to_json` returns it.

        Returns:
            The ids of the conversation and the turn.

        Raises:
            UnknownNameError: the owner has no such conversation.
        """
        with self._database.writing() as session:
            if conversation_id is None:
                conversation = ConversationRow(
                    id=uuid.uuid4().hex, owner=owner, title=question[:TITLE_CHARS], updated_at=now()
                )
                session.add(conversation)
                session.flush()
            else:
                conversation = _owned(session, conversation_id, owner)
                conversation.updated_at = now()
            shown = document_ids(reply)
            # Deleted while the question was answered.
            gone = shown - readable_ids(session, shown, OPERATOR)
            turn = TurnRow(
                conversation_id=conversation.id,
                question=question,
                reply=without_documents(reply, gone),
                asked_at=now(),
                comment="",
            )
            session.add(turn)
            session.flush()
            session.add_all(
                TurnDocumentRow(turn_id=turn.id, document_id=document_id)
                for document_id in sorted(shown - gone)
            )
            return conversation.id, turn.id

    def give_feedback(
        self, turn_id: int, owner: str, feedback: Feedback | None, comment: str = ""
    ) -> None:
        """Store what the asker thinks of a reply; None takes it back.

        Raises:
            UnknownNameError: the owner has no such turn.
        """
        with self._database.writing() as session:
            turn = session.scalar(
                select(TurnRow)
                .join(ConversationRow)
                .where(TurnRow.id == turn_id, ConversationRow.owner == owner)
            )
            if turn is None:
                raise _unknown("turn", turn_id)
            turn.feedback = None if feedback is None else feedback.value
            turn.comment = comment

    def delete(self, conversation_id: str, owner: str) -> None:
        """Delete a conversation with its turns.

        Raises:
            UnknownNameError: the owner has no such conversation.
        """
        with self._database.writing() as session:
            session.delete(_owned(session, conversation_id, owner))
        self._database.forget_deleted()


def forget_documents(session: Session, existing: Select[str]) -> None:
    """Take out of every stored reply the text of documents that are not among `existing`."""
    gone = select(TurnDocumentRow.document_id).where(TurnDocumentRow.document_id.not_in(existing))
    ids = frozenset(session.scalars(gone))
    if not ids:
        return
    turn_ids = select(TurnDocumentRow.turn_id).where(TurnDocumentRow.document_id.in_(gone))
    conversations = select(TurnRow.conversation_id).where(TurnRow.id.in_(turn_ids)).distinct()
    for conversation_id in session.scalars(conversations).all():
        turns = session.scalars(
            select(TurnRow).filter_by(conversation_id=conversation_id).order_by(TurnRow.id)
        ).all()
        for turn, reply in zip(turns, replies_without(turns, ids), strict=True):
            turn.reply = reply
    session.flush()
    session.execute(delete(TurnDocumentRow).where(TurnDocumentRow.document_id.in_(gone)))


def replies_without(turns: Sequence[TurnRow], gone: frozenset[str]) -> list[dict[str, Any]]:
    """Return the replies of a conversation, oldest first, without what some documents say."""
    replies, has_lost = [], False
    for turn in turns:
        reply = without_documents(turn.reply, gone)
        replies.append(without_resolution(reply, turn.question) if has_lost else reply)
        has_lost = has_lost or bool(document_ids(turn.reply) & gone)
    return replies


def _sent_feedback(session: Session, turn_ids: Sequence[int]) -> dict[int, SentFeedback]:
    """Return what was sent of some turns to reviewers, but for what was taken back."""
    rows = session.scalars(select(ReviewRow).where(ReviewRow.turn_id.in_(listed(turn_ids))))
    found = {}
    for row in rows:
        if row.turn_id is not None and row.outcome != ReviewOutcome.WITHDRAWN:
            state = ReviewState.WAITING if row.taken_by is None else ReviewState.TAKEN
            state = state if row.outcome is None else ReviewState.CLOSED
            found[row.turn_id] = SentFeedback(problem=Problem(row.problem), state=state)
    return found


def _owned(session: Session, conversation_id: str, owner: str) -> ConversationRow:
    row = session.get(ConversationRow, conversation_id)
    if row is None or row.owner != owner:
        raise _unknown("conversation", conversation_id)
    return row


def _unknown(kind: str, key: object) -> UnknownNameError:
    return UnknownNameError(f"no {kind} {key!r}; it may have been deleted")
