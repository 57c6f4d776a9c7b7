"""Make text from any parser into the one form that is stored, searched, cited and shown."""

from __future__ import annotations

import re
import unicodedata

_LINE_ENDS = re.compile(r"\r\n|[\r\x0b\x0c\x1c-\x1e\u2028\u2029]")
# Joiners matter between letters of scripts that join, and in pictures; elsewhere they only hide.
_IDLE_JOINERS = re.compile(
    r"[\u200c\u200d]+(?=\s|$)|(?<![\u0600-\u1dff\u2190-\U0010ffff])[\u200c\u200d]"
)
_SPACES = re.compile(r" {2,}")
_LINE_EDGES = re.compile(r" *\n *")
_TRAILING = re.compile(r" +$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")

_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
# Where symbol fonts of office programs put their list marks.
_PRIVATE_USE_BULLETS = "\uf0b7\uf0a7\uf0d8\uf076\uf0a8\uf0fc\uf02d\uf06e\uf071\uf0e0\uf0df"
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def normalise(text: str) -> str:
    r"""Return `text` as it is stored: NFC, single spaces, line feeds, nothing invisible.

    Characters that a reader does not see (control, bidirectional, zero width, private use) are
    removed, so that a quote is what it looks like; unpaired surrogates become U+FFFD. Joiners
    stay where a script needs them. At most one blank line in a row; no white space at the ends.
    Applying it twice changes nothing.

    >>> normalise("  of\u00adfice\tﬁles \r\n\r\n\r\nend ")
    'office files\n\nend'
    """
    text = _LINE_EDGES.sub("\n", _SPACES.sub(" ", _visible(text)))
    return _BLANK_LINES.sub("\n\n", text).strip(" \n")


def normalise_line(text: str) -> str:
    """Return `text` as `normalise` does, on one line."""
    return " ".join(normalise(text).split())


def normalise_code(text: str) -> str:
    """Return `text` as `normalise` does, with the indentation and alignment that code means."""
    text = _TRAILING.sub("", _visible(text.expandtabs(4)))
    return _BLANK_LINES.sub("\n\n", text).strip("\n")


def superscript(text: str) -> str:
    """Return `text` with its digits raised, so that a footnote mark is not read as a number."""
    return text.translate(_SUPERSCRIPTS)


def _visible(text: str) -> str:
    # Composed before as well: what is removed is judged by its composed neighbours.
    text = unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", text))
    text = _IDLE_JOINERS.sub("", text.translate(_TRANSLATION))
    return unicodedata.normalize("NFC", text)


class _Translation(dict[int, str | None]):
    """What becomes of single characters (None removes), decided when one is first met."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        seen: str | None = character
        if category == "Zs":
            seen = " "
        elif category == "Cs":
            seen = "\ufffd"
        elif category in {"Cc", "Cf", "Co"} or _is_noncharacter(code):
            seen = None
        self[code] = seen
        return seen


def _is_noncharacter(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


_TRANSLATION = _Translation(
    {
        **{ord(kept): kept for kept in "\n\u200c\u200d"},
        **{code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)},
        **{ord(mark): "•" for mark in _PRIVATE_USE_BULLETS},
        **{ord(ligature): letters for ligature, letters in _LIGATURES.items()},
        ord("\t"): " ",
    }
)
