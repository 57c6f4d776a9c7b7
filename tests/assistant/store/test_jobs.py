from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assistant.errors import NameTakenError, UnknownNameError
from assistant.store import job_rows
from assistant.store.catalog import open_catalog
from assistant.store.jobs import Jobs
from assistant.store.types import Job, JobFile, JobKind, JobState
from assistant.store.writer import open_writer

WAITING, RUNNING, DONE = JobState.WAITING, JobState.RUNNING, JobState.DONE
FAILED, STOPPED = JobState.FAILED, JobState.STOPPED


@pytest.fixture
def jobs(data_dir: Path) -> Iterator[Jobs]:
    with open_catalog(data_dir) as catalog:
        yield catalog.jobs


def add(jobs: Jobs, kind: JobKind = JobKind.UPLOAD, *documents: str) -> int:
    job_id = jobs.add(kind, {"collection": "docs"}, "ada")
    for document in documents:
        jobs.add_file(job_id, document, 100)
    return job_id


def begun(jobs: Jobs, kind: JobKind = JobKind.UPLOAD, *documents: str) -> int:
    job_id = add(jobs, kind, *documents)
    job = jobs.begin()
    assert job is not None
    assert job.job_id == job_id
    return job_id


def begin(jobs: Jobs) -> Job:
    job = jobs.begin()
    assert job is not None
    return job


def ended(document: str, status: str, **values: object) -> JobFile:
    return JobFile(file_id=0, document=document, size_bytes=0, status=status, **values)  # type: ignore[arg-type]


def statuses(jobs: Jobs, job_id: int) -> dict[str, str | None]:
    return {file.document: file.status for file in jobs.files(job_id)}


def test_job_survives_reopening_the_catalog(data_dir: Path) -> None:
    with open_catalog(data_dir) as catalog:
        job_id = add(catalog.jobs, JobKind.UPLOAD, "b.txt", "a.txt")
        before = catalog.jobs.get(job_id)
    with open_catalog(data_dir) as catalog:
        assert catalog.jobs.get(job_id) == before
        assert (before.kind, before.request) == (JobKind.UPLOAD, {"collection": "docs"})
        assert (before.requested_by, before.state, before.n_attempts) == ("ada", WAITING, 0)
        assert (before.n_files, before.n_waiting, before.n_rejected) == (2, 2, 0)
        assert statuses(catalog.jobs, job_id) == {"b.txt": None, "a.txt": None}


def test_add_needs_no_writers_lock(data_dir: Path) -> None:
    with open_writer(data_dir, wait_s=0), open_catalog(data_dir) as catalog:
        assert catalog.jobs.get(add(catalog.jobs)).state is WAITING


def test_begin_takes_changes_first_then_the_oldest(jobs: Jobs) -> None:
    assert jobs.begin() is None
    first = add(jobs, JobKind.UPLOAD)
    second = add(jobs, JobKind.INGEST)
    change, later = add(jobs, JobKind.CHANGE), add(jobs, JobKind.CHANGE)
    assert [begin(jobs).job_id for _ in range(4)] == [change, later, first, second]
    assert jobs.begin() is None


def test_begin_marks_the_job_as_running(jobs: Jobs) -> None:
    job_id = begun(jobs)
    job = jobs.get(job_id)
    assert (job.state, job.n_attempts, job.finished_at) == (RUNNING, 1, None)
    assert job.started_at is not None


def test_list_is_latest_first_of_the_kinds_asked_for(jobs: Jobs) -> None:
    upload, change = add(jobs, JobKind.UPLOAD), add(jobs, JobKind.CHANGE)
    later = add(jobs, JobKind.UPLOAD)
    assert [job.job_id for job in jobs.list([JobKind.UPLOAD])] == [later, upload]
    assert [job.job_id for job in jobs.list(JobKind)] == [later, change, upload]


def test_add_file_of_a_name_that_is_there_is_refused_before_its_bytes_are_placed(
    jobs: Jobs,
) -> None:
    job_id = add(jobs, JobKind.UPLOAD, "a.txt")
    placed: list[str] = []
    with pytest.raises(NameTakenError, match=r"a\.txt"):
        jobs.add_file(job_id, "a.txt", 5, place=lambda: placed.append("a.txt"))
    assert placed == []
    jobs.add_file(job_id, "b.txt", 5, place=lambda: placed.append("b.txt"))
    assert placed == ["b.txt"]


def test_add_file_whose_bytes_cannot_be_placed_adds_nothing(jobs: Jobs) -> None:
    job_id = add(jobs)

    def fail() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        jobs.add_file(job_id, "a.txt", 5, place=fail)
    assert jobs.files(job_id) == ()


def test_add_file_to_a_job_that_takes_none_is_refused(jobs: Jobs) -> None:
    with pytest.raises(UnknownNameError):
        jobs.add_file(7, "a.txt", 5)
    job_id = add(jobs, JobKind.INGEST)
    with pytest.raises(UnknownNameError, match="takes no files"):
        jobs.add_file(job_id, "a.txt", 5)


def test_add_file_to_a_job_that_is_over_lets_it_wait_again(jobs: Jobs) -> None:
    job_id = begun(jobs)
    assert jobs.finish(job_id) is DONE
    jobs.add_file(job_id, "a.txt", 5)
    job = jobs.get(job_id)
    assert (job.state, job.started_at, job.finished_at) == (WAITING, None, None)


@pytest.mark.parametrize("method", ["get", "stop", "retry", "finish", "pause"])
def test_methods_on_a_job_that_is_not_there_say_so(jobs: Jobs, method: str) -> None:
    with pytest.raises(UnknownNameError, match="no job 7"):
        getattr(jobs, method)(7)


def test_finish_is_done_when_every_file_has_an_outcome(jobs: Jobs) -> None:
    job_id = begun(jobs, JobKind.UPLOAD, "a.txt")
    jobs.report_bytes(job_id, 100, 40)
    jobs.report_files(job_id, [ended("a.txt", "ingested")])
    assert jobs.finish(job_id) is DONE
    job = jobs.get(job_id)
    assert (job.state, job.error, job.n_attempts) == (DONE, None, 0)
    assert job.n_bytes_done == job.n_bytes == 100
    assert job.finished_at is not None


def test_what_takes_long_is_told_while_it_does(jobs: Jobs) -> None:
    doing = "reading scanned page 3 of 12 of a"
    for end in (jobs.finish, jobs.pause):
        job_id = begun(jobs)
        jobs.report_bytes(job_id, 100, 40, doing=doing)
        assert jobs.get(job_id).doing == doing
        end(job_id)
        assert jobs.get(job_id).doing == ""
    jobs.report_bytes(job_id, 100, 40, doing=doing)
    jobs.report_bytes(job_id, 100, 60)
    assert jobs.get(job_id).doing == ""


def test_finish_waits_when_files_came_meanwhile_however_often(jobs: Jobs) -> None:
    job_id = begun(jobs)
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        jobs.add_file(job_id, name, 5)
        assert jobs.finish(job_id) is WAITING
        job = begin(jobs)
        assert (job.job_id, job.n_attempts, job.finished_at) == (job_id, 1, None)
        jobs.report_files(job_id, [ended(name, "ingested")])
    assert jobs.finish(job_id) is DONE


def test_finish_of_a_job_to_stop_is_stopped_only_if_something_is_left(jobs: Jobs) -> None:
    job_id = begun(jobs, JobKind.UPLOAD, "a.txt")
    jobs.stop(job_id)
    assert jobs.get(job_id).is_stopping
    assert jobs.finish(job_id) is STOPPED
    assert not jobs.get(job_id).is_stopping
    change = begun(jobs, JobKind.CHANGE)
    jobs.stop(change)
    assert jobs.finish(change) is DONE


def test_finish_with_an_error_is_failed_and_retry_forgets_it(jobs: Jobs) -> None:
    job_id = begun(jobs, JobKind.UPLOAD, "a.txt")
    assert jobs.finish(job_id, "the model is missing") is FAILED
    assert jobs.get(job_id).error == "the model is missing"
    jobs.retry(job_id)
    job = jobs.get(job_id)
    assert (job.state, job.error, job.n_waiting) == (WAITING, None, 1)


def test_pause_goes_on_later_unless_it_is_to_stop(jobs: Jobs) -> None:
    job_id = begun(jobs)
    assert jobs.pause(job_id) is WAITING
    job = begin(jobs)
    assert (job.job_id, job.n_attempts) == (job_id, 1)
    jobs.stop(job_id)
    assert jobs.pause(job_id) is STOPPED
    assert jobs.get(job_id).finished_at is not None
    assert jobs.begin() is None


def test_stop_of_a_waiting_job_is_at_once_and_of_one_that_is_over_nothing(jobs: Jobs) -> None:
    job_id = add(jobs)
    jobs.stop(job_id)
    assert jobs.get(job_id).state is STOPPED
    jobs.retry(job_id)
    assert jobs.finish(begin(jobs).job_id) is DONE
    jobs.stop(job_id)
    job = jobs.get(job_id)
    assert (job.state, job.is_stopping) == (DONE, False)


def test_retry_begins_again_with_rejected_files_only(jobs: Jobs) -> None:
    job_id = begun(jobs, JobKind.UPLOAD, "good.txt", "bad.pdf")
    good = ended("good.txt", "ingested", n_pages=1, n_chunks=2, flags=("flag",))
    bad = ended("bad.pdf", "rejected", reason="corrupt", detail="It is cut off.")
    jobs.report_files(job_id, [good, bad])
    jobs.finish(job_id)
    assert jobs.get(job_id).n_rejected == 1
    jobs.retry(job_id)
    first, second = jobs.files(job_id)
    assert (first.status, first.n_pages, first.flags) == ("ingested", 1, ("flag",))
    assert (second.status, second.reason, second.detail) == (None, None, None)
    assert second.size_bytes == 100
    assert jobs.get(job_id).state is WAITING


def test_retry_of_a_running_job_changes_nothing(jobs: Jobs) -> None:
    job_id = begun(jobs, JobKind.UPLOAD, "bad.pdf")
    jobs.report_files(job_id, [ended("bad.pdf", "rejected")])
    jobs.retry(job_id)
    assert jobs.get(job_id).state is RUNNING
    assert statuses(jobs, job_id) == {"bad.pdf": "rejected"}


def test_retry_waits_for_no_record_of_a_file_nor_for_files_that_a_folder_may_have_no_more(
    jobs: Jobs,
) -> None:
    upload = begun(jobs, JobKind.UPLOAD, "corpus.jsonl")
    outcomes = [ended("corpus.jsonl", "ingested"), ended("corpus.jsonl:3", "rejected")]
    jobs.report_files(upload, outcomes)
    jobs.finish(upload)
    folder = begun(jobs, JobKind.INGEST)
    jobs.report_files(folder, [ended("a.txt", "ingested"), ended("gone.txt", "rejected")])
    jobs.finish(folder)
    jobs.retry(upload)
    jobs.retry(folder)
    assert statuses(jobs, upload) == {"corpus.jsonl": "ingested", "corpus.jsonl:3": "rejected"}
    assert statuses(jobs, folder) == {"a.txt": "ingested"}
    assert [jobs.finish(begin(jobs).job_id) for _ in range(2)] == [DONE, DONE]


def test_retry_after_many_attempts_counts_anew(jobs: Jobs) -> None:
    job_id = add(jobs)
    for _ in range(3):
        begin(jobs)
        jobs.recover()
    jobs.stop(job_id)
    jobs.retry(job_id)
    assert begin(jobs).n_attempts == 1


def test_remove_if_over_keeps_a_job_that_goes_on(jobs: Jobs) -> None:
    job_id = add(jobs, JobKind.UPLOAD, "a.txt")
    assert not jobs.remove_if_over(job_id)
    begin(jobs)
    assert not jobs.remove_if_over(job_id)
    jobs.finish(job_id, "failed")
    assert jobs.remove_if_over(job_id)
    assert jobs.files(job_id) == ()
    with pytest.raises(UnknownNameError):
        jobs.get(job_id)
    assert jobs.remove_if_over(job_id)


def test_ids_of_removed_jobs_are_never_used_again(jobs: Jobs) -> None:
    job_id = add(jobs)
    jobs.stop(job_id)
    jobs.remove_if_over(job_id)
    assert add(jobs) > job_id


def test_report_files_never_calls_unchanged_what_an_earlier_attempt_took_in(jobs: Jobs) -> None:
    job_id = begun(jobs, JobKind.UPLOAD, "a.txt", "b.txt", "c.txt")
    outcomes = [ended("a.txt", "ingested"), ended("b.txt", "replaced"), ended("c.txt", "rejected")]
    jobs.report_files(job_id, outcomes)
    again = [ended(name, "unchanged", n_pages=2, n_chunks=3) for name in ("a.txt", "b.txt")]
    jobs.report_files(job_id, [*again, ended("c.txt", "unchanged")])
    assert statuses(jobs, job_id) == {
        "a.txt": "ingested",
        "b.txt": "replaced",
        "c.txt": "unchanged",
    }
    assert [(file.n_pages, file.n_chunks) for file in jobs.files(job_id)][:2] == [(2, 3), (2, 3)]


def test_report_files_of_unchanged_files_are_told_their_pages_later(jobs: Jobs) -> None:
    job_id = begun(jobs, JobKind.INGEST)
    jobs.report_files(job_id, [ended("a.txt", "unchanged")])
    jobs.report_files(job_id, [ended("a.txt", "unchanged", n_pages=2, n_chunks=3)])
    (file,) = jobs.files(job_id)
    assert (file.status, file.n_pages, file.n_chunks) == ("unchanged", 2, 3)


def test_report_files_of_one_name_is_one_file(jobs: Jobs) -> None:
    job_id = begun(jobs, JobKind.INGEST)
    jobs.report_files(job_id, [ended("a.txt", "ingested"), ended("a.txt", "rejected")])
    assert statuses(jobs, job_id) == {"a.txt": "rejected"}


def test_is_wanted_elsewhere_when_it_is_to_stop_or_a_change_waits(jobs: Jobs) -> None:
    job_id = begun(jobs, JobKind.INGEST)
    other = add(jobs, JobKind.INGEST)
    jobs.stop(other)
    assert not jobs.is_wanted_elsewhere(job_id)
    change = add(jobs, JobKind.CHANGE)
    assert jobs.is_wanted_elsewhere(job_id)
    begin(jobs)
    jobs.finish(change)
    assert not jobs.is_wanted_elsewhere(job_id)
    jobs.stop(job_id)
    assert jobs.is_wanted_elsewhere(job_id)


def test_replace_request_is_what_begins_again(jobs: Jobs) -> None:
    job_id = begun(jobs)
    jobs.replace_request(job_id, {"collection": "other"})
    jobs.pause(job_id)
    assert begin(jobs).request == {"collection": "other"}


def test_recover_lets_jobs_of_a_killed_worker_wait_again_and_counts_attempts(jobs: Jobs) -> None:
    running, stopping, waiting = add(jobs), add(jobs), add(jobs)
    begin(jobs)
    begin(jobs)
    jobs.stop(stopping)
    jobs.recover()
    states = [jobs.get(job_id).state for job_id in (running, stopping, waiting)]
    assert states == [WAITING, STOPPED, WAITING]
    assert begin(jobs).n_attempts == 2


def test_recover_forgets_changes_that_are_long_over(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = (datetime.now(UTC) - timedelta(hours=2)).isoformat(timespec="seconds")
    with monkeypatch.context() as patch:
        patch.setattr(job_rows, "now", lambda: long_ago)
        jobs.finish(begun(jobs, JobKind.CHANGE))
        upload = begun(jobs)
        jobs.finish(upload)
    recent = begun(jobs, JobKind.CHANGE)
    jobs.finish(recent)
    waiting = add(jobs, JobKind.CHANGE)
    jobs.recover()
    assert [job.job_id for job in jobs.list(JobKind)] == [waiting, recent, upload]
