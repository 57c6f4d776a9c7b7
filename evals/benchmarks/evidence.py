"""`evidence`: time to the best evidence sentence in a large corpus, for three readers."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from assistant.access import OPERATOR, ReadableSet
from assistant.cancellation import Cancellation
from assistant.context import choose_hits, score_rest
from assistant.engine import POOL, Engine
from assistant.errors import QuestionCancelledError
from assistant.events import BestEvidence, Event
from assistant.evidence.prepared import PreparedSentences
from assistant.evidence.sentences import StemWeights, read_sentences
from assistant.retrieval.hybrid import HybridRetriever
from assistant.settings import AnswerSettings, RetrievalSettings
from assistant.store.catalog import Catalog, open_catalog
from assistant.types import ChunkId
from assistant.warming import Sentences
from evals.benchmarks.large_corpus import WordChain, word_chain, write_corpus
from evals.benchmarks.types import Conditions, NeedMissingError, Quantity, Rounds, Workbench
from evals.suites import SAMPLE
from models.protocols import Embedder, Generator
from models.remembering import RememberingEmbedder

MOST_MS = 150.0
"""Within it, people take what happens for a direct consequence of what they did."""
N_CHUNKS = 100_000
QUESTIONS = 20
"""Of each reader in a round, none asked twice."""
QUESTION_WORDS = 8
_PREPARED_BYTES = 10**9

_WARM_UP = -1
_READERS = ("operator", "half", "few")
_UNPREPARED = "unprepared"
"""The operator's figure for passages that no question met before and nothing was prepared of."""


class Evidence:
    """The engine with the real embedder, up to the event; no generation is begun.

    The limit is for passages whose sentences the web app has prepared; how long others take is
    shown beside it.
    """

    name = "evidence"
    title = (
        "best evidence sentence by embedding every sentence, against what is prepared or may be it"
    )
    quantities = (
        *(
            Quantity(name=reader, unit="ms", higher_is_better=False, gate=1.0, limit=MOST_MS)
            for reader in _READERS
        ),
        Quantity(name=_UNPREPARED, unit="ms", higher_is_better=False),
    )

    def __init__(self, *, n_chunks: int = N_CHUNKS) -> None:
        self._n_chunks = n_chunks

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Write a corpus, which takes minutes, and ask every reader once."""
        chain = word_chain(
            [path.read_text(encoding="utf-8") for path in sorted(SAMPLE.glob("source/**/*.md"))]
        )
        embedder = workbench.open_embedder().embedder
        with tempfile.TemporaryDirectory() as folder:
            write_corpus(Path(folder), chain, self._n_chunks, embedder.info)
            with open_catalog(Path(folder)) as catalog:
                prepared = PreparedSentences(Path(folder) / "prepared", embedder.info)
                rounds = _EvidenceRounds(catalog, chain, embedder, prepared, workbench)
                rounds.baseline(_WARM_UP)
                rounds.plinth(_WARM_UP)
                yield rounds


class _EvidenceRounds:
    def __init__(
        self,
        catalog: Catalog,
        chain: WordChain,
        embedder: Embedder,
        prepared: PreparedSentences,
        workbench: Workbench,
    ) -> None:
        self._catalog = catalog
        self._preparation = Sentences(catalog, embedder, prepared, disk_bytes=_PREPARED_BYTES)
        self._chain = chain
        self._threads = workbench.threads
        self._n_chunks = catalog.counts().n_live_chunks
        self._readers = {
            "operator": OPERATOR,
            "half": OPERATOR.within(catalog.people.collection_id("half", OPERATOR)),
            "few": OPERATOR.within(catalog.people.collection_id("few", OPERATOR)),
        }
        self._baseline = _EverySentence(catalog, embedder)
        generator = workbench.stand_in_generator()
        self._unprepared = _UpToBestEvidence(catalog, embedder, generator, None)
        self._plinth = _UpToBestEvidence(catalog, embedder, generator, prepared)
        self._embedder = embedder.info.name

    @property
    def conditions(self) -> Conditions:
        return {
            "embedder": self._embedder,
            "threads": self._threads,
            "chunks": self._n_chunks,
            "questions": f"{QUESTIONS} of each reader a round; the figure is their 95th percentile",
            "readers": "all chunks, half of them, one in a hundred",
            "state": "index in memory, no question asked before, sentences prepared but where "
            f"it says {_UNPREPARED}",
        }

    def baseline(self, round_index: int) -> Mapping[str, float]:
        times = self._measure(self._baseline, round_index)
        return {**times, _UNPREPARED: times["operator"]}

    def plinth(self, round_index: int) -> Mapping[str, float]:
        unprepared = self._measure(self._unprepared, round_index)["operator"]
        for passage in self._catalog.chunks(self._unprepared.used, OPERATOR).values():
            self._preparation.keep(passage)
        self._unprepared.forget()
        times = self._measure(self._plinth, round_index)
        self._plinth.forget()
        return {**times, _UNPREPARED: unprepared}

    def _measure(
        self, side: _EverySentence | _UpToBestEvidence, round_index: int
    ) -> Mapping[str, float]:
        chance = random.Random(round_index)
        times: dict[str, float] = {}
        for name, readable in self._readers.items():
            took = []
            for _ in range(QUESTIONS):
                words = self._chain.sentence(chance).rstrip(".").split()[:QUESTION_WORDS]
                started = time.perf_counter()
                side.find(f"What is {' '.join(words)}?", readable)
                took.append((time.perf_counter() - started) * 1000)
            times[name] = float(np.percentile(took, 95))
        return times


class _EverySentence:
    """What it takes to embed all sentences of the passages before the best one is chosen."""

    def __init__(self, catalog: Catalog, embedder: Embedder) -> None:
        self._embedder = embedder
        self._question_embedder = RememberingEmbedder(embedder)
        self._retriever = HybridRetriever(catalog, self._question_embedder, RetrievalSettings())
        self._settings = AnswerSettings()

    def find(self, question: str, readable: ReadableSet) -> None:
        found = self._retriever.retrieve(question, POOL, readable)
        hits = [found[index] for index in choose_hits(found, self._settings)]
        sentences = read_sentences(hits, self._embedder)
        weights = StemWeights(sentence.stems for sentence in sentences)
        vectors = np.stack([sentence.vector for sentence in sentences])
        scores = vectors @ self._question_embedder.embed_query(question)
        (scores + score_rest(question, hits, sentences, weights)).argmax()


class _UpToBestEvidence:
    """The engine, stopped as soon as it has told the best evidence."""

    def __init__(
        self,
        catalog: Catalog,
        embedder: Embedder,
        generator: Generator,
        prepared: PreparedSentences | None,
    ) -> None:
        self._embedder = RememberingEmbedder(embedder)
        self.used: set[ChunkId] = set()
        self._engine = Engine(
            retriever=HybridRetriever(catalog, self._embedder, RetrievalSettings()),
            embedder=self._embedder,
            generator=generator,
            settings=AnswerSettings(),
            on_evidence=self.used.update,
            prepared=prepared,
        )

    def forget(self) -> None:
        self._embedder.forget()
        self.used.clear()

    def find(self, question: str, readable: ReadableSet) -> None:
        cancellation = Cancellation()

        def stop(event: Event) -> None:
            if isinstance(event, BestEvidence):
                cancellation.cancel()

        try:
            self._engine.ask(question, readable=readable, listener=stop, cancellation=cancellation)
        except QuestionCancelledError:
            return
        raise NeedMissingError(f"cannot measure: no evidence was found for {question!r}")
