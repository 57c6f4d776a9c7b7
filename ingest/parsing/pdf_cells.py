"""Words of a line into cells: by wide gaps, and by what a column of numbers looks like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ingest.parsing.normalise import normalise_line

LEADER = "…"
"""Stands for the dots between an entry of a table of contents and its page."""

_CELL_GAP_EM = 1.6
"""A wider gap separates cells; justified prose stays below."""
_VALUE_GAP_EM = 0.5
"""Between two numbers a narrower one does: prose seldom has two in a row."""
_LEADER = re.compile(r"(?:\. ?){5,}")
"""Dots that lead the eye from an entry of a table of contents to its page."""
_CURRENCY = re.compile(r"[$€£¥]")
_SIGN = re.compile(r"\(?[$€£¥]|[$€£¥]?\(")
"""Stands apart from the number that it belongs to, at the left edge of a column."""
_MARK = re.compile(r"[•‣▪◦●○■□·]|\(?(?:\d{1,3}|[a-zA-Z])[.)]")
"""A list mark stands apart from its item."""
_DASH = re.compile(r"[-–—−]")
_EMPTY = re.compile(r"[$€£¥]?[-–—−]")
_CLOSING = re.compile(r"[)%]+")
_AFTER_NUMBER = re.compile(r"[\d)%]$|^[-–—−]$")
_VALUE = re.compile(r"[(+\-–—−]*[$€£¥]?[(+\-–—−]*\d(?:[\d.,’'%/–-]*\d)?[)%*]*")
_VALUE_START = re.compile(r"[(+\-–—−]*\d|[-–—−]$")


class Word(NamedTuple):  # made thousands of times a page, which a frozen dataclass slows down
    """A word and its edges in points."""

    text: str
    left: float
    right: float


class Cell(NamedTuple):
    """Text between wide gaps and its edges in points."""

    text: str
    left: float
    right: float

    @property
    def is_value(self) -> bool:
        """A number, alone but for signs, or the dash of an empty column."""
        text = self.text.replace(" ", "")
        return bool(_VALUE.fullmatch(text) or _EMPTY.fullmatch(text))


def split_cells(words: Sequence[Word], size: float) -> tuple[Cell, ...]:
    """Return the cells of a line, normalised; none of them is empty.

    Currency signs and parentheses drawn apart from their number are joined to it.

    Args:
        words: From left to right.
        size: Of the line, in points.
    """
    groups: list[list[Word]] = []
    texts: list[str] = []
    for i, word in enumerate(words):
        glue = _glue(texts, words, i, size) if groups else None
        if glue is None:
            groups.append([word])
            texts.append(word.text)
        else:
            groups[-1].append(word)
            texts[-1] += glue + word.text
    cells = (
        Cell(normalise_line(_LEADER.sub(f" {LEADER} ", text)), group[0].left, group[-1].right)
        for text, group in zip(texts, groups, strict=True)
    )
    return tuple(cell for cell in cells if cell.text)


def _glue(cells: Sequence[str], words: Sequence[Word], i: int, size: float) -> str | None:
    """Return what joins a word to the cell before it; None: it begins a cell of its own."""
    word, before, cell = words[i], words[i - 1], cells[-1]
    gap_em = (word.left - before.right) / size
    if gap_em <= _VALUE_GAP_EM and word.text[0].isalnum():
        return " "  # most words, and quickly
    is_wide = gap_em > _CELL_GAP_EM
    if _CLOSING.fullmatch(word.text):
        return "" if ")" in word.text and _AFTER_NUMBER.search(before.text) else " "
    if _SIGN.fullmatch(cell):
        return "" if gap_em > _VALUE_GAP_EM else " "
    if _is_sign_of_next(words, i):
        return None
    if _VALUE.fullmatch(before.text) and _VALUE.fullmatch(word.text) and gap_em > _VALUE_GAP_EM:
        opens_line = len(cells) == 1 and cell == before.text
        return " " if opens_line and _MARK.fullmatch(cell) else None
    if not is_wide or _goes_with_mark(cell, word.text, is_first=len(cells) == 1):
        return " "
    return None


def _goes_with_mark(cell: str, word: str, *, is_first: bool) -> bool:
    """Tell whether a cell is the mark of an item that the word begins, over whatever gap."""
    if is_first and _DASH.fullmatch(cell):
        return not _DASH.fullmatch(word)
    return bool(_MARK.fullmatch(cell)) and (is_first or word[:1].isalpha())


def _is_sign_of_next(words: Sequence[Word], i: int) -> bool:
    """Tell whether a currency sign drawn close behind a number belongs to the one after it.

    Not so where signs follow their numbers ("5 € 6 €"): the line then ends with one.
    """
    return (
        i + 1 < len(words)
        and bool(_CURRENCY.fullmatch(words[i].text))
        and bool(_AFTER_NUMBER.search(words[i - 1].text))
        and bool(_VALUE_START.match(words[i + 1].text))
        and not _CURRENCY.fullmatch(words[-1].text)
    )
