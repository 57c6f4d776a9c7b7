from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.access import OPERATOR, OPERATOR_NAME
from assistant.errors import UnknownNameError
from assistant.store.audit import AuditLog
from assistant.store.types import AuditAction
from assistant.store.writer import CatalogWriter
from tests.assistant.catalogs import alter
from tests.assistant.corpora import publish


@pytest.fixture
def audit(writer: CatalogWriter) -> AuditLog:
    """The log of a corpus, with three entries more."""
    for name in ("one", "two", "three"):
        writer.catalog.audit.note("ann", AuditAction.ASKED, name, shown=[name.upper()])
    return writer.catalog.audit


@pytest.fixture
def tamper(data_dir: Path):
    """Change the log behind the program's back."""

    def run(*statements: str) -> None:
        alter(data_dir, *statements)

    return run


def test_entries_are_newest_first_and_narrowed_by_every_filter(audit: AuditLog) -> None:
    found = audit.entries(limit=10)
    assert [one.subject for one in found[:3]] == ["three", "two", "one"]
    assert found[0].details == {"shown": ["THREE"]}
    assert [one.actor for one in audit.entries(actor="ann", limit=10)] == ["ann"] * 3
    assert [one.subject for one in audit.entries(text="TW", limit=10)] == ["two"]
    assert len(audit.entries(action=AuditAction.ASKED, limit=2)) == 2
    assert [one.subject for one in audit.entries(before_id=found[1].entry_id, limit=1)] == ["one"]
    assert audit.entries(since="2999", limit=10) == ()
    assert audit.entries(until="2000", limit=10) == ()
    assert audit.actors() == ("ann", OPERATOR_NAME)


def test_an_untouched_log_has_no_problems(audit: AuditLog) -> None:
    assert audit.problems() == ()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE subject = 'two'", "is not what was written"),
        ("UPDATE audit SET details = '{}' WHERE subject = 'one'", "is not what was written"),
        ("DELETE FROM audit WHERE subject = 'two'", "lacks entry"),
        ("DELETE FROM audit WHERE id = 1", "lacks entry 1"),
        ("DELETE FROM audit WHERE subject = 'three'", "ends at entry"),
        ("DELETE FROM audit", "ends at entry 0"),
    ],
)
def test_tampering_is_found(audit: AuditLog, tamper, statement: str, problem: str) -> None:
    tamper(statement)
    (found,) = audit.problems()
    assert problem in found


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit WHERE subject = 'three'",
        "UPDATE audit SET actor = 'nobody', hash = 'x' WHERE subject = 'three'",
    ],
)
def test_tampering_stays_found_whatever_is_recorded_after_it(
    audit: AuditLog, tamper, statement: str
) -> None:
    tamper(statement)
    for name in ("four", "five", "six"):
        audit.note("ann", AuditAction.ASKED, name)
        assert audit.problems() != ()


def test_a_log_written_anew_without_its_end_is_found(
    audit: AuditLog, tamper, data_dir: Path
) -> None:
    tamper("DELETE FROM audit WHERE subject = 'three'")
    audit.note("eve", AuditAction.ASKED, "another three")
    (data_dir / "audit.json").write_text(json.dumps({"id": 4, "hash": "0" * 64}))
    assert "another one than was written" in audit.problems()[0]


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"id": 0, "hash": ""}'])
def test_a_missing_or_damaged_anchor_is_found(
    audit: AuditLog, data_dir: Path, content: str | None
) -> None:
    anchor = data_dir / "audit.json"
    anchor.unlink() if content is None else anchor.write_text(content)
    assert "anchor" in audit.problems()[0]


def test_an_anchor_that_lags_behind_is_what_a_crash_leaves(audit: AuditLog, data_dir: Path) -> None:
    before = (data_dir / "audit.json").read_text()
    audit.note("ann", AuditAction.ASKED, "four")
    (data_dir / "audit.json").write_text(before)
    assert audit.problems() == ()


def test_a_change_that_fails_leaves_no_entry(writer: CatalogWriter) -> None:
    before = writer.catalog.audit.entries(limit=10)
    with pytest.raises(UnknownNameError):
        writer.people.grant("docs", "nobody")
    assert writer.catalog.audit.entries(limit=10) == before


def test_changes_are_recorded_with_who_made_them(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="one", b="two")
    editor = writer.catalog.edit_people("root")
    editor.add_group("staff")
    for _ in range(2):  # what changes nothing is not recorded
        editor.grant("docs", "staff")
    editor.add_user("ann", groups=["staff"])
    editor.change_user("ann", suspended=True)
    (first, _) = writer.catalog.list_documents(OPERATOR)
    writer.delete_document(first.document_id)
    found = [
        (one.actor, one.action, one.subject)
        for one in reversed(writer.catalog.audit.entries(limit=20))
    ]
    assert found[-6:] == [
        (OPERATOR_NAME, AuditAction.UPLOADED, "docs"),
        ("root", AuditAction.GROUP_ADDED, "staff"),
        ("root", AuditAction.GRANTED, "docs"),
        ("root", AuditAction.USER_ADDED, "ann"),
        ("root", AuditAction.USER_CHANGED, "ann"),
        (OPERATOR_NAME, AuditAction.DELETED, "a.txt"),
    ]


def test_what_is_done_stays_done_where_the_anchor_cannot_be_written(
    writer: CatalogWriter, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_dir / "audit.json").unlink()
    (data_dir / "audit.json").mkdir()
    writer.people.add_group("staff")
    assert [one.name for one in writer.catalog.people.groups()] == ["staff"]
    (data_dir / "audit.json").rmdir()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no")

    with monkeypatch.context() as patch:
        patch.setattr("assistant.store.audit.ProcessLock", refuse)
        writer.people.add_group("board")
    writer.people.add_group("night")
    assert writer.catalog.audit.problems() == ()
