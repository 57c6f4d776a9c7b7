"""`plinth ingest`: files and folders into the corpus."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.access import OPERATOR_NAME
from ingest.types import FileOutcome, FileStatus
from ui.cli.ingest_progress import show_progress
from ui.cli.options import DataDir, Json
from ui.cli.terminal import note, one_line, print_json, say
from ui.settings import load_settings

if TYPE_CHECKING:
    from assistant.store.types import Job
    from ingest.pipeline import IngestReport
    from ingest.requests import IngestRequest

DEFAULT_COLLECTION = "documents"
EXIT_INTERRUPTED = 130


def ingest(
    data_dir: DataDir,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files or folders.")],
    collection: Annotated[
        str, typer.Option("--collection", metavar="NAME", help="Made when there is none.")
    ] = DEFAULT_COLLECTION,
    groups: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="GROUP", help="Let this group read the collection."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove documents whose files the folder has no more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take files or folders into the corpus; unchanged files are skipped.

    Example: plinth ingest handbook/ --collection hr --group staff
    """
    # Heavy imports: `--help` does without them.
    from ingest.requests import IngestRequest
    from ingest.sources import find_sources
    from ui.cli.hand_over import server_runs

    find_sources(paths)  # a wrong path is an error before anything is made
    request = IngestRequest(
        paths=tuple(path.absolute() for path in paths),
        collection=collection,
        groups=tuple(groups or ()),
        prune=prune,
    )
    report = (_hand_over if server_runs(data_dir) else _ingest_here)(data_dir, request)
    if as_json:
        print_json(report_to_json(report))
    else:
        _print_summary(report)
    if report.is_interrupted:
        note("interrupted; what is listed above is stored, run again for the rest")
        raise typer.Exit(EXIT_INTERRUPTED)


def report_to_json(report: IngestReport) -> dict[str, Any]:
    """Return the report as the contract has it."""
    return {
        "documents": [_outcome_to_json(outcome) for outcome in report.outcomes],
        "counts": _counts(report),
        "index_generation": report.index_generation,
    }


def _outcome_to_json(outcome: FileOutcome) -> dict[str, Any]:
    rejection = outcome.rejection
    return {
        "document": outcome.document,
        "status": outcome.status.value,
        "reason": rejection.reason.value if rejection else None,
        "detail": rejection.detail if rejection else None,
        "pages": outcome.n_pages,
        "chunks": outcome.n_chunks,
        "flags": list(outcome.flags),
    }


def _counts(report: IngestReport) -> dict[str, int]:
    counts = Counter(outcome.status for outcome in report.outcomes)
    return {status.value: counts[status] for status in FileStatus}


def _print_summary(report: IngestReport) -> None:
    for status, n_files in _counts(report).items():
        if n_files:
            say(f"{status:<10}{n_files:>7,}")
    for outcome in report.outcomes:
        if outcome.rejection:
            reason = outcome.rejection.reason.value.replace("_", " ")
            say(one_line(f"{outcome.document}: {reason}: {outcome.rejection.detail}"))
    if not report.outcomes:
        say("No files found.")


def _ingest_here(data_dir: Path, request: IngestRequest) -> IngestReport:
    from assistant.store.writer import open_writer
    from ingest.pipeline import ingest as run_ingest
    from ingest.requests import prepare_collection
    from ingest.sources import find_files
    from models.factory import build_embedder

    settings = load_settings(data_dir)
    embedder = build_embedder(settings.models)
    with open_writer(data_dir) as writer, _interruptible() as cancel, show_progress() as progress:
        prepare_collection(writer, request.collection, request.groups)
        return run_ingest(
            find_files(request.paths, leave_out=data_dir),
            collection=request.collection,
            writer=writer,
            embedder=embedder,
            settings=settings.ingest,
            prune=request.prune,
            on_progress=progress,
            cancel=cancel,
        )


def _hand_over(data_dir: Path, request: IngestRequest) -> IngestReport:
    """Let the running server ingest, and follow it; Ctrl-C stops it there.

    Each source is a job of its own: files of different folders may have the same name.
    """
    from assistant.store.catalog import open_catalog
    from assistant.store.types import JobKind, JobState
    from ingest.pipeline import IngestProgress, IngestReport
    from ingest.requests import outcome_of
    from ingest.sources import find_sources
    from ui.cli.hand_over import follow, given_up_at_end

    def show(_: Job) -> None:
        jobs = [catalog.jobs.get(job_id) for job_id in job_ids]
        progress(
            IngestProgress(
                n_bytes=sum(job.n_bytes for job in jobs),
                n_bytes_done=sum(job.n_bytes_done for job in jobs),
                doing=next((job.doing for job in jobs if job.doing), ""),
                n_documents_done=sum(job.n_files - job.n_waiting for job in jobs),
            )
        )

    with open_catalog(data_dir) as catalog, _interruptible() as cancel, show_progress() as progress:
        job_ids = [
            catalog.jobs.add(JobKind.INGEST, replace(request, paths=paths).to_json(), OPERATOR_NAME)
            for paths in (source.paths for source in find_sources(request.paths))
        ]
        if pause := catalog.queue.current_pause():
            note(f"paused by {pause.by} since {pause.since}; this waits for `plinth queue resume`")
        with given_up_at_end(catalog.jobs, job_ids):
            outcomes: list[FileOutcome] = []
            is_interrupted = False
            for job_id in job_ids:
                job = follow(catalog.jobs, job_id, data_dir=data_dir, on_change=show, cancel=cancel)
                ended = filter(None, map(outcome_of, catalog.jobs.files(job_id)))
                outcomes.extend(sorted(ended, key=lambda outcome: outcome.document))
                is_interrupted |= job.state is JobState.STOPPED
        return IngestReport(
            outcomes=tuple(outcomes),
            index_generation=catalog.current_generation(),
            is_interrupted=is_interrupted,
        )


@contextmanager
def _interruptible() -> Iterator[Event]:
    """Yield an event that the first Ctrl-C sets; the second one raises as usual."""
    cancel = Event()

    def stop(_signal: int, _frame: object) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        # Not print: the handler may run in the middle of one.
        os.write(2, b"\nstopping once the current step is stored; Ctrl-C again to stop at once\n")

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, previous)
