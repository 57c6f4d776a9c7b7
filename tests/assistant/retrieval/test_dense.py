from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.retrieval import dense
from assistant.retrieval.dense import best_rows, cosines
from assistant.retrieval.view import View, build_view
from assistant.store import codes as codes_module
from assistant.store import vectors as vectors_module
from assistant.store.segments import build_segment

DIM = 16


def vectors(seed: int, n: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def view(parts: list[np.ndarray], readable: np.ndarray) -> View:
    segments, next_id = [], 0
    for part in parts:
        ids = np.arange(next_id, next_id + len(part))
        segments.append(build_segment(ids, part, [""] * len(part)))
        next_id += len(part)
    return build_view(segments, np.flatnonzero(readable))


@given(st.integers(0, 99), st.lists(st.integers(1, 20), min_size=1, max_size=3), st.integers(1, 9))
def test_best_rows_equal_sorting_all_readable_products(seed: int, sizes, n: int) -> None:
    matrix, query = vectors(seed, sum(sizes)), vectors(seed + 1000, 1)[0]
    readable = np.random.default_rng(seed).random(len(matrix)) < 0.5
    searched = view(np.split(matrix, np.cumsum(sizes)[:-1]), readable)
    rows = best_rows(searched, query, n)
    products = np.where(readable, matrix @ query, -2)
    expected = np.sort(np.argsort(-products, kind="stable")[: min(n, readable.sum())])
    assert rows.tolist() == expected.tolist()
    assert np.allclose(cosines(searched, query, rows), products[rows], atol=1e-6)


def test_cosines_do_not_depend_on_what_else_is_stored() -> None:
    matrix, query = vectors(1, 300), vectors(2, 1)[0]
    everything = np.ones(300, bool)
    full = cosines(view([matrix], everything), query, np.arange(300))
    parts = view([matrix[7:8], matrix[100:103]], np.ones(4, bool))
    assert cosines(parts, query, np.arange(4)).tolist() == full[[7, 100, 101, 102]].tolist()


def test_search_of_nothing_readable_finds_nothing() -> None:
    nothing = view([vectors(1, 3)], np.zeros(3, bool))
    assert best_rows(nothing, vectors(2, 1)[0], 5).tolist() == []
    assert cosines(nothing, vectors(2, 1)[0], np.empty(0, np.int64)).tolist() == []


@pytest.fixture
def _code_from_100_vectors_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors_module, "LEAST_CODED", 100)
    monkeypatch.setattr(codes_module, "ROWS_PER_LIST", 32)
    monkeypatch.setattr(dense, "EXHAUSTIVE_ROWS", 40)
    monkeypatch.setattr(dense, "LEAST_READ", 600)
    monkeypatch.setattr(dense, "LEAST_RESCORED", 100)


def exact(matrix: np.ndarray, query: np.ndarray, readable: np.ndarray, n: int) -> list[int]:
    products = np.where(readable, matrix @ query, -2)
    return np.sort(np.argsort(-products, kind="stable")[: min(n, readable.sum())]).tolist()


@pytest.mark.usefixtures("_code_from_100_vectors_on")
@pytest.mark.parametrize("share", [0.02, 0.3, 1])
@pytest.mark.parametrize("seed", range(5))
def test_best_rows_of_segments_with_codes_are_readable_and_nearly_the_best(
    seed: int, share: float
) -> None:
    matrix, query = vectors(seed, 900), vectors(seed + 1000, 1)[0]
    readable = np.random.default_rng(seed).random(900) < share
    searched = view([matrix[:400], matrix[400:430], matrix[430:]], readable)
    assert [part.lists is None for part in searched.segments] == [False, True, False]
    rows = best_rows(searched, query, 10)
    assert readable[rows].all()
    expected = exact(matrix, query, readable, 10)
    if readable.sum() <= dense.EXHAUSTIVE_ROWS:
        assert rows.tolist() == expected
    assert len(set(rows.tolist())) == len(expected)
    assert len(np.intersect1d(rows, expected)) >= 0.5 * len(expected)


@pytest.mark.usefixtures("_code_from_100_vectors_on")
def test_best_rows_read_lists_beyond_those_without_readable_rows() -> None:
    # The reader may see only what is far from the question; the nearest lists hold none of it.
    matrix, query = vectors(1, 600), vectors(2, 1)[0]
    readable = matrix @ query < 0
    found = best_rows(view([matrix], readable), query, 10)
    assert len(found) == 10
    assert readable[found].all()


@pytest.mark.usefixtures("_code_from_100_vectors_on")
def test_cosines_are_the_same_in_segments_with_and_without_codes() -> None:
    matrix, query = vectors(1, 300), vectors(2, 1)[0]
    coded = cosines(view([matrix], np.ones(300, bool)), query, np.arange(300))
    parts = view([matrix[7:8], matrix[100:103]], np.ones(4, bool))
    assert cosines(parts, query, np.arange(4)).tolist() == coded[[7, 100, 101, 102]].tolist()
