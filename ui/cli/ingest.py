"""`plinth ingest`: files and folders into the corpus."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.types import FileOutcome, FileStatus
from ui.cli.ingest_progress import show_progress
from ui.cli.options import DataDir, Json
from ui.cli.terminal import note, print_json, printable
from ui.settings import load_settings

if TYPE_CHECKING:
    from assistant.store.writer import CatalogWriter
    from ingest.pipeline import IngestReport

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
    from assistant.store.writer import open_writer
    from ingest.pipeline import ingest as run_ingest
    from ingest.sources import find_sources
    from models.factory import build_embedder

    settings = load_settings(data_dir)
    find_sources(paths)  # a wrong path is an error before anything is made
    embedder = build_embedder(settings.models)
    with open_writer(data_dir) as writer, _interruptible() as cancel, show_progress() as progress:
        _prepare(writer, collection, groups or [])
        report = run_ingest(
            paths,
            collection=collection,
            writer=writer,
            data_dir=data_dir,
            embedder=embedder,
            settings=settings.ingest,
            prune=prune,
            on_progress=progress,
            cancel=cancel,
        )
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
            print(f"{status:<10}{n_files:>7,}")
    for outcome in report.outcomes:
        if outcome.rejection:
            reason = outcome.rejection.reason.value.replace("_", " ")
            print(printable(f"{outcome.document}: {reason}: {outcome.rejection.detail}"))
    if not report.outcomes:
        print("No files found.")


def _prepare(writer: CatalogWriter, collection: str, groups: list[str]) -> None:
    """Make the collection if there is none and grant it; unknown groups are an error first."""
    from assistant.errors import UnknownNameError

    known_groups = {group.name for group in writer.catalog.groups()}
    if unknown := [name for name in groups if name not in known_groups]:
        message = f"no group {unknown[0]!r}; `plinth groups list` shows the names"
        raise UnknownNameError(message)
    if collection not in {known.name for known in writer.catalog.collections()}:
        writer.add_collection(collection)
    for group in groups:
        writer.grant(collection, group)


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
