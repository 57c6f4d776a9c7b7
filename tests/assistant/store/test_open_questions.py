from __future__ import annotations

import pytest

from assistant.errors import StoreError
from assistant.store.types import AuditAction, AuditEntry
from assistant.store.writer import CatalogWriter


def asked(writer: CatalogWriter) -> tuple[AuditEntry, ...]:
    return writer.catalog.audit.entries(action=AuditAction.ASKED, limit=9)


def test_a_question_is_recorded_once_when_it_ends(writer: CatalogWriter) -> None:
    questions = writer.catalog.open_questions
    question = questions.begin("ann")
    questions.add_shown(question, ["b"])
    assert asked(writer) == ()
    questions.end(question, status="answered", shown=["b", "a"], turn=7)
    (entry,) = asked(writer)
    assert entry.actor == "ann"
    assert entry.details == {"status": "answered", "shown": ["a", "b"], "turn": 7}
    assert questions.record_interrupted() == 0
    with pytest.raises(StoreError, match="has ended already"):
        questions.end(question, status="failed", shown=[])
    with pytest.raises(StoreError, match="has ended already"):
        questions.add_shown(question, ["c"])
    assert len(asked(writer)) == 1


def test_what_a_server_left_is_recorded_with_what_was_shown(
    writer: CatalogWriter,
) -> None:
    questions = writer.catalog.open_questions
    first, second = questions.begin("ann"), questions.begin("ben")
    questions.add_shown(second, ["b"])
    questions.add_shown(second, ["a", "b"])
    assert questions.record_interrupted() == 2
    newest, oldest = asked(writer)
    assert (oldest.actor, oldest.details["shown"]) == (first.actor, [])
    assert (newest.actor, newest.details["shown"]) == (second.actor, ["a", "b"])
    assert newest.details["status"] == "interrupted"
    assert newest.details["asked_at"] <= newest.at
    assert questions.record_interrupted() == 0
    assert writer.catalog.audit.problems() == ()
