"""Postings of a segment: which term stands how often in which chunk, as compressed sparse rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.store.terms import indexed_words
from assistant.text import stems

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Rows = tuple[Int32s, Int32s]


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """Terms by row; the entries of term i are `[indptr[i], indptr[i + 1])`.

    Scores are not stored: they depend on who asks.
    """

    terms: dict[str, int]
    """Each term's number; iterates in the order of the numbers."""
    indptr: Int64s
    """Shape [len(terms) + 1]."""
    rows: Int32s
    """Row of the chunk within the segment, ascending within a term."""
    frequencies: Int32s
    """How often the term stands in that chunk, at least 1."""
    lengths: Int32s
    """Terms of each chunk, shape [chunks of the segment]."""

    def __repr__(self) -> str:
        return f"Postings({len(self.terms)} terms, {len(self.rows)} entries)"

    def of(self, term: str) -> Rows:
        """Return the rows that hold a term and its frequency in each; empty for unknown terms."""
        number = self.terms.get(term)
        if number is None:
            return self.rows[:0], self.frequencies[:0]
        entries = slice(self.indptr[number], self.indptr[number + 1])
        return self.rows[entries], self.frequencies[entries]


def build_postings(texts: Iterable[str]) -> Postings:
    """Return the postings of texts; row i is the i-th text."""
    numbers: dict[str, int] = {}
    tokens: list[int] = []
    lengths: list[int] = []
    for text in texts:
        found = indexed_words(text)
        lengths.append(len(found))
        tokens.extend(numbers.setdefault(word, len(numbers)) for word in found)
    # Stemming each distinct word once is what makes this fast.
    terms, term_of_word = _distinct(stems(list(numbers)))
    term_of_token = term_of_word[np.array(tokens, dtype=np.int64)]
    row_of_token = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
    width = max(1, len(lengths))
    keys, counts = np.unique(term_of_token * width + row_of_token, return_counts=True)
    return Postings(
        terms=terms,
        indptr=_indptr(keys // width, len(terms)),
        rows=(keys % width).astype(np.int32),
        frequencies=counts.astype(np.int32),
        lengths=np.array(lengths, dtype=np.int32),
    )


def merge_postings(parts: Sequence[tuple[Postings, NDArray[np.bool_]]], order: Int64s) -> Postings:
    """Return one postings table for the kept rows of several.

    Args:
        parts: Postings and a mask of the rows to keep of each.
        order: Permutation of all kept rows, in the order of the parts, that sorts them: new row
            i is kept row `order[i]`.
    """
    new_row = np.empty(len(order), dtype=np.int64)
    new_row[order] = np.arange(len(order))
    names = [term for postings, _ in parts for term in postings.terms]
    terms, number_of = _distinct(names)
    term_columns, row_columns, frequency_columns, length_columns = [], [], [], []
    n_terms = n_rows = 0
    for postings, kept in parts:
        entries = kept[postings.rows]
        term_of_entry = np.repeat(np.arange(len(postings.terms)), np.diff(postings.indptr))[entries]
        kept_row = np.cumsum(kept) - 1 + n_rows
        term_columns.append(number_of[term_of_entry + n_terms])
        row_columns.append(new_row[kept_row[postings.rows[entries]]])
        frequency_columns.append(postings.frequencies[entries])
        length_columns.append(postings.lengths[kept])
        n_terms += len(postings.terms)
        n_rows += int(kept.sum())
    term_of = np.concatenate(term_columns)
    rows = np.concatenate(row_columns)
    by_term = np.argsort(term_of * len(order) + rows)  # one key sorts several times faster
    return _without_unused(
        Postings(
            terms=terms,
            indptr=_indptr(term_of[by_term], len(terms)),
            rows=rows[by_term].astype(np.int32),
            frequencies=np.concatenate(frequency_columns)[by_term],
            lengths=np.concatenate(length_columns)[order],
        )
    )


def _without_unused(postings: Postings) -> Postings:
    """Drop terms without entries: a deleted document's words must not stay in the file."""
    used = np.diff(postings.indptr) > 0
    names = [term for term, keep in zip(postings.terms, used, strict=True) if keep]
    return Postings(
        terms={term: number for number, term in enumerate(names)},
        indptr=np.concatenate([postings.indptr[:1], postings.indptr[1:][used]]),
        rows=postings.rows,
        frequencies=postings.frequencies,
        lengths=postings.lengths,
    )


def _distinct(names: Sequence[str]) -> tuple[dict[str, int], Int64s]:
    """Number distinct names; return the numbering and the number of each given name."""
    terms: dict[str, int] = {}
    numbers = [terms.setdefault(name, len(terms)) for name in names]
    return terms, np.array(numbers, dtype=np.int64)


def _indptr(sorted_terms: Int64s, n_terms: int) -> Int64s:
    return np.searchsorted(sorted_terms, np.arange(n_terms + 1)).astype(np.int64)
