"""`permissions`: what searching within a reader's rights costs."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from assistant.access import OPERATOR
from assistant.retrieval.hybrid import HybridRetriever
from assistant.settings import RetrievalSettings
from assistant.store.catalog import Catalog, open_catalog
from evals.benchmarks.large_corpus import SHARES, WordChain, word_chain, write_corpus
from evals.benchmarks.types import Conditions, Quantity, Rounds, Workbench
from evals.suites import SAMPLE
from models.protocols import Embedder
from models.remembering import RememberingEmbedder

N_CHUNKS = 50_000
QUESTIONS = 40
QUESTION_WORDS = 7
TOP_K = 10
READERS = {"all": tuple(SHARES), "few": ("few",)}
"""Users, and the collections that their group reads: everything, and one in a hundred."""
MOST_COST = 1.2
"""For who may read all, as a multiple of a search without a reader."""


class Permissions:
    """The search of a user, rights looked up anew for each question, against the operator's."""

    name = "permissions"
    title = f"a search of {N_CHUNKS:,} passages without rights, against within a reader's rights"
    quantities = (
        Quantity(name="all", unit="ms", higher_is_better=False, gate=1 / MOST_COST),
        Quantity(name="few", unit="ms", higher_is_better=False, gate=1.0),
    )

    def __init__(self, *, n_chunks: int = N_CHUNKS) -> None:
        self._n_chunks = n_chunks

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Write a corpus, which takes a minute, and ask once as every reader."""
        chain = word_chain(
            [path.read_text(encoding="utf-8") for path in sorted(SAMPLE.glob("source/**/*.md"))]
        )
        embedder = RememberingEmbedder(workbench.open_embedder().embedder)
        with tempfile.TemporaryDirectory() as folder:
            write_corpus(Path(folder), chain, self._n_chunks, embedder.info)
            with open_catalog(Path(folder)) as catalog:
                editor = catalog.edit_people("benchmark")
                for user, collections in READERS.items():
                    editor.add_group(user)
                    editor.add_user(user, groups=[user])
                    for collection in collections:
                        editor.grant(collection, user)
                rounds = _PermissionRounds(catalog, chain, embedder)
                rounds.baseline(0)
                rounds.plinth(0)
                yield rounds


class _PermissionRounds:
    def __init__(self, catalog: Catalog, chain: WordChain, embedder: Embedder) -> None:
        self._catalog = catalog
        self._chain = chain
        self._embedder = embedder
        self._retriever = HybridRetriever(catalog, embedder, RetrievalSettings())

    @property
    def conditions(self) -> Conditions:
        return {
            "passages": self._catalog.counts().n_live_chunks,
            "readers": "all: everything, by grants; few: one passage in a hundred",
            "questions": f"{QUESTIONS} a round, embedded before; the figure is their mean",
            "state": "the readers' views are in memory; rights are looked up for each question",
        }

    def baseline(self, round_index: int) -> Mapping[str, float]:
        took = self._mean_ms(round_index, None)
        return dict.fromkeys(READERS, took)

    def plinth(self, round_index: int) -> Mapping[str, float]:
        return {user: self._mean_ms(round_index, user) for user in READERS}

    def _mean_ms(self, round_index: int, user: str | None) -> float:
        chance = random.Random(round_index)
        took = []
        for _ in range(QUESTIONS):
            words = self._chain.sentence(chance).rstrip(".").split()[:QUESTION_WORDS]
            question = f"What is {' '.join(words)}?"
            self._embedder.embed_query(question)
            started = time.perf_counter()
            readable = OPERATOR if user is None else self._catalog.people.readable_set(user)
            self._retriever.retrieve(question, TOP_K, readable)
            took.append((time.perf_counter() - started) * 1000)
        return float(np.mean(took))
