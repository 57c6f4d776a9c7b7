"""Writing commands: done here, or handed to the server that runs on the same data dir."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from assistant.access import OPERATOR_NAME
from assistant.errors import AssistantError

if TYPE_CHECKING:
    from assistant.store.changes import Change
    from assistant.store.jobs import Jobs
    from assistant.store.types import Job

POLL_S = 0.2


class HandedOverError(AssistantError):
    """What the server refused; the message is its."""


def server_runs(data_dir: Path) -> bool:
    """Tell whether a server runs on a data dir and does its writing."""
    from assistant.store.layout import Layout
    from assistant.store.lock import ProcessLock

    return ProcessLock.is_held(Layout(data_dir).server_lock)


def change(data_dir: Path, what: Change, **arguments: str) -> None:
    """Carry out a small change, here or by the server.

    Raises:
        AssistantError: it was refused.
    """
    from assistant.store.catalog import open_catalog
    from assistant.store.changes import apply_change
    from assistant.store.types import JobKind, JobState
    from assistant.store.writer import open_writer

    if not server_runs(data_dir):
        with open_writer(data_dir) as writer:
            apply_change(writer, what, arguments)
        return
    with open_catalog(data_dir) as catalog:
        request = {"change": what.value, "arguments": arguments}
        job_id = catalog.jobs.add(JobKind.CHANGE, request, OPERATOR_NAME)
        with given_up_at_end(catalog.jobs, [job_id]):
            job = follow(catalog.jobs, job_id, data_dir=data_dir)
            if job.state is not JobState.DONE:
                raise HandedOverError("it was stopped before the server came to it; run it again")


@contextmanager
def given_up_at_end(jobs: Jobs, job_ids: Sequence[int]) -> Iterator[None]:
    """At the end, forget jobs that are over, and stop those that are not: nobody follows them."""
    try:
        yield
    finally:
        for job_id in job_ids:
            if not jobs.remove_if_over(job_id):
                jobs.stop(job_id)
                jobs.remove_if_over(job_id)


def follow(
    jobs: Jobs,
    job_id: int,
    *,
    data_dir: Path,
    on_change: Callable[[Job], None] = lambda _: None,
    cancel: Event | None = None,
) -> Job:
    """Wait for the end of a job that a server carries out.

    Args:
        jobs: The queue.
        job_id: The job.
        data_dir: Where the server runs.
        on_change: Called a few times a second.
        cancel: Once set, the job is stopped, and its end still awaited.

    Raises:
        HandedOverError: the job failed, or the server ended before the job did.
    """
    cancel = cancel or Event()
    has_stopped = False
    while True:
        is_served = server_runs(data_dir)
        job = jobs.get(job_id)
        on_change(job)
        if job.error is not None:
            raise HandedOverError(job.error)
        if job.state.is_over:
            return job
        if not is_served:
            raise HandedOverError("the server ended before it was through; run the command again")
        if cancel.is_set() and not has_stopped:
            jobs.stop(job_id)
            has_stopped = True
        time.sleep(POLL_S)
