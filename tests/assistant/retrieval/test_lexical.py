from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import IndexDamagedError
from assistant.retrieval.lexical import Fractions, score_fractions
from assistant.retrieval.view import View, build_view
from assistant.store.segments import Segment, build_segment

K1, B = 1.2, 0.75


def segment(first_id: int, texts: list[str]) -> Segment:
    vectors = np.tile(np.array([[1, 0]], np.float32), (len(texts), 1))
    return build_segment(np.arange(first_id, first_id + len(texts)), vectors, texts)


def view(*texts: list[str], readable: list[int] | None = None) -> View:
    segments, next_id = [], 1
    for part in texts:
        segments.append(segment(next_id, part))
        next_id += len(part)
    ids = np.arange(1, next_id) if readable is None else np.array(readable, np.int64)
    return build_view(segments, ids, n_live=next_id - 1)


def scores_of(corpus: View, terms: list[str], *, k1: float = K1, b: float = B) -> np.ndarray:
    """Give the fraction of every row."""
    return score_fractions(corpus, terms, k1=k1, b=b).at(np.arange(corpus.n_rows))


def test_score_fractions_of_two_chunks_are_as_worked_by_hand() -> None:
    # apple: df 1 of N 2, idf ln(1 + 1.5/1.5) = ln 2; zebra: df 0, idf ln(1 + 2.5/0.5) = ln 6.
    # Lengths 2 and 4, mean 3; tf 1 in the first: 2.2 / (1 + 1.2 · (0.25 + 0.75 · 2/3)) = 2.2/1.9.
    corpus = view(["apple pie", "pear pie cake tart"])
    scores = scores_of(corpus, ["appl", "zebra"])
    most = (math.log(2) + math.log(6)) * 2.2
    assert scores == pytest.approx([math.log(2) * 2.2 / 1.9 / most, 0])


def test_score_fractions_add_up_the_terms_that_a_chunk_holds() -> None:
    # Lengths 2, 1, 1, mean 4/3. apple and pear: df 2 of N 3, idf ln(1 + 1.5/2.5) = ln 1.6 each,
    # so that each is half of the most. The norm of the first is 1.2 · (0.25 + 0.75 · 2/(4/3)) =
    # 1.65, of the others 1.2 · (0.25 + 0.75 · 1/(4/3)) = 0.975.
    scores = scores_of(view(["apple pear", "apple"], ["pear"]), ["appl", "pear"])
    assert scores == pytest.approx([1 / 2.65, 0.5 / 1.975, 0.5 / 1.975])


def test_score_fractions_of_single_words_are_as_worked_by_hand() -> None:
    # Both lengths and their mean are 1: 2.2 / (1 + 1.2) is 1 of at most 2.2.
    assert scores_of(view(["apple", "pear"]), ["appl"]) == pytest.approx([1 / 2.2, 0])
    # Without a word there is no mean length to speak of.
    assert scores_of(view(["the", "apple"]), ["appl"]) == pytest.approx(
        [0, 1 / (1 + 1.2 * (0.25 + 0.75))]
    )


def test_score_fractions_ignore_unreadable_chunks() -> None:
    mixed = view(["apple pie", "apple apple"], ["pear", "apple"], readable=[1, 3])
    alone = view(["apple pie", "pear"])
    assert scores_of(mixed, ["appl", "pear"])[[0, 2]].tolist() == (
        scores_of(alone, ["appl", "pear"]).tolist()
    )
    assert scores_of(mixed, ["appl"])[[1, 3]].tolist() == [0, 0]


def test_score_fractions_without_terms_are_zero() -> None:
    assert scores_of(view(["apple"]), []).tolist() == [0]


def test_score_fractions_of_textless_chunk_are_zero() -> None:
    assert scores_of(view(["the"]), ["appl"]).tolist() == [0]


@pytest.mark.parametrize("readable", [[], [2], [1, 2]])
def test_score_fractions_are_of_rows_as_whole_numbers(readable: list[int]) -> None:
    found = score_fractions(view(["apple", "pear"], readable=readable), ["pear"], k1=K1, b=B)
    assert found.rows.dtype == np.int64
    assert found.rows.tolist() == [1] * (2 in readable)


@given(
    st.lists(st.sampled_from(["apple", "pear apple", "pear pear", "fig"]), min_size=1, max_size=8),
    st.floats(0, 5),
    st.floats(0, 1),
)
def test_score_fractions_lie_between_0_and_1(texts: list[str], k1: float, b: float) -> None:
    scores = scores_of(view(texts), ["appl", "pear"], k1=k1, b=b)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_best_rows_keep_all_that_tie_with_the_last() -> None:
    fractions = Fractions(np.array([0, 2, 3, 4, 7]), np.array([0.5, 0.2, 0.9, 0.2, 0.1]))
    assert fractions.best_rows(3).tolist() == [0, 2, 3, 4]
    assert fractions.best_rows(5).tolist() == [0, 2, 3, 4, 7]
    assert repr(fractions) == "Fractions(5 rows)"


def test_build_view_of_chunk_that_no_segment_holds_is_refused() -> None:
    with pytest.raises(IndexDamagedError, match="1 of 2"):
        view(["apple"], readable=[1, 2])
