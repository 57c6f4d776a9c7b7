from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assistant.store.postings import Postings, build_postings, merge_postings
from assistant.store.terms import indexed_words
from assistant.text import stems

TEXTS = st.lists(
    st.lists(st.sampled_from(["apple", "apples", "pear", "the", "報告書", "12"])).map(" ".join),
    max_size=6,
)


def table(postings: Postings) -> list[Counter[str]]:
    """Give each row's terms with their frequencies, as a plain dictionary would hold them."""
    rows: list[Counter[str]] = [Counter() for _ in postings.lengths]
    for term in postings.terms:
        for row, frequency in zip(*postings.of(term), strict=True):
            rows[row][term] += int(frequency)
    return rows


@given(TEXTS)
def test_build_postings_equals_counting_stems(texts: list[str]) -> None:
    postings = build_postings(texts)
    assert table(postings) == [Counter(stems(indexed_words(text))) for text in texts]
    assert postings.lengths.tolist() == [len(indexed_words(text)) for text in texts]


@given(st.lists(st.tuples(TEXTS, st.integers(0, 63)), min_size=1, max_size=3), st.randoms())
def test_merge_postings_equals_building_from_kept_texts(parts, random) -> None:
    built, kept_texts = [], []
    for texts, bits in parts:
        keep = np.array([bool(bits >> i & 1) for i in range(len(texts))], dtype=bool)
        built.append((build_postings(texts), keep))
        kept_texts += [text for text, kept in zip(texts, keep, strict=True) if kept]
    order = list(range(len(kept_texts)))
    random.shuffle(order)
    merged = merge_postings(built, np.array(order, dtype=np.int64))
    expected = build_postings([kept_texts[i] for i in order])
    assert table(merged) == table(expected)
    assert merged.lengths.tolist() == expected.lengths.tolist()
    assert set(merged.terms) == set(expected.terms)


def test_postings_of_unknown_term_are_empty() -> None:
    rows, frequencies = build_postings(["apple"]).of("pear")
    assert len(rows) == len(frequencies) == 0
