"""`growth`: what a question costs in a large corpus, against one in a corpus of 1,000 chunks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from assistant.access import OPERATOR
from assistant.retrieval import dense
from assistant.retrieval.hybrid import HybridRetriever
from assistant.retrieval.lexical import score_fractions
from assistant.retrieval.view import View, build_view
from assistant.settings import RetrievalSettings
from assistant.store.catalog import Catalog, open_catalog
from assistant.store.index import SEGMENT_CHUNKS
from assistant.store.postings import Postings, build_postings
from assistant.store.segments import Segment
from assistant.store.terms import query_terms
from assistant.store.types import (
    ContentKey,
    DocumentPut,
    NewChunk,
    NewContent,
    NewPage,
    PublishBatch,
)
from assistant.store.vectors import build_vectors
from assistant.store.writer import open_writer
from assistant.types import Span, Version
from evals.benchmarks.sentences import SentenceVectors, sentence_vectors, short
from evals.benchmarks.types import Conditions, Quantity, Rounds, Workbench
from evals.benchmarks.weights import a_prompt
from models.protocols import Embedder
from models.types import EmbedderInfo, FloatMatrix, FloatVector, GenerationRequest

SMALL = 1_000
CATALOGS = (10_000, 100_000)
PARTS = 1_000_000
SENTENCES_PER_CHUNK = 4
CHUNKS_PER_DOCUMENT = 20
CHUNKS_PER_BATCH = 5_000
QUESTIONS = 20
TOP_K = 8
REPLY_TOKENS = 48
MOST_GROWTH = 0.5
"""Least ratio: a whole question may cost twice as much."""


class Growth:
    """Retrieval in catalogs of several sizes, alone and beside the generation of an answer."""

    name = "growth"
    title = f"a question to {SMALL:,} chunks, against the same question to more"

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Times of retrieval, of its search alone, and of whole questions."""
        largest = CATALOGS[-1]
        return (
            *(_time(f"retrieval_{short(n)}") for n in CATALOGS),
            _time(f"search_{short(PARTS)}"),
            *(_time(f"question_{short(n)}", gate=MOST_GROWTH) for n in (largest, PARTS)),
        )

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Make the catalogs and, for the largest size, the segments alone; takes minutes."""
        vectors = sentence_vectors(workbench)
        generation_ms, generator = _generation(workbench)
        embedder = _KeptQueries(workbench.open_embedder().embedder, vectors)
        with tempfile.TemporaryDirectory(prefix="plinth-bench-") as folder, ExitStack() as opened:
            retrievers = {}
            for n in (SMALL, *CATALOGS):
                data_dir = Path(folder) / str(n)
                _make_catalog(data_dir, n, vectors, embedder)
                catalog: Catalog = opened.enter_context(open_catalog(data_dir))
                retrievers[n] = HybridRetriever(catalog, embedder, RetrievalSettings())
            views = {n: _view(n, vectors) for n in (SMALL, PARTS)}
            rounds = _GrowthRounds(retrievers, views, vectors, generation_ms, generator)
            rounds.baseline(0)
            rounds.plinth(0)
            yield rounds


def _time(name: str, *, gate: float | None = None) -> Quantity:
    return Quantity(name=name, unit="ms", higher_is_better=False, gate=gate)


class _KeptQueries:
    """The embedder of the settings, with the questions' vectors known: only search is measured."""

    def __init__(self, embedder: Embedder, vectors: SentenceVectors) -> None:
        self._embedder = embedder
        questions = vectors.query_sentences
        self._known = dict(zip(questions, vectors.queries, strict=True))

    @property
    def info(self) -> EmbedderInfo:
        return self._embedder.info

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        return self._embedder.count_tokens(texts)

    def token_spans(self, text: str) -> tuple[tuple[int, int], ...]:
        return self._embedder.token_spans(text)

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        return self._embedder.embed_documents(texts)

    def embed_query(self, text: str) -> FloatVector:
        known: FloatVector = self._known[text]
        return known


class _GrowthRounds:
    def __init__(
        self,
        retrievers: Mapping[int, HybridRetriever],
        views: Mapping[int, View],
        vectors: SentenceVectors,
        generation_ms: float,
        generator: str,
    ) -> None:
        self._retrievers = retrievers
        self._views = views
        self._vectors = vectors
        self._generation_ms = generation_ms
        self._generator = generator

    @property
    def conditions(self) -> Conditions:
        return {
            "chunks": f"{SENTENCES_PER_CHUNK} sentences each, of {self._vectors.source}",
            "questions": f"{QUESTIONS} sentences kept out, embedded before; median",
            "retrieval": "from the question to hits with their text, as the command and the app",
            "search": f"scores alone, without SQL; postings of {SEGMENT_CHUNKS:,} chunks, repeated",
            "question": f"generation by {self._generator} ({self._generation_ms:.0f} ms) included",
        }

    def baseline(self, round_index: int) -> Mapping[str, float]:  # noqa: ARG002 - always the same
        retrieval, search = self._retrieval(SMALL), self._search(SMALL)
        return self._values(dict.fromkeys(CATALOGS, retrieval), search)

    def plinth(self, round_index: int) -> Mapping[str, float]:  # noqa: ARG002 - always the same
        return self._values({n: self._retrieval(n) for n in CATALOGS}, self._search(PARTS))

    def _values(self, retrieval: Mapping[int, float], search: float) -> dict[str, float]:
        largest = CATALOGS[-1]
        return {
            **{f"retrieval_{short(n)}": ms for n, ms in retrieval.items()},
            f"search_{short(PARTS)}": search,
            f"question_{short(largest)}": self._generation_ms + retrieval[largest],
            f"question_{short(PARTS)}": self._generation_ms + search,
        }

    def _retrieval(self, n: int) -> float:
        retriever = self._retrievers[n]
        times = []
        for question in self._vectors.query_sentences[:QUESTIONS]:
            start = time.perf_counter()
            retriever.retrieve(question, TOP_K, OPERATOR)
            times.append(time.perf_counter() - start)
        return float(np.median(times)) * 1000

    def _search(self, n: int) -> float:
        view, settings = self._views[n], RetrievalSettings()
        times = []
        for question, query in zip(
            self._vectors.query_sentences[:QUESTIONS], self._vectors.queries, strict=False
        ):
            start = time.perf_counter()
            fractions = score_fractions(
                view, query_terms(question), k1=settings.bm25_k1, b=settings.bm25_b
            )
            near = dense.best_rows(view, query, settings.candidates)
            rows = np.union1d(near, fractions.best_rows(settings.candidates))
            dense.cosines(view, query, rows)
            fractions.at(rows)
            times.append(time.perf_counter() - start)
        return float(np.median(times)) * 1000


def _generation(workbench: Workbench) -> tuple[float, str]:
    with workbench.open_generator(use_fitted=True) as opened:
        request = GenerationRequest(prompt=a_prompt(str(time.time_ns())), max_tokens=REPLY_TOKENS)
        done = opened.generator.stream(request).result()
        return done.total_ms, opened.generator.info.name


def _chunk_texts(n: int, vectors: SentenceVectors, rng: np.random.Generator) -> list[str]:
    sentences = vectors.stored_sentences
    chosen = rng.integers(0, len(sentences), (n, SENTENCES_PER_CHUNK))
    return [" ".join(sentences[i] for i in row).replace("\n", " ") for row in chosen]


def _make_catalog(data_dir: Path, n: int, vectors: SentenceVectors, embedder: Embedder) -> None:
    rng = np.random.default_rng(n)
    with open_writer(data_dir) as writer:
        writer.people.add_collection("corpus")
        for start in range(0, n, CHUNKS_PER_BATCH):
            n_here = min(CHUNKS_PER_BATCH, n - start)
            texts = _chunk_texts(n_here, vectors, rng)
            matrix = vectors.jittered(n_here, rng)
            contents = [
                _content(f"{start + i}", texts[i : i + CHUNKS_PER_DOCUMENT], matrix[i:])
                for i in range(0, n_here, CHUNKS_PER_DOCUMENT)
            ]
            writer.publish(
                PublishBatch(
                    collection="corpus",
                    source="/corpus",
                    embedder_fingerprint=embedder.info.fingerprint,
                    contents=tuple(contents),
                    documents=tuple(
                        DocumentPut(path=f"{one.title}.txt", content=one.key) for one in contents
                    ),
                )
            )


def _content(name: str, texts: Sequence[str], matrix: FloatMatrix) -> NewContent:
    page = "\n".join(texts)
    starts = np.cumsum([0, *(len(text) + 1 for text in texts)])
    chunks = tuple(
        NewChunk(page_index=0, span=Span(int(start), int(start) + len(text)), heading="")
        for start, text in zip(starts, texts, strict=False)
    )
    return NewContent(
        key=ContentKey(sha256=Version(sha256(page.encode()).hexdigest()), recipe="", name=name),
        title=name,
        date=None,
        media_type="text/plain",
        size_bytes=len(page),
        flags=(),
        pages=(NewPage(page_number=1, text=page),),
        chunks=chunks,
        vectors=matrix[: len(texts)],
    )


def _view(n: int, vectors: SentenceVectors) -> View:
    rng = np.random.default_rng(n)
    size = min(n, SEGMENT_CHUNKS)
    postings = build_postings(_chunk_texts(size, vectors, rng))
    segments = []
    for start in range(0, n, size):
        n_here = min(size, n - start)
        here = postings if n_here == size else build_postings(_chunk_texts(n_here, vectors, rng))
        segments.append(
            Segment(
                np.arange(start, start + n_here),
                build_vectors(vectors.jittered(n_here, rng)),
                _copied(here),
            )
        )
    return build_view(segments, np.arange(n), n_live=n)


def _copied(postings: Postings) -> Postings:
    """Return the same in memory of its own, which caches must fetch as they would another's."""
    return replace(
        postings,
        rows=postings.rows.copy(),
        frequencies=postings.frequencies.copy(),
        lengths=postings.lengths.copy(),
    )
