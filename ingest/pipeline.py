"""Files into the corpus: found, compared with what is known, parsed, chunked, embedded, published.

In two stages: all texts are published first, at the full speed of parsing, and are found by their
words from then on; then the vectors follow. A run can be stopped at any point, also by `kill -9`:
what was published stays and answers, and the next run does the rest, vectors included. Every file
found ends in exactly one outcome, which is told when its text is published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

from assistant.store.writer import CatalogWriter
from ingest.care import NO_CARE, Care
from ingest.parse_ahead import ParseAhead
from ingest.settings import IngestSettings
from ingest.source_run import SourceRun
from ingest.sources import Found
from ingest.types import FileOutcome
from ingest.vectors import embed_waiting
from models.protocols import Embedder


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestProgress:
    """How far a run is."""

    n_bytes: int
    """Of all files found."""
    n_bytes_done: int
    """Of those whose fate is known."""
    n_documents_done: int
    doing: str = ""
    """What takes long just now, in words; empty: nothing in particular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What a run led to."""

    outcomes: tuple[FileOutcome, ...]
    """By source as given, then by document; after an interruption only the finished ones."""
    index_generation: int
    is_interrupted: bool
    n_spared: int = 0
    """Documents whose files are gone and that were kept: too many to be pruned unasked."""


def ingest(
    found: Sequence[Found],
    *,
    collection: str,
    writer: CatalogWriter,
    embedder: Embedder,
    settings: IngestSettings,
    prune: bool = False,
    on_progress: Callable[[IngestProgress], None] = lambda _: None,
    on_outcomes: Callable[[Sequence[FileOutcome]], None] = lambda _: None,
    cancel: Event | None = None,
    care: Care = NO_CARE,
) -> IngestReport:
    """Bring a collection in line with files and folders.

    A changed file becomes a new version of its document. If the changed file cannot be taken in,
    its earlier version keeps answering and is flagged, since half-saved and locked files are more
    common than withdrawn ones; to withdraw a document, delete it or remove the file and prune.

    Args:
        found: Sources with their files, as `find_files` returns them.
        collection: Name of an existing collection.
        writer: Used in this thread only.
        embedder: Embeds only what is new or changed.
        settings: How to cut, and what a file may cost.
        prune: Remove the documents of given folders whose files are gone. Folders that cannot be
            listed keep theirs.
        on_progress: Called in this thread.
        on_outcomes: Called in this thread with files whose outcome is durable, each file once.
        cancel: Once set, the run publishes what is complete and returns within seconds.
        care: What it heeds beside that.

    Raises:
        UnknownNameError: no such collection.
        IndexMismatchError: earlier documents were embedded by another embedder.
        StoreError: the data dir cannot be written; what was published before stays.
    """
    cancel = cancel or Event()
    n_bytes = sum(file.size_bytes for one in found for file in one.listing.files)
    n_bytes_done, n_documents_done, doing = 0.0, 0, ""

    def tell(now: str) -> None:
        nonlocal doing
        doing = now
        count(0, 0)

    def count(more_bytes: float, more_documents: int) -> None:
        nonlocal n_bytes_done, n_documents_done
        n_bytes_done += more_bytes
        n_documents_done += more_documents
        on_progress(
            IngestProgress(
                n_bytes=n_bytes,
                n_bytes_done=round(n_bytes_done),
                n_documents_done=n_documents_done,
                doing=doing,
            )
        )

    outcomes: list[FileOutcome] = []
    n_spared = 0
    with ParseAhead(
        settings, cancel=cancel, on_doing=tell, one_by_one=care.is_one_by_one
    ) as parser:
        for one in found:
            run = SourceRun(
                one,
                collection=collection,
                writer=writer,
                embedder=embedder,
                settings=settings,
                cancel=cancel,
                on_progress=count,
                on_outcomes=on_outcomes,
                care=care,
            )
            outcomes.extend(run.run(parser, prune=prune))
            n_spared += run.n_spared
    n_bytes_left, n_waiting = n_bytes - n_bytes_done, writer.catalog.n_unembedded()
    embed_waiting(
        writer,
        embedder,
        is_unwanted=lambda: cancel.is_set() or care.texts_wait(),
        on_embedded=lambda n_chunks: count(n_bytes_left * n_chunks / n_waiting, 0),
    )
    return IngestReport(
        outcomes=tuple(outcomes),
        index_generation=writer.catalog.current_generation(),
        is_interrupted=cancel.is_set(),
        n_spared=n_spared,
    )
