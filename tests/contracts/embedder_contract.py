"""What every `models.protocols.Embedder` keeps, whichever model is behind it."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import TextTooLongError
from models.protocols import Embedder

TEXTS = [
    "A full-time employee has 27 working days of annual leave.",
    "Trains are booked in second class.",
    "Grüße aus Zürich 🙂 und 東京.",
    "Cats sleep.",
]
# The embedder is shared by all examples of a property on purpose: it keeps no state of a text.
property_test = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


class EmbedderContract:
    """Subclass it and override `embedder`; class-scoped where opening it costs time."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls) -> Embedder:
        raise NotImplementedError

    def test_info_is_complete_and_stable(self, embedder: Embedder) -> None:
        info = embedder.info
        assert info.name
        assert info.fingerprint
        assert info.dim > 1
        assert info.max_tokens > 8
        assert embedder.info == info

    def test_documents_become_unit_rows(self, embedder: Embedder) -> None:
        matrix = embedder.embed_documents(TEXTS)
        assert matrix.dtype == np.float32
        assert matrix.shape == (len(TEXTS), embedder.info.dim)
        assert matrix.flags.c_contiguous
        np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)

    def test_no_documents_give_no_rows(self, embedder: Embedder) -> None:
        matrix = embedder.embed_documents([])
        assert matrix.dtype == np.float32
        assert matrix.shape == (0, embedder.info.dim)

    def test_rows_follow_the_order_of_the_texts(self, embedder: Embedder) -> None:
        many = [f"{text} {'word ' * (i % 7)}" for i, text in enumerate(TEXTS * 12)]
        forward = embedder.embed_documents(many)
        backward = embedder.embed_documents(many[::-1])
        np.testing.assert_allclose(forward, backward[::-1], atol=1e-4)

    def test_equal_texts_give_equal_rows(self, embedder: Embedder) -> None:
        first, second = embedder.embed_documents([TEXTS[0]]), embedder.embed_documents([TEXTS[0]])
        np.testing.assert_array_equal(first, second)

    def test_empty_text_has_a_unit_row(self, embedder: Embedder) -> None:
        matrix = embedder.embed_documents(["", " \n"])
        np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)

    def test_too_long_document_is_refused_with_its_place(self, embedder: Embedder) -> None:
        long = "word " * embedder.info.max_tokens
        with pytest.raises(TextTooLongError) as caught:
            embedder.embed_documents([TEXTS[0], long, TEXTS[1]])
        assert caught.value.index == 1
        assert caught.value.n_tokens == embedder.count_tokens([long])[0]

    def test_document_that_fills_the_window_is_not_cut(self, embedder: Embedder) -> None:
        room = embedder.info.max_tokens - embedder.count_tokens([""])[0]
        full = "word " * (room - 1)
        assert embedder.count_tokens([full + "cat"]) == (embedder.info.max_tokens,)
        cat, dog = embedder.embed_documents([full + "cat", full + "dog"])
        assert not np.array_equal(cat, dog)

    def test_query_is_a_unit_vector(self, embedder: Embedder) -> None:
        vector = embedder.embed_query("How many days of annual leave?")
        assert vector.dtype == np.float32
        assert vector.shape == (embedder.info.dim,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)

    def test_long_query_counts_by_its_leading_tokens(self, embedder: Embedder) -> None:
        lead = "leave policy days " * embedder.info.max_tokens
        np.testing.assert_allclose(
            embedder.embed_query(lead + "volcano"), embedder.embed_query(lead), atol=1e-6
        )

    def test_query_is_nearest_to_the_text_that_answers_it(self, embedder: Embedder) -> None:
        scores = embedder.embed_documents(TEXTS) @ embedder.embed_query(
            "How many working days of annual leave has an employee?"
        )
        assert int(np.argmax(scores)) == 0

    def test_concurrent_calls_agree_with_calls_alone(self, embedder: Embedder) -> None:
        alone = [embedder.embed_documents([text]) for text in TEXTS]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda text: embedder.embed_documents([text]), TEXTS))
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)

    @property_test
    @given(text=st.text(max_size=200))
    def test_token_spans_are_ordered_and_count_the_tokens(
        self, embedder: Embedder, text: str
    ) -> None:
        spans = embedder.token_spans(text)
        edges = [0, *itertools.chain.from_iterable(spans), len(text)]
        assert edges == sorted(edges)
        special, n_tokens = embedder.count_tokens(["", text])
        assert n_tokens == special + len(spans)

    def test_token_spans_cover_the_words(self, embedder: Embedder) -> None:
        covered = {i for start, end in embedder.token_spans(TEXTS[0]) for i in range(start, end)}
        assert covered == {i for i, char in enumerate(TEXTS[0]) if not char.isspace()}

    def test_token_spans_accept_any_length(self, embedder: Embedder) -> None:
        assert len(embedder.token_spans("word " * 5000)) == 5000
