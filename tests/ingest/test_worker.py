from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import pytest

from assistant.access import OPERATOR
from assistant.errors import StoreError
from assistant.store.changes import Change
from assistant.store.lock import ProcessLock
from assistant.store.types import JobState
from assistant.store.writer import open_writer
from ingest import vectors
from ingest import worker as worker_module
from ingest.requests import outcome_of
from ingest.settings import IngestSettings
from ingest.types import FileStatus, RejectReason
from ingest.uploads import clear_job
from ingest.worker import Worker
from models.errors import ModelError
from models.fakes import FakeEmbedder
from models.types import FloatMatrix
from tests.ingest.conftest import StartWork
from tests.ingest.desk import LIMIT_S, Desk, GatedEmbedder, standing_still, write

WAITING, DONE = JobState.WAITING, JobState.DONE
FAILED, STOPPED = JobState.FAILED, JobState.STOPPED


def test_uploaded_files_each_have_an_outcome_and_good_ones_are_found(desk: Desk, make_pdf) -> None:
    job_id = desk.upload(
        {
            "hr/leave.md": "# Leave\n\nEmployees have 25 days.",
            "cut.pdf": make_pdf("Text.")[:100],
            "travel.pdf": make_pdf("Hotels cost 120 euros.", "Trains are booked in second class."),
        }
    )
    desk.work()
    job = desk.job(job_id)
    assert (job.state, job.n_files, job.n_waiting, job.n_rejected) == (DONE, 3, 0, 1)
    assert job.n_bytes_done == job.n_bytes == sum(f.size_bytes for f in desk.jobs.files(job_id))
    files = desk.files(job_id)
    assert desk.statuses(job_id) == {
        "hr/leave.md": "ingested",
        "cut.pdf": "rejected",
        "travel.pdf": "ingested",
    }
    assert (files["travel.pdf"].n_pages, files["travel.pdf"].n_chunks) == (2, 2)
    rejected = outcome_of(files["cut.pdf"])
    assert rejected is not None
    assert rejected.rejection is not None
    assert rejected.rejection.reason is RejectReason.CORRUPT
    assert set(desk.documents()) == {"hr/leave.md", "travel.pdf"}
    assert "Hotels cost 120 euros." in desk.live_texts()


def test_uploaded_bytes_go_once_taken_in_and_rejected_ones_with_the_job(desk: Desk) -> None:
    job_id = desk.upload({"good.txt": "Parking is free.", "bad.pdf": b"%PDF-1.4 cut"})
    assert len(desk.stored(job_id)) == 2
    clear_job(desk.jobs, desk.layout, job_id)
    assert len(desk.stored(job_id)) == 2  # not before it is over
    desk.work()
    assert desk.stored(job_id) == {desk.layout.upload(job_id, "bad.pdf")}
    desk.jobs.retry(job_id)
    desk.work()
    assert desk.statuses(job_id) == {"good.txt": "ingested", "bad.pdf": "rejected"}
    clear_job(desk.jobs, desk.layout, job_id)
    assert not (desk.layout.uploads / str(job_id)).exists()
    assert set(desk.documents()) == {"good.txt"}


def test_file_uploaded_again_is_a_new_version_of_its_document(desk: Desk) -> None:
    desk.upload({"limits.txt": "The limit is 100 euros."})
    desk.work()
    document_id = desk.documents()["limits.txt"]
    second = desk.upload({"limits.txt": "The limit is 120 euros."})
    third = desk.upload({"limits.txt": "The limit is 120 euros."})
    desk.work()
    assert desk.statuses(second) == {"limits.txt": "replaced"}
    assert desk.statuses(third) == {"limits.txt": "unchanged"}
    assert desk.documents() == {"limits.txt": document_id}
    (summary,) = desk.catalog.list_documents(OPERATOR)
    assert len(desk.catalog.document(summary.document_id, OPERATOR).versions) == 2
    assert desk.live_texts() == ["The limit is 120 euros."]


def test_uploaded_records_are_documents_and_retry_leaves_bad_ones_alone(desk: Desk) -> None:
    lines = [json.dumps({"_id": "d1", "text": "Fly economy."}), "no record", ""]
    job_id = desk.upload({"corpus.jsonl": "\n".join(lines), "empty.txt": ""})
    for _ in range(2):
        desk.work()
        assert desk.job(job_id).state is DONE
        assert desk.statuses(job_id) == {
            "corpus.jsonl": "ingested",
            "d1": "ingested",
            "corpus.jsonl:2": "rejected",
            "empty.txt": "rejected",
        }
        assert desk.stored(job_id) == {desk.layout.upload(job_id, "empty.txt")}
        desk.jobs.retry(job_id)
    assert set(desk.documents()) == {"d1"}


def test_uploaded_bytes_that_are_gone_are_the_outcome_of_that_file_only(desk: Desk) -> None:
    job_id = desk.upload({"gone.txt": "Gone.", "good.txt": "Parking is free."})
    desk.layout.upload(job_id, "gone.txt").unlink()
    desk.work()
    assert desk.job(job_id).state is DONE
    assert desk.statuses(job_id) == {"gone.txt": "rejected", "good.txt": "ingested"}


def test_upload_with_a_very_long_suffix_is_taken_in(desk: Desk) -> None:
    job_id = desk.upload({"notes." + "x" * 300: "Parking is free."})
    desk.work()
    assert [file.status for file in desk.jobs.files(job_id)] == ["ingested"]


def test_folder_is_ingested_granted_and_pruned(desk: Desk, tmp_path: Path) -> None:
    with open_writer(desk.layout.root) as writer:
        writer.people.add_group("staff")
    folder = tmp_path / "folder"
    write(folder, 2)
    first = desk.ingest(folder, groups=("staff",))
    desk.work()
    assert desk.statuses(first) == {"0.txt": "ingested", "1.txt": "ingested"}
    assert desk.groups_of_docs() == ("staff",)
    (folder / "0.txt").unlink()
    second = desk.ingest(folder, prune=True)
    desk.work()
    assert desk.statuses(second) == {"0.txt": "removed", "1.txt": "unchanged"}
    (unchanged,) = [file for file in desk.jobs.files(second) if file.status == "unchanged"]
    assert (unchanged.n_pages, unchanged.n_chunks) == (1, 1)
    assert set(desk.documents()) == {"1.txt"}


def test_folders_with_files_of_one_name_are_both_taken_in(desk: Desk, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"This is in {name}.", encoding="utf-8")
    job_id = desk.ingest(tmp_path / "one", tmp_path / "two")
    desk.work()
    assert desk.job(job_id).state is DONE
    assert desk.live_texts() == ["This is in one.", "This is in two."]


@pytest.mark.parametrize("change", list(Change))
def test_changes_are_carried_out_in_the_name_of_who_asked(desk: Desk, change: Change) -> None:
    desk.upload({"old.html": "<p>Old.</p><p hidden>Older.</p>"})
    desk.work()
    document_id = desk.documents()["old.html"]
    with_hidden, without = ["Old.", "Older."], ["Old."]
    arguments, texts = {
        Change.DELETE_DOCUMENT: ({"document_id": document_id}, []),
        Change.REMOVE_COLLECTION: ({"name": "docs"}, []),
        Change.USE_HIDDEN_TEXT: ({"document_id": document_id}, with_hidden),
        Change.LEAVE_OUT_HIDDEN_TEXT: ({"document_id": document_id}, without),
    }[change]
    if change is Change.LEAVE_OUT_HIDDEN_TEXT:
        desk.change(Change.USE_HIDDEN_TEXT, document_id=document_id)
        desk.work()
        assert desk.live_texts() == with_hidden
    job_id = desk.change(change, **arguments)
    desk.work()
    assert desk.job(job_id).state is DONE
    assert desk.live_texts() == texts
    (entry,) = desk.catalog.audit.entries(limit=1)
    assert entry.actor == desk.job(job_id).requested_by


def test_change_comes_into_a_running_ingest_which_then_completes(
    desk: Desk, tmp_path: Path, one_by_one: None, cancels: Queue[Event]
) -> None:
    desk.upload({"old.txt": "Old."})
    desk.work()
    assert not cancels.get_nowait().is_set()
    names = write(tmp_path / "folder", 4)
    job_id = desk.ingest(tmp_path / "folder")
    embedder = desk.embedder = GatedEmbedder(stands_at=3)
    with desk.working(), standing_still(desk, embedder, cancels):
        assert len(desk.documents()) == 3
        delete = desk.change(Change.DELETE_DOCUMENT, document_id=desk.documents()["old.txt"])
    # What the ingest did after the change was begun anew by the worker.
    assert not cancels.get_nowait().is_set()
    assert desk.job(delete).state is DONE
    finished = [desk.job(one).finished_at for one in (delete, job_id)]
    assert finished == sorted(filter(None, finished))
    assert desk.job(job_id).state is DONE
    assert desk.statuses(job_id) == dict.fromkeys(names, "ingested")
    assert list(desk.documents()) == names
    assert len(desk.live_texts()) == 4


def test_grant_that_is_revoked_during_an_ingest_stays_revoked(
    desk: Desk, tmp_path: Path, one_by_one: None, cancels: Queue[Event]
) -> None:
    with open_writer(desk.layout.root) as writer:
        writer.people.add_group("staff")
    write(tmp_path / "folder", 3)
    job_id = desk.ingest(tmp_path / "folder", groups=("staff",))
    embedder = desk.embedder = GatedEmbedder(stands_at=2)
    with desk.working(), standing_still(desk, embedder, cancels):
        assert desk.groups_of_docs() == ("staff",)
        desk.catalog.edit_people("test").revoke("docs", "staff")
        desk.change(Change.DELETE_DOCUMENT, document_id=desk.documents()["0.txt"])  # interrupts
    assert desk.job(job_id).state is DONE
    assert desk.groups_of_docs() == ()


def test_stop_keeps_what_is_published_and_retry_does_the_rest(
    desk: Desk, one_by_one: None, cancels: Queue[Event]
) -> None:
    job_id = desk.upload({f"{i}.txt": f"Text number {i}." for i in range(4)})
    embedder = desk.embedder = GatedEmbedder(stands_at=3)
    with desk.working(), standing_still(desk, embedder, cancels):
        desk.jobs.stop(job_id)
    job = desk.job(job_id)
    n_documents = len(desk.documents())
    assert (job.state, job.is_stopping) == (STOPPED, False)
    assert 2 <= n_documents < 4
    assert len(desk.stored(job_id)) == job.n_waiting == 4 - n_documents
    desk.jobs.retry(job_id)
    desk.work()
    assert desk.job(job_id).state is DONE
    assert set(desk.statuses(job_id).values()) == {"ingested"}
    assert len(desk.documents()) == len(desk.live_texts()) == 4
    assert desk.stored(job_id) == set()


def test_closing_pauses_and_the_next_worker_goes_on(
    desk: Desk, one_by_one: None, cancels: Queue[Event]
) -> None:
    job_id = desk.upload({f"{i}.txt": f"Text number {i}." for i in range(4)})
    embedder = desk.embedder = GatedEmbedder(stands_at=2)
    thread = threading.Thread(target=desk.worker.run)
    thread.start()
    with standing_still(desk, embedder, cancels):
        desk.closing.set()
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    job = desk.job(job_id)
    assert (job.state, job.n_attempts, job.n_waiting > 0) == (WAITING, 0, True)
    desk.closing.clear()
    desk.work()
    assert desk.job(job_id).state is DONE
    assert len(desk.documents()) == 4


def test_run_recovers_a_job_that_a_killed_worker_left_then_waits_for_work(desk: Desk) -> None:
    class ClosingWhenIdle(Event):
        def wait(self, _timeout: float | None = None) -> bool:
            self.set()
            return True

    job_id = desk.upload({"a.txt": "Parking is free."})
    desk.jobs.begin()
    worker = Worker(
        data_dir=desk.layout.root,
        jobs=desk.jobs,
        embedder=FakeEmbedder,
        settings=IngestSettings(parser_processes=1),
        closing=ClosingWhenIdle(),
    )
    worker.run()
    assert desk.job(job_id).state is DONE


def test_files_that_come_while_a_job_runs_are_taken_in_too(
    desk: Desk, one_by_one: None, cancels: Queue[Event]
) -> None:
    job_id = desk.upload({"a.txt": "Parking is free."})
    embedder = desk.embedder = GatedEmbedder(stands_at=1)
    with desk.working():
        assert embedder.has_come.wait(LIMIT_S)
        try:
            desk.send(job_id, "b.txt", "Trains are booked in second class.")
        finally:
            embedder.gate.set()
    assert desk.job(job_id).state is DONE
    assert desk.statuses(job_id) == {"a.txt": "ingested", "b.txt": "ingested"}


class InterruptedEmbedder(FakeEmbedder):
    """Stops a job when it comes to embed, once."""

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        self._stop: Callable[[], None] | None = stop

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        if self._stop is not None:
            stop, self._stop = self._stop, None
            stop()
        return super().embed_documents(texts)


def test_vectors_that_a_stopped_job_left_are_made_when_nothing_else_is_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, cancels: Queue[Event]
) -> None:
    monkeypatch.setattr(vectors, "EMBED_CHUNKS", 1)
    job_id = _leave_vectors(desk, cancels)
    assert desk.job(job_id).state is STOPPED
    assert set(desk.statuses(job_id).values()) == {"ingested"}
    assert desk.worker.work_once()
    assert desk.catalog.n_unembedded() == 0
    assert not desk.worker.work_once()


def test_vectors_of_a_job_give_way_to_the_texts_of_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EMBED_CHUNKS", 1)
    first = desk.upload({f"{i}.txt": f"Text number {i}." for i in range(3)})
    desk.embedder = InterruptedEmbedder(lambda: later.append(desk.upload({"new.txt": "New."})))
    later: list[int] = []
    assert desk.worker.work_once()
    assert desk.job(first).state is DONE
    assert desk.catalog.n_unembedded() == 2
    assert desk.worker.work_once()
    assert desk.job(later[0]).state is DONE
    assert desk.catalog.n_unembedded() == 0
    assert len(desk.live_texts()) == 4


def test_vectors_left_give_way_to_a_job(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, cancels: Queue[Event]
) -> None:
    monkeypatch.setattr(vectors, "EMBED_CHUNKS", 1)
    watched = worker_module.embed_waiting

    def interrupted(*args: Any, is_unwanted: Callable[[], bool]) -> None:
        desk.upload({"new.txt": "New text."})
        assert any(is_unwanted() or pause.wait(0.05) for _ in range(2000))
        watched(*args, is_unwanted=is_unwanted)

    pause = Event()

    _leave_vectors(desk, cancels)
    with monkeypatch.context() as patched:
        patched.setattr(worker_module, "embed_waiting", interrupted)
        assert not desk.worker.work_once()
    assert desk.catalog.n_unembedded() == 2
    desk.work()
    assert len(desk.live_texts()) == 4
    assert desk.catalog.n_unembedded() == 0


def test_vectors_left_that_cannot_be_made_are_tried_again_after_the_next_job(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, cancels: Queue[Event], caplog
) -> None:
    monkeypatch.setattr(vectors, "EMBED_CHUNKS", 1)
    _leave_vectors(desk, cancels)
    with monkeypatch.context() as patched:
        patched.setattr(desk.worker, "_embedder", _missing)
        assert not desk.worker.work_once()
    assert "no weights" in caplog.text
    assert not desk.worker.work_once()
    desk.upload({"new.txt": "New text."})
    desk.work()
    assert desk.catalog.n_unembedded() == 0


def test_vectors_left_wait_while_another_process_writes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, cancels: Queue[Event]
) -> None:
    monkeypatch.setattr(vectors, "EMBED_CHUNKS", 1)
    monkeypatch.setattr(worker_module, "BUSY_WAIT_S", 0)
    _leave_vectors(desk, cancels)
    with ProcessLock(desk.layout.lock, wait_s=0):
        assert not desk.worker.work_once()
    assert desk.worker.work_once()
    assert desk.catalog.n_unembedded() == 0


def _leave_vectors(desk: Desk, cancels: Queue[Event]) -> int:
    """Stop a job of three chunks after the first vector, and return it."""
    job_id = desk.upload({f"{i}.txt": f"Text number {i}." for i in range(3)})

    def stop() -> None:
        desk.jobs.stop(job_id)
        assert cancels.get(timeout=LIMIT_S).wait(LIMIT_S)

    desk.embedder = InterruptedEmbedder(stop)
    assert desk.worker.work_once()
    assert desk.catalog.n_unembedded() == 2
    return job_id


def test_job_that_fails_says_why_and_can_be_tried_again(desk: Desk) -> None:
    job_id = desk.upload({"a.txt": "Parking is free."})
    worker = Worker(
        data_dir=desk.layout.root,
        jobs=desk.jobs,
        embedder=_missing,
        settings=IngestSettings(parser_processes=1),
        closing=desk.closing,
    )
    assert worker.work_once()
    assert (desk.job(job_id).state, desk.job(job_id).error) == (FAILED, "no weights; pull them")
    assert len(desk.stored(job_id)) == 1
    desk.jobs.retry(job_id)
    desk.work()
    assert desk.statuses(job_id) == {"a.txt": "ingested"}


def _missing() -> FakeEmbedder:
    raise ModelError("no weights; pull them")


def test_job_of_a_wrong_path_or_group_fails_alone(desk: Desk, tmp_path: Path) -> None:
    missing = desk.ingest(tmp_path / "missing")
    write(tmp_path / "folder", 1)
    granted = desk.ingest(tmp_path / "folder", groups=("unknown",))
    good = desk.ingest(tmp_path / "folder")
    desk.work()
    assert "missing" in (desk.job(missing).error or "")
    assert "no group 'unknown'" in (desk.job(granted).error or "")
    assert desk.job(good).state is DONE


def test_job_that_ends_unexpectedly_fails_alone_and_the_log_says_why(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(worker_module, "apply_change", broken)
    job_id = desk.change(Change.REMOVE_COLLECTION, name="docs")
    desk.work()
    assert (desk.job(job_id).state, desk.job(job_id).error) == (
        FAILED,
        worker_module.UNEXPECTED.format(job_id),
    )
    assert "ZeroDivisionError" in caplog.text


def test_job_waits_while_another_process_writes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "BUSY_WAIT_S", 0.0)
    with open_writer(desk.layout.root) as writer:
        writer.people.add_collection("docs")
    job_id = desk.change(Change.REMOVE_COLLECTION, name="docs")
    with ProcessLock(desk.layout.lock, wait_s=0):
        for _ in range(worker_module.MOST_ATTEMPTS + 1):
            assert not desk.worker.work_once()
            assert (desk.job(job_id).state, desk.job(job_id).n_attempts) == (WAITING, 0)
    desk.work()
    assert desk.job(job_id).state is DONE


def test_job_in_which_the_process_died_three_times_fails(desk: Desk) -> None:
    job_id = desk.upload({"a.txt": "Parking is free."})
    for _ in range(worker_module.MOST_ATTEMPTS):
        desk.jobs.begin()
        desk.jobs.recover()
    desk.work()
    assert desk.job(job_id).state is FAILED
    assert "3 times" in (desk.job(job_id).error or "")
    assert desk.documents() == {}


def test_busy_catalog_does_not_keep_a_stop_from_being_noticed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, one_by_one: None, cancels: Queue[Event]
) -> None:
    asked = desk.jobs.is_wanted_elsewhere
    errors = iter([StoreError("the catalog is busy")])

    def busy_once(job_id: int) -> bool:
        if error := next(errors, None):
            raise error
        return asked(job_id)

    monkeypatch.setattr(desk.jobs, "is_wanted_elsewhere", busy_once)
    job_id = desk.upload({"a.txt": "Parking is free.", "b.txt": "Hotels cost 120 euros."})
    embedder = desk.embedder = GatedEmbedder(stands_at=1)
    with desk.working(), standing_still(desk, embedder, cancels):
        desk.jobs.stop(job_id)
    assert next(errors, None) is None
    assert desk.job(job_id).state is STOPPED


def test_ingest_tells_each_outcome_once_it_is_durable(corpus) -> None:
    told: list[str] = []
    seen: list[set[str]] = []

    def note(outcomes: Sequence) -> None:
        told.extend(f"{one.document}: {one.status}" for one in outcomes)
        stored = set(corpus.documents())
        seen.append({one.document for one in outcomes if one.status is FileStatus.INGESTED})
        assert seen[-1] <= stored

    corpus.write("a.txt", "The limit is 100 euros.")
    corpus.write("b.txt", "")
    corpus.ingest(on_outcomes=note)
    assert sorted(told) == ["a.txt: ingested", "b.txt: rejected"]
    told.clear()
    (corpus.folder / "a.txt").unlink()
    corpus.ingest(on_outcomes=note, prune=True)
    assert sorted(told) == ["a.txt: removed", "b.txt: rejected"]


def test_work_that_is_killed_is_taken_up_again_and_nothing_doubled(
    desk: Desk, start_work: StartWork
) -> None:
    names = [f"{i}.txt" for i in range(5)]
    job_id = desk.upload({name: f"Text number {name}." for name in names})
    killed = start_work("standing", stands_at=3)
    assert len(desk.documents()) == 2
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert desk.job(job_id).state is JobState.RUNNING
    again = start_work("idle")
    job = desk.job(job_id)
    assert (job.state, job.n_files) == (DONE, 5)
    assert desk.statuses(job_id) == dict.fromkeys(names, "ingested")
    assert list(desk.documents()) == names
    assert len(desk.live_texts()) == 5
    assert all(
        len(desk.catalog.document(one.document_id, OPERATOR).versions) == 1
        for one in desk.catalog.list_documents(OPERATOR)
    )
    assert desk.catalog.problems() == ()
    assert desk.stored(job_id) == set()
    assert again.stdin is not None
    again.stdin.close()
    assert again.wait(LIMIT_S) == 0


def test_work_ends_quietly_when_it_is_told_to(start_work: StartWork) -> None:
    process = start_work("idle")
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT_S) == 0


def test_work_is_one_process_at_a_time(desk: Desk, start_work: StartWork) -> None:
    start_work("idle")
    assert ProcessLock.is_held(desk.layout.worker_lock)
