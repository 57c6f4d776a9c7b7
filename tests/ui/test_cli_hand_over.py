from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assistant.access import OPERATOR, OPERATOR_NAME
from assistant.store.catalog import open_catalog
from assistant.store.jobs import Jobs
from assistant.store.layout import Layout
from assistant.store.lock import ProcessLock
from assistant.store.types import JobKind, JobState
from ingest.settings import IngestSettings
from ingest.worker import Worker
from models.fakes import FakeEmbedder
from tests.waiting import wait_until
from ui.cli import hand_over

LIMIT_S = 100.0  # only a test that fails waits that long


@contextmanager
def working(data_dir: Path) -> Iterator[None]:
    """Let a worker carry out the queue meanwhile."""
    closing = threading.Event()
    with open_catalog(data_dir) as catalog:
        worker = Worker(
            data_dir=data_dir,
            jobs=catalog.jobs,
            embedder=FakeEmbedder,
            settings=IngestSettings(parser_processes=1),
            closing=closing,
        )
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield
        finally:
            closing.set()
            thread.join(LIMIT_S)
        assert not thread.is_alive()


@pytest.fixture
def serving(data_dir: Path) -> Iterator[None]:
    """A server runs, as far as commands can tell."""
    with ProcessLock(Layout(data_dir).server_lock, wait_s=0):
        yield


@pytest.fixture
def served(data_dir: Path, serving: None) -> Iterator[None]:
    """A server runs, with its worker."""
    with working(data_dir):
        yield


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[JobKind]:
    """The kinds of all jobs that came into a queue."""
    kinds: list[JobKind] = []
    add = Jobs.add

    def noted(self: Jobs, kind: JobKind, *args: object) -> int:
        kinds.append(kind)
        return add(self, kind, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Jobs, "add", noted)
    return kinds


def jobs_left(data_dir: Path) -> list[JobState]:
    with open_catalog(data_dir) as catalog:
        return [job.state for job in catalog.jobs.list(JobKind)]


def documents_of(data_dir: Path) -> list[str]:
    with open_catalog(data_dir) as catalog:
        return [one.document for one in catalog.list_documents(OPERATOR)]


def collections_of(data_dir: Path) -> list[str]:
    with open_catalog(data_dir) as catalog:
        return [one.name for one in catalog.people.collections()]


def groups_of(data_dir: Path) -> dict[str, tuple[str, ...]]:
    with open_catalog(data_dir) as catalog:
        return {one.name: one.collections for one in catalog.people.groups()}


def test_people_and_grants_change_at_once_beside_a_server(plinth, data_dir, serving, added):
    for command in (
        ("groups", "add", "staff"),
        ("groups", "add", "leavers"),
        ("collections", "add", "hr"),
        ("collections", "grant", "hr", "staff"),
        ("collections", "grant", "hr", "leavers"),
        ("collections", "revoke", "hr", "leavers"),
    ):
        done = plinth(*command)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert groups_of(data_dir) == {"leavers": (), "staff": ("hr",)}
    assert plinth("groups", "remove", "leavers").exit_code == 0
    assert groups_of(data_dir) == {"staff": ("hr",)}
    assert added == []  # no worker is needed


def test_collection_is_removed_by_the_server(asking, data_dir, served, added):
    done = asking("collections", "remove", "documents", "--yes")
    assert (done.exit_code, done.stderr) == (0, "removed 'documents'\n")
    assert documents_of(data_dir) == []
    assert (added, jobs_left(data_dir)) == ([JobKind.CHANGE], [])


def test_collection_that_the_server_does_not_know_is_the_same_error(plinth, data_dir, added):
    here = plinth("collections", "remove", "unknown", "--yes")
    with ProcessLock(Layout(data_dir).server_lock, wait_s=0), working(data_dir):
        there = plinth("collections", "remove", "unknown", "--yes")
    assert added == [JobKind.CHANGE]
    assert (there.exit_code, there.stderr) == (here.exit_code, here.stderr)
    assert there.exit_code == 1
    assert "'unknown'" in there.stderr
    assert jobs_left(data_dir) == []


def test_document_is_deleted_by_the_server(asking, data_dir, served, added):
    done = asking("docs", "delete", "leave.md", "--yes")
    assert (done.exit_code, done.stderr) == (0, "deleted 'leave.md'\n")
    assert documents_of(data_dir) == ["parking.txt", "travel.md"]
    assert (added, jobs_left(data_dir)) == ([JobKind.CHANGE], [])


def test_ingest_json_is_the_same_with_and_without_a_server(
    plinth, data_dir, folder, tmp_path, added
):
    (folder / "empty.txt").write_text("", encoding="utf-8")
    (folder / "two.jsonl").write_text('{"_id": "d1", "text": "One."}\nnone\n', encoding="utf-8")
    other = tmp_path / "another"
    other.mkdir()
    (other / "leave.md").write_text("# Leave\n\nElsewhere it is 30 days.", encoding="utf-8")
    paths = [folder, other / "leave.md"]
    plinth("groups", "add", "staff")

    def runs(data: Path) -> list[dict[str, object]]:
        reports = []
        for _ in range(2):
            command = ("ingest", *paths, "--group", "staff", "--prune", "--json")
            done = plinth(*command, "--data-dir", data)
            assert done.exit_code == 0
            reports.append(json.loads(done.stdout))
            (folder / "travel.md").unlink(missing_ok=True)
        (folder / "travel.md").write_text(travel, encoding="utf-8")
        return reports

    travel = (folder / "travel.md").read_text(encoding="utf-8")
    here = tmp_path / "here"
    here.mkdir()
    (here / "plinth.toml").write_bytes((data_dir / "plinth.toml").read_bytes())
    plinth("groups", "add", "staff", "--data-dir", here)
    without = runs(here)
    assert added == []
    with ProcessLock(Layout(data_dir).server_lock, wait_s=0), working(data_dir):
        with_server = runs(data_dir)
    assert set(added) == {JobKind.INGEST}
    assert with_server == without
    assert without[0]["counts"]["ingested"] == 5  # type: ignore[index]
    assert without[1]["counts"]["removed"] == 1  # type: ignore[index]
    assert groups_of(data_dir) == {"staff": ("documents",)}
    assert jobs_left(data_dir) == []


def test_ingest_prints_its_summary_with_a_server(plinth, folder, served):
    done = plinth("ingest", folder)
    assert (done.exit_code, done.stdout) == (0, "ingested        3\n")


@pytest.mark.parametrize(
    ("options", "named"),
    [(("--group", "unknown"), "'unknown'"), (("--collection", " "), "' '")],
)
def test_ingest_that_the_server_refuses_is_an_error_and_leaves_no_job(
    plinth, data_dir, folder, served, options, named
):
    done = plinth("ingest", folder, *options)
    assert done.exit_code == 1
    assert named in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (jobs_left(data_dir), documents_of(data_dir)) == ([], [])


def test_ingest_of_a_wrong_path_asks_no_server(plinth, tmp_path, serving, added):
    done = plinth("ingest", tmp_path / "missing")
    assert (done.exit_code, added) == (1, [])
    assert "missing" in done.stderr


def test_ingest_interrupted_is_stopped_at_the_server(
    plinth, data_dir, folder, tmp_path, serving, monkeypatch
):
    other = tmp_path / "another"
    other.mkdir()
    add = Jobs.add

    def add_and_interrupt(self: Jobs, *args: object) -> int:
        job_id = add(self, *args)  # type: ignore[arg-type]
        if job_id == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return job_id

    monkeypatch.setattr(Jobs, "add", add_and_interrupt)
    done = plinth("ingest", folder, other, "--json")
    assert done.exit_code == 130
    assert json.loads(done.stdout)["documents"] == []
    assert jobs_left(data_dir) == []


def test_change_that_somebody_stops_is_an_error(plinth, data_dir, serving, monkeypatch):
    monkeypatch.setattr(hand_over.time, "sleep", lambda _: stop_all(data_dir))
    plinth("collections", "add", "hr")
    done = plinth("collections", "remove", "hr", "--yes")
    assert done.exit_code == 1
    assert "stopped" in done.stderr
    assert (collections_of(data_dir), jobs_left(data_dir)) == (["hr"], [])


def stop_all(data_dir: Path) -> None:
    with open_catalog(data_dir) as catalog:
        for job in catalog.jobs.list(JobKind):
            catalog.jobs.stop(job.job_id)


def test_change_whose_server_ends_is_an_error_and_not_carried_out_later(
    plinth, data_dir, monkeypatch
):
    lock = ProcessLock(Layout(data_dir).server_lock, wait_s=0)
    lock.__enter__()
    monkeypatch.setattr(hand_over.time, "sleep", lambda _: lock.__exit__(None, None, None))
    plinth("collections", "add", "hr")
    done = plinth("collections", "remove", "hr", "--yes")
    assert done.exit_code == 1
    assert "the server ended" in done.stderr
    assert (collections_of(data_dir), jobs_left(data_dir)) == (["hr"], [])


def test_running_job_that_nobody_follows_any_more_is_to_stop(data_dir):
    with open_catalog(data_dir) as catalog:
        job_id = catalog.jobs.add(JobKind.INGEST, {}, OPERATOR_NAME)
        catalog.jobs.begin()
        with hand_over.given_up_at_end(catalog.jobs, [job_id]):
            pass
        job = catalog.jobs.get(job_id)
        assert (job.state, job.is_stopping) == (JobState.RUNNING, True)


def test_data_dir_that_is_a_file_is_a_plain_error(plinth, tmp_path):
    path = tmp_path / "file"
    path.write_text("", encoding="utf-8")
    done = plinth("groups", "add", "staff", "--data-dir", path)
    assert done.exit_code == 1
    assert "unexpected" not in done.stderr


def test_ingest_beside_a_paused_queue_says_so_and_waits(plinth, data_dir, folder, served):
    with open_catalog(data_dir) as catalog:
        catalog.queue.pause("ada")

        def resume_once_it_waits() -> None:
            wait_until(lambda: catalog.jobs.list([JobKind.INGEST]))
            catalog.queue.resume("ada")

        thread = threading.Thread(target=resume_once_it_waits)
        thread.start()
        done = plinth("ingest", folder)
        thread.join(LIMIT_S)
    assert done.exit_code == 0
    assert "paused by ada since" in done.stderr
    assert len(documents_of(data_dir)) == 3
