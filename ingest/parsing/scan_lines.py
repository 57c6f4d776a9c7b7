"""Words read from a scan as lines with the geometry that layout needs, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

from assistant.types import PAGE_UNITS, PageScan, Span, WordBox
from ingest.parsing.letters import letters
from ingest.parsing.pdf_cells import Word, split_cells
from ingest.parsing.pdf_lines import Line

if TYPE_CHECKING:
    from ingest.parsing.scan_picture import Straightened
    from ingest.parsing.tesseract import ReadWord

_POINTS_AN_INCH = 72
_FONT_BOX = 1.2
"""Height of a font's box, as text has it, to that from its highest to its lowest ink."""
_BODY_SIZE_RATIOS = (0.75, 1.3)
"""Lines whose height lies between these, to the page's usual one, have letters of one size: how
high a line is depends on which letters it has."""
_SURE = 70.0
_HYPHENS = "-\u2010"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedWord:
    """A word and its place on the page as it is shown."""

    text: str
    confidence: float
    box: tuple[float, float, float, float]
    """Left, top, right, bottom, as fractions of the page's width and height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedLine(Line):
    """A line that was read from a picture."""

    words: tuple[ScannedWord, ...]


def scanned_lines(
    words: Sequence[ReadWord], page: Straightened, *, dpi: float
) -> list[ScannedLine]:
    """Return words as lines, in the order they were read.

    Args:
        words: As they were read of the straight picture.
        page: That picture.
        dpi: Its pixels an inch.
    """
    scale = _POINTS_AN_INCH / dpi
    grouped = [list(group) for _, group in groupby(words, key=lambda word: word.line)]
    heights = [max(word.bottom - word.top for word in group) * scale for group in grouped]
    body = median(heights) if heights else 1.0
    smallest, largest = (ratio * body for ratio in _BODY_SIZE_RATIOS)
    lines = []
    for group, height in zip(grouped, heights, strict=True):
        usual = body if smallest < height < largest else height
        line = _line(group, page, size=max(1.0, usual * _FONT_BOX), scale=scale)
        lines += [line] if line else []
    return lines


def _line(
    group: Sequence[ReadWord], page: Straightened, *, size: float, scale: float
) -> ScannedLine | None:
    texts = [word.text for word in group]
    last = texts[-1]
    ends_hyphenated = last[-1] in _HYPHENS and last[-2:-1].isalpha()
    if ends_hyphenated:
        texts[-1] = last[:-1]
    words = [
        Word(text, word.left * scale, word.right * scale)
        for word, text in zip(group, texts, strict=True)
        if text
    ]
    cells = split_cells(words, size)
    if not cells:
        return None
    return ScannedLine(
        cells=cells,
        left=group[0].left * scale,
        right=max(word.right for word in group) * scale,
        # Most words stand on the line; some reach below it.
        bottom=-median(word.bottom for word in group) * scale,
        size=size,
        first_word_width=(group[0].right - group[0].left) * scale,
        is_bold=False,
        ends_hyphenated=ends_hyphenated,
        words=tuple(
            ScannedWord(
                text=word.text,
                confidence=word.confidence,
                box=page.box_in_original(word.left, word.top, word.right, word.bottom),
            )
            for word in group
        ),
    )


def confidence_of(lines: Sequence[ScannedLine]) -> float:
    """Return how surely lines were read, 0 to 100: the mean over their letters; 0 without any."""
    words = [word for line in lines for word in line.words]
    n_chars = sum(len(word.text) for word in words)
    return sum(word.confidence * len(word.text) for word in words) / n_chars if n_chars else 0.0


def n_sure_chars(lines: Sequence[ScannedLine]) -> int:
    """Return how many characters stand in words that were read surely."""
    words = (word for line in lines for word in line.words)
    return sum(len(word.text) for word in words if word.confidence >= _SURE)


def page_scan(text: str, lines: Sequence[ScannedLine]) -> PageScan:
    """Return where the words of a page stand that was made of these lines.

    Args:
        text: Of the page, as it is stored; of the lines' letters in their order, whatever became
            of what stands between them.
        lines: Those that are not in the text are passed over.
    """
    held = list(letters(text))
    written = "".join(letter for letter, _ in held)
    boxes: list[WordBox] = []
    done = 0
    for line in lines:
        spelled = ["".join(letter for letter, _ in letters(word.text)) for word in line.words]
        start = written.find("".join(spelled), done)
        if start < 0:
            continue
        for word, own in zip(line.words, spelled, strict=True):
            if own:
                span = Span(held[start][1], held[start + len(own) - 1][1] + 1)
                left, top, right, bottom = (round(edge * PAGE_UNITS) for edge in word.box)
                box = WordBox(span=span, left=left, top=top, right=right, bottom=bottom)
                boxes.append(box)
            start += len(own)
        done = start
    return PageScan(confidence=round(confidence_of(lines)), words=tuple(boxes))
