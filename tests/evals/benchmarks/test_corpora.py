from __future__ import annotations

from pathlib import Path

import pytest

from evals.benchmarks.corpora import SHARED_DATA, Asked, mixed, sample_corpus, shared_corpus
from evals.suites import SAMPLE


def test_sample_corpus_has_documents_and_answerable_questions() -> None:
    sample = sample_corpus()
    assert sample.folders == (SAMPLE / "corpus",)
    assert 20 <= len(sample.questions) <= len((SAMPLE / "suite.jsonl").read_text().splitlines())


def test_shared_corpus_is_none_where_the_environment_names_no_such_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SHARED_DATA, raising=False)
    assert shared_corpus("a", "b") is None
    monkeypatch.setenv(SHARED_DATA, str(tmp_path))
    assert shared_corpus("a", "b") is None


def test_shared_corpus_reads_a_suite_of_that_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "a.jsonl").write_text(
        '{"id": "1", "question": "Who?", "answerable": true, "answers": ["Anna"]}\n'
        '{"id": "2", "question": "Why?", "answerable": false}\n'
    )
    monkeypatch.setenv(SHARED_DATA, str(tmp_path))
    asked = shared_corpus("a", "b")
    assert asked == Asked(name="a", folders=(tmp_path / "corpora" / "b",), questions=("Who?",))


def test_mixed_draws_from_each_part_and_always_the_same() -> None:
    parts = [
        Asked(name=name, folders=(Path(name),), questions=tuple(f"{name}{i}" for i in range(9)))
        for name in ("a", "b")
    ]
    one, again = (mixed(parts, n_questions=6, seed=3) for _ in range(2))
    assert one == again
    assert one.folders == (Path("a"), Path("b"))
    assert sorted(question[0] for question in one.questions) == ["a"] * 3 + ["b"] * 3
    assert [q[0] for q in one.questions] != sorted(q[0] for q in one.questions)
