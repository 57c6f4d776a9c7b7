from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.store.terms import (
    MAX_TERM_CHARS,
    document_label,
    indexed_text,
    indexed_words,
    query_terms,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fly economy!", ["fly", "economy"]),
        ("1,250.50 EUR and 12,5", ["1250.50", "eur", "12,5"]),
        ("Section 3.2.1, v2 of Q3", ["section", "3.2.1", "v2", "q3"]),
        ("it is the IT budget", ["it", "budget"]),
        ("WHAT IS IT", []),
        ("年度報告 2024", ["年度", "度報", "報告", "2024"]),
        ("年", ["年"]),
        ("ＦＵＬＬ　１２", ["full", "12"]),
        ("Prüfung, straße", ["prüfung", "straße"]),
        ("it's Bob's", ["bob"]),
        ("snake_case", ["snake", "case"]),
        ("", []),
    ],
)
def test_indexed_words_of_text_are_folded_without_stop_words(
    text: str, expected: list[str]
) -> None:
    assert indexed_words(text) == expected


def test_query_terms_are_stemmed_and_distinct() -> None:
    assert query_terms("running runs and policies") == ("run", "polici")


@pytest.mark.parametrize(
    ("title", "name", "label"),
    [
        ("Acme Corp", "health_plan_b", "health plan b – Acme Corp"),
        ("Travel policy", "travel", "Travel policy"),
        ("Travel", "travel_policy", "travel policy"),
        ("", "about", "about"),
        ("Travel", "", "Travel"),
    ],
)
def test_document_label_says_what_title_and_name_say_once(
    title: str, name: str, label: str
) -> None:
    assert document_label(title, name) == label


def test_indexed_text_leaves_out_what_is_empty() -> None:
    assert indexed_text("", "A > B", "text") == "A > B\ntext"


@given(st.text())
def test_indexed_words_of_any_text_are_short_lower_case_and_without_white_space(text: str) -> None:
    for word in indexed_words(text):
        assert 0 < len(word) <= MAX_TERM_CHARS
        assert not any(character.isspace() for character in word)


def test_query_terms_from_many_threads_agree() -> None:
    found: list[tuple[str, ...]] = []
    threads = [
        threading.Thread(
            target=lambda: found.extend(query_terms(f"policies running {i}") for i in range(200))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {terms[:2] for terms in found} == {("polici", "run")}
