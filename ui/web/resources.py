"""What the pages work with: opened once, closed with the server. The web's composition root."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.access import OPERATOR_NAME, ReadableSet, Role
from assistant.errors import AssistantError
from assistant.store.accounts import Accounts
from assistant.store.catalog import Catalog, open_catalog
from assistant.store.layout import Layout
from assistant.store.lock import ProcessLock
from assistant.store.people import name_key
from assistant.waiting_line import WaitingLine
from ingest.uploads import remove_leftovers
from models.errors import ModelError
from ui.calibrating import site_calibration
from ui.measuring import run_subject
from ui.settings import Settings, load_settings
from ui.web.evaluating import Evaluations
from ui.web.metrics import Metrics
from ui.web.worker_process import WorkerProcess, worker_command

if TYPE_CHECKING:
    from assistant.answer_cache import AnswerCache
    from assistant.engine import Engine
    from assistant.types import ChunkId
    from assistant.warming import Warmer

_LOG = logging.getLogger(__name__)
FIRST_ADMINS = ("admin", *(f"admin{number}" for number in range(2, 100)))
"""Names for the first admin, until one is free."""
SERVED_ALREADY = "serves it already; use that one's address, or end it first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The opened corpus and, as soon as they are loaded, the models."""

    data_dir: Path
    settings: Settings
    catalog: Catalog
    accounts: Accounts
    engine: Future[Engine]
    """Done once models are ready to answer; its exception says why they cannot. It measures:
    nothing is answered from memory."""
    answers: Future[AnswerCache]
    """Done with `engine`: what people ask, it answers from memory where it can."""
    metrics: Metrics
    line: WaitingLine
    """Of all questions that people ask."""
    warmer: Future[Warmer]
    """Done with `engine`, if passages are prepared for fast answers."""
    evaluations: Evaluations
    worker: WorkerProcess
    """Carries out what is queued in `catalog.jobs`, once the server has started it."""

    def first_admin_link(self) -> tuple[str, str] | None:
        """Return name and secret of a link for the first admin; None once one needs none.

        Where there is no admin yet, one is added.
        """
        people = self.catalog.people
        admins = [one for one in people.users() if one.role is Role.ADMIN and not one.suspended]
        has_provider = self.settings.openid.is_on
        if any(one.has_password or (one.has_subject and has_provider) for one in admins):
            return None
        if not admins:
            taken = {name_key(one.name) for one in people.users()}
            name = next(name for name in FIRST_ADMINS if name not in taken)
            self.catalog.edit_people(OPERATOR_NAME).add_user(name, role=Role.ADMIN)
        else:
            name = admins[0].name
        return name, self.accounts.make_link(name, by=OPERATOR_NAME)


_current: Resources | None = None


def current() -> Resources:
    """Return the resources of the running server.

    Raises:
        RuntimeError: there is no server.
    """
    if _current is None:
        raise RuntimeError("no resources are open; pages run inside `plinth serve`")
    return _current


@contextmanager
def installed(resources: Resources) -> Iterator[Resources]:
    """Make resources the current ones for as long as the block runs."""
    global _current  # the page scripts have no other way to reach their server
    _current, before = resources, _current
    try:
        yield resources
    finally:
        _current = before


@contextmanager
def open_resources(data_dir: Path) -> Iterator[Resources]:
    """Open a data dir for the web app; models load in the background.

    Raises:
        WriterBusyError: another server runs on it.
        SettingsError: the settings are not valid.
        StoreError: the data dir cannot be read.
    """
    settings = load_settings(data_dir)
    engine: Future[Engine] = Future()
    answers: Future[AnswerCache] = Future()
    warmer: Future[Warmer] = Future()
    closing = threading.Event()
    layout = Layout(data_dir)
    lock = ProcessLock(layout.server_lock, wait_s=0, refusal=SERVED_ALREADY)
    with open_catalog(data_dir) as catalog, lock:
        remove_leftovers(catalog.jobs, layout)
        catalog.open_questions.record_interrupted()

        def subject(readable: ReadableSet) -> dict[str, Any]:
            return run_subject(
                data_dir,
                settings,
                index_generation=catalog.current_generation(),
                readable=readable,
            )

        line = WaitingLine(
            n_at_a_time=settings.models.parallel,
            most_waiting=settings.answer.most_waiting,
            most_waiting_each=settings.answer.most_waiting_each,
        )
        evaluations = Evaluations(data_dir, engine, catalog, subject, line)
        metrics = Metrics()
        loader = threading.Thread(
            target=_load,
            args=(data_dir, settings, catalog, metrics, engine, answers, warmer, closing),
            name="models",
        )
        worker = WorkerProcess(worker_command(data_dir))
        loader.start()
        try:
            yield Resources(
                data_dir=data_dir,
                settings=settings,
                catalog=catalog,
                accounts=catalog.accounts(settings.sign_in),
                engine=engine,
                answers=answers,
                metrics=metrics,
                line=line,
                warmer=warmer,
                evaluations=evaluations,
                worker=worker,
            )
        finally:
            evaluations.close()
            closing.set()
            worker.close()
            loader.join()


def _load(
    data_dir: Path,
    settings: Settings,
    catalog: Catalog,
    metrics: Metrics,
    ready: Future[Engine],
    answers: Future[AnswerCache],
    warming: Future[Warmer],
    closing: threading.Event,
) -> None:
    """Load the models, then keep them until the server closes."""
    try:
        with _open_engine(data_dir, settings, catalog, metrics) as (engine, cache, warmer):
            if warmer is not None:
                warmer.start()
                warming.set_result(warmer)
            # What is there now stays: to look for garbage in it takes 0.3 s in which nobody is
            # served.
            gc.collect()
            gc.freeze()
            answers.set_result(cache)
            ready.set_result(engine)
            closing.wait()
    except (AssistantError, ModelError) as error:  # told to whoever asks, each time
        _LOG.warning("the models cannot be loaded: %s", error)
        answers.set_exception(error)
        ready.set_exception(error)
    except BaseException as error:
        for waited_for in (answers, ready):
            if not waited_for.done():
                waited_for.set_exception(error)
        raise


@contextmanager
def _open_engine(
    data_dir: Path, settings: Settings, catalog: Catalog, metrics: Metrics
) -> Iterator[tuple[Engine, AnswerCache, Warmer | None]]:
    # These take seconds to import, in which pages can be shown already.
    from assistant.answer_cache import AnswerCache
    from assistant.engine import Engine
    from assistant.evidence.prepared import PreparedSentences
    from assistant.retrieval.hybrid import HybridRetriever
    from assistant.warming import Blocks, Sentences, Warmer
    from assistant.watching import GenerationWatch
    from models.factory import build_embedder, build_generator
    from models.remembering import RememberingEmbedder

    def note_death(how: str) -> None:
        _LOG.error("%s", how)
        metrics.note_death()

    plain = build_embedder(settings.models)
    embedder = RememberingEmbedder(plain)
    warmer = None
    with build_generator(settings.models, Layout(data_dir).blocks, note_death) as generator:
        # The first call of each loads its weights, which must not be some question's time.
        embedder.embed_query("warm")
        generator.count_tokens(["warm"])
        warmer = Warmer(
            catalog,
            Blocks(catalog, generator, disk_bytes=settings.models.kept_bytes),
            is_busy=catalog.jobs.has_work,
        )
        prepared = PreparedSentences(Layout(data_dir).blocks, embedder.info)
        preparer = Warmer(
            catalog,
            Sentences(
                catalog, plain, prepared, disk_bytes=settings.answer.prepared_sentences_bytes
            ),
            is_busy=lambda: engine.is_answering or catalog.jobs.has_work(),
        )

        def note_use(chunk_ids: Sequence[ChunkId]) -> None:
            warmer.note_use(chunk_ids)
            preparer.note_use(chunk_ids)

        calibration, reason = site_calibration(data_dir, settings)
        if reason is not None:
            _LOG.warning("%s", reason)
        engine = Engine(
            retriever=HybridRetriever(catalog, embedder, settings.retrieval),
            embedder=embedder,
            generator=generator,
            settings=settings.answer,
            on_evidence=note_use,
            prepared=prepared,
            calibration=calibration,
        )
        cache = AnswerCache(
            engine, catalog.current_generation, most_bytes=settings.answer.kept_reply_bytes
        )
        watch = GenerationWatch(
            catalog.current_generation, (cache.drop_outdated, embedder.forget, generator.forget)
        )
        watch.start()
        if settings.answer.prepared_sentences_bytes:
            preparer.start()
        try:
            yield engine, cache, warmer if settings.models.kept_bytes else None
        finally:
            watch.close()
            preparer.end()
            warmer.end()
    preparer.join()
    warmer.join()
