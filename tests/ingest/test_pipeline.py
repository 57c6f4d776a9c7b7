from __future__ import annotations

import itertools
import json
import os
from threading import Event

import pytest

from assistant.access import OPERATOR
from assistant.errors import UnknownNameError
from ingest import batches, parse_ahead
from ingest.chunking import Chunker
from ingest.errors import SourceUnavailableError
from ingest.pipeline import IngestProgress
from ingest.settings import IngestSettings
from ingest.types import FileStatus, RejectReason

INGESTED, REPLACED, UNCHANGED = FileStatus.INGESTED, FileStatus.REPLACED, FileStatus.UNCHANGED
LINKED, REJECTED, REMOVED = FileStatus.LINKED, FileStatus.REJECTED, FileStatus.REMOVED


def test_ingest_new_files_can_be_found(corpus, make_pdf):
    corpus.write("a.txt", "Trains are booked in second class.")
    corpus.write("sub/b.md", "# Leave\n\nEmployees have 25 days.")
    corpus.write("c.pdf", make_pdf("Hotels cost 120 euros.", "Parking is free."))
    report = corpus.ingest()
    assert [(one.document, one.status, one.n_pages, one.n_chunks) for one in report.outcomes] == [
        ("a.txt", INGESTED, 1, 1),
        ("c.pdf", INGESTED, 2, 2),
        ("sub/b.md", INGESTED, 1, 1),
    ]
    assert report.index_generation == corpus.writer.catalog.current_generation() > 0
    assert not report.is_interrupted
    assert "Parking is free." in corpus.live_texts()


def test_ingest_empty_folder_changes_nothing(corpus):
    report = corpus.ingest()
    assert (report.outcomes, report.index_generation) == ((), 0)


def test_ingest_same_again_embeds_and_publishes_nothing(corpus, monkeypatch):
    corpus.write("a.txt", "Trains are booked in second class.")
    corpus.write("empty.txt", "")
    generation = corpus.ingest().index_generation
    n_embedded = corpus.embedder.n_embedded
    monkeypatch.delattr("ingest.parsing.sandbox.ParserPool.parse")
    report = corpus.ingest()
    assert [(one.document, one.status, one.n_chunks) for one in report.outcomes] == [
        ("a.txt", UNCHANGED, 1),
        ("empty.txt", REJECTED, 0),
    ]
    assert report.index_generation == generation
    assert corpus.embedder.n_embedded == n_embedded


def test_ingest_changed_file_becomes_a_new_version(corpus):
    corpus.write("a.txt", "The limit is 100 euros.")
    corpus.ingest()
    corpus.write("a.txt", "The limit is 120 euros.")
    assert corpus.statuses() == {"a.txt": REPLACED}
    assert corpus.live_texts() == ["The limit is 120 euros."]
    detail = corpus.writer.catalog.document(corpus.documents()["a.txt"].document_id, OPERATOR)
    assert len(detail.versions) == 2


def test_ingest_equal_bytes_are_linked_within_a_run_and_later(corpus):
    corpus.write("a.md", "# Leave\n\nEmployees have 25 days.")
    corpus.write("b.md", "# Leave\n\nEmployees have 25 days.")
    assert corpus.statuses() == {"a.md": INGESTED, "b.md": LINKED}
    corpus.write("c.md", "# Leave\n\nEmployees have 25 days.")
    outcome = corpus.outcomes()["c.md"]
    assert (outcome.status, outcome.n_pages, outcome.n_chunks) == (LINKED, 1, 1)
    assert corpus.embedder.n_embedded == 1
    assert len(corpus.live_texts()) == 1


def test_ingest_equal_bytes_without_a_title_are_linked_under_their_own_names(corpus):
    corpus.write("a.txt", "Employees have 25 days.")
    corpus.write("b.txt", "Employees have 25 days.")
    assert corpus.statuses() == {"a.txt": INGESTED, "b.txt": LINKED}
    assert {one.title for one in corpus.documents().values()} == {"a", "b"}


def test_ingest_file_changed_back_and_forth_is_replaced_by_stored_content(corpus):
    for text in ("The limit is 100 euros.", "The limit is 120 euros."):
        corpus.write("a.txt", text)
        corpus.ingest()
    n_embedded = corpus.embedder.n_embedded
    corpus.write("a.txt", "The limit is 100 euros.")
    assert corpus.statuses() == {"a.txt": REPLACED}
    assert corpus.live_texts() == ["The limit is 100 euros."]
    assert corpus.embedder.n_embedded == n_embedded


def test_ingest_other_chunk_size_makes_documents_anew(corpus):
    corpus.write("a.txt", "The limit is a hundred euros a night. " * 10)
    assert corpus.outcomes()["a.txt"].n_chunks == 1
    corpus.settings = IngestSettings(parser_processes=1, chunk_tokens=32)
    outcome = corpus.outcomes()["a.txt"]
    assert (outcome.status, outcome.n_chunks) == (REPLACED, 4)  # 3 sentences of 9 tokens fit
    detail = corpus.writer.catalog.document(corpus.documents()["a.txt"].document_id, OPERATOR)
    assert len(detail.versions) == 1


def test_ingest_one_bad_file_never_fails_the_others(corpus, make_pdf):
    corpus.write("empty.txt", "")
    corpus.write("locked.pdf", make_pdf("Secret.", password="secret"))
    corpus.write("cut.pdf", make_pdf("Text.")[:100])
    corpus.write("noise.bin", bytes(range(256)) * 10)
    corpus.write("named.pdf", "A text, whatever its name says.")
    (corpus.folder / "dangling.txt").symlink_to("nothing")
    os.mkfifo(corpus.folder / "pipe.txt")
    (corpus.folder / "folder.pdf").mkdir()
    corpus.write("good.txt", "Trains are booked in second class.")
    outcomes = corpus.outcomes()
    reasons = {n: one.rejection.reason for n, one in outcomes.items() if one.rejection}
    assert reasons == {
        "empty.txt": RejectReason.EMPTY,
        "locked.pdf": RejectReason.ENCRYPTED,
        "cut.pdf": RejectReason.CORRUPT,
        "noise.bin": RejectReason.UNSUPPORTED,
        "dangling.txt": RejectReason.UNREADABLE,
        "pipe.txt": RejectReason.UNREADABLE,
    }
    assert {n for n, one in outcomes.items() if one.status is INGESTED} == {"good.txt", "named.pdf"}


def test_ingest_too_large_file_is_rejected_unread(corpus):
    corpus.settings = IngestSettings(parser_processes=1, max_file_bytes=10)
    corpus.write("large.txt", "x" * 11)
    outcome = corpus.outcomes()["large.txt"]
    assert outcome.rejection is not None
    assert outcome.rejection.reason is RejectReason.TOO_LARGE
    assert "ingest.max_file_bytes" in outcome.rejection.detail


def test_ingest_unexpected_error_with_one_file_is_its_outcome_only(corpus, monkeypatch, caplog):
    chunk = Chunker.chunk

    def failing(self, document, *, title):
        if title == "bad":
            raise ZeroDivisionError
        return chunk(self, document, title=title)

    monkeypatch.setattr(Chunker, "chunk", failing)
    corpus.write("bad.txt", "Bad.")
    corpus.write("good.txt", "Good.")
    outcomes = corpus.outcomes()
    assert outcomes["good.txt"].status is INGESTED
    assert outcomes["bad.txt"].rejection is not None
    assert outcomes["bad.txt"].rejection.reason is RejectReason.CRASHED
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.undo()
    assert corpus.statuses()["bad.txt"] is INGESTED  # tried again, its bytes are not to blame


def test_ingest_file_that_vanishes_during_the_run_is_unreadable(corpus, monkeypatch):
    corpus.write("a.txt", "Gone soon.")
    keep = corpus.writer.keep_original

    def vanish(file):
        file.unlink()
        return keep(file)

    monkeypatch.setattr(corpus.writer, "keep_original", vanish)
    outcome = corpus.outcomes()["a.txt"]
    assert outcome.rejection is not None
    assert outcome.rejection.reason is RejectReason.UNREADABLE


def test_ingest_good_file_that_became_bad_keeps_answering_and_is_flagged(corpus):
    corpus.write("a.txt", "The limit is 100 euros.")
    corpus.ingest()
    corpus.write("a.txt", "")
    for _ in range(2):
        outcome = corpus.outcomes()["a.txt"]
        assert (outcome.status, outcome.flags) == (REJECTED, ("newer-version-rejected",))
    assert corpus.live_texts() == ["The limit is 100 euros."]
    assert corpus.documents()["a.txt"].flags == ("newer-version-rejected",)
    corpus.write("a.txt", "The limit is 120 euros.")
    assert corpus.statuses() == {"a.txt": REPLACED}
    assert corpus.documents()["a.txt"].flags == ()


def test_ingest_rejected_file_that_was_mended_is_taken_in(corpus):
    corpus.write("a.txt", "")
    assert corpus.statuses() == {"a.txt": REJECTED}
    corpus.write("a.txt", "Now with text.")
    assert corpus.statuses() == {"a.txt": INGESTED}
    assert corpus.writer.catalog.rejected_files() == ()


def test_ingest_rejected_file_that_is_gone_is_forgotten(corpus):
    path = corpus.write("a.txt", "")
    corpus.ingest()
    path.unlink()
    assert corpus.statuses() == {}
    assert corpus.writer.catalog.rejected_files() == ()


def test_ingest_removes_what_is_gone_only_to_prune_and_below_the_source(corpus, tmp_path):
    kept = tmp_path / "other"
    kept.mkdir()
    (kept / "other.txt").write_text("Elsewhere.", encoding="utf-8")
    corpus.write("a.txt", "The limit is 100 euros.")
    path = corpus.write("b.txt", "Trains are booked in second class.")
    corpus.ingest(corpus.folder, kept)
    path.unlink()
    assert corpus.statuses() == {"a.txt": UNCHANGED}
    assert corpus.statuses(corpus.folder / "a.txt", prune=True) == {"a.txt": UNCHANGED}
    assert set(corpus.documents()) == {"a.txt", "b.txt", "other.txt"}
    assert corpus.statuses(prune=True) == {"a.txt": UNCHANGED, "b.txt": REMOVED}
    assert set(corpus.documents()) == {"a.txt", "other.txt"}
    assert "Trains are booked in second class." not in corpus.live_texts()


def test_ingest_prune_keeps_documents_of_a_folder_that_cannot_be_listed(corpus, monkeypatch):
    corpus.write("shut/a.txt", "The limit is 100 euros.")
    corpus.ingest()
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)  # root may list everything
    assert corpus.statuses(prune=True) == {"shut": REJECTED}
    assert set(corpus.documents()) == {"shut/a.txt"}


def test_ingest_single_file_is_named_alone_and_equals_the_folders(corpus):
    path = corpus.write("sub/a.txt", "The limit is 100 euros.")
    assert corpus.statuses(path) == {"a.txt": INGESTED}
    assert corpus.statuses(path.parent) == {"a.txt": UNCHANGED}


def test_ingest_same_name_in_two_collections_is_two_documents(corpus):
    corpus.write("a.txt", "The limit is 100 euros.")
    corpus.ingest()
    corpus.writer.people.add_collection("more")
    corpus.collection = "more"
    assert corpus.statuses() == {"a.txt": LINKED}
    assert len(corpus.writer.catalog.list_documents(OPERATOR)) == 2


def test_ingest_deleted_document_is_found_no_more_and_comes_back_with_its_folder(corpus):
    corpus.write("a.txt", "The limit is 100 euros.")
    corpus.ingest()
    corpus.writer.delete_document(corpus.documents()["a.txt"].document_id)
    assert corpus.live_texts() == []
    assert corpus.statuses() == {"a.txt": INGESTED}


def test_ingest_wrong_path_or_collection_changes_nothing(corpus):
    corpus.write("a.txt", "The limit is 100 euros.")
    with pytest.raises(SourceUnavailableError):
        corpus.ingest(corpus.folder, corpus.folder / "missing")
    corpus.collection = "unknown"
    with pytest.raises(UnknownNameError):
        corpus.ingest()
    assert corpus.documents() == {}


def test_ingest_name_that_is_not_utf8_is_taken_in(corpus):
    path = os.fsencode(corpus.folder) + b"/caf\xe9.txt"
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - a name of bytes
        file.write("Coffee is free.")
    assert corpus.statuses() == {"caf\\xe9.txt": INGESTED}
    assert corpus.statuses() == {"caf\\xe9.txt": UNCHANGED}


def test_ingest_leaves_its_own_data_dir_out(corpus):
    corpus.folder = corpus.data_dir.parent
    corpus.write("a.txt", "The limit is 100 euros.")
    assert corpus.statuses() == {"a.txt": INGESTED}


def record(name: str, text: str, title: str = "") -> str:
    return json.dumps({"_id": name, "title": title, "text": text}) + "\n"


def test_ingest_records_are_documents_of_their_own(corpus):
    lines = [record("d1", "Fly economy.", "Travel"), record("d2", "Twenty days."), "no record\n"]
    corpus.write("corpus.jsonl", "".join(lines))
    outcomes = corpus.outcomes()
    assert {n: one.status for n, one in outcomes.items()} == {
        "corpus.jsonl:3": REJECTED,
        "d1": INGESTED,
        "d2": INGESTED,
    }
    assert corpus.texts() == {"d1": "Fly economy.", "d2": "Twenty days."}
    assert {one.title for one in corpus.documents().values()} == {"Travel", "d2"}


def test_ingest_records_are_compared_one_by_one(corpus):
    corpus.write("corpus.jsonl", record("d1", "One.") + record("d2", "Two."))
    corpus.ingest()
    corpus.write("corpus.jsonl", record("d3", "Three.") + record("d1", "One more."))
    statuses = corpus.statuses(prune=True)
    assert statuses == {"d1": REPLACED, "d2": REMOVED, "d3": INGESTED}


def test_ingest_record_whose_id_is_taken_is_rejected(corpus):
    corpus.write("corpus.jsonl", record("d1", "One.") + record("d1", "Two."))
    outcomes = corpus.outcomes()
    assert outcomes["d1"].status is INGESTED
    assert outcomes["corpus.jsonl:2"].rejection is not None
    assert "'d1'" in outcomes["corpus.jsonl:2"].rejection.detail
    assert corpus.texts() == {"d1": "One."}


def test_ingest_prune_keeps_records_of_a_file_that_became_something_else(corpus):
    corpus.write("corpus.jsonl", record("d1", "One."))
    corpus.ingest()
    corpus.write("corpus.jsonl", '{"level": "info"}\n')
    outcomes = corpus.outcomes(prune=True)
    assert outcomes["corpus.jsonl"].rejection is not None
    assert outcomes["corpus.jsonl"].rejection.reason is RejectReason.UNSUPPORTED
    assert set(corpus.documents()) == {"d1"}


def test_ingest_unexpected_error_in_a_parser_is_its_documents_outcome_only(corpus, monkeypatch):
    parse_record = parse_ahead.parse_record

    def failing(one):
        if one.document == "d1":
            raise ZeroDivisionError
        return parse_record(one)

    monkeypatch.setattr(parse_ahead, "parse_record", failing)
    corpus.write("corpus.jsonl", record("d1", "One.") + record("d2", "Two."))
    outcomes = corpus.outcomes()
    assert outcomes["d1"].rejection is not None
    assert outcomes["d1"].rejection.reason is RejectReason.CRASHED
    assert outcomes["d2"].status is INGESTED


def test_ingest_many_records_start_no_parser(corpus, monkeypatch):
    monkeypatch.delattr("ingest.parsing.sandbox.ParserPool.parse")
    monkeypatch.setattr(batches, "PUBLISH_DOCUMENTS", 50)
    corpus.write("corpus.jsonl", "".join(record(f"d{i}", f"Text {i}.") for i in range(100)))
    report = corpus.ingest()
    assert len(report.outcomes) == len(corpus.documents()) == 100
    assert report.index_generation == 3  # at 50 documents, at the end, and the vectors


def test_ingest_progress_ends_at_all_bytes(corpus, make_pdf):
    seen: list[IngestProgress] = []
    corpus.write("a.txt", "The limit is 100 euros. " * 500)
    corpus.write("b.pdf", make_pdf("Parking is free."))
    corpus.write("c.txt", "")
    corpus.ingest(on_progress=seen.append)
    assert seen[-1].n_bytes_done == seen[-1].n_bytes
    assert seen[-1].n_documents_done == 3
    # All bytes without a document would read as if nothing had been taken in.
    assert all(one.n_documents_done == 3 for one in seen if one.n_bytes_done == one.n_bytes)
    assert all(a.n_bytes_done <= b.n_bytes_done for a, b in itertools.pairwise(seen))


def test_ingest_cancelled_publishes_what_is_complete_and_the_next_run_does_the_rest(
    corpus, monkeypatch
):
    monkeypatch.setattr(batches, "PUBLISH_DOCUMENTS", 2)
    for i in range(8):
        corpus.write(f"{i}.txt", f"Text {i}.")
    cancel = Event()

    def stop_after_four(progress: IngestProgress) -> None:
        if progress.n_documents_done >= 4:
            cancel.set()

    report = corpus.ingest(cancel=cancel, on_progress=stop_after_four)
    assert report.is_interrupted
    assert {one.status for one in report.outcomes} == {INGESTED}
    assert len(report.outcomes) == len(corpus.documents()) == len(corpus.live_texts()) == 4
    statuses = list(corpus.statuses().values())
    assert (statuses.count(UNCHANGED), statuses.count(INGESTED)) == (4, 4)


def test_ingest_cancelled_before_it_starts_does_nothing(corpus):
    corpus.write("a.txt", "The limit is 100 euros.")
    cancel = Event()
    cancel.set()
    report = corpus.ingest(cancel=cancel, prune=True)
    assert (report.outcomes, report.is_interrupted) == ((), True)


def test_ingest_publishes_now_and_then_while_parsing_is_slow(corpus, monkeypatch):
    monkeypatch.setattr(batches, "PUBLISH_S", 0.0)
    for i in range(3):
        corpus.write(f"{i}.txt", f"Text {i}.")
    assert corpus.ingest().index_generation == 4  # the vectors come last
