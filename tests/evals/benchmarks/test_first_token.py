from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.passages import write_block
from assistant.prompts.library import prompt_text
from assistant.types import Hit
from evals.benchmarks.blocks import NoBlocks
from evals.benchmarks.first_token import A_ROUND, FirstToken, Stream
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import NeedMissingError
from tests.evals.benchmarks.one_passage import OnePassage

SMALL = "smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
TEXT = "The shop has a counter of oak. It opens at nine and closes at six."


@pytest.fixture
def bench(
    make_hit: Callable[..., Hit],
    weights: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> OnePassage:
    monkeypatch.delenv("PLINTH_SHARED_DATA", raising=False)
    return OnePassage(make_hit(TEXT, score=0.9), weights(SMALL))


def test_first_token_measures_kept_and_cold_against_the_whole_prompt(bench: OnePassage) -> None:
    result = run_benchmark(FirstToken(), bench, tell=lambda _: None)
    assert [one.quantity.name for one in result.measured] == ["kept", "cold", "checked"]
    kept, cold, checked = result.measured
    assert kept.ratios != cold.ratios
    assert kept.baseline == cold.baseline == checked.baseline > 0
    assert "of them computed" in str(result.conditions["plinth_tokens"])
    assert "kept" in str(result.conditions["state"])


def test_cold_computes_a_passage_that_the_generator_holds(bench: OnePassage) -> None:
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


def test_stream_keeps_after_each_question_and_ends_when_it_runs_out(bench: OnePassage) -> None:
    with Stream().open(bench) as rounds:
        assert rounds.plinth(0)["first_token"] > 0
        assert rounds.baseline(0)["first_token"] > 0
        with pytest.raises(NeedMissingError, match="take fewer rounds"):
            rounds.plinth(10_000 // A_ROUND)
        assert rounds.conditions["questions"] == f"{A_ROUND} of sample"
