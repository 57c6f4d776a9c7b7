from __future__ import annotations

import pytest

from evals.benchmarks import weights
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import Result, Status
from evals.benchmarks.weights import Weights
from models.fitting import trial
from tests.evals.benchmarks.conftest import Bench, TimedGenerator


def run(bench: Bench) -> Result:
    return run_benchmark(Weights(), bench, tell=lambda _: None)


def test_weights_measures_what_both_files_do(bench: Bench) -> None:
    result = run(bench)
    prefill, decode, question = result.measured
    assert (prefill.baseline, prefill.plinth) == (100, 120)  # 600 tokens in 6 s, in 5 s
    assert (decode.baseline, decode.plinth) == pytest.approx((20, 25))
    # 140 / 100 + 24 / 20 = 2.6 s against 140 / 120 + 24 / 25 = 2.13 s
    assert question.median_ratio == pytest.approx(2.6 / (140 / 120 + 24 / 25))
    assert result.status is Status.MET
    assert result.conditions["baseline_weights"] == "original.gguf"
    assert result.conditions["plinth_weights"] == "fitted.gguf"
    assert result.conditions["tokens_shown"] == 600
    assert result.conditions["tokens_computed"] == 600
    assert result.conditions["threads"] == 2
    assert bench.original.is_closed
    assert bench.fitted.is_closed


def test_weights_asks_both_the_same_and_nothing_twice(bench: Bench) -> None:
    run(bench)
    asked = [request.prompt for request in bench.original.requests]
    assert asked == [request.prompt for request in bench.fitted.requests]
    assert len(asked) == 6  # five rounds and one to warm up
    parts = [part for one in asked for part in (one.head, *one.passages, one.question)]
    assert len(set(parts)) == len(parts)
    marks = {prompt.head.split(".")[0] for prompt in asked}
    assert len(marks) == 6
    # A cache of prefixes cannot help either: every part begins with the round's mark.
    for prompt in asked:
        mark = prompt.head.split(".")[0]
        assert all(
            part.startswith(mark) for part in (prompt.head, *prompt.passages, prompt.question)
        )


def test_weights_that_are_slower_at_one_thing_miss_the_gate(bench: Bench) -> None:
    bench.fitted = TimedGenerator(ttft_ms=3000, ms_a_token=60)
    result = run(bench)
    assert result.status is Status.MISSED
    assert [one.is_met for one in result.measured] == [True, False, True]


def test_weights_without_a_fitted_file_is_unmeasured_and_says_what_to_run() -> None:
    one = TimedGenerator(ttft_ms=1, ms_a_token=1)
    result = run(Bench(one, one, is_fitted=False))
    assert result.status is Status.UNMEASURED
    assert "because" in str(result.missing)
    assert "plinth models fit" in str(result.missing)
    assert one.requests == []


def test_weights_of_a_model_that_says_nothing_is_unmeasured(bench: Bench) -> None:
    bench.original = TimedGenerator(ttft_ms=1, ms_a_token=1, reply_tokens=2)
    result = run(bench)
    assert result.status is Status.UNMEASURED
    assert "replied with 2 tokens" in str(result.missing)


def test_weights_weighs_reading_and_writing_as_a_fit_does() -> None:
    assert weights.QUESTION_PROMPT_TOKENS == trial.TYPICAL_PROMPT_TOKENS
    assert weights.QUESTION_REPLY_TOKENS == trial.TYPICAL_REPLY_TOKENS
