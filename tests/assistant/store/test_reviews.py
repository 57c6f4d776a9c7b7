from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import ChangedMeanwhileError, UnknownNameError
from assistant.reply_json import REMOVED
from assistant.store.conversations import Conversations
from assistant.store.review_types import (
    Problem,
    ReviewOutcome,
    ReviewState,
    SentFeedback,
)
from assistant.store.reviews import MAX_NOTE_CHARS, Reviews
from assistant.store.types import AuditAction, Feedback
from assistant.store.writer import CatalogWriter
from assistant.types import CollectionId
from tests.assistant.catalogs import held
from tests.assistant.corpora import publish
from tests.assistant.store.test_conversations import SECRET, reply_of
from tests.assistant.store.test_suites import case

NOTE = "My salary rose by five."


class Asked:
    """A conversation of Ann's with two turns, the first about a document of `secret`."""

    def __init__(self, writer: CatalogWriter) -> None:
        writer.people.add_collection("secret")
        publish(writer, "docs", open="first words")
        publish(writer, "secret", hidden="second words")
        self.open, self.hidden = writer.catalog.list_documents(OPERATOR)
        talk = writer.catalog.conversations
        first = {**reply_of(self.hidden.document_id), "resolved_question": "What rises?"}
        second = {**reply_of(self.open.document_id), "resolved_question": "How much do salaries?"}
        self.conversation, self.first = talk.add_turn(None, "ann", "What rises?", first)
        _, self.second = talk.add_turn(self.conversation, "ann", "How much?", second)
        collection = writer.catalog.people.collection_id("docs", OPERATOR)
        self.reviewer = ReadableSet(collections=frozenset({CollectionId(collection)}))


@pytest.fixture
def asked(writer: CatalogWriter) -> Asked:
    return Asked(writer)


@pytest.fixture
def reviews(writer: CatalogWriter) -> Reviews:
    return writer.catalog.reviews


@pytest.fixture
def talk(writer: CatalogWriter) -> Conversations:
    return writer.catalog.conversations


def sent(talk: Conversations, asked: Asked) -> list[SentFeedback | None]:
    return [turn.sent for turn in talk.turns(asked.conversation, "ann", OPERATOR)]


def send(reviews: Reviews, turn_id: int, problem: Problem = Problem.ANSWER) -> int:
    reviews.send(turn_id, "ann", problem, NOTE, by="ann")
    return reviews.queue(OPERATOR)[-1].review_id


def test_feedback_is_sent_changed_and_taken_back(
    reviews: Reviews, talk: Conversations, asked: Asked
) -> None:
    assert sent(talk, asked) == [None, None]
    review_id = send(reviews, asked.second)
    reviews.send(asked.second, "ann", Problem.MISSING, "x" * (MAX_NOTE_CHARS + 1), by="ann")
    (one,) = reviews.queue(OPERATOR)
    assert (one.review_id, one.problem, one.question) == (review_id, Problem.MISSING, "How much?")
    assert reviews.review(review_id, OPERATOR).note == "x" * MAX_NOTE_CHARS
    waiting = SentFeedback(problem=Problem.MISSING, state=ReviewState.WAITING)
    assert sent(talk, asked) == [None, waiting]
    turn = talk.turns(asked.conversation, "ann", OPERATOR)[1]
    assert turn.feedback is Feedback.UNHELPFUL
    reviews.withdraw(asked.second, "ann", by="ann")
    reviews.withdraw(asked.second, "ann", by="ann")
    assert reviews.queue(OPERATOR) == ()
    assert sent(talk, asked) == [None, None]
    assert talk.turns(asked.conversation, "ann", OPERATOR)[1].comment == ""
    (closed,) = reviews.closed(OPERATOR, limit=9)
    assert (closed.outcome, closed.closed_by) == (ReviewOutcome.WITHDRAWN, None)
    assert closed.question is None
    taken_back = reviews.review(review_id, OPERATOR)
    assert (taken_back.reply, taken_back.note, taken_back.summary.question) == (None, "", None)
    assert send(reviews, asked.second) == review_id  # on second thoughts
    assert reviews.closed(OPERATOR, limit=9) == ()


def test_only_who_asked_sends_and_takes_back(reviews: Reviews, asked: Asked) -> None:
    with pytest.raises(UnknownNameError):
        reviews.send(asked.first, "ben", Problem.ANSWER, "", by="ben")
    send(reviews, asked.first)
    with pytest.raises(UnknownNameError):
        reviews.withdraw(asked.first, "ben", by="ben")
    assert len(reviews.queue(OPERATOR)) == 1


def test_what_somebody_took_only_this_one_closes(
    reviews: Reviews, talk: Conversations, asked: Asked
) -> None:
    review_id = send(reviews, asked.first)
    with pytest.raises(ChangedMeanwhileError, match="somebody else answers"):
        reviews.dismiss(review_id, "no", by="eva")
    reviews.take(review_id, by="eva")
    reviews.take(review_id, by="max")
    for call in (
        lambda: reviews.dismiss(review_id, "no", by="eva"),
        lambda: reviews.put_back(review_id, by="eva"),
    ):
        with pytest.raises(ChangedMeanwhileError, match="somebody else answers"):
            call()
    reviews.put_back(review_id, by="max")
    assert reviews.queue(OPERATOR)[0].state is ReviewState.WAITING
    reviews.take(review_id, by="eva")
    taken = SentFeedback(problem=Problem.ANSWER, state=ReviewState.TAKEN)
    assert sent(talk, asked) == [taken, None]
    reviews.dismiss(review_id, " It says so. ", by="eva")
    (closed,) = reviews.closed(OPERATOR, limit=9)
    assert (closed.taken_by, closed.closed_by, closed.reason) == ("eva", "eva", "It says so.")
    assert closed.outcome is ReviewOutcome.DISMISSED
    assert None not in (closed.taken_at, closed.closed_at)
    over = SentFeedback(problem=Problem.ANSWER, state=ReviewState.CLOSED)
    assert sent(talk, asked) == [over, None]
    with pytest.raises(ChangedMeanwhileError, match="looked at it"):
        reviews.send(asked.first, "ann", Problem.ANSWER, "again", by="ann")
    reviews.withdraw(asked.first, "ann", by="ann")
    assert reviews.closed(OPERATOR, limit=9) == (closed,)
    with pytest.raises(ChangedMeanwhileError, match="closed"):
        reviews.take(review_id, by="max")
    for unknown in (lambda: reviews.take(99, by="x"), lambda: reviews.review(99, OPERATOR)):
        with pytest.raises(UnknownNameError):
            unknown()


def test_a_reviewer_sees_of_the_answer_what_this_one_may_read(
    reviews: Reviews, asked: Asked
) -> None:
    first, second = send(reviews, asked.first), send(reviews, asked.second)
    seen = reviews.review(first, asked.reviewer)
    assert seen.reply is not None
    assert SECRET not in str(seen.reply)
    assert "hidden" not in str(seen.reply["citations"][0]["document"])
    assert (seen.summary.question, seen.note, seen.has_hidden) == ("What rises?", NOTE, True)
    # Its own document is readable; how the question was understood stems from the first answer.
    later = reviews.review(second, asked.reviewer)
    assert later.reply is not None
    assert SECRET in later.reply["answer"]
    assert later.reply["resolved_question"] == "How much?"
    assert later.has_hidden
    whole = reviews.review(second, OPERATOR)
    assert whole.reply is not None
    assert (whole.reply["resolved_question"], whole.has_hidden) == ("How much do salaries?", False)


def test_text_of_a_deleted_document_goes_from_a_review(
    writer: CatalogWriter, reviews: Reviews, asked: Asked
) -> None:
    review_id = send(reviews, asked.first)
    writer.delete_document(asked.hidden.document_id)
    seen = reviews.review(review_id, OPERATOR)
    assert seen.reply is not None
    assert seen.reply["answer"] == REMOVED
    assert seen.has_hidden


@pytest.mark.parametrize("how", ["conversation", "person"])
def test_question_and_note_go_with_the_conversation_and_the_trail_stays(
    data_dir: Path, writer: CatalogWriter, reviews: Reviews, talk: Conversations, how: str
) -> None:
    writer.people.add_user("Ann")
    for question in ("Where is my pay slip?", "Where is my pay rise?"):
        _, turn = talk.add_turn(None, "user:1", question, reply_of())
        reviews.send(turn, "user:1", Problem.ANSWER, NOTE, by="Ann")
    waits, closed = (one.review_id for one in reviews.queue(OPERATOR))
    reviews.take(closed, by="eva")
    reviews.dismiss(closed, "fine", by="eva")
    if how == "person":
        writer.people.remove_user("Ann")
    else:
        for one in talk.list("user:1"):
            talk.delete(one.conversation_id, "user:1")
    left = held(data_dir)
    for text in (NOTE, "Where is my pay"):
        assert text.encode() not in left
    assert reviews.queue(OPERATOR) == ()
    (one,) = reviews.closed(OPERATOR, limit=9)
    assert (one.review_id, one.question, one.closed_by) == (closed, None, "eva")
    gone = reviews.review(closed, OPERATOR)
    assert (gone.reply, gone.note) == (None, "")
    with pytest.raises(ChangedMeanwhileError):
        reviews.take(waits, by="eva")


def test_a_case_is_made_of_feedback_in_one_step_with_its_trail(
    writer: CatalogWriter, reviews: Reviews, asked: Asked
) -> None:
    suites = writer.catalog.suites
    stored = suites.add("own", "docs", OPERATOR, by="eva")
    review_id = send(reviews, asked.first)

    def make(by: str, key: str = "f") -> Any:
        return suites.put_case(stored.suite_id, case(key), OPERATOR, by=by, review_id=review_id)

    with pytest.raises(ChangedMeanwhileError):
        make("eva")
    assert suites.cases(stored.suite_id, OPERATOR) == ()  # not without closing it
    reviews.take(review_id, by="eva")
    assert make("eva").latest.change == f"case 'f' added from feedback {review_id}"
    (one,) = reviews.closed(asked.reviewer, limit=9)
    assert (one.outcome, one.closed_by) == (ReviewOutcome.CASE, "eva")
    assert (one.suite, one.case_key) == ("docs/own", "f")
    (blind,) = reviews.closed(ReadableSet(), limit=9)
    assert (blind.suite, blind.case_key) == (None, "")
    (held_case,) = suites.cases(stored.suite_id, OPERATOR)
    assert held_case.review_id == review_id
    edited = case("f", tags=["new"])
    suites.put_case(stored.suite_id, edited, OPERATOR, by="max", opened=held_case)
    assert suites.cases(stored.suite_id, OPERATOR)[0].review_id == review_id
    with pytest.raises(ChangedMeanwhileError):
        make("eva", "g")
    suites.delete(stored.suite_id, OPERATOR, by="eva")
    (one,) = reviews.closed(OPERATOR, limit=9)
    assert (one.outcome, one.suite) == (ReviewOutcome.CASE, None)


def test_every_step_is_in_the_audit_log_without_words_of_anybody(
    writer: CatalogWriter, reviews: Reviews, asked: Asked
) -> None:
    review_id = send(reviews, asked.first)
    reviews.take(review_id, by="eva")
    reviews.take(review_id, by="max")
    reviews.put_back(review_id, by="max")
    reviews.take(review_id, by="max")
    reviews.dismiss(review_id, SECRET, by="max")
    send(reviews, asked.second)
    reviews.withdraw(asked.second, "ann", by="ann")
    entries = [
        one for one in writer.catalog.audit.entries(limit=99) if one.action.startswith("feedback")
    ]
    assert [(one.actor, one.action) for one in reversed(entries)] == [
        ("ann", AuditAction.FEEDBACK_SENT),
        ("eva", AuditAction.FEEDBACK_TAKEN),
        ("max", AuditAction.FEEDBACK_TAKEN),
        ("max", AuditAction.FEEDBACK_PUT_BACK),
        ("max", AuditAction.FEEDBACK_TAKEN),
        ("max", AuditAction.FEEDBACK_CLOSED),
        ("ann", AuditAction.FEEDBACK_SENT),
        ("ann", AuditAction.FEEDBACK_WITHDRAWN),
    ]
    written = str([one.to_json() for one in entries])
    assert SECRET not in written
    assert NOTE not in written
    assert entries[-3].details == {"instead_of": "eva"}
