from __future__ import annotations

from queue import Queue
from threading import Event

import pytest

from assistant.store.catalog import open_catalog
from assistant.store.changes import Change
from assistant.store.types import AuditAction, JobState
from ingest import vectors
from tests.ingest.desk import Desk, GatedEmbedder, standing_still


def test_files_wait_while_the_queue_is_paused_and_changes_go_on(desk: Desk) -> None:
    desk.upload({"old.txt": "Old."})
    desk.work()
    desk.catalog.queue.pause("ada")
    job_id = desk.upload({"a.txt": "Parking is free."})
    delete = desk.change(Change.DELETE_DOCUMENT, document_id=desk.documents()["old.txt"])
    assert desk.jobs.has_work()
    desk.work()
    assert desk.job(delete).state is JobState.DONE
    assert desk.job(job_id).state is JobState.WAITING
    assert not desk.jobs.has_work()
    assert desk.documents() == {}
    desk.catalog.queue.resume("ben")
    desk.work()
    assert desk.statuses(job_id) == {"a.txt": "ingested"}


def test_pause_outlives_the_process_and_says_whose_it_is(desk: Desk) -> None:
    desk.catalog.queue.pause("ada")
    desk.catalog.queue.pause("ben")
    with open_catalog(desk.layout.root) as reopened:
        pause = reopened.queue.current_pause()
        assert pause is not None
        assert pause.by == "ada"
        reopened.queue.resume("ben")
    desk.catalog.queue.resume("ada")
    assert desk.catalog.queue.current_pause() is None
    assert [(one.action, one.actor) for one in desk.catalog.audit.entries(limit=9)] == [
        (AuditAction.QUEUE_RESUMED, "ben"),
        (AuditAction.QUEUE_PAUSED, "ada"),
    ]


def test_pause_stops_the_job_under_way_after_what_it_has_in_hand(
    desk: Desk, one_by_one: None, cancels: Queue[Event]
) -> None:
    names = [f"{i}.txt" for i in range(4)]
    job_id = desk.upload({name: f"Text number {name}." for name in names})
    embedder = desk.embedder = GatedEmbedder(stands_at=2)
    with desk.working(), standing_still(desk, embedder, cancels):
        desk.catalog.queue.pause("ada")
    job, n_documents = desk.job(job_id), len(desk.documents())
    assert (job.state, job.n_waiting) == (JobState.WAITING, 4 - n_documents)
    assert 1 <= n_documents < 4
    assert len(desk.stored(job_id)) == job.n_waiting
    desk.catalog.queue.resume("ada")
    desk.work()
    assert desk.statuses(job_id) == dict.fromkeys(names, "ingested")
    assert len(desk.live_texts()) == 4


def test_pause_keeps_vectors_that_are_left_from_being_made(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EMBED_CHUNKS", 1)

    class PausingEmbedder(GatedEmbedder):
        def embed_documents(self, texts):  # type: ignore[no-untyped-def]
            desk.upload({"more.txt": "More."})  # its text goes first
            desk.catalog.queue.pause("ada")
            return super().embed_documents(texts)

    desk.upload({f"{i}.txt": f"Text number {i}." for i in range(3)})
    desk.embedder = PausingEmbedder(stands_at=0)
    desk.work()
    assert desk.catalog.n_unembedded() == 2
    assert not desk.worker.work_once()
    desk.catalog.queue.resume("ada")
    desk.embedder = GatedEmbedder(stands_at=0)
    desk.work()
    assert desk.catalog.n_unembedded() == 0
    assert len(desk.live_texts()) == 4
