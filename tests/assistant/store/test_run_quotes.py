"""What the cases of a run quote of a document goes with it, as it does from suites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.access import OPERATOR
from assistant.store.runs import StoredRun, StoredSuite
from assistant.store.writer import CatalogWriter
from assistant.types import DocumentId
from tests.assistant.catalogs import held
from tests.assistant.corpora import publish

SECRET = "Salaries rise by nine percent."
PARKING = "Parking is free."


def case(key: str, *quotes: tuple[str, str | None]) -> dict[str, Any]:
    evidence = [{"document": name, "page": 1, "quote": quote} for name, quote in quotes]
    return {"id": key, "question": f"What of {key}?", "answerable": True, "evidence": evidence}


@pytest.fixture
def ids(writer: CatalogWriter) -> dict[str, DocumentId]:
    publish(writer, "docs", parking=PARKING, secret=SECRET)
    documents = writer.catalog.list_documents(OPERATOR)
    return {one.document.removesuffix(".txt"): one.document_id for one in documents}


def begin(writer: CatalogWriter, *cases: dict[str, Any]) -> StoredRun:
    suite = StoredSuite(properties={"name": "hr"}, cases=cases)
    return writer.catalog.runs.begin({"suites": {"hr": cases[0]["id"]}}, [suite])


def quotes(writer: CatalogWriter, run: StoredRun) -> list[list[str | None]]:
    return [
        [item["quote"] for item in one.case.get("evidence", ())]
        for one in writer.catalog.runs.cases(run.run_id, 0)
    ]


def left(writer: CatalogWriter) -> str | None:
    looks = writer.catalog.deletions.looks(writer.catalog.deletions.deleted())
    return {one.place: one.left for one in looks}["evaluations: cases"]


def test_quotes_of_a_deleted_document_go_from_every_run(
    data_dir: Path, writer: CatalogWriter, ids: dict[str, DocumentId]
) -> None:
    both = case("both", ("parking.txt", PARKING), ("HR/Secret.txt", SECRET), ("secret.txt", None))
    run = begin(writer, both, {"id": "plain", "question": "What?", "answerable": False})
    other = begin(writer, case("other", ("parking.txt", PARKING)))
    counted, uncounted = (writer.catalog.runs.counts(one.run_id).n_changes for one in (run, other))
    writer.delete_document(ids["secret"])
    assert quotes(writer, run) == [[PARKING, None, None], []]
    assert quotes(writer, other) == [[PARKING]]
    assert SECRET.encode() not in held(data_dir)
    # Figures that were worked out before are worked out anew.
    assert writer.catalog.runs.counts(run.run_id).n_changes == counted + 1
    assert writer.catalog.runs.counts(other.run_id).n_changes == uncounted
    assert left(writer) is None


def test_a_quote_that_another_document_of_the_name_holds_stays_in_runs(
    writer: CatalogWriter, ids: dict[str, DocumentId]
) -> None:
    writer.people.add_collection("other")
    publish(writer, "other", secret=f"Once more: {SECRET}")
    run = begin(writer, case("a", ("secret.txt", SECRET)))
    writer.delete_document(ids["secret"])
    assert quotes(writer, run) == [[SECRET]]


def test_a_run_that_brings_a_deleted_document_back_is_told_and_repaired(
    writer: CatalogWriter, ids: dict[str, DocumentId]
) -> None:
    writer.delete_document(ids["secret"])
    run = begin(writer, case("a", ("secret.txt", SECRET)))
    assert left(writer) == "1 of them quote it"
    writer.erase_deleted()
    assert left(writer) is None
    assert quotes(writer, run) == [[None]]
