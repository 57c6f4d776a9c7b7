from __future__ import annotations

import csv
import io
import json
import threading
from pathlib import Path

import anyio
import pytest

from assistant.access import OPERATOR, Role
from assistant.errors import AssistantError, QuestionCancelledError, StoreError, UnknownNameError
from assistant.events import BestEvidence, Listener
from assistant.store.catalog import open_catalog
from assistant.store.types import AuditAction
from assistant.types import ChunkId, Citation, DocumentId, Span, Version
from evals.suites import parse_suite
from tests.ui.web.conftest import SignIn
from tests.waiting import wait_until
from ui.web.desk import Desk
from ui.web.resources import Resources
from ui.web.services.audit import COLUMNS

CSV = b"question,answer,document,page\nHow many days of annual leave?,25 days,leave.md,\n"
SUITE = parse_suite(CSV, Path("own.csv"))
END_S = 60


@pytest.fixture
def groups(opened: Resources) -> None:
    editor = opened.catalog.edit_people("test")
    for name in ("staff", "board", "night"):
        editor.add_group(name)
    editor.add_user("Ann", groups=["staff"])


def test_grants_that_others_changed_meanwhile_stay(
    opened: Resources, desk: Desk, groups: None
) -> None:
    office, editor = desk.people, opened.catalog.edit_people("another admin")
    editor.grant("documents", "board")
    editor.revoke("documents", "board")  # after the page that still shows it was drawn
    office.change_grants("documents", shown=["board"], wanted=["board", "staff"])
    (collection,) = office.collections()
    assert collection.groups == ("staff",)
    (document, *_) = opened.catalog.list_documents(OPERATOR)
    office.change_document_grants(document.document_id, shown=["board"], wanted=["board", "night"])
    assert office.document_groups(document.document_id) == ("night",)
    office.change_document_grants(document.document_id, shown=["night"], wanted=[])
    assert office.document_groups(document.document_id) == ()


def test_a_role_that_another_took_away_is_not_given_back(
    opened: Resources, desk: Desk, groups: None
) -> None:
    editor = opened.catalog.edit_people("another admin")
    editor.change_user("Ann", role=Role.ADMIN)
    shown = next(one for one in desk.people.users() if one.name == "Ann")
    editor.change_user("Ann", role=Role.EMPLOYEE, groups=["night"])
    desk.people.change_user(shown, role=Role.ADMIN, groups=["staff", "board"])
    now = next(one for one in desk.people.users() if one.name == "Ann")
    assert (now.role, now.groups) == (Role.EMPLOYEE, ("board", "night"))


def test_files_come_into_ones_own_batches_only(desk: Desk, sign_in: SignIn) -> None:
    job_id = desk.intake.begin_upload("documents")
    other = sign_in("second admin")

    async def send(to: Desk) -> None:
        async def body():  # type: ignore[no-untyped-def]
            yield b"text"

        await to.intake.receive(job_id, "a.txt", body())

    with pytest.raises(UnknownNameError):
        anyio.run(send, other)
    anyio.run(send, desk)
    assert [one.document for one in desk.intake.files(job_id)] == ["a.txt"]


def test_runs_are_shown_to_who_reads_all_that_they_saw(
    opened: Resources, desk: Desk, sign_in: SignIn
) -> None:
    evaluations = desk.evaluations
    run_id = evaluations.start(SUITE, sample=None)
    _join()
    assert [one.id for one in evaluations.runs()] == [run_id]
    evaluator = sign_in("eve", Role.EVALUATOR)
    assert evaluator.evaluations.runs() == []
    own = evaluator.evaluations.start(SUITE, sample=None)
    _join()
    assert [one.id for one in evaluator.evaluations.runs()] == [own]
    assert len(evaluations.runs()) == 2


def test_a_run_ends_when_its_starter_may_read_something_else(
    opened: Resources, sign_in: SignIn
) -> None:
    editor = opened.catalog.edit_people("test")
    editor.add_group("staff")
    evaluator = sign_in("eve", Role.EVALUATOR, ("staff",))
    evaluations = evaluator.evaluations
    may_go_on = evaluations._still(evaluator.person)
    assert may_go_on()
    editor.grant("documents", "staff")
    assert not may_go_on()
    opened.evaluations.start(SUITE, evaluator.person.readable, sample=None, may_go_on=may_go_on)
    _join()
    (progress,) = opened.evaluations.snapshots()
    assert "may read has changed" in str(progress.error)
    assert progress.n_done == 0
    opened.accounts.sign_out(evaluator.person.session_id, by="test")
    assert not may_go_on()


def test_reading_a_document_is_recorded(opened: Resources, desk: Desk) -> None:
    (document, *_) = desk.documents.find(limit=1).documents
    desk.documents.note_read(document)
    (entry,) = opened.catalog.audit.entries(action=AuditAction.OPENED, limit=9)
    assert (entry.actor, entry.subject) == (desk.person.name, document.document)


def test_an_answer_under_way_ends_when_its_asker_may_read_something_else(
    opened: Resources, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = opened.catalog.edit_people("test")
    editor.add_group("staff")
    ann = sign_in("ann", Role.EMPLOYEE, ("staff",))
    go_on = threading.Event()

    class Waiting:
        def ask(self, *_: object, **__: object) -> None:
            assert go_on.wait(END_S)
            raise AssistantError("too late")

    monkeypatch.setattr(opened.answers, "result", Waiting)
    run = ann.answers.start("Why?", conversation_id=None, on_stored=lambda _: None)
    ann.answers.end_if_changed(run)
    assert not run.snapshot().is_done
    editor.grant("documents", "staff")
    ann.answers.end_if_changed(run)
    assert "has changed" in str(run.snapshot().error)
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "answer":
            thread.join(END_S)
    assert "has changed" in str(run.snapshot().error)


def test_a_stopped_question_is_recorded_with_what_was_shown(
    opened: Resources, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (document, *_) = desk.documents.find(limit=1).documents
    started, go_on = threading.Event(), threading.Event()

    class Stopped:
        def ask(self, *_: object, listener: Listener, **__: object) -> None:
            listener(BestEvidence(citation=cite(document.document_id)))
            started.set()
            assert go_on.wait(END_S)
            raise QuestionCancelledError

    monkeypatch.setattr(opened.answers, "result", Stopped)
    run = desk.answers.start("Why?", conversation_id=None, on_stored=lambda _: None)
    assert started.wait(END_S)
    opened.accounts.sign_out(desk.person.session_id, by="test")
    run.stop()
    go_on.set()
    wait_until(lambda: run.snapshot().is_done)
    (entry,) = opened.catalog.audit.entries(action=AuditAction.ASKED, limit=9)
    assert entry.details == {"status": "stopped", "shown": [document.document_id]}
    assert "Why" not in str(entry)


def test_a_question_under_way_when_the_server_ends_is_recorded_by_the_next_start(
    opened: Resources, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (document, *_) = desk.documents.find(limit=1).documents
    started, go_on = threading.Event(), threading.Event()

    class Stuck:
        def ask(self, *_: object, listener: Listener, **__: object) -> None:
            listener(BestEvidence(citation=cite(document.document_id)))
            started.set()
            assert go_on.wait(END_S)
            raise QuestionCancelledError

    monkeypatch.setattr(opened.answers, "result", Stuck)
    run = desk.answers.start("Why?", conversation_id=None, on_stored=lambda _: None)
    assert started.wait(END_S)
    with open_catalog(opened.data_dir) as catalog:  # as the next server's
        assert catalog.open_questions.record_interrupted() == 1
    (entry,) = opened.catalog.audit.entries(action=AuditAction.ASKED, limit=9)
    assert entry.actor == desk.person.name
    assert entry.details["status"] == "interrupted"
    assert entry.details["shown"] == [document.document_id]
    assert entry.details["asked_at"] <= entry.at
    go_on.set()
    wait_until(lambda: run.snapshot().is_done)
    assert len(opened.catalog.audit.entries(action=AuditAction.ASKED, limit=9)) == 1


def test_what_a_reply_shows_is_kept_before_it_can_be_read(
    opened: Resources, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_there(*_: object) -> None:  # as a server that is killed just then
        with open_catalog(opened.data_dir) as catalog:
            catalog.open_questions.record_interrupted()
        raise StoreError("gone")

    monkeypatch.setattr(opened.catalog.conversations, "add_turn", end_there)
    run = desk.answers.start(
        "How many days of annual leave do employees receive?",
        conversation_id=None,
        on_stored=lambda _: None,
    )
    wait_until(lambda: run.snapshot().is_done)
    assert run.snapshot().error == "gone"
    (entry,) = opened.catalog.audit.entries(action=AuditAction.ASKED, limit=9)
    assert len(entry.details["shown"]) > 1


def cite(document_id: DocumentId) -> Citation:
    return Citation(
        document="a.md",
        document_id=document_id,
        version=Version("0" * 64),
        chunk_id=ChunkId(1),
        page_number=None,
        span=Span(0, 4),
        quote="text",
    )


def _join() -> None:
    for thread in threading.enumerate():
        if thread.name == "evaluation":
            thread.join(END_S)


def test_the_audit_log_s_table_holds_no_formula(desk: Desk, opened: Resources) -> None:
    opened.catalog.audit.note("=who", AuditAction.OPENED, "a,=1+1\x1b", what="@x", n=-1)
    text = b"".join(desk.audit.export_table()).decode("utf-8-sig")
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head == list(COLUMNS)
    row = next(row for row in rows if row[2] == "'=who")
    assert row[0].isdecimal()
    assert row[3:5] == ["opened", "a,'=1+1 "]
    assert json.loads(row[5]) == {"what": "@x", "n": -1}
    entries = [json.loads(line) for line in b"".join(desk.audit.export()).splitlines()]
    assert entries[0]["action"] == AuditAction.EXPORTED
    assert {"actor": "=who", "subject": "a,=1+1\x1b"}.items() <= next(
        one for one in entries if one["actor"] == "=who"
    ).items()
