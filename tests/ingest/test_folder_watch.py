from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.access import OPERATOR_NAME
from assistant.store.types import Job, JobKind, JobState, WatchedFolder
from ingest import folder_watch
from ingest.folder_watch import KEPT_JOBS, FolderWatch
from ingest.settings import WatchedFolderSettings
from tests.ingest.conftest import StartWork
from tests.ingest.desk import LIMIT_S, Desk
from tests.waiting import wait_until


class Watched:
    """A folder that is followed into the collection `docs`."""

    def __init__(self, desk: Desk, folder: Path, *, prune: bool) -> None:
        self.desk = desk
        self.folder = folder
        wanted = WatchedFolderSettings(folder=folder, collection="docs", prune=prune)
        self.watch = FolderWatch(
            wanted,
            jobs=desk.jobs,
            watched=desk.catalog.watched,
            data_dir=desk.layout.root,
        )

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_text(text, encoding="utf-8")
        later = max(path.stat().st_mtime_ns, before + 1)  # a clock may be slower than a test
        os.utime(path, ns=(later, later))

    def look(self, n_times: int = 2) -> None:
        """Look, and have the queue worked off."""
        for _ in range(n_times):
            self.watch.look()
            self.desk.work()

    def jobs(self) -> tuple[Job, ...]:
        return self.desk.jobs.list([JobKind.INGEST])

    def state(self) -> WatchedFolder:
        (state,) = self.desk.catalog.watched.list()
        return state


Watch = Callable[..., Watched]


@pytest.fixture
def watch(desk: Desk, folder: Path) -> Watch:
    return lambda *, prune=False: Watched(desk, folder, prune=prune)


def test_files_that_come_and_change_are_taken_in(desk: Desk, watch: Watch) -> None:
    watched = watch()
    watched.write("a.txt", "The limit is 100 euros.")
    watched.write("sub/b.txt", "Parking is free.")
    watched.look()
    assert list(desk.documents()) == ["a.txt", "sub/b.txt"]
    watched.write("a.txt", "The limit is 120 euros.")
    watched.look()
    assert desk.live_texts() == ["Parking is free.", "The limit is 120 euros."]
    (job,) = watched.jobs()  # what went well before is off the list
    assert (job.requested_by, desk.statuses(job.job_id)) == (OPERATOR_NAME, {"a.txt": "replaced"})
    assert (watched.state().n_files, watched.state().error) == (2, None)


def test_nothing_is_queued_while_nothing_changes(watch: Watch) -> None:
    watched = watch()
    watched.write("a.txt", "Parking is free.")
    watched.look(5)
    (job,) = watched.jobs()
    looked_at = watched.state().looked_at
    watched.look()
    assert [one.job_id for one in watched.jobs()] == [job.job_id]
    assert watched.state().looked_at == looked_at  # not a transaction for each look


def test_file_that_is_still_written_is_waited_for(desk: Desk, watch: Watch) -> None:
    watched = watch()
    watched.write("done.txt", "Parking is free.")
    for text in ("Trains", "Trains are", "Trains are booked"):
        watched.write("growing.txt", text)
        watched.look(1)
        assert "growing.txt" not in desk.documents()
    assert watched.state().n_unsettled == 1
    watched.look(1)
    assert list(desk.documents()) == ["done.txt", "growing.txt"]
    assert watched.state().n_unsettled == 0


def test_what_disappears_stays_unless_pruning_is_asked_for(desk: Desk, watch: Watch) -> None:
    watched = watch()
    for name in ("a.txt", "b.txt"):
        watched.write(name, f"Text of {name}.")
    watched.look()
    (watched.folder / "a.txt").unlink()
    watched.look(4)
    assert list(desk.documents()) == ["a.txt", "b.txt"]


def test_what_disappears_is_pruned_where_it_is_asked_for(desk: Desk, watch: Watch) -> None:
    watched = watch(prune=True)
    for name in ("a.txt", "b.txt", "c.jsonl"):
        watched.write(name, f"Text of {name}.")
    watched.write("c.jsonl", '{"_id": "record", "text": "Of a record."}')
    watched.look()
    assert list(desk.documents()) == ["a.txt", "b.txt", "record"]
    (watched.folder / "a.txt").unlink()
    watched.look(3)
    assert list(desk.documents()) == ["b.txt", "record"]
    watched.look(3)
    assert list(desk.documents()) == ["b.txt", "record"]


def test_what_disappeared_while_nobody_looked_is_pruned(desk: Desk, watch: Watch) -> None:
    watched = watch(prune=True)
    for name in ("a.txt", "b.txt"):
        watched.write(name, f"Text of {name}.")
    watched.look()
    (watched.folder / "a.txt").unlink()
    watch(prune=True).look()
    assert list(desk.documents()) == ["b.txt"]


def test_disk_that_is_gone_removes_nothing_and_says_so(desk: Desk, watch: Watch) -> None:
    watched = watch(prune=True)
    for name in ("a.txt", "b.txt", "c.txt"):
        watched.write(name, f"Text of {name}.")
    watched.look()
    away = watched.folder.with_name("away")
    watched.folder.rename(away)
    watched.look(3)
    assert "No such file" in (watched.state().error or "")
    watched.folder.mkdir()  # where a disk is mounted, an empty folder is left
    watched.look(3)
    watch(prune=True).look(3)  # also for the next process
    assert list(desk.documents()) == ["a.txt", "b.txt", "c.txt"]
    assert {job.state for job in watched.jobs()} == {JobState.FAILED}
    error = watched.jobs()[0].error or ""
    assert "3 documents are gone" in error
    assert f"plinth ingest {watched.folder} --collection docs --prune" in error
    watched.folder.rmdir()
    away.rename(watched.folder)
    (watched.folder / "a.txt").unlink()
    watched.look(3)
    assert list(desk.documents()) == ["b.txt", "c.txt"]


def test_disk_that_is_gone_before_its_job_begins_removes_nothing(desk: Desk, watch: Watch) -> None:
    watched = watch(prune=True)
    for name in ("a.txt", "b.txt", "c.txt"):
        watched.write(name, f"Text of {name}.")
    watched.look()
    (watched.folder / "a.txt").unlink()
    for _ in range(3):
        watched.watch.look()
    shutil.rmtree(watched.folder)
    watched.folder.mkdir()
    desk.work()
    assert list(desk.documents()) == ["a.txt", "b.txt", "c.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_folder_in_it_that_cannot_be_listed_is_said_and_keeps_its_documents(
    desk: Desk, watch: Watch
) -> None:
    watched = watch(prune=True)
    watched.write("sub/a.txt", "Text of a.")
    watched.write("b.txt", "Text of b.")
    watched.look()
    (watched.folder / "sub").chmod(0)
    watched.look(3)
    assert "'sub' in it cannot be listed" in (watched.state().error or "")
    (watched.folder / "sub").chmod(0o700)
    assert list(desk.documents()) == ["b.txt", "sub/a.txt"]


def test_file_or_folder_of_the_data_dir_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("Text.", encoding="utf-8")
    desk.layout.originals.mkdir(exist_ok=True)
    for folder, said in (
        (tmp_path / "file.txt", "is no folder"),
        (desk.layout.originals, "lies in the data dir"),
    ):
        watched = Watched(desk, folder, prune=False)
        watched.look()
        assert said in (watched.state().error or "")
        assert watched.jobs() == ()
        desk.catalog.watched.forget_except([])


def test_a_job_is_queued_only_when_the_one_before_is_over(desk: Desk, watch: Watch) -> None:
    watched = watch()
    watched.write("a.txt", "Text of a.")
    watched.watch.look()
    watched.watch.look()
    watched.write("b.txt", "Text of b.")
    watched.watch.look()
    watched.watch.look()
    assert len(watched.jobs()) == 1
    desk.work()
    watched.look(1)
    assert list(desk.documents()) == ["a.txt", "b.txt"]


def test_job_names_what_it_reads_unless_that_is_too_much(
    desk: Desk, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_watch, "MOST_NAMED", 2)
    watched = watch()
    for n_files, only in ((2, ["0.txt", "1.txt"]), (5, None)):
        for number in range(n_files):
            watched.write(f"{number}.txt", f"Text {number} of {n_files}.")
        watched.look()
        assert watched.jobs()[0].request["only"] == only
    assert len(desk.documents()) == 5


def test_only_so_many_jobs_with_trouble_stay_listed(desk: Desk, watch: Watch) -> None:
    watched = watch()
    other = desk.ingest(watched.folder)
    for number in range(KEPT_JOBS + 3):
        watched.write("cut.pdf", f"%PDF-1.4 {number}")
        watched.look()
    jobs = watched.jobs()
    assert len(jobs) == KEPT_JOBS + 2  # the latest, and one that nobody watched
    assert other in {job.job_id for job in jobs}
    assert all(job.n_rejected for job in jobs if job.job_id != other)


def test_folders_that_the_settings_name_no_more_are_forgotten(desk: Desk, watch: Watch) -> None:
    watched = watch()
    watched.look()
    desk.catalog.watched.forget_except([(str(watched.folder), "docs")])
    assert watched.state().folder == str(watched.folder)
    desk.catalog.watched.forget_except([(str(watched.folder), "other")])
    assert desk.catalog.watched.list() == ()


def test_work_follows_the_folders_of_the_settings(
    desk: Desk, folder: Path, start_work: StartWork
) -> None:
    (desk.layout.root / "plinth.toml").write_text(
        "[ingest]\nwatch_every_s = 1\n"
        f'watch = [{{folder = "{folder}", collection = "hr", prune = true}}]\n',
        encoding="utf-8",
    )
    (folder / "a.txt").write_text("Parking is free.", encoding="utf-8")
    (folder / "b.txt").write_text("Trains are booked in second class.", encoding="utf-8")
    process = start_work("idle")
    wait_until(lambda: set(desk.documents()) == {"a.txt", "b.txt"}, LIMIT_S)
    (folder / "a.txt").unlink()
    wait_until(lambda: set(desk.documents()) == {"b.txt"}, LIMIT_S)
    assert [one.name for one in desk.catalog.people.collections()] == ["hr"]
    (state,) = desk.catalog.watched.list()
    assert (state.folder, state.collection) == (str(folder), "hr")
    assert process.poll() is None
