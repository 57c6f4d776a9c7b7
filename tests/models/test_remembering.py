from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.errors import TextTooLongError
from models.fakes import FakeEmbedder
from models.remembering import RememberingEmbedder
from models.types import FloatMatrix, FloatVector


class CountingEmbedder(FakeEmbedder):
    """Notes what it has to embed; another one's `during` is called meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: list[str] = []
        self.queries: list[str] = []
        self.during = lambda: None

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        self.documents.extend(texts)
        self.during()
        return super().embed_documents(texts)

    def embed_query(self, text: str) -> FloatVector:
        self.queries.append(text)
        return super().embed_query(text)


@pytest.fixture
def inner() -> CountingEmbedder:
    return CountingEmbedder()


def test_each_text_is_embedded_once(inner: CountingEmbedder) -> None:
    embedder = RememberingEmbedder(inner)
    first = embedder.embed_documents(["a depot", "an alarm", "a depot"])
    again = embedder.embed_documents(["an alarm", "a train", "a depot"])
    assert inner.documents == ["a depot", "an alarm", "a train"]
    assert (first == FakeEmbedder().embed_documents(["a depot", "an alarm", "a depot"])).all()
    assert (again == FakeEmbedder().embed_documents(["an alarm", "a train", "a depot"])).all()


def test_a_query_is_not_a_document(inner: CountingEmbedder) -> None:
    embedder = RememberingEmbedder(inner)
    embedder.embed_documents(["a depot"])
    for _ in range(2):
        vector = embedder.embed_query("a depot")
    assert inner.queries == ["a depot"]
    assert (vector == FakeEmbedder().embed_query("a depot")).all()


def test_what_a_caller_does_to_a_vector_changes_no_other_answer(inner: CountingEmbedder) -> None:
    embedder = RememberingEmbedder(inner)
    embedder.embed_query("a depot")[:] = 0
    embedder.embed_documents(["a depot"])[:] = 0
    assert np.linalg.norm(embedder.embed_query("a depot")) == pytest.approx(1)
    assert np.linalg.norm(embedder.embed_documents(["a depot"])) == pytest.approx(1)


def test_what_was_used_longest_ago_goes_first(inner: CountingEmbedder) -> None:
    embedder = RememberingEmbedder(inner, most=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        embedder.embed_query(text)
    assert inner.queries == ["a", "b", "c", "b"]


def test_forget_drops_everything_also_what_is_on_its_way(inner: CountingEmbedder) -> None:
    embedder = RememberingEmbedder(inner)
    embedder.embed_query("a")
    inner.during = embedder.forget
    embedder.embed_documents(["b"])
    inner.during = lambda: None
    embedder.embed_query("a")
    embedder.embed_documents(["b"])
    assert inner.queries == ["a", "a"]
    assert inner.documents == ["b", "b"]


def test_a_text_too_long_is_named_by_its_place_in_the_call(inner: CountingEmbedder) -> None:
    embedder = RememberingEmbedder(inner)
    embedder.embed_documents(["a", "b"])
    with pytest.raises(TextTooLongError) as caught:
        embedder.embed_documents(["a", "b", "word " * 500])
    assert caught.value.index == 2
