"""Feedback that people send to reviewers, who answer for what comes of it.

Question, reply and note stay in the conversation they belong to: who deletes that takes them back.
The trail stays: what was sent when, who took it, and how, when and by whom it was closed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.orm import Session

from assistant.access import ReadableSet
from assistant.errors import ChangedMeanwhileError, UnknownNameError
from assistant.reply_json import REMOVED, document_ids
from assistant.store.audit import AuditLog, Recording
from assistant.store.conversations import replies_without
from assistant.store.database import Database
from assistant.store.index import now
from assistant.store.queries import readable_ids
from assistant.store.review_types import Problem, Review, ReviewOutcome, ReviewSummary
from assistant.store.rows import CollectionRow, ConversationRow, ReviewRow, SuiteRow, TurnRow
from assistant.store.types import AuditAction, Feedback
from assistant.types import CollectionId

MAX_NOTE_CHARS = 2000


class Reviews:
    """The feedback of a data dir. Thread-safe; touches no index and needs no writer's lock.

    Args:
        database: Of the data dir.
        audit: Where every step is recorded, in its transaction.
    """

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    # Who asked

    def send(self, turn_id: int, owner: str, problem: Problem, note: str, *, by: str) -> None:
        """Send what is wrong with a reply to the reviewers; again, it changes what was sent.

        Args:
            turn_id: Of one of the owner's turns, which counts as unhelpful from now on.
            owner: Who asked.
            problem: What is wrong.
            note: In the owner's words; cut after `MAX_NOTE_CHARS`.
            by: The owner's name, for the audit log.

        Raises:
            UnknownNameError: the owner has no such turn.
            ChangedMeanwhileError: a reviewer has closed it.
        """
        with self._audit.recording(by) as recording:
            turn = _own_turn(recording.session, turn_id, owner)
            row = _of_turn(recording.session, turn_id)
            if row is None:
                row = ReviewRow(turn_id=turn_id, reason="", case_key="")
                recording.session.add(row)
            elif row.outcome in (ReviewOutcome.CASE, ReviewOutcome.DISMISSED):
                raise ChangedMeanwhileError("a reviewer has looked at it and closed it")
            elif row.outcome is not None:
                row.taken_by = row.taken_at = row.closed_by = row.closed_at = row.outcome = None
            row.problem, row.sent_at = problem.value, now()
            turn.feedback, turn.comment = Feedback.UNHELPFUL.value, note.strip()[:MAX_NOTE_CHARS]
            recording.session.flush()
            recording.note(
                AuditAction.FEEDBACK_SENT, str(row.id), turn=turn_id, problem=problem.value
            )

    def withdraw(self, turn_id: int, owner: str, *, by: str) -> None:
        """Take back what was sent, with its note; silent where nothing was, or it is closed.

        Raises:
            UnknownNameError: the owner has no such turn.
        """
        with self._audit.recording(by) as recording:
            turn = _own_turn(recording.session, turn_id, owner)
            row = _of_turn(recording.session, turn_id)
            if row is None or row.outcome is not None:
                return
            turn.comment = ""
            row.outcome, row.closed_at = ReviewOutcome.WITHDRAWN.value, now()
            recording.note(AuditAction.FEEDBACK_WITHDRAWN, str(row.id), turn=turn_id)

    # Reviewers

    def queue(self, readable: ReadableSet) -> tuple[ReviewSummary, ...]:
        """Return what is not closed, oldest first; not what went with its conversation."""
        is_open = ReviewRow.outcome.is_(None) & ReviewRow.turn_id.is_not(None)
        selection = _selection().where(is_open).order_by(ReviewRow.sent_at, ReviewRow.id)
        with self._database.reading() as session:
            return tuple(_summary(row, readable) for row in session.execute(selection))

    def closed(self, readable: ReadableSet, *, limit: int) -> tuple[ReviewSummary, ...]:
        """Return what was closed last, latest first."""
        selection = (
            _selection()
            .where(ReviewRow.outcome.is_not(None))
            .order_by(ReviewRow.closed_at.desc(), ReviewRow.id.desc())
            .limit(limit)
        )
        with self._database.reading() as session:
            return tuple(_summary(row, readable) for row in session.execute(selection))

    def review(self, review_id: int, readable: ReadableSet) -> Review:
        """Return feedback with question and reply, without what the reviewer may not read.

        What was taken back, or went with its conversation, has neither.

        Raises:
            UnknownNameError: there is none of this id.
        """
        with self._database.reading() as session:
            found = session.execute(_selection().where(ReviewRow.id == review_id)).one_or_none()
            if found is None:
                raise _unknown(review_id)
            summary = _summary(found, readable)
            if found.TurnRow is None:
                return Review(summary=summary, reply=None, note="", has_hidden=False)
            reply, has_hidden = _readable_reply(session, found.TurnRow, readable)
            return Review(
                summary=summary, reply=reply, note=found.TurnRow.comment, has_hidden=has_hidden
            )

    def take(self, review_id: int, *, by: str) -> None:
        """Answer for it from now on, also instead of somebody else.

        Raises:
            UnknownNameError: there is none of this id.
            ChangedMeanwhileError: it is closed.
        """
        with self._audit.recording(by) as recording:
            row = _open_row(recording.session, review_id)
            before, row.taken_by, row.taken_at = row.taken_by, by, now()
            recording.note(AuditAction.FEEDBACK_TAKEN, str(review_id), instead_of=before)

    def put_back(self, review_id: int, *, by: str) -> None:
        """Leave it to others.

        Raises:
            UnknownNameError: there is none of this id.
            ChangedMeanwhileError: it is closed, or somebody else answers for it.
        """
        with self._audit.recording(by) as recording:
            row = _open_row(recording.session, review_id, taken_by=by)
            row.taken_by = row.taken_at = None
            recording.note(AuditAction.FEEDBACK_PUT_BACK, str(review_id))

    def dismiss(self, review_id: int, reason: str, *, by: str) -> None:
        """Close it without a case.

        Args:
            review_id: What.
            reason: Why; not empty.
            by: Who took it.

        Raises:
            UnknownNameError: there is none of this id.
            ChangedMeanwhileError: it is closed, or somebody else answers for it.
        """
        with self._audit.recording(by) as recording:
            row = _open_row(recording.session, review_id, taken_by=by)
            row.reason = reason.strip()[:MAX_NOTE_CHARS]
            _close(recording, row, by, ReviewOutcome.DISMISSED)


def close_with_case(
    recording: Recording, review_id: int, by: str, suite_id: int, case_key: str
) -> None:
    """Close feedback in the same step in which a case is made of it.

    Raises:
        UnknownNameError: there is none of this id.
        ChangedMeanwhileError: it is closed, or somebody else answers for it.
    """
    row = _open_row(recording.session, review_id, taken_by=by)
    row.suite_id, row.case_key = suite_id, case_key
    _close(recording, row, by, ReviewOutcome.CASE)


def _close(recording: Recording, row: ReviewRow, by: str, outcome: ReviewOutcome) -> None:
    row.closed_by, row.closed_at, row.outcome = by, now(), outcome.value
    recording.note(AuditAction.FEEDBACK_CLOSED, str(row.id), outcome=outcome.value)


def _open_row(session: Session, review_id: int, taken_by: str | None = None) -> ReviewRow:
    row = session.get(ReviewRow, review_id)
    if row is None:
        raise _unknown(review_id)
    if row.outcome is not None or row.turn_id is None:
        raise ChangedMeanwhileError("it was closed, or taken back by who sent it, meanwhile")
    if taken_by is not None and row.taken_by != taken_by:
        raise ChangedMeanwhileError("somebody else answers for it; take it first")
    return row


def _own_turn(session: Session, turn_id: int, owner: str) -> TurnRow:
    turn = session.scalar(
        select(TurnRow)
        .join(ConversationRow)
        .where(TurnRow.id == turn_id, ConversationRow.owner == owner)
    )
    if turn is None:
        raise UnknownNameError(f"no turn {turn_id!r}; it may have been deleted")
    return turn


def _of_turn(session: Session, turn_id: int) -> ReviewRow | None:
    return session.scalar(select(ReviewRow).filter_by(turn_id=turn_id))


def _readable_reply(
    session: Session, turn: TurnRow, readable: ReadableSet
) -> tuple[dict[str, Any], bool]:
    """Return a turn's reply as the reviewer may see it, and whether something is left out.

    A follow-up is understood in words of earlier answers, so these count, too.
    """
    turns = session.scalars(
        select(TurnRow)
        .where(TurnRow.conversation_id == turn.conversation_id, TurnRow.id <= turn.id)
        .order_by(TurnRow.id)
    ).all()
    shown = frozenset().union(*(document_ids(one.reply) for one in turns))
    gone = shown - readable_ids(session, shown, readable)
    reply = replies_without(turns, gone)[-1]
    was_removed = any(item["document"] == REMOVED for item in reply["passages"])
    return reply, was_removed or reply != turn.reply


def _selection() -> Select[*tuple[Any, ...]]:
    return (
        select(
            ReviewRow,
            TurnRow,
            SuiteRow.name.label("suite"),
            CollectionRow.name.label("collection"),
            CollectionRow.id.label("collection_id"),
        )
        .outerjoin(TurnRow, (TurnRow.id == ReviewRow.turn_id) & ~_was_withdrawn())
        .outerjoin(SuiteRow, SuiteRow.id == ReviewRow.suite_id)
        .outerjoin(CollectionRow, CollectionRow.id == SuiteRow.collection_id)
    )


def _was_withdrawn() -> ColumnElement[bool]:
    return func.coalesce(ReviewRow.outcome, "") == ReviewOutcome.WITHDRAWN.value


def _summary(found: Row[Any], readable: ReadableSet) -> ReviewSummary:
    row = found.ReviewRow
    is_seen = found.suite is not None and readable.holds(CollectionId(found.collection_id))
    return ReviewSummary(
        review_id=row.id,
        problem=Problem(row.problem),
        sent_at=row.sent_at,
        taken_by=row.taken_by,
        taken_at=row.taken_at,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
        outcome=None if row.outcome is None else ReviewOutcome(row.outcome),
        reason=row.reason,
        suite=f"{found.collection}/{found.suite}" if is_seen else None,
        case_key=row.case_key if is_seen else "",
        question=None if found.TurnRow is None else found.TurnRow.question,
    )


def _unknown(review_id: int) -> UnknownNameError:
    return UnknownNameError(f"no feedback {review_id!r}; reload the page")
