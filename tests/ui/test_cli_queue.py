from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.store.catalog import open_catalog
from assistant.store.layout import Layout
from assistant.store.types import AuditAction, JobFile, JobKind, JobState, WatchedFolder


@pytest.fixture
def job(data_dir: Path) -> int:
    """A job with a file that was put aside, another that was rejected and one that was taken in."""
    with open_catalog(data_dir) as catalog:
        jobs = catalog.jobs
        job_id = jobs.add(JobKind.UPLOAD, {"collection": "hr"}, "ada")
        ends = {"bad.txt": "put_aside", "empty.txt": "empty", "good.txt": None}
        for name, reason in ends.items():
            path = Layout(data_dir).upload(job_id, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"bytes")
            jobs.add_file(job_id, name, 5)
            status = "rejected" if reason else "ingested"
            file = JobFile(file_id=0, document=name, size_bytes=5, status=status, reason=reason)
            jobs.report_files(job_id, [replace(file, detail="three times\x1b[2J")])
        jobs.finish(job_id)
    return job_id


def listed(plinth) -> dict:
    done = plinth("queue", "list", "--json")
    assert done.exit_code == 0
    return json.loads(done.stdout)


def test_queue_list_shows_jobs_what_was_put_aside_and_watched_folders(plinth, data_dir, job):
    with open_catalog(data_dir) as catalog:
        catalog.watched.note(
            WatchedFolder(
                folder="/srv/docs",
                collection="hr",
                looked_at="2026-01-02T03:04:05+00:00",
                n_files=3,
                n_unsettled=1,
                error=None,
            )
        )
    shown = plinth("queue", "list").stdout
    assert "hr, by ada: 3 files, 0 waiting, 2 rejected" in shown
    assert "put aside: bad.txt: three times" in shown
    assert "\x1b" not in shown
    assert "/srv/docs → hr" in shown
    assert "Paused" not in shown
    value = listed(plinth)
    assert value["paused"] is None
    assert value["jobs"][0]["job"] == job
    assert [one["document"] for one in value["jobs"][0]["put_aside"]] == ["bad.txt"]
    assert value["watched"][0]["unsettled"] == 1


def test_queue_list_of_nothing_says_so(plinth):
    assert plinth("queue", "list").stdout == "No jobs.\n"


def test_queue_is_paused_and_resumed_by_the_operator(plinth, data_dir):
    assert plinth("queue", "pause").exit_code == 0
    assert listed(plinth)["paused"]["by"] == "operator"
    assert "Paused by operator since" in plinth("queue", "list").stdout
    assert plinth("queue", "resume").exit_code == 0
    assert listed(plinth)["paused"] is None
    with open_catalog(data_dir) as catalog:
        actions = [one.action for one in catalog.audit.entries(limit=2)]
    assert actions == [AuditAction.QUEUE_RESUMED, AuditAction.QUEUE_PAUSED]


def test_queue_retry_lets_what_was_not_taken_in_wait_again(plinth, data_dir, job):
    assert plinth("queue", "retry", str(job)).exit_code == 0
    with open_catalog(data_dir) as catalog:
        assert catalog.jobs.get(job).state is JobState.WAITING
        assert catalog.jobs.get(job).n_waiting == 2
    done = plinth("queue", "retry", "999")
    assert (done.exit_code, "no job 999" in done.stderr) == (1, True)


def test_queue_discard_throws_away_what_was_put_aside_once_it_is_confirmed(
    plinth, data_dir, job, monkeypatch
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert plinth("queue", "discard", str(job)).exit_code == 2  # no terminal to ask on
    assert plinth("queue", "discard", str(job), "--yes").exit_code == 0
    assert listed(plinth)["jobs"][0]["put_aside"] == []
    folder = Layout(data_dir).uploads / str(job)
    assert not Layout(data_dir).upload(job, "bad.txt").exists()
    assert len(list(folder.iterdir())) == 2


def test_queue_clear_takes_a_job_off_the_list_with_its_files(plinth, data_dir, job):
    assert plinth("queue", "retry", str(job)).exit_code == 0  # it waits: it is stopped first
    assert plinth("queue", "clear", str(job)).exit_code == 0
    assert listed(plinth)["jobs"] == []
    assert not (Layout(data_dir).uploads / str(job)).exists()


def test_queue_clear_of_a_job_under_way_stops_it_first(plinth, data_dir, job):
    with open_catalog(data_dir) as catalog:
        catalog.jobs.retry(job)
        catalog.jobs.begin()
        done = plinth("queue", "clear", str(job))
        assert (done.exit_code, "run the command again" in done.stderr) == (1, True)
        assert catalog.jobs.get(job).is_stopping
