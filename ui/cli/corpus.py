"""Opens a corpus and its models for a command: the command line's composition root."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.access import OPERATOR, OPERATOR_NAME, ReadableSet
from ui.calibrating import site_calibration
from ui.settings import Settings

if TYPE_CHECKING:
    from assistant.engine import Engine
    from assistant.retrieval.hybrid import HybridRetriever
    from assistant.store.catalog import Catalog
    from assistant.store.people_editor import PeopleEditor


WITHIN_A_QUESTION = 64
"""Vectors kept: the question's is needed several times. What took a command one question
longer must not depend on what was asked before: batches and evaluations measure."""


@contextmanager
def open_retriever(data_dir: Path, settings: Settings) -> Iterator[tuple[HybridRetriever, Catalog]]:
    """Open the corpus for searching.

    Raises:
        StoreError: the data dir cannot be read, or its index does not fit the embedder.
        ModelFileError: the embedder's files are missing or damaged.
    """
    from assistant.retrieval.hybrid import HybridRetriever
    from assistant.store.catalog import open_catalog
    from models.factory import build_embedder

    with open_catalog(data_dir) as catalog:
        yield HybridRetriever(catalog, build_embedder(settings.models), settings.retrieval), catalog


@contextmanager
def open_engine(data_dir: Path, settings: Settings) -> Iterator[tuple[Engine, Catalog]]:
    """Open the corpus and the models for answering; ends the generator's process at the end.

    Raises:
        StoreError: the data dir cannot be read, or its index does not fit the embedder.
        ModelFileError: a model's files are missing or damaged.
    """
    from assistant.engine import Engine
    from assistant.evidence.prepared import PreparedSentences
    from assistant.retrieval.hybrid import HybridRetriever
    from assistant.store.catalog import open_catalog
    from assistant.store.layout import Layout
    from models.factory import build_embedder, build_generator
    from models.remembering import RememberingEmbedder

    embedder = RememberingEmbedder(build_embedder(settings.models), most=WITHIN_A_QUESTION)
    with (
        open_catalog(data_dir) as catalog,
        build_generator(settings.models, Layout(data_dir).blocks) as generator,
    ):
        retriever = HybridRetriever(catalog, embedder, settings.retrieval)
        calibration, _ = site_calibration(data_dir, settings)  # doctor says what is to be done
        engine = Engine(
            retriever=retriever,
            embedder=embedder,
            generator=generator,
            settings=settings.answer,
            prepared=PreparedSentences(Layout(data_dir).blocks, embedder.info),
            calibration=calibration,
        )
        yield engine, catalog


@contextmanager
def open_people(data_dir: Path) -> Iterator[tuple[PeopleEditor, Catalog]]:
    """Open what the operator changes people and grants with; a running server sees it at once.

    Raises:
        StoreError: the data dir cannot be read or written.
    """
    from assistant.store.catalog import open_catalog

    with open_catalog(data_dir) as catalog:
        yield catalog.edit_people(OPERATOR_NAME), catalog


def resolve_reader(
    catalog: Catalog, user: str | None, collection: str | None = None
) -> ReadableSet:
    """Return what a command may read: the operator's everything, or exactly what a user may see.

    Raises:
        UnknownNameError: no such user, or no such collection that the reader may see.
    """
    readable = OPERATOR if user is None else catalog.people.readable_set(user)
    if collection is None:
        return readable
    return readable.within(catalog.people.collection_id(collection, readable))
