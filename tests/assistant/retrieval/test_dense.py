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


def view(parts: list[np.ndarray], readable: np.ndarray, *, others_live: bool = True) -> View:
    segments, next_id = [], 0
    for part in parts:
        ids = np.arange(next_id, next_id + len(part))
        segments.append(build_segment(ids, part, [""] * len(part)))
        next_id += len(part)
    ids = np.flatnonzero(readable)
    return build_view(segments, ids, n_live=next_id if others_live else len(ids))


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
def test_best_rows_of_segments_with_codes_are_current_and_nearly_the_best(
    seed: int, share: float
) -> None:
    matrix, query = vectors(seed, 900), vectors(seed + 1000, 1)[0]
    current = np.random.default_rng(seed).random(900) < share
    parts = [matrix[:400], matrix[400:430], matrix[430:]]
    searched = view(parts, current, others_live=False)
    assert [part.lists is None for part in searched.segments] == [False, True, False]
    rows = best_rows(searched, query, 10)
    assert current[rows].all()
    expected = exact(matrix, query, current, 10)
    if current.sum() <= dense.EXHAUSTIVE_ROWS:
        assert rows.tolist() == expected
    assert len(set(rows.tolist())) == len(expected)
    assert len(np.intersect1d(rows, expected)) >= 0.5 * len(expected)


@pytest.mark.usefixtures("_code_from_100_vectors_on")
@pytest.mark.parametrize("n_hidden", [1, 300, 850])
@pytest.mark.parametrize("seed", range(3))
def test_who_may_not_see_everything_gets_the_nearest_of_all_that_is_readable(
    monkeypatch: pytest.MonkeyPatch, seed: int, n_hidden: int
) -> None:
    monkeypatch.setattr(codes_module.Codes, "candidates", lambda *_: pytest.fail("codes were read"))
    matrix, query = vectors(seed, 900), vectors(seed + 1000, 1)[0]
    readable = np.ones(900, bool)
    readable[np.random.default_rng(seed).permutation(900)[:n_hidden]] = False
    searched = view([matrix[:400], matrix[400:430], matrix[430:]], readable)
    assert [part.lists is None for part in searched.segments] == [False, True, False]
    rows = best_rows(searched, query, 10)
    assert rows.tolist() == exact(matrix, query, readable, 10)


@pytest.mark.usefixtures("_code_from_100_vectors_on")
def test_best_rows_read_lists_beyond_those_without_readable_rows() -> None:
    # Only what is far from the question is current; the nearest lists hold none of it.
    matrix, query = vectors(1, 600), vectors(2, 1)[0]
    current = matrix @ query < 0
    found = best_rows(view([matrix], current, others_live=False), query, 10)
    assert len(found) == 10
    assert current[found].all()


@pytest.mark.usefixtures("_code_from_100_vectors_on")
def test_cosines_are_the_same_in_segments_with_and_without_codes() -> None:
    matrix, query = vectors(1, 300), vectors(2, 1)[0]
    coded = cosines(view([matrix], np.ones(300, bool)), query, np.arange(300))
    parts = view([matrix[7:8], matrix[100:103]], np.ones(4, bool))
    assert cosines(parts, query, np.arange(4)).tolist() == coded[[7, 100, 101, 102]].tolist()


@pytest.mark.parametrize(
    ("least_read", "read_share", "counts", "nearness", "expected"),
    [
        # From the nearest on: 3, 0, 4, 1, 2 rows. The second has nothing for this reader.
        (5, 4, [[3, 0, 2], [4, 1]], [[0.9, 0.8, 0.1], [0.7, 0.2]], [[0], [0]]),
        (7, 4, [[3, 0, 2], [4, 1]], [[0.9, 0.8, 0.1], [0.7, 0.2]], [[0], [0]]),
        (8, 4, [[3, 0, 2], [4, 1]], [[0.9, 0.8, 0.1], [0.7, 0.2]], [[0], [0, 1]]),
        (99, 4, [[3, 0, 2], [4, 1]], [[0.9, 0.8, 0.1], [0.7, 0.2]], [[0, 2], [0, 1]]),
        # Half of 28 rows: the last list is read, too.
        (1, 2, [[3, 0, 20], [4, 1]], [[0.9, 0.8, 0.1], [0.7, 0.2]], [[0, 2], [0, 1]]),
        # Half of 7 rows, rounded down, are 3.
        (1, 2, [[3], [4]], [[0.9], [0.7]], [[0], []]),
        (1, 2, [[3], [4]], [[0.7], [0.9]], [[], [0]]),
        (1, 2, [[0, 0], [0]], [[0.7, 0.1], [0.9]], [[], []]),
    ],
)
def test_lists_are_read_from_the_nearest_on_until_it_is_enough(
    monkeypatch: pytest.MonkeyPatch,
    least_read: int,
    read_share: int,
    counts: list[list[int]],
    nearness: list[list[float]],
    expected: list[list[int]],
) -> None:
    monkeypatch.setattr(dense, "LEAST_READ", least_read)
    monkeypatch.setattr(dense, "READ_SHARE", read_share)
    chosen = dense._nearest_lists(
        [np.array(one) for one in counts], [np.array(one, np.float32) for one in nearness]
    )
    assert [one.tolist() for one in chosen] == expected


@pytest.mark.usefixtures("_code_from_100_vectors_on")
@pytest.mark.parametrize(
    ("n_parts", "n", "of_each"),
    [
        (1, 10, 100),  # all that are wanted, LEAST_RESCORED
        (1, 40, 120),  # RESCORED times as many as asked for
        (2, 10, 100),  # UNEVEN times the share would be more than are wanted
        (4, 10, 75),  # UNEVEN times the share
        (8, 30, 37),
        (8, 60, 67),
        (8, 2, 37),
        (4, 90, 202),
        (8, 270, 303),
    ],
)
def test_each_segment_gives_a_share_of_the_candidates(
    monkeypatch: pytest.MonkeyPatch, n_parts: int, n: int, of_each: int
) -> None:
    asked = []
    candidates = codes_module.Codes.candidates

    def noted(self, query, lists, mask, n):
        asked.append(n)
        return candidates(self, query, lists, mask, n)

    monkeypatch.setattr(codes_module.Codes, "candidates", noted)
    matrix, query = vectors(1, 100 * n_parts), vectors(2, 1)[0]
    searched = view(np.split(matrix, n_parts), np.ones(len(matrix), bool))
    rows = best_rows(searched, query, n)
    assert asked == [of_each] * n_parts
    assert len(rows) == min(n, len(matrix))


@pytest.mark.usefixtures("_code_from_100_vectors_on")
@pytest.mark.parametrize("n", [1, 7, 50])
def test_as_many_rows_come_back_as_candidates_are_wanted(
    monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    monkeypatch.setattr(dense, "RESCORED", 1)
    monkeypatch.setattr(dense, "LEAST_RESCORED", 1)
    matrix, query = vectors(1, 600), vectors(2, 1)[0]
    searched = view(np.split(matrix, 2), np.ones(len(matrix), bool))
    assert len(best_rows(searched, query, n)) == n


@pytest.mark.usefixtures("_code_from_100_vectors_on")
def test_best_rows_are_found_in_segments_with_and_without_codes() -> None:
    matrix, query = vectors(1, 230), vectors(2, 1)[0]
    for near in (225, 5):  # in the small segment, and in the large one
        shown = matrix.copy()
        shown[near] = query
        searched = view([shown[:200], shown[200:]], np.ones(230, bool))
        assert [part.lists is None for part in searched.segments] == [False, True]
        assert near in best_rows(searched, query, 3)


@pytest.mark.usefixtures("_code_from_100_vectors_on")
@pytest.mark.parametrize("n_readable", [1, 39, 40])
def test_few_readable_rows_are_searched_exactly(
    monkeypatch: pytest.MonkeyPatch, n_readable: int
) -> None:
    monkeypatch.setattr(dense, "LEAST_READ", 1)
    monkeypatch.setattr(dense, "READ_SHARE", 1000)
    monkeypatch.setattr(codes_module.Codes, "candidates", lambda *_: pytest.fail("codes were read"))
    matrix, query = vectors(1, 400), vectors(2, 1)[0]
    readable = np.zeros(400, bool)
    readable[np.random.default_rng(3).permutation(400)[:n_readable]] = True
    searched = view([matrix[:200], matrix[200:]], readable, others_live=False)
    rows = best_rows(searched, query, 10)
    assert rows.tolist() == exact(matrix, query, readable, 10)


def test_rows_without_vectors_are_near_to_none() -> None:
    matrix, query = vectors(1, 5), vectors(2, 1)[0]
    segments = [
        build_segment(np.arange(5), matrix, [""] * 5),
        build_segment(np.arange(5, 8), None, [""] * 3),
    ]
    searched = build_view(segments, np.arange(8), n_live=8)
    assert best_rows(searched, query, 8).tolist() == [0, 1, 2, 3, 4]
    found = cosines(searched, query, np.arange(8))
    assert found.dtype == np.float64
    assert found.tolist() == [*cosines(searched, query, np.arange(5)).tolist(), 0, 0, 0]
    without = build_view(segments[1:], np.arange(5, 8), n_live=3)
    assert best_rows(without, query, 8).tolist() == []
    assert cosines(without, query, np.array([0, 2])).tolist() == [0, 0]
