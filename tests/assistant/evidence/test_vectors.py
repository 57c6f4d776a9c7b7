from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.evidence.vectors import FIRST_BATCH, SentenceVectors
from models.fakes import FakeEmbedder
from models.types import FloatMatrix

WORDS = "leave days depot Hull cold store pallets alarm engineer payroll travel train".split()


class CountingEmbedder(FakeEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        self.texts.extend(texts)
        return super().embed_documents(texts)


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
            st.floats(0, 3),
        ),
        min_size=1,
        max_size=40,
    ),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
)
def test_best_is_the_one_that_all_vectors_give(
    sentences: list[tuple[str, float]], question: str
) -> None:
    embedder = FakeEmbedder()
    texts, rest = [text for text, _ in sentences], np.array([score for _, score in sentences])
    query = embedder.embed_query(question)
    best = SentenceVectors(texts, embedder).best(rest, query)
    scores = embedder.embed_documents(texts) @ query + rest
    assert scores[best] == pytest.approx(scores.max(), abs=1e-6)


def test_best_of_equals_is_the_first() -> None:
    embedder = FakeEmbedder()
    vectors = SentenceVectors(["the depot"] * 9, embedder)
    assert vectors.best(np.ones(9), embedder.embed_query("the depot")) == 0


def test_best_embeds_nothing_that_is_too_far_behind() -> None:
    embedder = CountingEmbedder()
    texts = [f"depot {number}" for number in range(40)]
    # The cosine of equal words is 1, so what is 1.1 behind can reach no more than 0.9 less.
    rest = np.array([2.0] * FIRST_BATCH + [0.9] * (40 - FIRST_BATCH))
    vectors = SentenceVectors(texts, embedder)
    assert vectors.best(rest, embedder.embed_query("depot 0")) == 0
    assert embedder.texts == texts[:FIRST_BATCH]
    assert vectors.n_known == FIRST_BATCH


def test_all_embeds_every_sentence_once() -> None:
    embedder = CountingEmbedder()
    texts = [f"depot {number}" for number in range(20)]
    vectors = SentenceVectors(texts, embedder)
    vectors.best(np.linspace(3, 0, 20), embedder.embed_query("depot 0"))
    rows = vectors.all()
    assert sorted(embedder.texts) == sorted(texts)
    assert (rows == FakeEmbedder().embed_documents(texts)).all()
    assert (vectors.all() == rows).all()
    assert len(embedder.texts) == 20


def test_a_sentence_over_the_window_is_represented_by_its_beginning() -> None:
    embedder = FakeEmbedder(max_tokens=32)
    long = " ".join(["depot"] * 24 + ["alarm"] * 50)  # 32 less the spare ones
    (row,) = SentenceVectors([long], embedder).all()
    # 24 tokens fit; "alarm" makes none of them.
    (beginning,) = embedder.embed_documents([" ".join(["depot"] * 24)])
    assert row == pytest.approx(beginning)
