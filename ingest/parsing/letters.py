"""The letters and digits of a text in one spelling: what two forms of it have in common."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator


def letters(characters: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield letters and digits in one spelling, each with the index of its character.

    White space, hyphens at line ends and ligatures differ between a page as it is drawn and its
    stored text; these do not.
    """
    for index, char in enumerate(characters):
        for letter in unicodedata.normalize("NFKC", char).casefold():
            if letter.isalnum():
                yield letter, index
