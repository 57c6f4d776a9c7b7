from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import (
    ChangedMeanwhileError,
    NameTakenError,
    QuoteError,
    UnknownNameError,
)
from assistant.store.catalog import open_catalog
from assistant.store.suite_rows import exported
from assistant.store.suite_types import NewCase, StoredSuite
from assistant.store.suites import Suites
from assistant.store.types import AuditAction
from assistant.store.writer import CatalogWriter, open_writer
from assistant.types import CollectionId, DocumentId
from tests.assistant.catalogs import held
from tests.assistant.corpora import publish

TEXT = "Parking is free.\nBikes go to the cellar."
SECRET = "Salaries rise by nine percent."
NOBODY = ReadableSet()


def line(key: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": key,
        "question": f"What of {key}?",
        "answerable": True,
        "answers": ["free"],
        "facts": [],
        "evidence": [],
        "tags": [],
        "history": [],
        **changes,
    }


def case(key: str, *ids: str | None, **changes: Any) -> NewCase:
    return NewCase(values=line(key, **changes), document_ids=ids)


def quoting(document: str, quote: str | None, page: int | None = 1) -> list[dict[str, Any]]:
    return [{"document": document, "page": page, "quote": quote}]


@pytest.fixture
def suites(writer: CatalogWriter) -> Suites:
    publish(writer, "docs", parking=TEXT, secret=SECRET)
    writer.people.add_collection("other")
    publish(writer, "other", board="The board meets in May.")
    return writer.catalog.suites


@pytest.fixture
def ids(writer: CatalogWriter, suites: Suites) -> dict[str, DocumentId]:
    return {
        one.document.removesuffix(".txt"): one.document_id
        for one in writer.catalog.list_documents(OPERATOR)
    }


@pytest.fixture
def stored(suites: Suites) -> StoredSuite:
    return suites.add("Own", "docs", OPERATOR, by="eva", cases=[case("a"), case("b")])


def keys(suites: Suites, stored: StoredSuite, version: int | None = None) -> list[str]:
    return [one.key for one in suites.cases(stored.suite_id, OPERATOR, version)]


def test_every_saved_change_is_a_version_and_the_old_ones_stay(
    suites: Suites, stored: StoredSuite
) -> None:
    assert (stored.full_name, stored.latest.ordinal, stored.latest.n_cases) == ("docs/Own", 1, 2)
    suites.put_case(stored.suite_id, case("c"), OPERATOR, by="eva")
    first = suites.cases(stored.suite_id, OPERATOR)[0]
    changed = case("a", answers=["25 euros"])
    suites.put_case(stored.suite_id, changed, OPERATOR, by="max", opened=first)
    latest = suites.remove_case(stored.suite_id, "b", OPERATOR, by="eva").latest
    assert (latest.ordinal, latest.n_cases, latest.saved_by) == (4, 2, "eva")
    assert [keys(suites, stored, number) for number in (1, 2, 3, 4)] == [
        ["a", "b"],
        ["a", "b", "c"],
        ["a", "b", "c"],
        ["a", "c"],
    ]
    answers = [
        suites.cases(stored.suite_id, OPERATOR, number)[0].values["answers"] for number in (2, 3)
    ]
    assert answers == [["free"], ["25 euros"]]
    versions = suites.versions(stored.suite_id, OPERATOR)
    assert [one.change for one in versions] == [
        "case 'b' deleted",
        "case 'a' changed",
        "case 'c' added",
        "made with 2 cases",
    ]
    for one in versions:
        cases = suites.cases(stored.suite_id, OPERATOR, one.ordinal)
        data = exported(case.values for case in cases)
        assert one.sha256 == hashlib.sha256(data).hexdigest()
        assert [json.loads(text) for text in data.splitlines()] == [dict(c.values) for c in cases]
    assert len({one.sha256 for one in versions}) == 4


def test_an_earlier_version_comes_back_as_a_new_one(suites: Suites, stored: StoredSuite) -> None:
    suites.remove_case(stored.suite_id, "a", OPERATOR, by="eva")
    back = suites.restore(stored.suite_id, 1, OPERATOR, by="eva")
    assert (back.latest.ordinal, back.latest.change) == (3, "back to version 1")
    assert back.latest.sha256 == stored.latest.sha256
    assert keys(suites, stored) == ["a", "b"]
    assert keys(suites, stored, 2) == ["b"]
    assert suites.restore(stored.suite_id, 3, OPERATOR, by="eva").latest.ordinal == 3
    with pytest.raises(UnknownNameError, match="has no version 9"):
        suites.restore(stored.suite_id, 9, OPERATOR, by="eva")
    with pytest.raises(ChangedMeanwhileError):
        suites.restore(stored.suite_id, 2, OPERATOR, by="eva", latest=2)


def test_replacing_keeps_what_is_the_same_and_the_same_is_no_version(
    suites: Suites, stored: StoredSuite, ids: dict[str, DocumentId]
) -> None:
    picked = quoting("parking.txt", "Parking is free.")
    suites.put_case(stored.suite_id, case("c", ids["parking"], evidence=picked), OPERATOR, by="eva")
    again = [case("a"), case("b"), case("c", evidence=picked)]
    same = suites.replace(stored.suite_id, again, OPERATOR, by="eva", page_tolerance=1)
    assert (same.latest.ordinal, same.page_tolerance) == (2, 1)
    other = [case("c", evidence=picked, answers=["nothing"]), case("a")]
    assert suites.replace(stored.suite_id, other, OPERATOR, by="max").latest.ordinal == 3
    moved, _ = suites.cases(stored.suite_id, OPERATOR)
    assert (moved.key, moved.document_ids) == ("c", (ids["parking"],))
    assert keys(suites, stored, 2) == ["a", "b", "c"]


def test_a_case_that_somebody_else_changed_is_not_overwritten(
    suites: Suites, stored: StoredSuite
) -> None:
    opened = suites.cases(stored.suite_id, OPERATOR)[0]
    suites.put_case(stored.suite_id, case("a", tags=["x"]), OPERATOR, by="max", opened=opened)
    with pytest.raises(ChangedMeanwhileError):
        suites.put_case(stored.suite_id, case("a"), OPERATOR, by="eva", opened=opened)
    suites.remove_case(stored.suite_id, "a", OPERATOR, by="max")
    with pytest.raises(ChangedMeanwhileError):
        suites.put_case(stored.suite_id, case("a"), OPERATOR, by="eva", opened=opened)
    with pytest.raises(UnknownNameError, match="no case 'a'"):
        suites.remove_case(stored.suite_id, "a", OPERATOR, by="eva")
    with pytest.raises(NameTakenError, match="a case 'b' already"):
        suites.put_case(stored.suite_id, case("b"), OPERATOR, by="eva")


def test_a_name_is_taken_in_its_collection_only(suites: Suites, stored: StoredSuite) -> None:
    with pytest.raises(NameTakenError, match="has a suite 'OWN' already"):
        suites.add("OWN", "docs", OPERATOR, by="eva")
    other = suites.add("own", "other", OPERATOR, by="eva")
    with pytest.raises(UnknownNameError, match="several suites are called 'own'"):
        suites.find("own", OPERATOR)
    assert suites.find("other/own", OPERATOR) == other
    assert suites.find("docs/Own", OPERATOR) == stored
    suites.delete(other.suite_id, OPERATOR, by="eva")
    assert suites.find("own", OPERATOR) == stored
    with pytest.raises(UnknownNameError, match="no suite is called 'none'"):
        suites.find("none", OPERATOR)


def test_who_may_not_read_the_whole_collection_finds_no_suite(
    writer: CatalogWriter, suites: Suites, stored: StoredSuite, ids: dict[str, DocumentId]
) -> None:
    collection = CollectionId(stored.collection_id)
    reader = ReadableSet(collections=frozenset({collection}))
    assert suites.list(reader) == (stored,)
    for blind in (NOBODY, ReadableSet(documents=frozenset(ids.values()))):
        assert suites.list(blind) == ()
        missing = 999
        calls: list[Callable[[int], object]] = [
            lambda one, b=blind: suites.suite(one, b),  # type: ignore[misc]
            lambda one, b=blind: suites.versions(one, b),  # type: ignore[misc]
            lambda one, b=blind: suites.cases(one, b),  # type: ignore[misc]
            lambda one, b=blind: suites.put_case(one, case("z"), b, by="eva"),  # type: ignore[misc]
            lambda one, b=blind: suites.remove_case(one, "a", b, by="eva"),  # type: ignore[misc]
            lambda one, b=blind: suites.replace(one, [], b, by="eva"),  # type: ignore[misc]
            lambda one, b=blind: suites.restore(one, 1, b, by="eva"),  # type: ignore[misc]
            lambda one, b=blind: suites.delete(one, b, by="eva"),  # type: ignore[misc]
        ]
        for call in calls:
            said = []
            for suite_id in (stored.suite_id, missing):
                with pytest.raises(UnknownNameError) as caught:
                    call(suite_id)
                said.append(str(caught.value).replace(str(suite_id), "N"))
            assert said[0] == said[1]
        with pytest.raises(UnknownNameError):
            suites.find("Own", blind)
        with pytest.raises(UnknownNameError):
            suites.add("new", "docs", blind, by="eva")
    assert suites.suite(stored.suite_id, reader) == stored
    assert [one.name for one in suites.list(OPERATOR)] == ["Own"]


def test_a_picked_passage_stands_word_for_word_on_its_page_of_the_collection(
    suites: Suites, stored: StoredSuite, ids: dict[str, DocumentId]
) -> None:
    def put(key: str, document: str, quote: str | None, page: int | None = 1) -> StoredSuite:
        evidence = quoting(f"{document}.txt", quote, page)
        one = case(key, ids[document], evidence=evidence)
        return suites.put_case(stored.suite_id, one, OPERATOR, by="eva")

    put("c", "parking", "free.\nBikes")
    put("d", "parking", None)
    for document, quote, page in (
        ("parking", "free. Bikes", 1),
        ("parking", "Parking is free.", 2),
        ("parking", "Parking is free.", None),
        ("board", "The board meets in May.", 1),
    ):
        with pytest.raises(QuoteError, match="word for word"):
            put("e", document, quote, page)
    assert keys(suites, stored) == ["a", "b", "c", "d"]


def test_a_passage_of_an_earlier_version_of_its_document_stays_when_its_case_is_edited(
    writer: CatalogWriter, suites: Suites, stored: StoredSuite, ids: dict[str, DocumentId]
) -> None:
    evidence = quoting("parking.txt", "Parking is free.")
    new = case("c", ids["parking"], evidence=evidence)
    suites.put_case(stored.suite_id, new, OPERATOR, by="eva")
    publish(writer, "docs", parking="Parking costs two euros.")
    opened = suites.cases(stored.suite_id, OPERATOR)[-1]
    edited = case("c", ids["parking"], evidence=evidence, tags=["cars"])
    suites.put_case(stored.suite_id, edited, OPERATOR, by="eva", opened=opened)
    assert suites.cases(stored.suite_id, OPERATOR)[-1].document_ids == (ids["parking"],)


def test_quotes_go_with_their_document_from_every_version(
    data_dir: Path,
    writer: CatalogWriter,
    suites: Suites,
    stored: StoredSuite,
    ids: dict[str, DocumentId],
) -> None:
    picked = case("c", ids["secret"], evidence=quoting("secret.txt", SECRET))
    named = case("d", evidence=quoting("HR/Secret.txt", f"{SECRET[:20]}\n"))
    other = case("e", ids["parking"], evidence=quoting("parking.txt", "Parking is free."))
    for one in (picked, named, other):
        suites.put_case(stored.suite_id, one, OPERATOR, by="eva")
    suites.remove_case(stored.suite_id, "c", OPERATOR, by="eva")
    before = suites.versions(stored.suite_id, OPERATOR)
    footprint = writer.catalog.footprint(ids["secret"])
    assert writer.catalog.traces(footprint).n_quotes == 1
    writer.delete_document(ids["secret"])
    assert SECRET[:20].encode() not in held(data_dir)
    assert b"Parking is free." in held(data_dir)
    assert writer.catalog.traces(footprint).n_quotes == 0
    after = suites.versions(stored.suite_id, OPERATOR)
    assert (after[0].ordinal, after[0].saved_by) == (6, "operator")
    assert after[0].change == "quotes of a deleted document taken out"
    assert [one.has_lost for one in after] == [False, True, True, True, True, False]
    assert [one.sha256 for one in after[1:]] == [one.sha256 for one in before]
    *_, last, kept = suites.cases(stored.suite_id, OPERATOR)
    assert last.values["evidence"] == quoting("HR/Secret.txt", None)
    assert kept.values["evidence"][0]["quote"] == "Parking is free."
    (gone,) = [c for c in suites.cases(stored.suite_id, OPERATOR, 2) if c.key == "c"]
    assert (gone.values["evidence"][0]["quote"], gone.document_ids) == (None, (None,))
    looks = writer.catalog.deletions.looks(writer.catalog.deletions.deleted())
    assert {one.place: one.left for one in looks}["suites"] is None


def test_a_quote_that_another_document_of_the_name_holds_stays(
    writer: CatalogWriter, suites: Suites, stored: StoredSuite, ids: dict[str, DocumentId]
) -> None:
    publish(writer, "other", parking="In the other house, parking is free. Bikes stay outside.")
    evidence = [*quoting("parking.txt", "Bikes stay outside."), *quoting("parking.txt", "cellar")]
    suites.put_case(stored.suite_id, case("c", evidence=evidence), OPERATOR, by="eva")
    writer.delete_document(ids["parking"])
    quotes = [
        item["quote"] for item in suites.cases(stored.suite_id, OPERATOR)[-1].values["evidence"]
    ]
    assert quotes == ["Bikes stay outside.", None]


def test_a_suite_that_brings_a_deleted_document_back_is_told_and_repaired(
    writer: CatalogWriter, suites: Suites, stored: StoredSuite, ids: dict[str, DocumentId]
) -> None:
    writer.delete_document(ids["secret"])
    again = case("c", evidence=quoting("secret.txt", SECRET))
    suites.put_case(stored.suite_id, again, OPERATOR, by="eva")

    def left() -> str | None:
        looks = writer.catalog.deletions.looks(writer.catalog.deletions.deleted())
        return {one.place: one.left for one in looks}["suites"]

    assert left() == "1 of them quote it"
    writer.erase_deleted()
    assert left() is None
    suites.put_case(
        stored.suite_id, case("d", evidence=quoting("secret.txt", SECRET)), OPERATOR, by="eva"
    )
    publish(writer, "docs", secret="Something else.")
    assert left() is None  # it is about a document that is there


def test_a_suite_goes_with_its_collection(
    data_dir: Path, writer: CatalogWriter, suites: Suites, stored: StoredSuite
) -> None:
    writer.remove_collection("docs")
    assert suites.list(OPERATOR) == ()
    assert b"What of a?" not in held(data_dir)


def test_a_deleted_suite_is_gone(data_dir: Path, suites: Suites, stored: StoredSuite) -> None:
    suites.delete(stored.suite_id, OPERATOR, by="eva")
    with pytest.raises(UnknownNameError):
        suites.suite(stored.suite_id, OPERATOR)
    assert b"What of a?" not in held(data_dir)


def test_every_change_is_in_the_audit_log_without_text_of_cases(
    writer: CatalogWriter, suites: Suites, stored: StoredSuite
) -> None:
    suites.put_case(stored.suite_id, case("c"), OPERATOR, by="eva")
    suites.delete(stored.suite_id, OPERATOR, by="max")
    entries = writer.catalog.audit.entries(action=AuditAction.SUITE_CHANGED, limit=9)
    assert [(one.actor, one.subject, one.details) for one in reversed(entries)] == [
        ("eva", "Own", {"collection": "docs", "version": 1}),
        ("eva", "Own", {"collection": "docs", "version": 2, "change": "case 'c' added"}),
        ("max", "Own", {"collection": "docs", "deleted": True}),
    ]


def test_suites_are_in_the_catalog_when_it_is_opened_again(data_dir: Path) -> None:
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        stored = writer.catalog.suites.add("s", "docs", OPERATOR, by="eva", cases=[case("a")])
    with open_catalog(data_dir) as catalog:
        assert catalog.suites.suite(stored.suite_id, OPERATOR) == stored
