from __future__ import annotations

from collections.abc import Sequence

import pytest

from evals.benchmarks.evidence import MOST_MS, QUESTIONS, Evidence
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import NeedMissingError, Status
from models.fakes import FakeEmbedder, FakeGenerator
from models.protocols import Embedder
from models.types import FloatMatrix
from tests.evals.benchmarks.conftest import Bench


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Evidence:
    monkeypatch.setattr("evals.benchmarks.evidence.QUESTIONS", 2)
    return Evidence(n_chunks=200)


def test_evidence_measures_three_readers_in_a_corpus_of_its_own(
    small: Evidence, bench: Bench
) -> None:
    result = run_benchmark(small, bench, tell=lambda _: None)
    assert [one.quantity.name for one in result.measured] == [
        *("operator", "half", "few"),
        "unprepared",
    ]
    assert all(one.plinth > 0 and one.baseline > 0 for one in result.measured)
    assert [one.quantity.limit for one in result.measured] == [*[MOST_MS] * 3, None]
    assert result.conditions["chunks"] == 200
    assert result.conditions["embedder"] == "fake-embedder"
    assert result.status is not Status.UNMEASURED


def test_evidence_begins_no_generation(small: Evidence, bench: Bench) -> None:
    generator = FakeGenerator()
    streams: list[object] = []
    generator.stream = streams.append  # type: ignore[method-assign,assignment]
    bench.stand_in = generator
    run_benchmark(small, bench, tell=lambda _: None)
    assert streams == []


def test_evidence_asks_both_sides_the_same_in_a_round(small: Evidence, bench: Bench) -> None:
    asked: list[str] = []

    class Listening(FakeEmbedder):
        def embed_query(self, text: str):  # type: ignore[no-untyped-def]
            asked.append(text)
            return super().embed_query(text)

    bench.embedder = Listening()
    with small.open(bench) as rounds:
        asked.clear()
        rounds.baseline(0)
        baseline = set(asked)
        asked.clear()
        rounds.plinth(0)
        # The engine needs the question's vector more than once and embeds it once, here in each
        # state.
        assert len(asked) == 2 * len(set(asked))
        assert set(asked) == baseline
        asked.clear()
        rounds.plinth(1)
        assert not baseline & set(asked)
    assert QUESTIONS >= 20


def test_evidence_says_what_is_missing(small: Evidence, bench: Bench) -> None:
    def refuse() -> Embedder:
        raise NeedMissingError("set a real embedder")

    bench.open_embedder = refuse  # type: ignore[method-assign]
    result = run_benchmark(small, bench, tell=lambda _: None)
    assert result.status is Status.UNMEASURED
    assert result.missing == "set a real embedder"


def test_evidence_embeds_no_sentence_that_is_prepared(small: Evidence, bench: Bench) -> None:
    class Counting(FakeEmbedder):
        n_texts = 0

        def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
            Counting.n_texts += len(texts)
            return super().embed_documents(texts)

    bench.embedder = Counting()
    with small.open(bench) as rounds:
        rounds.plinth(3)
        unprepared = Counting.n_texts
        Counting.n_texts = 0
        rounds.plinth(3)  # all is prepared, but the first state does without
        assert 0 < Counting.n_texts < unprepared
