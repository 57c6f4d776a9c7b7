from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.text_metrics import contains_gold, exact_match, rouge_l, token_f1

WORDS = st.lists(st.sampled_from(["a", "b", "c", "the", "1,000", "北"]), max_size=12).map(" ".join)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("It was $1,577 million.", "$1577.00", True),
        ("It was 15770.", "1577", False),
        ("About 41.670 %", "41.67", True),
        ("15 units", "5", False),
        ("In the Cardiff Gate park", "cardiff gate", True),
        ("anything", "", False),
        ("Yes, it is not allowed: no exceptions.", "Yes", True),
        ("No. Yes.", "yes", False),
        ("There are none", "No", False),
        ("It is rated A-.", "-", True),
        ("A+", "-", False),
        ("在北京市。", "北京", True),
    ],
)
def test_contains_gold_compares_words_and_numbers(answer, gold, expected):
    assert contains_gold(answer, gold) is expected


def test_exact_match_ignores_case_punctuation_and_articles():
    assert exact_match("The Cat.", "cat") == 1
    assert exact_match("cats", "cat") == 0


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        # articles do not count: [b] and [b, b], one in common: 2 * 1 / (1 + 2)
        ("a a b", "a b b", 2 / 3),
        ("", "x", 0),
        ("the", "an", 1),
        # by character, 北京市 and 北京: 2 * 2 / (3 + 2)
        ("北京市。", "北京", 0.8),
    ],
)
def test_token_f1_matches_hand_worked_values(answer, gold, expected):
    assert token_f1(answer, gold) == pytest.approx(expected)


def test_rouge_l_counts_words_in_order():
    # the longest common subsequence is "the gunman", 2 of 4 and 4
    assert rouge_l("the gunman kill police", "police kill the gunman") == pytest.approx(0.5)
    assert rouge_l("", "x") == 0


@given(WORDS, WORDS)
def test_text_metrics_are_symmetric_fractions_and_one_for_equal_texts(left, right):
    for metric in (exact_match, token_f1, rouge_l):
        assert 0 <= metric(left, right) <= 1
        assert metric(left, right) == metric(right, left)
    assert exact_match(left, left) == token_f1(left, left) == 1
    assert exact_match(left, right) <= token_f1(left, right)


@given(WORDS.filter(str.strip), WORDS, WORDS)
def test_contains_gold_holds_for_a_gold_answer_within_other_words(gold, before, after):
    if gold.replace("a", "").replace("the", "").strip():
        assert contains_gold(f"{before} | {gold} | {after}", gold)


@given(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=20),
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=20),
)
def test_rouge_l_agrees_with_the_textbook_table(left, right):
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            longer = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else longer
    expected = 2 * table[-1][-1] / (len(left) + len(right))
    assert rouge_l(" ".join(left), " ".join(right)) == pytest.approx(expected)
