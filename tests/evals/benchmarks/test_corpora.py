from __future__ import annotations

from pathlib import Path

import pytest

from evals.benchmarks.corpora import (
    SHARED_DATA,
    Asked,
    day_of_questions,
    sample_corpus,
    shared_corpus,
)
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
    assert asked is not None
    assert asked.folders == (tmp_path / "corpora" / "b",)
    assert asked.questions == ("Who?",)


def part(name: str) -> Asked:
    """Documents with 9, 6 and 3 questions; a question is `<part><document><number>`."""
    topics = tuple(tuple(f"{name}{d}{i}" for i in range(n)) for d, n in enumerate((9, 6, 3)))
    questions = tuple(question for topic in topics for question in topic)
    return Asked(name=name, folders=(Path(name),), questions=questions, topics=topics)


def test_day_of_questions_draws_from_each_part_and_always_the_same() -> None:
    one, again = (
        day_of_questions([part("a"), part("b")], n_topics=2, n_questions=16, in_a_row=3, seed=3)
        for _ in range(2)
    )
    assert one == again
    assert one.folders == (Path("a"), Path("b"))
    assert sorted(question[0] for question in one.questions) == ["a"] * 8 + ["b"] * 8
    assert {question[1] for question in one.questions} == {"0", "1"}
    assert len(set(one.questions)) == 16


def test_day_of_questions_stays_with_a_document_for_some_questions() -> None:
    day = day_of_questions([part("a")], n_topics=3, n_questions=18, in_a_row=3, seed=3)
    for start in range(0, 18, 3):
        assert len({question[1] for question in day.questions[start : start + 3]}) == 1
    assert len({question[1] for question in day.questions}) == 3


def test_day_of_questions_takes_from_others_what_a_part_has_too_few_of() -> None:
    few = Asked(name="f", folders=(Path("f"),), questions=("f00",), topics=(("f00",),))
    day = day_of_questions(
        [part("a"), few, part("b")], n_topics=3, n_questions=21, in_a_row=3, seed=3
    )
    assert sorted(question[0] for question in day.questions) == ["a"] * 10 + ["b"] * 10 + ["f"]
