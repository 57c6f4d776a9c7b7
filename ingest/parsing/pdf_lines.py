"""Lines of a PDF page with the geometry that tells paragraphs, tables and headings apart.

The adapter of PDFium's text page: character codes and boxes come from one index space, in the
order the page draws them.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium_c

from ingest.parsing import pdfium_calls as calls
from ingest.parsing.normalise import superscript
from ingest.parsing.pdf_cells import Cell, Word, split_cells
from ingest.parsing.pdf_glance import Glance

_HYPHEN = "\x02"
"""PDFium's mark for a hyphen at the end of a line."""

_WORD_GAP_EM = 0.15
_BOLD_WEIGHT = 600
_BOLD_NAME = re.compile(rb"bold|black|heavy|demi", re.I)
_FONT_NAME_BYTES = 128


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

    cells: tuple[Cell, ...]
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
        if len(self.cells) == 1:
            return self.cells[0].text  # most lines; asked for often
        return " ".join([cell.text for cell in self.cells])


def read_lines(
    text_page: Any,
    characters: Sequence[str],
    rotation: int,
    *,
    left_out: frozenset[int] = frozenset(),
    glance: Glance | None = None,
) -> list[Line]:
    """Return the lines of a PDFium text page in drawing order.

    Args:
        text_page: An open `pypdfium2.PdfTextPage`.
        characters: Of it, one for each place.
        rotation: Degrees clockwise by which the page is shown turned: 0, 90, 180 or 270.
        left_out: Places of characters in the text page that are none of the lines'.
        glance: Is shown each line.
    """
    raw = text_page.raw
    lines: list[Line] = []
    for run in _same_line_runs(_runs(raw, characters, rotation, left_out)):
        line = _line(raw, run, glance)
        if line is not None:
            lines.append(line)
    return lines


def _runs(
    raw: Any, characters: Sequence[str], rotation: int, left_out: frozenset[int]
) -> Iterator[list[_Glyph]]:
    """Yield the stretches of characters between PDFium's line breaks, blanks included."""
    box = pdfium_c.FS_RECTF()
    page, at = calls.address(raw), ctypes.addressof(box)
    # The call for every character: looked up once.
    loose_box, new = calls.loose_box, tuple.__new__
    run: list[_Glyph] = []
    for index, character in enumerate(characters):
        if index in left_out or not character:
            continue
        if character in "\r\n":
            if run:
                yield run
            run = []
            continue
        loose_box(page, index, at)
        left, bottom, right, top = box.left, box.bottom, box.right, box.top
        if rotation:
            left, bottom, right, top = _turned(box, rotation)
        run.append(new(_Glyph, (character, index, left, bottom, right, top)))
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
    return -box.top, box.left, -box.bottom, box.right


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


def _line(raw: Any, run: list[_Glyph], glance: Glance | None) -> Line | None:
    visible = [glyph for glyph in run if not glyph.character.isspace()]
    if not visible:
        return None
    size = max(median(glyph.top - glyph.bottom for glyph in visible), 1.0)
    bottom = median(glyph.bottom for glyph in visible)
    words = list(_words(_marks_in_place(run, size=size, line_bottom=bottom), size))
    cells = split_cells(words, size)
    if not cells:
        return None
    right = max(glyph.right for glyph in visible)
    if glance is not None:
        left = min(glyph.left for glyph in visible)
        glance.look(visible, (left, bottom, right, bottom + size))
    return Line(
        cells=cells,
        left=visible[0].left,
        right=right,
        bottom=bottom,
        size=size,
        first_word_width=words[0].right - words[0].left,
        is_bold=all(_is_bold(raw, glyph.char_index) for glyph in _samples(visible)),
        ends_hyphenated=visible[-1].character == _HYPHEN,
    )


def _words(run: list[_Glyph], size: float) -> Iterator[Word]:
    word: list[_Glyph] = []
    for glyph in run:
        is_blank = glyph.character.isspace()
        if word and (is_blank or glyph.left - word[-1].right > _WORD_GAP_EM * 2 * size):
            yield _word(word)
            word = []
        if not is_blank:
            word.append(glyph)
    if word:
        yield _word(word)


def _word(glyphs: list[_Glyph]) -> Word:
    return Word("".join(glyph.character for glyph in glyphs), glyphs[0].left, glyphs[-1].right)


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


def _samples(visible: list[_Glyph]) -> tuple[_Glyph, ...]:
    return visible[0], visible[len(visible) // 2], visible[-1]


def _is_bold(raw: Any, index: int) -> bool:
    name = ctypes.create_string_buffer(_FONT_NAME_BYTES)
    flags = ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(raw, index, name, _FONT_NAME_BYTES, ctypes.byref(flags))
    return bool(_BOLD_NAME.search(name.value)) or (
        pdfium_c.FPDFText_GetFontWeight(raw, index) >= _BOLD_WEIGHT
    )
