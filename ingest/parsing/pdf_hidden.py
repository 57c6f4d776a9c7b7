"""Which characters of a PDF page no reader sees.

Texts that may be unseen (`ingest.parsing.pdf_suspects`) are proven so: the page is drawn with them
and without them, and those whose going changes nothing are not seen. Text that lies invisibly
over a picture of itself is no secret: that is how recognised text of scans is kept.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pypdfium2.raw as pdfium_c

from ingest.parsing import pdfium_calls as calls
from ingest.parsing.pdf_drawing import Box, DrawnPage, Pixels, changes, has_ink
from ingest.parsing.pdf_suspects import INVISIBLE_MODES, MIN_TEXT_PT, Suspects, find_suspects
from ingest.types import HiddenKind

_MAY_BE_LAYERS = (HiddenKind.INVISIBLE, HiddenKind.COVERED)
_SCANNED = 0.9
"""Of the invisible letters of a page that a picture shows, where they are its recognised text."""
_MOST_STRAY = 8
"""Letters in a row of recognised text that may stand beside what they were read from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """What no reader sees of a page."""

    characters: frozenset[int] = frozenset()
    """Their places in PDFium's text page."""
    texts: tuple[tuple[HiddenKind, str], ...] = ()
    """The same as text."""


class Drawings:
    """How many pages of a document may still be drawn, which takes longer than reading them.

    Attributes:
        is_spent: One more was asked for: what may be unseen there counts as seen.
    """

    def __init__(self, n_pages: int) -> None:
        self._n_left = n_pages
        self.is_spent = False

    def take(self) -> bool:
        """Tell whether one more page may be drawn."""
        self.is_spent |= not self._n_left
        self._n_left -= not self.is_spent
        return not self.is_spent


@dataclass(frozen=True, slots=True)
class _Letter:
    """A suspected character that is not blank."""

    index: int
    line: int
    text: int
    """Address of the object that draws it."""
    kind: HiddenKind
    box: Box
    is_tiny: bool


def find_unseen(page: Any, text_page: Any, characters: Sequence[str], drawings: Drawings) -> Unseen:
    """Return what is not seen of a page, which must not be drawn by anybody afterwards.

    Args:
        page: An open `pypdfium2.PdfPage`.
        text_page: Its `pypdfium2.PdfTextPage`.
        characters: Of that, one for each place.
        drawings: Of its document.
    """
    suspects = find_suspects(page)
    if not suspects.why and not suspects.has_forms:
        return Unseen()
    handle = calls.address(text_page.raw)
    letters = list(_letters(handle, characters, suspects))
    kinds = {one.index: HiddenKind.TINY for one in letters if one.is_tiny}
    doubtful = [one for one in letters if not one.is_tiny and one.kind is not HiddenKind.TINY]
    if doubtful and drawings.take():
        drawn = DrawnPage(page)
        gone = _without_text_layers(drawn, suspects, letters, _gone(drawn, doubtful))
        kinds |= {one.index: one.kind for one in gone}
    stretches = [run for run in _stretches(characters, kinds) if _says_something(characters, run)]
    return Unseen(
        characters=frozenset(index for run in stretches for index in run),
        texts=tuple(
            (kinds[run[0]], "".join(characters[run[0] : run[-1] + 1])) for run in stretches
        ),
    )


def _letters(handle: int, characters: Sequence[str], suspects: Suspects) -> Iterator[_Letter]:
    edges = (ctypes.c_double * 4)()
    at = ctypes.addressof(edges)
    loose = pdfium_c.FS_RECTF()
    line = 0
    for index, character in enumerate(characters):
        if character in "\r\n":
            line += 1
        if not character or character.isspace():
            continue
        text = calls.char_object(handle, index)
        kind = suspects.kind(text)
        if kind is None:
            continue
        calls.loose_box(handle, index, ctypes.addressof(loose))
        size = max(loose.right - loose.left, loose.top - loose.bottom)
        calls.char_box(handle, index, at, at + 8, at + 16, at + 24)
        left, right, bottom, top = edges
        # Recognised text of specks is tiny, too, but in no colour, which is judged first.
        is_tiny = size < MIN_TEXT_PT and calls.render_mode(text) not in INVISIBLE_MODES
        yield _Letter(index, line, text, kind, (left, bottom, right, top), is_tiny)


def _gone(drawn: DrawnPage, letters: Iterable[_Letter]) -> list[_Letter]:
    """Return the letters without which the page looks the same."""
    gone: list[_Letter] = []
    shown: list[_Letter] = []
    for one in letters:
        is_undrawn = calls.render_mode(one.text) in INVISIBLE_MODES
        (gone if is_undrawn else shown).append(one)
    if shown:
        before = drawn.draw()
        drawn.take_off({one.text for one in shown})
        changed = changes(before, drawn.draw())
        gone += [one for one in shown if not drawn.part(changed, one.box).any()]
    return sorted(gone, key=lambda one: one.index)


def _without_text_layers(
    drawn: DrawnPage, suspects: Suspects, letters: Sequence[_Letter], gone: Sequence[_Letter]
) -> list[_Letter]:
    """Return the unseen letters that are not shown by a picture in their place."""
    maybe = [one for one in gone if one.kind in _MAY_BE_LAYERS]
    if not maybe:
        return list(gone)
    drawn.take_off(suspects.texts)
    drawn.take_off({one.text for one in letters})
    pictures = drawn.draw()
    lines = [list(line) for _, line in groupby(maybe, key=lambda one: one.line)]
    kept = {index for line in lines for index in _pictured(drawn, pictures, line)}
    if len(kept) > _SCANNED * len(maybe):
        # What a scanner took specks for, or put beside its place, is none of a secret.
        kept |= {one.index for line in lines if len(line) <= _MOST_STRAY for one in line}
    return [one for one in gone if one.index not in kept]


def _pictured(drawn: DrawnPage, pictures: Pixels, line: Sequence[_Letter]) -> Iterator[int]:
    """Yield the letters of a line that a picture shows, if it shows most of the line."""
    has = [has_ink(drawn.part(pictures, _widened(one.box))) for one in line]
    if 2 * sum(has) < len(has):
        return
    at = 0
    for is_inked, run in groupby(has):
        n = len(list(run))
        if is_inked or n <= _MOST_STRAY:
            yield from (one.index for one in line[at : at + n])
        at += n


def _widened(box: Box) -> Box:
    """Return a box with room for text that was recognised a little beside its place."""
    left, bottom, right, top = box
    room = 0.25 * (top - bottom)
    return left - room, bottom - room, right + room, top + room


def _stretches(characters: Sequence[str], kinds: dict[int, HiddenKind]) -> Iterator[list[int]]:
    """Yield unseen characters in a row, of one kind; blanks between them do not matter."""
    run: list[int] = []
    for index, character in enumerate(characters):
        kind = kinds.get(index)
        if run and (kind is not kinds[run[0]]) and not (kind is None and not character.strip()):
            yield run
            run = []
        if kind is not None:
            run.append(index)
    if run:
        yield run


def _says_something(characters: Sequence[str], run: Sequence[int]) -> bool:
    """Tell whether unseen characters hold a letter or a number: dots may just be small."""
    return any(characters[index].isalnum() for index in run)
