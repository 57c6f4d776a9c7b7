from __future__ import annotations

import math

import numpy as np
import pytest

from assistant.retrieval.ties import nth_best


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "expected"),
    [(1, [2]), (2, [0, 2]), (3, [0, 1, 2, 3]), (5, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])],
)
def test_best_come_with_all_that_tie_with_the_last(
    dtype: type[np.floating], n: int, expected: list[int]
) -> None:
    scores = np.array([0.5, 0.2, 0.9, 0.2, 0.1], dtype)
    cut = nth_best(scores, n)
    assert isinstance(cut, float)
    assert np.flatnonzero(scores >= cut).tolist() == expected


def test_nothing_is_cut_off_where_there_are_no_more_than_asked_for() -> None:
    assert nth_best(np.array([0.5, 0.2, 0.9]), 2) == 0.5
    assert nth_best(np.array([0.5, 0.2, 0.9]), 3) == -math.inf
    assert nth_best(np.array([0.5, 0.2, 0.9]), 4) == -math.inf
    assert nth_best(np.empty(0), 1) == -math.inf


def test_nth_best_of_many_is_found_in_any_order() -> None:
    shuffled = np.random.default_rng(1).permutation(1000).astype(np.float32)
    assert [nth_best(shuffled, n) for n in (1, 10, 600, 999)] == [999, 990, 400, 1]
