from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.store import codes as codes_module
from assistant.store import vectors as vectors_module
from assistant.store.codes import Codes, load_faiss, one_thread, products
from assistant.store.vectors import Vectors, build_vectors, map_vectors, vectors_to_bytes

DIM = 32


@pytest.fixture(autouse=True, scope="module")
def _code_from_100_vectors_on() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors_module, "LEAST_CODED", 100)
        patch.setattr(codes_module, "ROWS_PER_LIST", 64)
        yield


def matrix(n: int, seed: int = 0, dim: int = DIM) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def saved(vectors: Vectors, path: Path) -> Vectors:
    path.write_bytes(vectors_to_bytes(vectors))
    return map_vectors(path)


@pytest.mark.parametrize("n", [3, 99, 100, 700])
def test_mapped_vectors_are_what_was_built_also_once_the_file_is_gone(
    tmp_path: Path, n: int
) -> None:
    built = build_vectors(matrix(n))
    opened = saved(built, tmp_path / "v.faiss")
    (tmp_path / "v.faiss").unlink()
    exact = opened.matrix
    assert repr(opened) == repr(built)
    assert (opened.codes is None) == (n < 100)
    del opened
    gc.collect()  # the array alone must keep the mapped file
    assert exact.tobytes() == matrix(n).tobytes()
    with pytest.raises(ValueError, match="read-only"):
        exact[0] = 0


def test_map_vectors_of_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        map_vectors(tmp_path / "gone.faiss")


def test_map_vectors_of_what_is_no_index_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "no.faiss").write_bytes(b"nothing of the kind")
    with pytest.raises(RuntimeError):
        map_vectors(tmp_path / "no.faiss")


@pytest.mark.parametrize("dim", [16, 31, 384])
def test_scores_equal_those_of_an_exact_search_to_the_last_bit(dim: int) -> None:
    given_vectors, query = matrix(300, dim=dim), matrix(1, 9, dim)[0]
    faiss = load_faiss()
    flat = faiss.IndexFlatIP(dim)
    flat.add(given_vectors)
    everything = faiss.IDSelectorBitmap(np.packbits(np.ones(300, bool), bitorder="little"))
    found, rows = flat.search(query[np.newaxis], 300, params=faiss.SearchParameters(sel=everything))
    expected = np.empty(300, np.float32)
    expected[rows[0]] = found[0]
    coded = build_vectors(given_vectors)
    for chosen in (np.arange(300), np.array([7]), np.array([1, 5, 250])):
        assert coded.scores(query, chosen).tobytes() == expected[chosen].tobytes()
    assert products(query, given_vectors[11:12]).tobytes() == expected[11:12].tobytes()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 20), st.floats(0, 1), st.integers(1, 400))
def test_candidates_are_readable_rows_of_the_lists_asked_for(seed: int, share, n: int) -> None:
    vectors = build_vectors(matrix(500, 3))
    assert vectors.codes is not None
    readable = np.random.default_rng(seed).random(500) < share
    query = matrix(1, seed)[0]
    near = vectors.codes.nearness(query)
    lists = np.argsort(-near)[: 1 + seed % len(near)]
    allowed = readable & np.isin(vectors.codes.list_of, lists)
    mask = vectors.codes.mask(readable)
    rows, scores = vectors.codes.candidates(query, lists, mask, n)
    assert len(rows) == len(set(rows.tolist())) == min(n, allowed.sum()) == len(scores)
    assert allowed[rows].all()
    assert vectors.codes.count(readable)[lists].sum() == allowed.sum()


def test_count_has_a_number_for_every_list_also_the_last_ones() -> None:
    list_of = np.array([0, 2, 2, 1], dtype=np.int32)
    codes = Codes(None, np.zeros((4, DIM), np.float32), list_of)
    assert codes.count(np.array([True, True, True, False])).tolist() == [1, 0, 2, 0]
    assert codes.count(np.zeros(4, bool)).tolist() == [0, 0, 0, 0]


def test_one_thread_gives_back_what_was_set() -> None:
    faiss = load_faiss()
    before = faiss.omp_get_max_threads()
    with one_thread():
        assert faiss.omp_get_max_threads() == 1
    assert faiss.omp_get_max_threads() == before
