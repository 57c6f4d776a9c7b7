"""The benchmarks of search, on corpora so small that their figures mean nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assistant.store import vectors as vectors_module
from evals.benchmarks import growth, sentences, vectors
from evals.benchmarks.growth import Growth
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.sentences import real_sentences, sentence_vectors
from evals.benchmarks.types import Status
from evals.benchmarks.vectors import SIZES, VectorSearch
from tests.evals.benchmarks.conftest import Bench


@pytest.fixture(autouse=True)
def _few_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpora = tmp_path / "shared" / "corpora"
    corpora.mkdir(parents=True)
    lines = [f"The depot of town {i} took in {7 * i} pallets on that day." for i in range(60)]
    (corpora / "depots.md").write_text("\n\n".join(lines))
    records = [
        {"text": f"The harbour of island {i} counted {i} boats in that week."} for i in range(60)
    ]
    (corpora / "boats.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    (corpora / "boats.pdf").write_bytes(b"%PDF")
    monkeypatch.setenv(sentences.SHARED_DATA, str(tmp_path / "shared"))


def test_real_sentences_are_distinct_and_in_the_same_order_each_time() -> None:
    found, source = real_sentences()
    assert len(found) == len(set(found)) == 120
    assert (found, source) == (real_sentences()[0], "development corpora")
    assert real_sentences(5)[0] == found[:5]


def test_real_sentences_without_development_data_are_those_of_the_sample_corpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(sentences.SHARED_DATA)
    found, source = real_sentences()
    assert len(found) > 100
    assert source == "sample corpus"


def test_sentence_vectors_are_computed_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = sentence_vectors(bench)
    monkeypatch.setattr(bench.embedder, "embed_documents", None)
    second = sentence_vectors(bench)
    assert second.queries.tobytes() == first.queries.tobytes()
    assert len(first.stored) == len(first.stored_sentences)
    assert not set(first.query_sentences) & set(first.stored_sentences)
    moved = first.jittered(50, np.random.default_rng(0))
    assert np.allclose(np.linalg.norm(moved, axis=1), 1)


def test_vectors_measures_every_size(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIZES, "300,2_000")
    monkeypatch.setattr(vectors_module, "LEAST_CODED", 1000)
    monkeypatch.setattr(vectors, "GATED_ROWS", 10**9)
    result = run_benchmark(VectorSearch(), bench, tell=lambda _: None)
    assert result.status is Status.MET
    values = {one.quantity.name: one for one in result.measured}
    assert len(values) == 10
    assert values["recall10_300"].plinth == 1
    assert 0.5 < values["recall10_2k"].plinth <= 1
    assert values["recall10_1pct_2k"].plinth == 1
    assert result.conditions["exact_up_to"] == 300


def test_vectors_where_memory_is_short_is_not_measured(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIZES, str(10**12))
    result = run_benchmark(VectorSearch(), bench, tell=lambda _: None)
    assert result.status is Status.UNMEASURED
    assert "give smaller sizes in PLINTH_BENCH_ROWS" in (result.missing or "")


def test_vectors_of_sizes_that_are_no_numbers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIZES, "many")
    with pytest.raises(Exception, match="give numbers of rows"):
        _ = VectorSearch().quantities


def test_growth_measures_retrieval_and_whole_questions(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "SMALL", 50)
    monkeypatch.setattr(growth, "CATALOGS", (100, 130))
    monkeypatch.setattr(growth, "PARTS", 170)
    monkeypatch.setattr(growth, "SEGMENT_CHUNKS", 80)
    monkeypatch.setattr(growth, "CHUNKS_PER_BATCH", 60)
    monkeypatch.setattr(growth, "QUESTIONS", 3)
    result = run_benchmark(Growth(), bench, tell=lambda _: None)
    names = [one.quantity.name for one in result.measured]
    assert names == [
        "retrieval_100",
        "retrieval_130",
        "search_170",
        "question_130",
        "question_170",
    ]
    generation = 5000 + 30 * 40
    assert all(one.plinth > generation for one in result.measured[-2:])
    assert result.status is Status.MET
