"""`embedding`: chunks a second through Plinth's embedder and through sentence-transformers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from assistant.store.terms import indexed_text
from evals.benchmarks.types import (
    Conditions,
    NeedMissingError,
    OpenedEmbedder,
    Quantity,
    Rounds,
    Workbench,
)
from ingest.chunking import Chunker
from ingest.parsing.sandbox import ParserPool
from ingest.settings import IngestSettings
from models.protocols import Embedder
from models.types import FloatMatrix

CORPUS = "contoso-benefits"
CHUNKS_A_ROUND = 128
LEAST_COSINE = 0.9999

Encode = Callable[[Sequence[str]], FloatMatrix]


class Embedding:
    """The same texts, one after the other through both."""

    name = "embedding"
    title = "sentence-transformers at its defaults, against Plinth's embedder, on real chunks"
    quantities = (Quantity(name="speed", unit="chunks/s", higher_is_better=True, gate=1.2),)

    @contextmanager
    def open(self, workbench: Workbench) -> Iterator[Rounds]:
        """Cut the corpus into chunks and load the weights twice."""
        folder = workbench.corpus(CORPUS)
        opened = workbench.open_embedder()
        texts = chunk_texts(sorted(folder.rglob("*.pdf")), opened.embedder)
        if len(texts) < CHUNKS_A_ROUND:
            raise NeedMissingError(
                f"{str(folder)!r} gives {len(texts)} chunks, {CHUNKS_A_ROUND} are needed"
            )
        # Its libraries take seconds to load; a list of the benchmarks does without.
        from evals.benchmarks.plain_ingest import PlainEmbedder

        yield _EmbeddingRounds(
            opened, texts, plain=PlainEmbedder(opened.folder).encode, threads=workbench.threads
        )


class _EmbeddingRounds:
    def __init__(
        self, opened: OpenedEmbedder, texts: Sequence[str], *, plain: Encode, threads: int
    ) -> None:
        self._opened = opened
        self._texts = texts
        self._plain = plain
        self._threads = threads
        sample = texts[:8]
        ours, theirs = opened.embedder.embed_documents(sample), plain(sample)
        self._least_cosine = float((ours * theirs).sum(axis=1).min())
        if self._least_cosine < LEAST_COSINE:
            raise NeedMissingError(
                f"both sides must give the same vectors, their cosine is {self._least_cosine:.5f}"
            )

    @property
    def conditions(self) -> Conditions:
        return {
            "model": self._opened.embedder.info.name,
            "runtime": self._opened.runtime,
            "baseline": "SentenceTransformer.encode(texts, batch_size=32)",
            "chunks": f"{CHUNKS_A_ROUND} a round, of {CORPUS}",
            "threads": self._threads,
            "least_cosine": f"{self._least_cosine:.5f}",
            "state": "weights loaded and warmed up on both sides",
        }

    def baseline(self, round_index: int) -> Mapping[str, float]:
        return self._measure(self._plain, round_index)

    def plinth(self, round_index: int) -> Mapping[str, float]:
        return self._measure(self._opened.embedder.embed_documents, round_index)

    def _measure(self, embed: Encode, round_index: int) -> Mapping[str, float]:
        n_places = len(self._texts) - CHUNKS_A_ROUND + 1
        first = round_index * CHUNKS_A_ROUND % n_places
        texts = self._texts[first : first + CHUNKS_A_ROUND]
        started_s = time.perf_counter()
        embed(texts)
        return {"speed": len(texts) / (time.perf_counter() - started_s)}


def chunk_texts(files: Sequence[Path], embedder: Embedder) -> list[str]:
    """Return what is embedded of files, as an ingest cuts them."""
    settings = IngestSettings()
    chunker = Chunker(embedder, chunk_tokens=settings.chunk_tokens)
    texts: list[str] = []
    with ParserPool(settings) as pool:
        for file in files:
            parsed = pool.parse(file)
            texts.extend(
                indexed_text("", one.heading, one.span.slice(parsed.pages[one.page_index].text))
                for one in chunker.chunk(parsed, title="")
            )
    return texts
