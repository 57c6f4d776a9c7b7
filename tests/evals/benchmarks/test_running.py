from __future__ import annotations

from dataclasses import replace

import pytest

from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import LEAST_ROUNDS, Difference, NeedMissingError, Status
from models.errors import GeneratorCrashedError
from tests.evals.benchmarks.conftest import SPEED, TIME, Bench, Scripted

# Ratios 1.2, 1.2, 2, 1.1 and 1.3: the third round was disturbed.
ROUNDS = [(10, 12), (20, 24), (1, 2), (10, 11), (10, 13)]


def test_run_takes_turns_and_closes_what_it_opened(bench: Bench) -> None:
    told: list[str] = []
    benchmark = Scripted(ROUNDS)
    run_benchmark(benchmark, bench, tell=told.append)
    assert benchmark.calls == [
        "open",
        *("baseline", "plinth", "plinth", "baseline", "baseline", "plinth"),
        *("plinth", "baseline", "baseline", "plinth"),
        "close",
    ]
    assert told[0] == "scripted: preparing"
    assert told[-1] == "scripted: round 5 of 5"


def test_run_takes_the_median_of_the_rounds_ratios(bench: Bench) -> None:
    result = run_benchmark(Scripted(ROUNDS), bench, tell=lambda _: None)
    speed, time = result.measured
    assert speed.ratios == pytest.approx((1.2, 1.2, 2, 1.1, 1.3))
    assert speed.median_ratio == pytest.approx(1.2)
    assert (speed.baseline, speed.plinth) == (10, 12)
    # A time is better where it is lower: the same advantage.
    assert time.median_ratio == pytest.approx(1.2)
    assert result.status is Status.MET
    assert result.conditions == {"rounds": 5, "model": "none", "calls": 11}


def test_run_below_the_gate_is_missed(bench: Bench) -> None:
    result = run_benchmark(Scripted([(10, 10.9)] * 5), bench, tell=lambda _: None)
    assert result.status is Status.MISSED
    assert [one.is_met for one in result.measured] == [False, True]


@pytest.mark.parametrize(("limit", "is_met"), [(83.4, True), (83.3, False), (None, True)])
def test_run_over_an_absolute_limit_is_missed(
    bench: Bench, limit: float | None, is_met: bool
) -> None:
    benchmark = Scripted(ROUNDS)
    benchmark.quantities = (SPEED, replace(TIME, limit=limit))
    result = run_benchmark(benchmark, bench, tell=lambda _: None)
    # The median of Plinth's times is 1000 / 12.
    assert result.measured[1].plinth == pytest.approx(83.33, abs=0.01)
    assert [one.is_met for one in result.measured] == [True, is_met]
    assert result.status is (Status.MET if is_met else Status.MISSED)


@pytest.mark.parametrize("error", [NeedMissingError("get one"), GeneratorCrashedError("get one")])
def test_run_that_lacks_something_is_unmeasured_not_met(bench: Bench, error: Exception) -> None:
    def fail(round_index: int) -> None:
        if round_index == 3:
            raise error

    benchmark = Scripted(ROUNDS, before=fail)
    result = run_benchmark(benchmark, bench, tell=lambda _: None)
    assert (result.status, result.missing, result.measured) == (Status.UNMEASURED, "get one", ())
    assert benchmark.calls[-1] == "close"


def test_run_that_is_interrupted_closes_what_it_opened(bench: Bench) -> None:
    def interrupt(round_index: int) -> None:
        raise KeyboardInterrupt

    benchmark = Scripted(ROUNDS, before=interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(benchmark, bench, tell=lambda _: None)
    assert benchmark.calls == ["open", "close"]


def test_run_of_few_rounds_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="too few"):
        run_benchmark(Scripted(ROUNDS), bench, rounds=LEAST_ROUNDS - 1, tell=lambda _: None)


def test_run_takes_as_many_rounds_as_its_figures_need(bench: Bench) -> None:
    benchmark = Scripted(ROUNDS + ROUNDS)
    benchmark.quantities = (replace(SPEED, rounds=9), TIME)
    assert run_benchmark(benchmark, bench, tell=lambda _: None).conditions["rounds"] == 9


@pytest.mark.parametrize(("gate", "is_met"), [(-0.2, True), (-0.1, False), (None, True)])
def test_a_score_is_met_where_the_interval_of_its_differences_ends_above_the_gate(
    bench: Bench, gate: float | None, is_met: bool
) -> None:
    # A score may be 0 on both sides: there is no ratio of it.
    benchmark = Scripted([(0.5, 0.5), (0, 0), (0, 1), (1, 0.5), (0.5, 0.5)])
    benchmark.quantities = (replace(SPEED, gate=gate, is_score=True),)
    (score,) = run_benchmark(benchmark, bench, tell=lambda _: None).measured
    assert isinstance(score, Difference)
    assert score.difference.value == pytest.approx(0.1)
    assert score.difference.low == pytest.approx(-0.2)
    assert (score.baseline, score.plinth, score.is_met) == (0.4, 0.5, is_met)
