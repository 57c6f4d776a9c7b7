"""`plinth queue`: what waits to be taken in, paused, resumed, tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.access import OPERATOR_NAME
from ui.cli.options import DataDir, Json
from ui.cli.terminal import confirm, note, one_line, print_json, say

if TYPE_CHECKING:
    from assistant.store.types import Job, JobFile, QueuePause, WatchedFolder

app = typer.Typer(help="Files on their way into the corpus.", no_args_is_help=True)

JobId = Annotated[int, typer.Argument(metavar="JOB", help="As `plinth queue list` shows it.")]


@app.command("list")
def list_jobs(data_dir: DataDir, as_json: Json = False) -> None:
    """List the jobs of the web app, latest first, with the files that were put aside.

    Example: plinth queue list
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help
    from assistant.store.job_rows import PUT_ASIDE
    from assistant.store.types import JobKind

    with open_catalog(data_dir) as catalog:
        pause, watched = catalog.queue.current_pause(), catalog.watched.list()
        jobs = catalog.jobs.list([JobKind.UPLOAD, JobKind.INGEST])
        aside = {
            job.job_id: [one for one in catalog.jobs.files(job.job_id) if one.reason == PUT_ASIDE]
            for job in jobs
            if job.n_put_aside
        }
    if as_json:
        print_json(_to_json(jobs, aside, pause, watched))
        return
    if pause is not None:
        say(one_line(f"Paused by {pause.by} since {pause.since}; `plinth queue resume` ends that."))
    for job in jobs:
        say(one_line(_line(job)))
        for file in aside.get(job.job_id, ()):
            say(one_line(f"     put aside: {file.document}: {file.detail}"))
    for folder in watched:
        state = folder.error or f"{folder.n_files:,} files, {folder.n_unsettled:,} still written"
        say(one_line(f"watched {folder.folder} → {folder.collection}, {folder.looked_at}: {state}"))
    if not jobs:
        say("No jobs.")


@app.command()
def pause(data_dir: DataDir) -> None:
    """Have files wait: nothing more is taken in until `resume`, also after a restart.

    The job under way stops after the files in hand; deletions and grants go on.

    Example: plinth queue pause
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help

    with open_catalog(data_dir) as catalog:
        catalog.queue.pause(OPERATOR_NAME)
    note("paused; files wait until `plinth queue resume`")


@app.command()
def resume(data_dir: DataDir) -> None:
    """Let files be taken in again.

    Example: plinth queue resume
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help

    with open_catalog(data_dir) as catalog:
        catalog.queue.resume(OPERATOR_NAME)
    note("resumed")


@app.command()
def retry(data_dir: DataDir, job: JobId) -> None:
    """Let a job that is over begin again with what was not taken in, put aside or not.

    Example: plinth queue retry 17
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help

    with open_catalog(data_dir) as catalog:
        catalog.jobs.retry(job)
    note(f"job {job} waits; the web app carries it out")


@app.command()
def discard(
    data_dir: DataDir,
    job: JobId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Throw away the files of a job that were put aside; the others stay as they are.

    Example: plinth queue discard 17 --yes
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help
    from assistant.store.layout import Layout
    from ingest.uploads import discard_put_aside

    with open_catalog(data_dir) as catalog:
        n_files = catalog.jobs.get(job).n_put_aside
        if n_files:
            confirm(f"Throw away {n_files:,} files of job {job} that were put aside?", yes=yes)
        n_files = discard_put_aside(catalog.queue, Layout(data_dir), job, OPERATOR_NAME)
    note(f"{n_files:,} files thrown away")


@app.command()
def clear(data_dir: DataDir, job: JobId) -> None:
    """Take a job off the list, with its files that were not taken in; stop it if it is not over.

    Example: plinth queue clear 17
    """
    from assistant.errors import StoreError
    from assistant.store.catalog import open_catalog  # heavy: not for --help
    from assistant.store.layout import Layout
    from ingest.uploads import clear_job

    with open_catalog(data_dir) as catalog:
        catalog.jobs.stop(job)
        if not catalog.jobs.get(job).state.is_over:
            raise StoreError(f"job {job} is being stopped; run the command again in a moment")
        clear_job(catalog.jobs, Layout(data_dir), job)
    note(f"job {job} is off the list")


def _line(job: Job) -> str:
    counts = f"{job.n_files:,} files, {job.n_waiting:,} waiting, {job.n_rejected:,} rejected"
    error = f": {job.error}" if job.error else ""
    collection = job.request["collection"]
    return f"{job.job_id:>5}  {job.state:<8} {collection}, by {job.requested_by}: {counts}{error}"


def _to_json(
    jobs: tuple[Job, ...],
    aside: dict[int, list[JobFile]],
    pause: QueuePause | None,
    watched: tuple[WatchedFolder, ...],
) -> dict[str, Any]:
    return {
        "paused": None if pause is None else {"by": pause.by, "since": pause.since},
        "jobs": [
            {
                "job": job.job_id,
                "state": job.state.value,
                "collection": job.request["collection"],
                "by": job.requested_by,
                "files": job.n_files,
                "waiting": job.n_waiting,
                "rejected": job.n_rejected,
                "put_aside": [
                    {"document": file.document, "detail": file.detail}
                    for file in aside.get(job.job_id, ())
                ],
                "error": job.error,
            }
            for job in jobs
        ],
        "watched": [
            {
                "folder": one.folder,
                "collection": one.collection,
                "looked_at": one.looked_at,
                "files": one.n_files,
                "unsettled": one.n_unsettled,
                "error": one.error,
            }
            for one in watched
        ],
    }
