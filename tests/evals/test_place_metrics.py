from __future__ import annotations

import pytest

from evals.place_metrics import (
    document_hits,
    document_precision,
    document_recall,
    page_hits,
    page_precision,
    page_recall,
    place,
    verbatim_quotes,
)
from tests.evals.conftest import make_reply

GOLD = [place("A.pdf", 3), place("A.pdf", 4), place("B.pdf", 1)]
RANKED = [
    place("dir/a.pdf", 9),
    place("A.pdf", 4),
    place("C.pdf", 1),
    place("B.pdf", 2),
    place("B.pdf", 1),
]
CITED = [place("A.pdf", 4), place("A.pdf", 4), place("C.pdf", 1), place("B.pdf", None)]


def test_place_ignores_folder_case_and_normalisation_form():
    assert place("x\\Caf\u0065\u0301.PDF", 1) == place("y/CAF\u00c9.pdf", 1)


@pytest.mark.parametrize(("cutoff", "expected"), [(1, 0.5), (3, 0.5), (5, 1.0)])
def test_document_recall_counts_gold_documents_once(cutoff, expected):
    assert document_recall(GOLD, RANKED[:cutoff]) == expected


@pytest.mark.parametrize(
    ("cutoff", "tolerance", "expected"),
    [
        (1, 0, 0.0),
        (3, 0, 1 / 3),  # A 4
        (5, 0, 2 / 3),  # and B 1
        (3, 1, 2 / 3),  # A 4 is also next to the gold A 3
        (5, 1, 1.0),
    ],
)
def test_page_recall_accepts_pages_within_the_tolerance(cutoff, tolerance, expected):
    assert page_recall(GOLD, RANKED[:cutoff], tolerance) == pytest.approx(expected)


def test_precision_counts_equal_citations_once_and_missing_pages_as_wrong():
    assert document_precision(GOLD, CITED) == pytest.approx(2 / 3)  # A and B of A, B, C
    assert page_precision(GOLD, CITED, 0) == pytest.approx(1 / 3)  # A 4 of A 4, C 1, B ?
    assert page_recall(GOLD, CITED, 0) == pytest.approx(1 / 3)


def test_page_recall_leaves_out_gold_documents_without_a_page():
    assert page_recall([place("a", 1), place("b", None)], [place("a", 1)], 0) == 1


def test_document_hits_count_each_document_once_at_its_first_place():
    # a, c, b in the order of their first passages; a and b are gold
    assert document_hits(GOLD, RANKED) == [True, False, True]


def test_page_hits_give_each_gold_page_to_the_first_place_near_it():
    assert page_hits(GOLD, RANKED, 0) == [False, True, False, False, True]
    # With a tolerance of 1, b 2 stands for gold b 1, and b 1 comes too late; a 4 is itself.
    assert page_hits(GOLD, RANKED, 1) == [False, True, False, True, False]


def test_verbatim_quotes_looks_in_passages_of_the_cited_place_only():
    reply = make_reply(
        "q",
        "x",
        passages=[("A.pdf", 4, "text of A\npage 4"), ("B.pdf", 1, "page 1")],
        citations=[
            ("A.pdf", 4, "text of  A page 4"),  # white space folded
            ("A.pdf", 4, ""),  # no quote, not counted
            ("C.pdf", 1, "made up"),
            ("B.pdf", None, "page 1"),
            ("A.pdf", 1, "page 4"),  # on another page
        ],
    )
    assert verbatim_quotes(reply) == (2, 4)
