from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.types import Hit
from evals.benchmarks import quality
from evals.benchmarks.corpora import Asked
from evals.benchmarks.quality import Quality
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import Difference, NeedMissingError, Status
from evals.suites import Case
from tests.evals.benchmarks.one_passage import OnePassage

TEXT = "The shop has a counter of oak. It opens at nine and closes at six."
WHOLE = "It opens at nine and closes at six."
PART = "It opens at nine."
QUESTIONS = ("When does the shop open?", "When does the shop close?", "What is of oak?")


def asked(name: str, gold: str) -> Asked:
    cases = tuple(
        Case(id=str(number), question=question, answerable=True, answers=("never", gold))
        for number, question in enumerate(QUESTIONS)
    )
    return Asked(name=name, folders=(), questions=QUESTIONS, topics=(QUESTIONS,), cases=cases)


@pytest.fixture
def bench(make_hit: Callable[..., Hit], monkeypatch: pytest.MonkeyPatch) -> OnePassage:
    monkeypatch.setattr(quality, "SUITES", ("one", "other"))
    monkeypatch.setattr(quality, "shared_corpus", lambda suite, _corpus: asked(suite, WHOLE))
    hit = make_hit(TEXT, score=0.9)
    return OnePassage(hit, Path("weights"), reply=WHOLE, reply_of_fitted=PART)


def test_quality_compares_every_question_of_every_suite_in_its_corpus(bench: OnePassage) -> None:
    result = run_benchmark(Quality(), bench, rounds=6, tell=lambda _: None)
    assert [one.quantity.name for one in result.measured] == ["chosen", "prepared", "fitted"]
    chosen, prepared, fitted = result.measured
    assert isinstance(chosen, Difference)
    assert isinstance(prepared, Difference)
    assert isinstance(fitted, Difference)
    assert chosen.baseline == prepared.baseline == chosen.plinth == prepared.plinth == 1
    assert fitted.baseline == 1
    # Not contained; of 4 and 8 words 4 agree.
    assert fitted.plinth == pytest.approx(8 / 12 / 2)
    assert fitted.difference.n == 6
    assert fitted.difference.value == pytest.approx(fitted.plinth - 1)
    assert result.status is Status.MISSED
    assert (
        result.conditions["questions"]
        == "3 of one, 3 of other; answerable, gold answers of at most 50 words"
    )
    assert bench.n_opened == 2


def test_quality_prepares_the_passages_that_are_shown(bench: OnePassage) -> None:
    with Quality().open(bench) as rounds:
        rounds.baseline(0)
        assert not bench.is_prepared
        rounds.plinth(0)
        assert bench.is_prepared


def test_without_fitted_weights_nothing_is_lost_by_them(
    bench: OnePassage, make_hit: Callable[..., Hit]
) -> None:
    bench = OnePassage(make_hit(TEXT, score=0.9), Path("weights"), reply=WHOLE)
    with Quality().open(bench) as rounds:
        assert rounds.plinth(0)["fitted"] == rounds.baseline(0)["fitted"]
        assert rounds.conditions["fitted_weights"] == "none, not worth it"


@pytest.mark.parametrize(
    ("gold", "score"), [(WHOLE, 1.0), ("at nine", 0.5 + 0.5 * 4 / 10), ("elm", 0.0)]
)
def test_score_is_the_mean_of_containment_and_f1(
    bench: OnePassage, monkeypatch: pytest.MonkeyPatch, gold: str, score: float
) -> None:
    monkeypatch.setattr(quality, "shared_corpus", lambda suite, _corpus: asked(suite, gold))
    with Quality().open(bench) as rounds:
        assert rounds.baseline(0)["chosen"] == pytest.approx(score)


def test_score_of_an_abstention_is_0(
    make_hit: Callable[..., Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "SUITES", ("one",))
    monkeypatch.setattr(quality, "shared_corpus", lambda suite, _corpus: asked(suite, "elm"))
    bench = OnePassage(make_hit(TEXT, score=0.9), Path("weights"), reply="It is of elm.")
    with Quality().open(bench) as rounds:
        assert rounds.baseline(0)["chosen"] == 0


def test_questions_with_long_gold_answers_are_not_asked(
    bench: OnePassage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "MOST_WORDS", len(WHOLE.split()) - 1)
    result = run_benchmark(Quality(), bench, rounds=6, tell=lambda _: None)
    assert result.status is Status.UNMEASURED
    assert "there are 0 questions" in str(result.missing)


@pytest.mark.parametrize("missing", [("one", "other"), ("other",)])
def test_quality_without_its_documents_says_so_before_it_begins(
    bench: OnePassage, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    monkeypatch.setattr(
        quality,
        "shared_corpus",
        lambda suite, _corpus: None if suite in missing else asked(suite, WHOLE),
    )
    result = run_benchmark(Quality(), bench, tell=lambda _: None)
    assert result.status is Status.UNMEASURED
    assert "set PLINTH_SHARED_DATA" in str(result.missing)
    assert bench.n_opened == 0


def test_quality_of_more_rounds_than_questions_asks_for_fewer(bench: OnePassage) -> None:
    with Quality().open(bench) as rounds, pytest.raises(NeedMissingError, match="fewer rounds"):
        rounds.plinth(6)
