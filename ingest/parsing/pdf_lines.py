"""Lines of a PDF page with the geometry that tells paragraphs, tables and headings apart.

The adapter of PDFium's text page: character codes and boxes come from one index space, in the
order the page draws them.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium_c

from ingest.parsing.normalise import normalise_line, superscript

_HYPHEN = "\x02"
"""PDFium's mark for a hyphen at the end of a line."""

LEADER = "…"
"""Stands for the dots between an entry of a table of contents and its page."""

_CELL_GAP_EM = 1.6
"""A wider gap separates cells; justified prose stays below."""
_WORD_GAP_EM = 0.15
_LEADER = re.compile(r"(?:\. ?){5,}")
"""Dots that lead the eye from an entry of a table of contents to its page."""
_BOLD_WEIGHT = 600
_BOLD_NAME = re.compile(rb"bold|black|heavy|demi", re.I)
_FONT_NAME_BYTES = 128
_OPEN_CELL = re.compile(r"^[$€£¥•‣▪◦●○■□·\-–—(]$|^\(?(?:\d{1,3}|[a-zA-Z])[.)]$")
"""A list mark or currency sign stands apart from what it belongs to."""
_CLOSING = re.compile(r"^[)%]+$")
_STRAY_CURRENCY = re.compile(r"^(.*\d[)%]?) ([$€£¥])$")


class _Glyph(NamedTuple):  # made thousands of times a page, which a frozen dataclass slows down
    """A visible character; the box is in points, y upwards, as the page is shown."""

    character: str
    char_index: int
    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of text as seen on the page."""

    cells: tuple[str, ...]
    """Text between wide gaps; one for prose. Normalised."""
    left: float
    right: float
    bottom: float
    size: float
    """Height of the font's box in points, at least 1."""
    first_word_width: float
    is_bold: bool
    ends_hyphenated: bool
    """A hyphen, not in the text, ends the line; it may or may not belong to the word."""

    @property
    def text(self) -> str:
        """The whole line."""
        return " ".join(self.cells)


def read_lines(text_page: Any, rotation: int) -> list[Line]:
    """Return the lines of a PDFium text page in drawing order.

    Args:
        text_page: An open `pypdfium2.PdfTextPage`.
        rotation: Degrees clockwise by which the page is shown turned: 0, 90, 180 or 270.
    """
    raw = text_page.raw
    lines = (_line(raw, run) for run in _same_line_runs(_runs(raw, rotation)))
    return [line for line in lines if line is not None]


def _runs(raw: Any, rotation: int) -> Iterator[list[_Glyph]]:
    """Yield the stretches of characters between PDFium's line breaks, blanks included."""
    box = pdfium_c.FS_RECTF()
    box_ref = ctypes.byref(box)
    run: list[_Glyph] = []
    for index in range(pdfium_c.FPDFText_CountChars(raw)):
        code = pdfium_c.FPDFText_GetUnicode(raw, index)
        character = chr(code) if code < 0x110000 else "\ufffd"
        if character in "\r\n":
            if run:
                yield run
            run = []
            continue
        pdfium_c.FPDFText_GetLooseCharBox(raw, index, box_ref)
        left, bottom, right, top = _turned(box, rotation)
        run.append(_Glyph(character, index, left, bottom, right, top))
        if character == _HYPHEN:
            yield run
            run = []
    if run:
        yield run


def _turned(box: Any, rotation: int) -> tuple[float, float, float, float]:
    if rotation == 90:
        return box.bottom, -box.right, box.top, -box.left
    if rotation == 180:
        return -box.right, -box.top, -box.left, -box.bottom
    if rotation == 270:
        return -box.top, box.left, -box.bottom, box.right
    return box.left, box.bottom, box.right, box.top


def _same_line_runs(runs: Iterable[list[_Glyph]]) -> Iterator[list[_Glyph]]:
    """Join runs that stand side by side: table cells, raised marks and what follows them."""
    pending: list[_Glyph] = []
    for run in runs:
        if pending and _continues_to_the_right(pending, run):
            pending += run if _is_attached(pending, run) else [_blank_after(pending[-1]), *run]
        else:
            if pending:
                yield pending
            pending = run
    if pending:
        yield pending


def _continues_to_the_right(before: list[_Glyph], run: list[_Glyph]) -> bool:
    last = next((glyph for glyph in reversed(before) if not glyph.character.isspace()), None)
    first = next((glyph for glyph in run if not glyph.character.isspace()), None)
    if last is None or first is None or last.character == _HYPHEN:
        return False
    overlap = min(last.top, first.top) - max(last.bottom, first.bottom)
    height = min(last.top - last.bottom, first.top - first.bottom)
    return overlap > 0.5 * height and first.left >= last.right - 0.2 * height


def _is_attached(before: list[_Glyph], run: list[_Glyph]) -> bool:
    """Tell whether `run` is a raised mark or punctuation after one, rather than a new word."""
    is_smaller = run[0].top - run[0].bottom < 0.8 * (before[-1].top - before[-1].bottom)
    return is_smaller or run[0].character in ".,;:!?)]”’"


def _blank_after(glyph: _Glyph) -> _Glyph:
    return glyph._replace(character=" ", left=glyph.right)


def _line(raw: Any, run: list[_Glyph]) -> Line | None:
    visible = [glyph for glyph in run if not glyph.character.isspace()]
    if not visible:
        return None
    size = max(median(glyph.top - glyph.bottom for glyph in visible), 1.0)
    bottom = median(glyph.bottom for glyph in visible)
    words = list(_words(_marks_in_place(run, size=size, line_bottom=bottom), size))
    cells = _cells(words, size)
    if not cells:
        return None
    return Line(
        cells=tuple(cells),
        left=visible[0].left,
        right=max(glyph.right for glyph in visible),
        bottom=bottom,
        size=size,
        first_word_width=words[0][-1].right - words[0][0].left,
        is_bold=all(_is_bold(raw, glyph.char_index) for glyph in _samples(visible)),
        ends_hyphenated=visible[-1].character == _HYPHEN,
    )


def _words(run: list[_Glyph], size: float) -> Iterator[list[_Glyph]]:
    word: list[_Glyph] = []
    for glyph in run:
        is_blank = glyph.character.isspace()
        if word and (is_blank or glyph.left - word[-1].right > _WORD_GAP_EM * 2 * size):
            yield word
            word = []
        if not is_blank:
            word.append(glyph)
    if word:
        yield word


def _marks_in_place(run: list[_Glyph], *, size: float, line_bottom: float) -> list[_Glyph]:
    """Return the characters with raised digits as such, and where they stand on the line.

    Some programs draw footnote marks after the rest of their line.
    """
    placed: list[_Glyph] = []
    for glyph in run:
        is_small = glyph.top - glyph.bottom < 0.8 * size
        if not (is_small and glyph.bottom > line_bottom + 0.15 * size):
            placed.append(glyph)
            continue
        at = len(placed)
        while at and placed[at - 1].left > glyph.left:
            at -= 1
        while at and placed[at - 1].character.isspace():
            at -= 1
        placed.insert(at, glyph._replace(character=superscript(glyph.character)))
    return placed


def _cells(words: list[list[_Glyph]], size: float) -> list[str]:
    cells: list[str] = []
    right = None
    for word in words:
        text = "".join(glyph.character for glyph in word)
        is_near = right is not None and word[0].left - right <= _CELL_GAP_EM * size
        if cells and (is_near or _OPEN_CELL.search(cells[-1]) or _CLOSING.match(text)):
            cells[-1] += f" {text}"
        else:
            cells.append(text)
        right = word[-1].right
    cells = [_LEADER.sub(f" {LEADER} ", cell) for cell in _with_own_currency(cells)]
    return [cell for cell in map(normalise_line, cells) if cell]


def _with_own_currency(cells: list[str]) -> list[str]:
    """Move a currency sign drawn close behind a number to the number that it belongs to."""
    moved = cells[:]
    for i in range(len(moved) - 1):
        if (match := _STRAY_CURRENCY.match(moved[i])) and moved[i + 1][:1].isdigit():
            moved[i], moved[i + 1] = match[1], f"{match[2]} {moved[i + 1]}"
    return moved


def _samples(visible: list[_Glyph]) -> tuple[_Glyph, ...]:
    return visible[0], visible[len(visible) // 2], visible[-1]


def _is_bold(raw: Any, index: int) -> bool:
    name = ctypes.create_string_buffer(_FONT_NAME_BYTES)
    flags = ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(raw, index, name, _FONT_NAME_BYTES, ctypes.byref(flags))
    return bool(_BOLD_NAME.search(name.value)) or (
        pdfium_c.FPDFText_GetFontWeight(raw, index) >= _BOLD_WEIGHT
    )
