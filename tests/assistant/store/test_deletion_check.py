from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from assistant.access import OPERATOR
from assistant.store import sqlite
from assistant.store.backup import back_up
from assistant.store.catalog import Catalog, open_catalog
from assistant.store.deletion_check import Look
from assistant.store.layout import Layout
from assistant.store.rows import JobRow
from assistant.store.runs import FORGOTTEN, StoredSuite
from assistant.store.types import JobKind
from assistant.store.writer import CatalogWriter, open_writer
from assistant.types import DocumentId
from tests.assistant.corpora import batch, content, publish
from tests.assistant.store.test_conversations import reply_of

SECRET = "Salaries rise by nine percent."


@dataclass
class Deleted:
    """A document that was deleted, with all that was kept of it, and one that is still there."""

    data_dir: Path
    document_id: str
    version: str
    reply: dict[str, object]
    before: Path
    """The data dir as it was before."""

    @property
    def layout(self) -> Layout:
        return Layout(self.data_dir)

    def left(self) -> dict[str, str]:
        """By place: what is left."""
        return {one.place: one.left for one in self.looks() if one.left is not None}

    def looks(self) -> tuple[Look, ...]:
        with open_catalog(self.data_dir) as catalog:
            return catalog.deletions.looks(catalog.deletions.deleted())

    def bring_back(self, pattern: str) -> None:
        """Put files back that the deletion removed."""
        for path in self.before.glob(pattern):
            target = self.data_dir / path.relative_to(self.before)
            if path.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)


def evaluate(catalog: Catalog, reply: dict[str, object]) -> str:
    """Keep a run with this reply to its only question."""
    case = {"id": reply["id"], "question": "What rises?", "answerable": False}
    suite = StoredSuite(properties={"name": "hr"}, cases=[case])
    run = catalog.runs.begin({"suites": {"hr": str(reply["id"])}}, [suite])
    catalog.runs.keep_reply(run.run_id, 0, reply)
    return run.run_id


@pytest.fixture
def deleted(tmp_path: Path) -> Deleted:
    data_dir, before = tmp_path / "data", tmp_path / "before"
    layout = Layout(data_dir)
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        publish(writer, "docs", kept="Parking is free.")
        publish(writer, "docs", secret=SECRET)
        _, secret = writer.catalog.list_documents(OPERATOR)
        original = layout.originals / secret.version[:2] / secret.version
        original.parent.mkdir(parents=True, exist_ok=True)
        original.write_text(f"Secret\f{SECRET}", encoding="utf-8")  # whose hash is the version
        footprint = writer.catalog.footprint(secret.document_id)
        for content_id in footprint.contents:
            block = layout.blocks / str(content_id) / "1-ab.kv"
            block.parent.mkdir(parents=True, exist_ok=True)
            block.write_bytes(b"computed")
        reply = reply_of(secret.document_id)
        writer.catalog.conversations.add_turn(None, "ann", "What rises?", reply)
        evaluate(writer.catalog, reply | {"id": "1"})
        # As it was, with what the log holds.
        with closing(sqlite3.connect(layout.catalog)) as connection:
            before.mkdir()
            with closing(sqlite3.connect(before / "catalog.sqlite")) as copy:
                connection.backup(copy)
        for name in ("index", "originals", "blocks"):
            shutil.copytree(data_dir / name, before / name)
        writer.delete_document(secret.document_id)
    return Deleted(data_dir, str(secret.document_id), str(secret.version), reply, before)


def test_nothing_is_left_of_a_deleted_document(deleted: Deleted) -> None:
    looks = deleted.looks()
    assert deleted.left() == {}
    assert {one.place for one in looks} >= {
        "catalog",
        "catalog: text",
        "catalog: passages",
        "index",
        "originals",
        "prepared passages",
        "conversations",
        "conversations: text",
        "evaluations",
        "evaluations: text",
        "evaluations: folders",
        "files that wait",
        "catalog: freed pages",
    }
    assert all(one.looked_at and one.remedy is None for one in looks)
    for path in deleted.data_dir.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_the_record_holds_who_and_what_and_no_text(deleted: Deleted) -> None:
    with open_catalog(deleted.data_dir) as catalog:
        (one,) = catalog.deletions.deleted()
        assert (one.document_id, one.document) == (deleted.document_id, "secret.txt")
        assert (one.collection, one.by) == ("docs", "operator")
        assert catalog.deletions.deleted("secret.txt") == (one,)
        assert catalog.deletions.deleted(deleted.document_id) == (one,)
        assert catalog.deletions.deleted("kept.txt") == ()


def restore_rows(deleted: Deleted, *tables: str) -> None:
    with closing(sqlite3.connect(deleted.layout.catalog)) as connection, connection:
        connection.execute("ATTACH ? AS before", (str(deleted.before / "catalog.sqlite"),))
        for table in tables:
            connection.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM before.{table}")


def run_of_an_earlier_plinth(deleted: Deleted) -> None:
    path = deleted.layout.evaluations / "run" / "answers" / "hr.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(deleted.reply | {"id": "1"}) + "\n", encoding="utf-8")


def sent_again(deleted: Deleted) -> None:
    with open_catalog(deleted.data_dir) as catalog:
        job_id = catalog.jobs.add(JobKind.UPLOAD, {"collection": "docs"}, "ada")
        path = deleted.layout.upload(job_id, "again.txt")
        path.parent.mkdir(parents=True)
        shutil.copy(deleted.before / "originals" / deleted.version[:2] / deleted.version, path)
        catalog.jobs.add_file(job_id, "again.txt", path.stat().st_size)


def freed_page(deleted: Deleted) -> None:
    with closing(sqlite3.connect(deleted.layout.catalog, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete=0")
        connection.execute("CREATE TABLE more AS SELECT hex(randomblob(9000)) AS text")
        connection.execute("DROP TABLE more")


DAMAGES: dict[str, Callable[[Deleted], None]] = {
    "catalog: text": lambda d: restore_rows(d, "contents", "pages"),
    "catalog: passages": lambda d: restore_rows(d, "contents", "pages", "chunks"),
    "originals": lambda d: d.bring_back("originals/*/*"),
    "prepared passages": lambda d: d.bring_back("blocks/*/*"),
    "conversations": lambda d: restore_rows(d, "turn_documents"),
    "conversations: text": lambda d: restore_rows(d, "turns", "turn_documents"),
    "evaluations": lambda d: restore_rows(d, "run_documents"),
    "evaluations: text": lambda d: restore_rows(d, "run_cases", "run_documents"),
    "evaluations: folders": run_of_an_earlier_plinth,
    "files that wait": sent_again,
    "files that belong to nothing": lambda d: d.bring_back("index/*"),
    "catalog: freed pages": freed_page,
}


@pytest.mark.parametrize("place", DAMAGES)
def test_what_is_left_anywhere_is_found_and_its_remedy_removes_it(
    deleted: Deleted, place: str
) -> None:
    DAMAGES[place](deleted)
    assert place in deleted.left()
    (look,) = [one for one in deleted.looks() if one.place == place]
    assert look.remedy
    if "doctor --repair" in look.remedy:
        with open_writer(deleted.data_dir) as writer:
            writer.erase_deleted()
            writer.rebuild_index()
        assert deleted.left() == {}


def test_what_the_index_still_holds_is_found(deleted: Deleted) -> None:
    restore_rows(deleted, "segments")
    deleted.bring_back("index/*")
    assert "index" in deleted.left()


def test_journal_that_a_reader_keeps_is_said(
    deleted: Deleted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 1)
    with open_catalog(deleted.data_dir) as catalog, catalog._database.reading() as reader:
        if reader.scalar(text("PRAGMA journal_mode")) != "wal":
            pytest.skip("this SQLite has no safe write-ahead log")
        assert reader.scalars(select(JobRow)).all() == []
        catalog.jobs.add(JobKind.CHANGE, {}, "ada")
        (*_, look) = catalog.deletions.looks(catalog.deletions.deleted())
    assert "somebody writes now" in (look.left or "")


def test_bytes_that_another_document_has_are_not_left(writer: CatalogWriter) -> None:
    same = content(SECRET, title="Same")
    writer.publish(batch("docs", {"a.txt": same, "b.txt": same}))
    first, second = writer.catalog.list_documents(OPERATOR)
    footprint = writer.catalog.footprint(first.document_id)
    writer.delete_document(first.document_id)
    found = writer.catalog.traces(footprint)
    assert (found.is_none, found.n_twins) == (True, 1)
    assert all(one.left is None for one in _looks(writer.catalog))
    writer.delete_document(second.document_id)
    found = writer.catalog.traces(footprint)
    assert (found.is_none, found.n_twins) == (True, 0)


def test_document_that_was_taken_in_again_is_not_left(
    writer: CatalogWriter, data_dir: Path
) -> None:
    publish(writer, "docs", a=SECRET)
    (document,) = writer.catalog.list_documents(OPERATOR)
    writer.delete_document(document.document_id)
    publish(writer, "docs", a=SECRET)
    (again,) = writer.catalog.list_documents(OPERATOR)
    original = Layout(data_dir).originals / again.version[:2] / again.version
    original.parent.mkdir(parents=True, exist_ok=True)
    original.write_text(SECRET, encoding="utf-8")
    assert again.document_id != document.document_id
    assert all(one.left is None for one in _looks(writer.catalog))


def _looks(catalog: Catalog) -> tuple[Look, ...]:
    return catalog.deletions.looks(catalog.deletions.deleted())


def test_pruned_documents_and_those_of_a_removed_collection_are_recorded(
    writer: CatalogWriter,
) -> None:
    writer.people.add_collection("other")
    publish(writer, "docs", a="one", b="two")
    publish(writer, "other", a="three", c="four")
    writer.publish(batch("docs", {}, removals=("a.txt",)))
    writer.remove_collection("other")
    deleted = writer.catalog.deletions.deleted()
    assert [(one.collection, one.document) for one in deleted] == [
        ("docs", "a.txt"),
        ("other", "a.txt"),
        ("other", "c.txt"),
    ]
    assert all(one.left is None for one in _looks(writer.catalog))


def test_reply_that_ends_after_a_deletion_is_stored_without_the_text(
    writer: CatalogWriter,
) -> None:
    publish(writer, "docs", a="one", b="two")
    first, second = writer.catalog.list_documents(OPERATOR)
    reply = reply_of(first.document_id, second.document_id)
    writer.delete_document(first.document_id)
    key, _ = writer.catalog.conversations.add_turn(None, "ann", "What rises?", reply)
    assert all(one.left is None for one in _looks(writer.catalog))
    (turn,) = writer.catalog.conversations.turns(key, "ann", OPERATOR)
    quotes = [one["quote"] for one in turn.reply["citations"]]
    assert quotes == ["[removed]", SECRET]


def test_a_run_loses_the_replies_that_show_a_deleted_document_even_under_way(
    writer: CatalogWriter,
) -> None:
    publish(writer, "docs", a="one", b="two")
    first, second = writer.catalog.list_documents(OPERATOR)
    runs = writer.catalog.runs
    lost = evaluate(writer.catalog, reply_of(first.document_id, second.document_id) | {"id": "1"})
    kept = evaluate(writer.catalog, reply_of(second.document_id) | {"id": "2"})
    runs.finish(kept)
    before = runs.counts(lost)
    with runs.under_way(lost):
        writer.delete_document(first.document_id)
    (case,) = runs.cases(lost, 0)
    assert (case.reply, case.error) == (None, FORGOTTEN)
    assert runs.counts(lost).n_changes > before.n_changes
    (case,) = runs.cases(kept, 0)
    assert case.reply is not None
    assert all(one.left is None for one in _looks(writer.catalog))
    assert runs.keep_reply(lost, 0, reply_of(first.document_id)) == FORGOTTEN  # too late
    assert all(one.left is None for one in _looks(writer.catalog))


def test_next_writer_tidies_what_a_crash_left(deleted: Deleted) -> None:
    restore_rows(deleted, "turns", "turn_documents", "run_cases", "run_documents")
    assert {"conversations: text", "evaluations: text"} <= set(deleted.left())
    with open_writer(deleted.data_dir):
        pass
    assert deleted.left() == {}


def test_backups_that_may_hold_it_are_counted(deleted: Deleted, tmp_path: Path) -> None:
    back_up(deleted.data_dir, tmp_path / "after.tar")
    with open_catalog(deleted.data_dir) as catalog:
        (one,) = catalog.deletions.deleted()
        later = replace(one, at="2100-01-01T00:00:00+00:00")
        earlier = replace(one, at="2000-01-01T00:00:00+00:00")
        assert catalog.deletions.n_backups_before([earlier, later]) == 1
        assert catalog.deletions.n_backups_before([earlier]) == 0
        assert catalog.deletions.n_backups_before([]) == 0


def test_unknown_document_has_no_footprint(writer: CatalogWriter) -> None:
    footprint = writer.catalog.footprint(DocumentId("none"))
    assert (footprint.n_chunks, len(footprint.chunk_ids)) == (0, 0)
    assert writer.catalog.traces(footprint).is_none
