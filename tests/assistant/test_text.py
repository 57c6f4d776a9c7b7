from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.text import content_words, sentence_spans, stems, words


def sentences(text: str) -> list[str]:
    return [span.slice(text) for span in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pay Dr. Wu. Then go.", ["Pay Dr. Wu.", "Then go."]),
        ("It is 3.5 percent. Yes!", ["It is 3.5 percent.", "Yes!"]),
        ("A heading\nThe text.", ["A heading", "The text."]),
        ("A line that\nruns on here.", ["A line that\nruns on here."]),
        ("- one\n- two", ["- one", "- two"]),
        ("Ends here.\nnot a new line", ["Ends here.", "not a new line"]),
        ("4.2 Term. It is long.", ["4.2 Term.", "It is long."]),
        ("这是一个句子。另一个！", ["这是一个句子。", "另一个！"]),
        ("a | b\nc | d", ["a | b", "c | d"]),
        ("Net. Property | 5. | 6", ["Net. Property | 5. | 6"]),
        ("A | " + "Go now. " * 50 + "| B", ["A | Go now.", *["Go now."] * 49, "| B"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_sentence_spans_splits_as_a_reader_would(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet="aB1 .!?\n-|é世。\u00a0'\"()", max_size=80))
def test_sentence_spans_cover_everything_but_white_space_once(text: str) -> None:
    covered = [0] * len(text)
    for span in sentence_spans(text):
        piece = span.slice(text)
        assert piece == piece.strip() != ""
        for index in range(span.start, span.end):
            covered[index] += 1
    assert all(
        count == 1 or (count == 0 and char.isspace())
        for char, count in zip(text, covered, strict=True)
    )


def test_words_keep_numbers_whole_and_split_cjk() -> None:
    assert words("It's 3.5% of $4,000 世界") == ["it's", "3.5%", "of", "4000", "世", "界"]


def test_content_words_of_function_words_only_keeps_them() -> None:
    assert content_words("What is it?") == ["what", "is", "it"]
    assert content_words("What is the limit?") == ["limit"]


def test_stems_join_inflections() -> None:
    assert stems(["policies", "policy", "covering"]) == ["polici", "polici", "cover"]
