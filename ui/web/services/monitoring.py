"""How the server is doing, for those who run it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.access import Who
from assistant.store.types import JobKind
from ui.web.metrics import QuestionSample

if TYPE_CHECKING:
    from ui.web.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What is so at this moment."""

    models_ready: bool
    worker_alive: bool
    """The process that takes documents in."""
    questions_waiting: int
    questions_under_way: int
    documents: int
    passages: int
    passages_without_vectors: int
    """Found by their words only, for now."""
    passages_prepared: int
    ingest_jobs_open: int
    files_rejected: int
    disk_free_bytes: int

    def gauges(self) -> dict[str, float]:
        """Return it as numbers, by name."""
        return {name: float(getattr(self, name)) for name in self.__slots__}


class Monitoring:
    """What the server counts and what is so now.

    Args:
        who: Who asks, as of now.
        resources: Of the server.
    """

    def __init__(self, who: Who, resources: Resources) -> None:
        self._who = who
        self._resources = resources

    def now(self) -> ServerState:
        """Return what is so at this moment."""
        self._who()
        return state_of(self._resources)

    def recent(self) -> tuple[QuestionSample, ...]:
        """Return the latest questions, as numbers, oldest first."""
        self._who()
        return self._resources.metrics.recent()


def state_of(resources: Resources) -> ServerState:
    """Look at everything once."""
    catalog, engine, warmer = resources.catalog, resources.engine, resources.warmer
    counts = catalog.counts()
    jobs = catalog.jobs.list([JobKind.UPLOAD, JobKind.INGEST, JobKind.CHANGE])
    return ServerState(
        models_ready=engine.done() and engine.exception() is None,
        worker_alive=resources.worker.is_alive(),
        questions_waiting=resources.line.n_waiting,
        questions_under_way=resources.line.n_under_way,
        documents=counts.n_documents,
        passages=counts.n_live_chunks,
        passages_without_vectors=counts.n_unembedded,
        passages_prepared=warmer.result().progress.n_kept
        if warmer.done() and warmer.exception() is None
        else 0,
        ingest_jobs_open=sum(not job.state.is_over for job in jobs),
        files_rejected=counts.n_rejected,
        disk_free_bytes=shutil.disk_usage(resources.data_dir).free,
    )
