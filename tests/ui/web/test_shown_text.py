from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ui.web.shown_text import ZERO_WIDTH_NON_JOINER, plain, shortened


def unescaped(markdown: str) -> str:
    """The text as plug-ins of a Markdown reader see it."""
    return re.sub(r"\\(.)", r"\1", markdown)


def rendered(markdown: str) -> str:
    """The text of a paragraph as CommonMark shows it, and that nothing but text is in it."""
    tokens = MarkdownIt("commonmark").parse(f"x{markdown}x")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special", "softbreak", "hardbreak"}
    text = "".join(child.content for child in children)
    return text[1:-1].replace(ZERO_WIDTH_NON_JOINER, "")


@pytest.mark.parametrize(
    "text",
    [
        "![](https://evil.example/x.png)",
        "[click](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "www.evil.example and https://evil.example",
        ":red[danger] :material/home: :material_home: :streamlit: :smile: :+1:",
        "-> a -> b <- c <-> d -- e <= f >= g ~= h --",
        "$x^2$ `code` **bold** ~~gone~~",
        "# heading",
        "| a | b |",
        "1. item",
        "&lt;b&gt;",
    ],
)
def test_plain_shows_signs_as_they_are(text: str) -> None:
    assert rendered(plain(text)) == text


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Co", "Cs", "Zs"))))
def test_plain_of_any_text_holds_nothing_active(text: str) -> None:
    wanted = " ".join(text.split())
    assert rendered(plain(text)).strip() == wanted.replace(ZERO_WIDTH_NON_JOINER, "")


def test_plain_leaves_no_address_that_becomes_a_link() -> None:
    for scheme in ("http", "https", "ftp", "mailto", "www", "HTTPS"):
        assert scheme not in plain(f"{scheme}.evil.example")


def test_plain_leaves_no_mail_address_that_becomes_a_link() -> None:
    shown = plain("Ask anna@shop.example or @home.")
    assert f"\\@{ZERO_WIDTH_NON_JOINER}shop" in shown
    assert rendered(shown) == "Ask anna@shop.example or @home."


@pytest.mark.parametrize("sign", ["->", "<-", "<->", "--", ">=", "<=", "~="])
def test_plain_leaves_no_row_of_signs_that_is_written_as_one(sign: str) -> None:
    for text in (sign, f"a {sign} b", f"{sign} {sign}"):
        assert not re.search(rf"(?<!\S){re.escape(sign)}(?!\S)", unescaped(plain(text)))


def test_plain_leaves_times_alone() -> None:
    assert unescaped(plain("At 12:30:00 or 9:05:59.")) == "At 12:30:00 or 9:05:59."


@pytest.mark.parametrize("code", [":100:", ":streamlit:", ":material_home:", ":smile:", ":+1:"])
def test_plain_leaves_no_shortcode_of_a_picture(code: str) -> None:
    assert code not in unescaped(plain(f"a{code}{code} b"))


def test_plain_keeps_line_breaks_where_wanted() -> None:
    assert plain("a\n b", lines=True) == "a  \nb"
    assert plain("a\n b") == "a b"


def test_plain_shows_no_character_that_turns_text_around() -> None:
    assert plain("exe.\u202efdp\x07") == plain("exe. fdp ")


def test_shortened_cuts_at_a_word() -> None:
    assert shortened("one two three", 9) == "one two…"
    assert shortened("one two", 9) == "one two"
    assert shortened("abcdefghij", 5) == "abcd…"
