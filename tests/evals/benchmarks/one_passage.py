"""A workbench with a corpus of one passage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assistant.engine import Engine
from assistant.passages import write_block
from assistant.prompts.library import prompt_text
from assistant.settings import AnswerSettings
from assistant.types import ChunkId, Hit
from evals.benchmarks.blocks import NoBlocks
from evals.benchmarks.types import OpenedCorpus, OpenedGenerator
from models.fakes import FakeEmbedder, FakeGenerator
from tests.assistant.test_engine import ListRetriever


class OnePassage:
    """A workbench whose corpus is one passage, with a stand-in that counts what it computes.

    Args:
        hit: The passage.
        weights: For the baseline.
        reply: To every question.
        reply_of_fitted: The same, by fitted weights; None: there are none.
    """

    threads = 1

    def __init__(
        self,
        hit: Hit,
        weights: Path,
        *,
        reply: str | None = None,
        reply_of_fitted: str | None = None,
    ) -> None:
        self._hit = hit
        self._weights = weights
        self.generator = FakeGenerator(reply=reply)
        self._fitted = FakeGenerator(reply=reply_of_fitted)
        self._has_fitted = reply_of_fitted is not None
        self.n_opened = 0

    @property
    def is_prepared(self) -> bool:
        """Whether the generator holds the passage."""
        return self.generator.holds(prompt_text("answer_head"), [write_block(self._hit)])[0]

    def _prepare(self, chunk_ids: Iterable[ChunkId]) -> None:
        assert list(chunk_ids) == [self._hit.chunk.chunk_id]
        self.generator.keep(prompt_text("answer_head"), write_block(self._hit))

    def _generator(self, *, use_fitted: bool) -> FakeGenerator:
        return self._fitted if use_fitted and self._has_fitted else self.generator

    def _opened(self, generator: FakeGenerator) -> OpenedGenerator:
        return OpenedGenerator(
            generator=generator,
            weights="small",
            path=self._weights,
            sha256="ab",
            tensors=(),
            is_fitted=generator is self._fitted,
            reason="not worth it",
        )

    @contextmanager
    def open_generator(self, *, use_fitted: bool) -> Iterator[OpenedGenerator]:
        yield self._opened(self._generator(use_fitted=use_fitted))

    @contextmanager
    def open_corpus(
        self, _folders: Sequence[Path], *, use_fitted: bool = True
    ) -> Iterator[OpenedCorpus]:
        self.n_opened += 1
        used = self._generator(use_fitted=use_fitted)
        retriever, settings = ListRetriever((self._hit,)), AnswerSettings(min_confidence=0.0)
        engine, cold_engine = (
            Engine(
                retriever=retriever,
                embedder=FakeEmbedder(),
                generator=generator,
                settings=settings,
            )
            for generator in (used, NoBlocks(used))
        )
        yield OpenedCorpus(
            retriever=retriever,
            opened=self._opened(used),
            engine=engine,
            cold_engine=cold_engine,
            embedder=FakeEmbedder(),
            settings=settings,
            prepare=self._prepare,
            pass_idle_s=lambda _: self._prepare([self._hit.chunk.chunk_id]),
        )
