from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.store.types import AuditAction, DocumentPut, JobState
from ingest import worker as worker_module
from ingest.batches import Batches, Change
from ingest.care import MOST_DEATHS
from ingest.uploads import discard_put_aside, remove_leftovers
from tests.ingest.desk import LIMIT_S, PROJECT, Desk

PUT_ASIDE = ("rejected", "put_aside")
POISON = "poison.txt"
OTHERS = {"a.txt": "Parking is free.", "z.txt": "Trains are booked in second class."}


class Poison:
    """A file whose publishing fails for a reason that nobody foresaw."""

    def __init__(self) -> None:
        self.names = {POISON}
        self.n_tries = 0


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Poison:
    monkeypatch.setattr(worker_module, "FAILURE_PAUSE_S", 0)
    poison, add = Poison(), Batches.add

    def failing(self: Batches, change: Change) -> None:
        if change.put.path in poison.names and isinstance(change.put, DocumentPut):
            poison.n_tries += 1
            raise ZeroDivisionError
        add(self, change)

    monkeypatch.setattr(Batches, "add", failing)
    return poison


def fate(desk: Desk, job_id: int, name: str = POISON) -> tuple[str | None, str | None]:
    file = desk.files(job_id)[name]
    return file.status, file.reason


def test_file_that_fails_again_and_again_is_put_aside_and_the_others_taken_in(
    desk: Desk, poison: Poison
) -> None:
    job_id = desk.upload({"a.txt": OTHERS["a.txt"], POISON: "Poison.", "z.txt": OTHERS["z.txt"]})
    desk.work()
    job = desk.job(job_id)
    assert (job.state, job.n_rejected, job.n_put_aside) == (JobState.DONE, 1, 1)
    assert fate(desk, job_id) == PUT_ASIDE
    assert "3 times" in (desk.files(job_id)[POISON].detail or "")
    assert poison.n_tries == 1 + MOST_DEATHS  # once among the others, then alone
    assert list(desk.documents()) == list(OTHERS)
    assert desk.stored(job_id) == {desk.layout.upload(job_id, POISON)}


def test_two_such_files_are_told_apart(desk: Desk, poison: Poison) -> None:
    poison.names.add("bad.txt")
    job_id = desk.upload({POISON: "Poison.", "bad.txt": "Bad."} | OTHERS)
    desk.work()
    assert fate(desk, job_id) == fate(desk, job_id, "bad.txt") == PUT_ASIDE
    assert list(desk.documents()) == list(OTHERS)


def test_what_is_put_aside_is_tried_again_when_somebody_asks_only(
    desk: Desk, poison: Poison, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / POISON).write_text("Poison.", encoding="utf-8")
    first = desk.ingest(folder)
    desk.work()
    assert fate(desk, first) == PUT_ASIDE
    poison.n_tries = 0
    second = desk.ingest(folder)
    desk.work()
    assert fate(desk, second) == PUT_ASIDE
    assert poison.n_tries == 0
    poison.names.clear()
    desk.jobs.retry(second)
    desk.work()
    assert fate(desk, second) == ("ingested", None)


def test_another_version_of_what_was_put_aside_is_tried(desk: Desk, poison: Poison) -> None:
    desk.upload({POISON: "Poison."})
    desk.work()
    poison.names.clear()
    again = desk.upload({POISON: "Cured."})
    desk.work()
    assert fate(desk, again) == ("ingested", None)


def test_file_of_records_is_put_aside_as_a_whole_and_removes_nothing(
    desk: Desk, poison: Poison, tmp_path: Path
) -> None:
    poison.names = {"d2"}
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old.txt").write_text("Old.", encoding="utf-8")
    lines = [json.dumps({"_id": f"d{n}", "text": f"Record {n}."}) for n in (1, 2, 3)]
    (folder / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "old.txt").rename(folder / "new.txt")
    job_id = desk.ingest(folder, prune=True)
    desk.work()
    assert fate(desk, job_id, "corpus.jsonl") == PUT_ASIDE
    assert fate(desk, job_id, "new.txt") == ("ingested", None)
    poison.n_tries = 0
    desk.ingest(folder, prune=True)
    desk.work()
    assert poison.n_tries == 0
    assert set(desk.documents()) == {"d1", "new.txt"}


def test_what_is_put_aside_is_discarded_with_its_bytes(desk: Desk, poison: Poison) -> None:
    job_id = desk.upload({POISON: "Poison.", "empty.txt": ""} | OTHERS)
    desk.work()
    assert discard_put_aside(desk.catalog.queue, desk.layout, job_id, "ben") == 1
    assert set(desk.statuses(job_id)) == {*OTHERS, "empty.txt"}
    assert desk.stored(job_id) == {desk.layout.upload(job_id, "empty.txt")}
    assert desk.job(job_id).n_put_aside == 0
    (entry,) = desk.catalog.audit.entries(limit=1)
    assert (entry.actor, entry.action) == ("ben", AuditAction.DISCARDED)
    assert entry.details == {"documents": [POISON]}
    assert discard_put_aside(desk.catalog.queue, desk.layout, job_id, "ben") == 0


def test_discard_that_a_crash_cut_off_is_completed_at_the_next_start(
    desk: Desk, poison: Poison
) -> None:
    job_id = desk.upload({POISON: "Poison."})
    desk.work()
    desk.catalog.queue.discard(job_id, "ben")
    assert len(desk.stored(job_id)) == 1
    remove_leftovers(desk.jobs, desk.layout)
    assert desk.stored(job_id) == set()


# `plinth work` that is killed, as by the kernel for want of memory, whenever it comes to a text.
KILLED = """
import os, signal, sys
from ingest.worker import Worker
from models import factory
from models.fakes import FakeEmbedder
from ui.cli.main import main

class KilledEmbedder(FakeEmbedder):
    def count_tokens(self, texts):
        if any("Poison" in text for text in texts):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().count_tokens(texts)

def work_once(self, once=Worker.work_once):
    if not once(self):
        self._closing.set()
    return True

factory.build_embedder = lambda settings: KilledEmbedder()
Worker.work_once = work_once
main()
"""


def test_file_that_kills_the_process_is_put_aside_and_the_others_taken_in(desk: Desk) -> None:
    job_id = desk.upload({"a.txt": OTHERS["a.txt"], POISON: "Poison.", "z.txt": OTHERS["z.txt"]})
    command = [sys.executable, "-c", KILLED, "work", "--data-dir", str(desk.layout.root)]
    codes, waiting = [], []
    while not codes or codes[-1]:
        assert len(codes) <= MOST_DEATHS + 1
        process = subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": str(PROJECT)}, stdin=subprocess.PIPE
        )
        with process:
            codes.append(process.wait(LIMIT_S))
        waiting.append(desk.job(job_id).n_waiting)
    assert codes == [*[-signal.SIGKILL] * (1 + MOST_DEATHS), 0]
    assert waiting[1:] == [2, 1, 1, 0]  # what was in hand comes last from then on
    assert fate(desk, job_id) == PUT_ASIDE
    assert list(desk.documents()) == list(OTHERS)
    assert desk.catalog.problems() == ()
