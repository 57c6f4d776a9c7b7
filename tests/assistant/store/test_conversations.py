from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import UnknownNameError
from assistant.reply_json import REMOVED
from assistant.store import conversations as conversations_module
from assistant.store.rows import TurnDocumentRow
from assistant.store.types import Feedback
from assistant.store.writer import CatalogWriter
from assistant.types import DocumentId
from tests.assistant.catalogs import held
from tests.assistant.corpora import publish

SECRET = "Salaries rise by nine percent."


def reply_of(*document_ids: str) -> dict[str, Any]:
    """A reply whose sentence and passage stem from each of the documents."""
    numbers = range(len(document_ids))
    return {
        "status": "answered",
        "answer": " ".join(f"{SECRET} ({number})" for number in numbers),
        "sentences": [
            {"text": f"{SECRET} ({number})", "support": "supported", "citations": [number]}
            for number in numbers
        ],
        "citations": [
            {"document": f"{one}.txt", "document_id": one, "quote": SECRET} for one in document_ids
        ],
        "passages": [
            {"document": f"{one}.txt", "document_id": one, "text": SECRET} for one in document_ids
        ],
        "withheld": [SECRET],
    }


@pytest.fixture
def stored(writer: CatalogWriter) -> tuple[str, str]:
    """The ids of two documents, in `docs` and in `secret`."""
    writer.people.add_collection("secret")
    publish(writer, "docs", a="first words")
    publish(writer, "secret", b="second words")
    one, two = writer.catalog.list_documents(OPERATOR)
    return one.document_id, two.document_id


def test_turns_are_kept_in_order_with_feedback(
    writer: CatalogWriter, stored: tuple[str, str]
) -> None:
    conversations = writer.catalog.conversations
    reply = reply_of(stored[0])
    key, turn = conversations.add_turn(None, "ann", "What rises?", reply)
    assert conversations.add_turn(key, "ann", "By how much?", reply)[0] == key
    conversations.give_feedback(turn, "ann", Feedback.UNHELPFUL, "too short")
    first, second = conversations.turns(key, "ann", OPERATOR)
    assert (first.question, first.reply) == ("What rises?", reply)
    assert (first.feedback, first.comment) == (Feedback.UNHELPFUL, "too short")
    assert (second.question, second.feedback) == ("By how much?", None)
    assert first.turn_id == turn < second.turn_id
    assert datetime.now(UTC) - datetime.fromisoformat(first.asked_at) < timedelta(hours=1)
    conversations.give_feedback(turn, "ann", None)
    first, second = conversations.turns(key, "ann", OPERATOR)
    assert (first.feedback, first.comment, second.feedback) == (None, "", None)


def test_list_names_an_owners_conversations_latest_first(
    writer: CatalogWriter, stored: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conversations = writer.catalog.conversations
    monkeypatch.setattr(conversations_module, "now", lambda: "2024-02-29T00:00:00+00:00")
    old, _ = conversations.add_turn(None, "ann", "Old?", reply_of(stored[0]))
    new, _ = conversations.add_turn(None, "ann", "New?", reply_of(stored[0]))
    conversations.add_turn(None, "ben", "Other?", reply_of(stored[0]))

    def listed() -> list[tuple[str, str, int]]:
        found = conversations.list("ann")
        return [(one.conversation_id, one.title, one.n_turns) for one in found]

    assert listed() == [(new, "New?", 1), (old, "Old?", 1)]  # in the same second
    later = "2999-01-01T00:00:00+00:00"
    monkeypatch.setattr(conversations_module, "now", lambda: later)
    conversations.add_turn(old, "ann", "More?", reply_of(stored[0]))
    assert listed() == [(old, "Old?", 2), (new, "New?", 1)]
    assert conversations.list("ann")[0].updated_at == later


def test_list_of_conversations_of_one_second_goes_by_their_turns(
    writer: CatalogWriter, stored: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conversations = writer.catalog.conversations
    monkeypatch.setattr(conversations_module, "now", lambda: "2024-02-29T00:00:00+00:00")
    keys = [conversations.add_turn(None, "ann", "Why?", reply_of())[0] for _ in range(6)]
    conversations.add_turn(keys[2], "ann", "And?", reply_of())
    latest_first = [keys[2], keys[5], keys[4], keys[3], keys[1], keys[0]]
    assert [one.conversation_id for one in conversations.list("ann")] == latest_first


def test_title_is_the_beginning_of_the_first_question(
    writer: CatalogWriter, stored: tuple[str, str]
) -> None:
    conversations = writer.catalog.conversations
    question = "What " * 100
    key, _ = conversations.add_turn(None, "ann", question, reply_of(stored[0]))
    conversations.add_turn(key, "ann", "And?", reply_of(stored[0]))
    assert conversations.list("ann")[0].title == question[:80]
    first, _ = conversations.turns(key, "ann", OPERATOR)
    assert (first.question, first.comment) == (question, "")


def test_conversation_of_somebody_else_is_unknown(
    writer: CatalogWriter, stored: tuple[str, str]
) -> None:
    conversations = writer.catalog.conversations
    key, _ = conversations.add_turn(None, "ann", "What rises?", reply_of(stored[0]))
    with pytest.raises(UnknownNameError) as refused:
        conversations.turns(key, "ben", OPERATOR)
    assert str(refused.value) == f"no conversation {key!r}; it may have been deleted"
    with pytest.raises(UnknownNameError):
        conversations.turns("made up", "ann", OPERATOR)
    with pytest.raises(UnknownNameError):
        conversations.add_turn(key, "ben", "And?", reply_of(stored[0]))
    with pytest.raises(UnknownNameError):
        conversations.delete(key, "ben")
    assert conversations.list("ben") == ()
    assert len(conversations.turns(key, "ann", OPERATOR)) == 1


def test_rating_somebody_elses_turn_says_the_same_as_rating_none(
    writer: CatalogWriter, stored: tuple[str, str]
) -> None:
    conversations = writer.catalog.conversations
    key, turn = conversations.add_turn(None, "ann", "What rises?", reply_of(stored[0]))
    for turn_id, owner in ((turn, "ben"), (turn + 99, "ann"), (turn + 99, "ben")):
        with pytest.raises(UnknownNameError) as refused:
            conversations.give_feedback(turn_id, owner, Feedback.HELPFUL)
        assert str(refused.value) == f"no turn {turn_id}; it may have been deleted"
    (stored_turn,) = conversations.turns(key, "ann", OPERATOR)
    assert stored_turn.feedback is None


def test_turns_leave_out_what_their_owner_may_not_read_any_more(
    writer: CatalogWriter, stored: tuple[str, str]
) -> None:
    conversations = writer.catalog.conversations
    key, _ = conversations.add_turn(None, "ann", "What rises?", reply_of(*stored))
    docs = writer.catalog.people.collection_id("docs", OPERATOR)
    readable = ReadableSet(collections=frozenset({docs}))
    (turn,) = conversations.turns(key, "ann", readable)
    assert [one["text"] for one in turn.reply["sentences"]] == [f"{SECRET} (0)", REMOVED]
    assert turn.reply["answer"] == f"{SECRET} (0) {REMOVED}"
    assert [one["quote"] for one in turn.reply["citations"]] == [SECRET, REMOVED]
    assert turn.reply["passages"][1] == {
        "document": REMOVED,
        "document_id": stored[1],
        "text": REMOVED,
    }
    assert turn.reply["withheld"] == [REMOVED]
    (turn,) = conversations.turns(key, "ann", ReadableSet())
    assert SECRET not in str(turn.reply)
    (turn,) = conversations.turns(key, "ann", OPERATOR)
    assert turn.reply == reply_of(*stored)


def test_deleting_a_document_takes_its_text_out_of_stored_replies_and_the_file(
    writer: CatalogWriter, stored: tuple[str, str], data_dir: Path
) -> None:
    conversations = writer.catalog.conversations
    key, _ = conversations.add_turn(None, "ann", "What rises?", reply_of(stored[0]))
    writer.delete_document(writer.catalog.list_documents(OPERATOR)[0].document_id)
    (turn,) = conversations.turns(key, "ann", OPERATOR)
    assert turn.reply["answer"] == REMOVED
    assert SECRET.encode() not in held(data_dir)


def test_deleting_a_document_forgets_which_replies_showed_it(
    writer: CatalogWriter, stored: tuple[str, str]
) -> None:
    conversations = writer.catalog.conversations
    _, both = conversations.add_turn(None, "ann", "What rises?", reply_of(*stored))
    _, other = conversations.add_turn(None, "ben", "What falls?", reply_of(stored[1]))

    def shown() -> set[tuple[int, str]]:
        with writer.catalog._database.reading() as session:
            rows = session.scalars(select(TurnDocumentRow))
            return {(row.turn_id, row.document_id) for row in rows}

    assert shown() == {(both, stored[0]), (both, stored[1]), (other, stored[1])}
    writer.delete_document(DocumentId(stored[0]))
    assert shown() == {(both, stored[1]), (other, stored[1])}


def test_deleting_a_conversation_leaves_nothing_of_it(
    writer: CatalogWriter, stored: tuple[str, str], data_dir: Path
) -> None:
    conversations = writer.catalog.conversations
    key, _ = conversations.add_turn(None, "ann", "What rises?", reply_of(stored[0]))
    conversations.delete(key, "ann")
    assert conversations.list("ann") == ()
    assert SECRET.encode() not in held(data_dir)


@pytest.mark.parametrize("how", ["unreadable", "deleted"])
def test_a_follow_up_is_not_told_in_words_of_what_was_taken_out(
    writer: CatalogWriter, stored: tuple[str, str], how: str
) -> None:
    conversations = writer.catalog.conversations
    understood = "Do salaries rise by nine percent?"
    abstained = {
        "status": "abstained",
        "withheld": [],
        "answer": f"The documents do not say. I looked for: {understood}",
        "resolved_question": understood,
    }
    key, _ = conversations.add_turn(None, "ann", "What rises?", reply_of(stored[1]))
    answered = reply_of(stored[0]) | {"resolved_question": understood}
    conversations.add_turn(key, "ann", "Is that so?", answered)
    conversations.add_turn(key, "ann", "Really?", reply_of() | abstained)
    before = conversations.turns(key, "ann", OPERATOR)
    assert [one.reply.get("resolved_question") for one in before[1:]] == [understood] * 2
    readable = OPERATOR
    if how == "deleted":
        writer.delete_document(DocumentId(stored[1]))
    else:
        docs = writer.catalog.people.collection_id("docs", OPERATOR)
        readable = ReadableSet(collections=frozenset({docs}))
    _, second, third = conversations.turns(key, "ann", readable)
    assert "nine" not in str(second.reply["resolved_question"])
    assert second.reply["answer"] == answered["answer"]
    assert "nine" not in str(third.reply)
    assert third.reply["answer"].endswith("I looked for: Really?")
