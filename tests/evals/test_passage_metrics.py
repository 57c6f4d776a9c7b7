from __future__ import annotations

import pytest

from evals.passage_metrics import holds, overlap, passage_hits, passage_recall

QUOTE = "The lift runs daily until eight in the evening."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (QUOTE.upper(), True),
        ("Winter: the lift runs daily until eight, says the board.", True),
        ("The lift runs.", False),
        ("Evening the in eight until daily runs lift the", False),  # the words, not their order
        ("", False),
    ],
)
def test_a_text_holds_a_quote_from_half_of_its_runs_on(text, expected):
    assert holds(text, QUOTE) is expected


def test_short_quotes_are_compared_as_a_whole():
    assert holds("It costs 40 euros.", "40 euros")
    assert not holds("It costs 40 dollars.", "40 euros")
    assert not holds("Anything.", "...")


def test_overlap_looks_from_both_sides():
    long = f"First this. {QUOTE} Then much more, of other things, for a whole paragraph."
    assert overlap(QUOTE, long)
    assert overlap(long, QUOTE)
    assert not overlap("Dogs ride for free.", long)


def test_passage_hits_count_each_quote_once():
    texts = ["nothing", QUOTE, QUOTE, "dogs ride for free"]
    quotes = [QUOTE, "Dogs ride for free."]
    assert passage_hits(quotes, texts) == [False, True, False, True]
    assert passage_recall(quotes, texts[:3]) == 0.5
