"""Text written in characters that show nothing, or that show another order than they have."""

from __future__ import annotations

import re

_TAG_START = 0xE0000
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
"""The flag of a part of a country is a black flag with letters of this kind behind it."""
_TAGS = re.compile(f"({_FLAG})|[\U000e0000-\U000e007f]+")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
"""One behind a character chooses its look; nothing has a use for several in a row."""
_MANY_BLANKS = re.compile("[\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\u206a-\u206f\ufeff]{12,}")
"""Joiners, marks of direction and places for breaks; a program puts a few of them at most."""
_REVERSED = re.compile("\u202e([^\u202c\n]*[A-Za-z][^\u202c\n]*)(?:\u202c|$|(?=\n))")
"""Latin letters in an order that is turned round before they are shown."""


def without_concealed(text: str) -> tuple[str, str]:
    r"""Return what is shown of a text, and what its characters conceal, legible where they let it.

    Ordinary uses stay: joiners within words and pictures, marks of direction, soft hyphens,
    a byte order mark, flags. Whoever stores the text drops what shows nothing by itself.

    >>> without_concealed("Hello\U000e0068\U000e0069.")
    ('Hello.', 'hi')
    """
    if text.isascii():
        return text, ""
    found: list[str] = []

    def take(match: re.Match[str]) -> str:
        found.append(_legible(match[0]))
        return ""

    shown = _TAGS.sub(lambda match: match[1] or take(match), text)
    for pattern in (_SELECTORS, _MANY_BLANKS, _REVERSED):
        shown = pattern.sub(take, shown)
    return shown, "\n".join(one for one in found if one)


def _legible(concealed: str) -> str:
    codes = [ord(character) for character in concealed]
    if _TAGS.fullmatch(concealed):
        return "".join(chr(code - _TAG_START) for code in codes if 0x20 <= code & 0x7F < 0x7F)
    if _SELECTORS.fullmatch(concealed):
        values = bytes(code - 0xFE00 if code < 0xFE10 else code - 0xE0100 + 16 for code in codes)
        return values.decode("utf-8", "replace")
    if _MANY_BLANKS.fullmatch(concealed):
        return f"({len(concealed)} characters that show nothing)"
    return concealed.strip("\u202e\u202c\n")
