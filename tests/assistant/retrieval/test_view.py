"""What of an index a reader's view holds, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import IndexDamagedError
from assistant.retrieval.view import View, build_view
from assistant.store import codes as codes_module
from assistant.store import vectors as vectors_module
from assistant.store.segments import Segment, build_segment, held

TEXTS = (("apple", "apple pie", "apple pie cake"), ("pear", "pear tart"))


def segments() -> list[Segment]:
    """Chunks 10, 11 and 12 with vectors; 20 and 21 without."""
    vectors = np.tile(np.array([[1, 0]], np.float32), (3, 1))
    return [
        build_segment(np.arange(10, 13), vectors, TEXTS[0]),
        build_segment(np.arange(20, 22), None, TEXTS[1]),
    ]


def view(*readable: int) -> View:
    return build_view(segments(), np.array(readable, np.int64), n_live=4)


def test_view_counts_readable_chunks_only() -> None:
    seen = view(10, 12, 21)
    assert (seen.n_rows, seen.n_readable) == (5, 3)
    assert seen.average_length == (1 + 3 + 2) / 3
    assert [part.first_row for part in seen.segments] == [0, 3]
    assert [part.n_readable for part in seen.segments] == [2, 1]
    assert [part.readable.tolist() for part in seen.segments] == [
        [True, False, True],
        [False, True],
    ]
    assert [part.lists for part in seen.segments] == [None, None]
    assert repr(seen) == "View(3 of 5 chunks)"


def test_view_tells_whether_anything_current_is_hidden() -> None:
    # Of the five rows one is of an earlier version, which nobody reads.
    assert view(10, 11, 20, 21).reads_all
    assert not view(10, 11, 20).reads_all
    assert not view().reads_all


def test_view_of_who_reads_nothing_is_empty() -> None:
    nothing = view()
    assert (nothing.n_rows, nothing.n_readable, nothing.average_length) == (5, 0, 0.0)
    assert not any(part.readable.any() for part in nothing.segments)
    assert build_view([], np.empty(0, np.int64), n_live=0).segments == ()


def test_view_gives_ids_of_rows_and_rows_of_each_segment() -> None:
    seen = view(10, 11, 12, 20, 21)
    assert seen.chunk_ids(np.array([0, 2, 3])).tolist() == [10, 12, 20]
    assert seen.chunk_ids(np.array([4])).tolist() == [21]
    assert seen.chunk_ids(np.empty(0, np.int64)).tolist() == []
    assert seen.chunk_ids(np.array([4])).dtype == np.int64
    first, second = seen.segments
    assert first.local(np.array([1, 2, 3])).tolist() == [1, 2]
    assert second.local(np.array([1, 2, 3, 4])).tolist() == [0, 1]
    assert second.local(np.array([0, 2])).tolist() == []


@pytest.mark.parametrize(
    ("readable", "n_found"), [([10, 13], 1), ([9], 0), ([10, 11, 12, 20, 21, 22], 5)]
)
def test_view_of_a_readable_chunk_in_no_segment_is_refused(
    readable: list[int], n_found: int
) -> None:
    with pytest.raises(IndexDamagedError) as refused:
        view(*readable)
    assert str(refused.value) == (
        f"the index holds {n_found} of {len(readable)} readable chunks; "
        "rebuild the index from the catalog with `plinth doctor --repair`"
    )


def test_view_of_a_readable_chunk_in_two_segments_is_refused() -> None:
    first, second = segments()
    with pytest.raises(IndexDamagedError, match="holds 2 of 1 readable"):
        build_view([first, second, first], np.array([10]), n_live=5)


def test_lists_of_a_view_hold_readable_rows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors_module, "LEAST_CODED", 100)
    monkeypatch.setattr(codes_module, "ROWS_PER_LIST", 32)
    drawn = np.random.default_rng(1).normal(size=(200, 16)).astype(np.float32)
    matrix = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    coded = build_segment(np.arange(200), matrix, [""] * 200)
    readable = np.flatnonzero(np.random.default_rng(2).random(200) < 0.3)
    (part,) = build_view([coded], readable, n_live=200).segments
    assert part.lists is not None
    assert part.lists.counts.sum() == len(readable)
    everywhere = np.arange(len(part.lists.counts))
    rows, _ = part.lists.codes.candidates(matrix[0], everywhere, part.lists.mask, 200)
    assert sorted(rows.tolist()) == readable.tolist()


@given(
    st.lists(st.integers(0, 30), unique=True, max_size=8).map(sorted),
    st.lists(st.integers(0, 30), unique=True, max_size=20).map(sorted),
)
def test_held_are_the_ids_that_are_among_the_others(ids: list[int], among: list[int]) -> None:
    mask = held(np.array(ids, np.int64), np.array(among, np.int64))
    assert mask.dtype == np.bool_
    assert mask.tolist() == [one in among for one in ids]
