from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.engine import Engine
from assistant.passages import write_block
from assistant.prompts.library import prompt_text
from assistant.settings import AnswerSettings
from assistant.types import ChunkId, Hit
from evals.benchmarks.blocks import NoBlocks
from evals.benchmarks.first_token import A_ROUND, FirstToken, Stream
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import NeedMissingError, OpenedCorpus, OpenedGenerator
from models.fakes import FakeEmbedder, FakeGenerator
from tests.assistant.test_engine import ListRetriever

SMALL = "smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
TEXT = "The shop has a counter of oak. It opens at nine and closes at six."


class Bench:
    """A workbench whose corpus is one passage, with a stand-in that counts what it computes."""

    threads = 1

    def __init__(self, hit: Hit, weights: Path) -> None:
        self._hit = hit
        self._weights = weights
        self.generator = FakeGenerator()

    def _prepare(self, chunk_ids: Iterable[ChunkId]) -> None:
        assert list(chunk_ids) == [self._hit.chunk.chunk_id]
        self.generator.keep(prompt_text("answer_head"), write_block(self._hit))

    @contextmanager
    def open_corpus(self, _folders: Sequence[Path]) -> Iterator[OpenedCorpus]:
        retriever, settings = ListRetriever((self._hit,)), AnswerSettings(min_confidence=0.0)
        engine, cold_engine = (
            Engine(
                retriever=retriever,
                embedder=FakeEmbedder(),
                generator=generator,
                settings=settings,
            )
            for generator in (self.generator, NoBlocks(self.generator))
        )
        yield OpenedCorpus(
            retriever=retriever,
            opened=OpenedGenerator(
                generator=self.generator,
                weights="small",
                path=self._weights,
                sha256="ab",
                tensors=(),
                is_fitted=False,
                reason="",
            ),
            engine=engine,
            cold_engine=cold_engine,
            prepare=self._prepare,
        )


@pytest.fixture
def bench(
    make_hit: Callable[..., Hit],
    weights: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    monkeypatch.delenv("PLINTH_SHARED_DATA", raising=False)
    return Bench(make_hit(TEXT, score=0.9), weights(SMALL))


def test_first_token_measures_kept_and_cold_against_the_whole_prompt(bench: Bench) -> None:
    result = run_benchmark(FirstToken(), bench, tell=lambda _: None)
    assert [one.quantity.name for one in result.measured] == ["kept", "cold", "checked"]
    kept, cold, checked = result.measured
    assert kept.ratios != cold.ratios
    assert kept.baseline == cold.baseline == checked.baseline > 0
    assert "of them computed" in str(result.conditions["plinth_tokens"])
    assert "kept" in str(result.conditions["state"])


def test_cold_computes_a_passage_that_the_generator_holds(bench: Bench) -> None:
    with FirstToken().open(bench) as rounds, bench.open_corpus(()) as corpus:
        rounds.plinth(0)
        block = write_block(corpus.retriever.retrieve("", 1, OPERATOR)[0])
        assert bench.generator.holds(prompt_text("answer_head"), [block]) == (True,)
        assert NoBlocks(bench.generator).holds(prompt_text("answer_head"), [block]) == (False,)
        cold, kept = (
            engine.ask("When does the shop open?", readable=OPERATOR).record.usage
            for engine in (corpus.cold_engine, corpus.engine)
        )
    assert cold.prompt_tokens_computed > kept.prompt_tokens_computed


def test_stream_keeps_after_each_question_and_ends_when_it_runs_out(bench: Bench) -> None:
    with Stream().open(bench) as rounds:
        assert rounds.plinth(0)["first token"] > 0
        assert rounds.baseline(0)["first token"] > 0
        with pytest.raises(NeedMissingError, match="take fewer rounds"):
            rounds.plinth(10_000 // A_ROUND)
        assert rounds.conditions["questions"] == f"{A_ROUND} of sample"
