from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.access import OPERATOR, Role
from assistant.errors import ForbiddenError, QuoteError, UnknownNameError
from assistant.store.suite_types import StoredCase, StoredSuite
from assistant.store.types import AuditAction
from assistant.types import DocumentId
from evals.errors import SuiteError
from evals.stored_suites import MAX_BYTES
from tests.ui.web.conftest import SignIn
from ui.measuring import suites_root
from ui.web.desk import Desk
from ui.web.resources import Resources
from ui.web.services.suites import OwnSuites, Passage

CSV = b"question,answer,document,page\nHow many days of leave?,25 days,leave.md,\n"
LEAVE = "Employees receive 25 days of annual leave."
VALUES = {
    "id": None,
    "question": "How many days of leave?",
    "answerable": True,
    "answers": ["25 days"],
    "facts": [],
    "tags": ["hr"],
    "history": [],
}


@pytest.fixture
def evaluator(opened: Resources, sign_in: SignIn) -> Iterator[Desk]:
    """An evaluator who reads `documents`, but not the collection `board`."""
    editor = opened.catalog.edit_people("test")
    editor.add_group("staff")
    editor.add_collection("board")
    editor.grant("documents", "staff")
    return sign_in("eva", Role.EVALUATOR, ("staff",))


@pytest.fixture
def suite(evaluator: Desk) -> StoredSuite:
    return evaluator.suites.add(" own ", "documents")


def document_id(opened: Resources, name: str) -> DocumentId:
    return next(
        one.document_id for one in opened.catalog.list_documents(OPERATOR) if one.document == name
    )


def put(suites: OwnSuites, suite: StoredSuite, *passages: Passage, **changes: object) -> StoredCase:
    suites.put_case(suite.suite_id, {**VALUES, **changes}, passages, opened=None, review_id=None)
    return suites.cases(suite.suite_id)[-1]


def test_suites_are_of_collections_that_one_reads_as_a_whole(
    evaluator: Desk, suite: StoredSuite, sign_in: SignIn
) -> None:
    assert evaluator.suites.collections() == ("documents",)
    assert (suite.name, suite.full_name) == ("own", "documents/own")
    with pytest.raises(UnknownNameError):
        evaluator.suites.add("board", "board")
    with pytest.raises(SuiteError, match="cannot be called 'a/b'"):
        evaluator.suites.add("a/b", "documents")
    other = sign_in("max", Role.EVALUATOR)
    assert (other.suites.collections(), other.suites.list()) == ((), ())
    with pytest.raises(UnknownNameError):
        other.suites.suite(suite.suite_id)
    with pytest.raises(UnknownNameError):
        other.suites.load("documents/own")
    assert other.suites.load("sample").name == "sample"
    assert set(sign_in("root").suites.collections()) == {"board", "documents"}
    with pytest.raises(ForbiddenError):
        _ = sign_in("ann", Role.EMPLOYEE, ("staff",)).suites


def test_a_file_is_imported_exported_and_said_to_be_wrong_with_its_line(
    evaluator: Desk, opened: Resources
) -> None:
    suites = evaluator.suites
    stored = suites.import_file("own.csv", CSV, "documents")
    assert (stored.name, stored.latest.n_cases, stored.latest.saved_by) == ("own", 1, "eva")
    again = suites.import_file("OWN.jsonl", suites.export(stored.suite_id), "documents")
    assert (again.suite_id, again.latest.ordinal) == (stored.suite_id, 1)
    more = suites.import_file("own.csv", CSV + b"Who flies?,,,\n", "documents")
    assert more.latest.ordinal == 2
    assert len(suites.export(more.suite_id, 1).splitlines()) == 1
    with pytest.raises(SuiteError, match=r"^own\.jsonl, line 2: not JSON"):
        suites.import_file(
            "own.jsonl", b'{"id":"1","question":"Q","answerable":false}\n{', "documents"
        )
    with pytest.raises(SuiteError, match="is no suite"):
        suites.import_file("own.txt", CSV, "documents")
    with pytest.raises(SuiteError, match="larger than 5 MB"):
        suites.import_file("own.csv", CSV + b"\n" * MAX_BYTES, "documents")
    with pytest.raises(UnknownNameError):
        suites.import_file("own.csv", CSV, "board")
    assert suites.suite(more.suite_id).latest.ordinal == 2
    entries = opened.catalog.audit.entries(action=AuditAction.SUITE_CHANGED, limit=9)
    assert [(one.actor, one.details["version"]) for one in entries] == [("eva", 2), ("eva", 1)]


def test_cases_get_ids_that_no_other_has(evaluator: Desk, suite: StoredSuite) -> None:
    assert put(evaluator.suites, suite).key == "q1"
    assert put(evaluator.suites, suite).key == "q2"
    evaluator.suites.remove_case(suite.suite_id, "q1")
    assert put(evaluator.suites, suite).key == "q3"
    with pytest.raises(SuiteError, match="needs a gold answer"):
        put(evaluator.suites, suite, answers=[])
    assert evaluator.suites.load("documents/own").version == 5


def test_a_selected_passage_becomes_evidence_word_for_word(
    evaluator: Desk, opened: Resources, suite: StoredSuite
) -> None:
    leave = document_id(opened, "leave.md")
    text = opened.catalog.document(leave, OPERATOR).pages[0].text
    start = text.index(LEAVE)
    passage = evaluator.suites.pick(leave, 0, start, start + len(LEAVE), LEAVE)
    assert passage == Passage(document="leave.md", page=None, quote=LEAVE, document_id=leave)
    stored = put(evaluator.suites, suite, passage)
    assert stored.values["evidence"] == [{"document": "leave.md", "page": None, "quote": LEAVE}]
    assert stored.document_ids == (leave,)
    whole = evaluator.suites.pick(leave, 0, 0, 0, "")
    assert whole.quote is None
    handbook = document_id(opened, "employee-handbook.pdf")
    assert evaluator.suites.pick(handbook, 2, 0, 0, "").page == 3


@pytest.mark.parametrize(
    ("page", "start", "end", "shown"),
    [
        (0, 0, 5, "other"),
        (0, -3, 5, ""),
        (0, 5, 3, ""),
        (0, 0, 10**9, "x"),
        (0, 10**9, 10**9, ""),
        (9, 0, 0, ""),
        (-1, 0, 0, ""),
    ],
)
def test_a_passage_that_does_not_stand_there_is_not_taken(
    evaluator: Desk, opened: Resources, page: int, start: int, end: int, shown: str
) -> None:
    with pytest.raises((QuoteError, UnknownNameError)):
        evaluator.suites.pick(document_id(opened, "leave.md"), page, start, end, shown)


def test_passages_are_of_documents_that_one_reads_and_that_the_suite_is_about(
    evaluator: Desk, opened: Resources, suite: StoredSuite, sign_in: SignIn
) -> None:
    leave = document_id(opened, "leave.md")
    found = evaluator.suites.find_documents(suite.suite_id, "leave", 9)
    assert [one.document for one in found.documents] == ["leave.md"]
    blind = sign_in("max", Role.EVALUATOR)
    with pytest.raises(UnknownNameError):
        blind.suites.find_documents(suite.suite_id, "", 9)
    with pytest.raises(UnknownNameError):
        blind.suites.pick(leave, 0, 0, 0, "")
    admin = sign_in("root")
    board = admin.suites.add("board", "board")
    assert admin.suites.find_documents(board.suite_id, "", 9).documents == ()
    passage = admin.suites.pick(leave, 0, 0, 0, "")
    with pytest.raises(QuoteError):
        put(admin.suites, board, passage)


def test_files_of_earlier_uploads_move_into_a_collection_by_who_may_read_everything(
    evaluator: Desk, opened: Resources, sign_in: SignIn
) -> None:
    folder = suites_root(opened.data_dir)
    folder.mkdir(parents=True)
    (folder / "old.csv").write_bytes(CSV)
    (folder / "broken.jsonl").write_bytes(b"{")
    assert evaluator.suites.earlier_files() == ()
    for refused in (
        lambda: evaluator.suites.adopt("old.csv", "documents"),
        lambda: evaluator.suites.drop_earlier("old.csv"),
    ):
        with pytest.raises(UnknownNameError):
            refused()
    admin = sign_in("root")
    assert admin.suites.earlier_files() == ("broken.jsonl", "old.csv")
    with pytest.raises(UnknownNameError):
        admin.suites.adopt("old.csv", "nowhere")
    assert admin.suites.adopt("old.csv", "documents").full_name == "documents/old"
    with pytest.raises(SuiteError, match="not JSON"):
        admin.suites.adopt("broken.jsonl", "documents")
    assert admin.suites.earlier_files() == ("broken.jsonl",)
    admin.suites.drop_earlier("broken.jsonl")
    assert list(folder.iterdir()) == []
    (entry, *_) = opened.catalog.audit.entries(action=AuditAction.SUITE_CHANGED, limit=9)
    assert (entry.subject, entry.details) == ("broken.jsonl", {"deleted": True})


def test_an_exported_suite_is_a_file_that_can_be_asked(
    evaluator: Desk, suite: StoredSuite, tmp_path: Path
) -> None:
    put(evaluator.suites, suite)
    (line,) = map(json.loads, evaluator.suites.export(suite.suite_id).splitlines())
    assert line == {**VALUES, "id": "q1", "evidence": []}
