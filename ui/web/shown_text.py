"""The one place where text from documents, models and file names becomes what a page shows.

Streamlit reads the texts it is given as Markdown with its own directives, so that a file name can
pose as a link, a picture of another origin, or a badge. Everything foreign goes through `plain`.
"""

from __future__ import annotations

import re

from assistant.inert import visible

_ACTIVE = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&\"'@/=^])")
"""Signs that Markdown, Streamlit's directives or its shortcodes could take for their own."""
_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|www)")
_MAIL = re.compile(r"@(?=\w)")
_SHORTCODE = re.compile(r":(?!\d\d?:)(?=[\w+\-/]+:)")
"""Before the name of an icon, a picture or an emoji; not in a time, as 12:30:00."""
_ARROW = re.compile(r"(?<!\S)([<>~-])(?=(?:->|>|-|=)(?!\S))")
"""What begins a row of signs that Streamlit writes as one: `->`, `<-`, `<->`, `--`, `>=`, `<=`,
`~=`."""
ZERO_WIDTH_NON_JOINER = "\u200c"


def plain(text: str, *, lines: bool = False) -> str:
    r"""Return Markdown that shows exactly `text`, with nothing in it active.

    Args:
        text: Foreign text.
        lines: Keep line breaks; else white space is folded.

    >>> plain("[a](http://b)")
    '\\[a\\]\\(http\\:\\/\\/b\\)'
    """
    kept = _visible(text)
    if lines:
        return "  \n".join(_escaped(" ".join(line.split())) for line in kept.splitlines())
    return _escaped(" ".join(kept.split()))


def shortened(text: str, n_chars: int) -> str:
    """Return at most `n_chars` characters of a text on one line, cut at a word, marked by "…"."""
    text = " ".join(_visible(text).split())
    if len(text) <= n_chars:
        return text
    cut = text[: n_chars - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut) + "…"


def _escaped(text: str) -> str:
    # Streamlit looks for these in text whose escapes are gone: only splitting them helps.
    text = _SHORTCODE.sub(f":{ZERO_WIDTH_NON_JOINER}", text)
    text = _ARROW.sub(rf"\1{ZERO_WIDTH_NON_JOINER}", text)
    # A bare address becomes a link without any sign that could be escaped.
    text = _LINK.sub(lambda match: match[0][0] + ZERO_WIDTH_NON_JOINER + match[0][1:], text)
    text = _MAIL.sub(f"@{ZERO_WIDTH_NON_JOINER}", text)
    return _ACTIVE.sub(r"\\\1", text)


def _visible(text: str) -> str:
    """Return text without control and direction characters, which can make it read otherwise."""
    return visible(text, " ", kept="\n")
