import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.normalise import normalise, normalise_code, normalise_line, superscript

texts = st.text(
    alphabet=st.one_of(
        st.characters(), st.sampled_from("क\u200d\u200c \t\r\n\u0301eα\ufb01\u00ad\u1f71\ud800\x85")
    )
)


@given(texts)
def test_normalise_twice_changes_nothing(text):
    once = normalise(text)
    assert normalise(once) == once


@given(texts)
def test_normalise_leaves_what_a_page_text_promises(text):
    found = normalise(text)
    assert unicodedata.is_normalized("NFC", found)
    assert found == found.strip()
    assert all(line == line.strip(" ") for line in found.split("\n"))
    assert "\n\n\n" not in found
    assert not [c for c in found if unicodedata.category(c) in {"Cc", "Co", "Cs"} and c != "\n"]


@given(texts)
def test_normalise_code_twice_changes_nothing(text):
    once = normalise_code(text)
    assert normalise_code(once) == once


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a\r\nb\rc\x0bd\x0ce\u2028f", "a\nb\nc\nd\ne\nf"),
        ("a\u00a0b\u2003c\td", "a b c d"),
        ("of\u00adfi\u200bce\ufeff", "office"),
        ("safe\u202eexe.txt\u202c", "safeexe.txt"),
        ("ﬁne ﬄuent", "fine ffluent"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("x\ud800y", "x\ufffdy"),
        ("\uf0b7 point \ue000", "• point"),
        ("it\x92s \x93so\x94", "it’s “so”"),
        ("क्\u200dष pass\u200dword", "क्\u200dष password"),
        (" \n a \n\n\n\n b \n", "a\n\nb"),
        ("", ""),
    ],
)
def test_normalise_of_odd_characters(raw, expected):
    assert normalise(raw) == expected


def test_normalise_line_makes_one_line():
    assert normalise_line(" a\n\n b\tc ") == "a b c"


def test_normalise_code_keeps_indentation():
    assert normalise_code("if x:\r\n\treturn  1  \n") == "if x:\n    return  1"


def test_superscript_raises_digits_only():
    assert superscript("12a") == "¹²a"
