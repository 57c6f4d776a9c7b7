"""Lines of a PDF into headings, paragraphs, list items and table rows.

A PDF says where characters stand, not what they form. The rules here are those of typography: a
line that would have had room for the next word ends its paragraph; larger or bolder short lines
are headings; lines with wide gaps are rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.parsing.document_builder import DocumentBuilder
from ingest.parsing.line_marks import DASH_MARK, ITEM_MARK, SENTENCE_END
from ingest.parsing.pdf_cells import LEADER
from ingest.parsing.pdf_lines import Line
from ingest.parsing.pdf_tables import Table, find_tables

_WORD = re.compile(r"[^\W\d_]{2,}(?:-[^\W\d_]{2,})*")
_WORD_END = re.compile(r"[\w-]+$")
_WORD_START = re.compile(r"[^\W\d_]+")
_LETTER = re.compile(r"[^\W\d_]")
_FOOTNOTE_MARK = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]")
_NUMBER_MASK = "#"
_NUMBERS = re.compile(r"\d+|^[ivxlc]{1,7}$")
_MAX_HEADING_CHARS = 160
_MAX_BOLD_HEADING_CHARS = 100
_HEADING_SIZE_RATIO = 1.12
_AUTOMATIC_HYPHENS_FRACTION = 0.04
_MIN_KEPT_FRACTION = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyphenation:
    """What tells whether a hyphen at the end of a line belongs to the word."""

    words: frozenset[str]
    """Whole words seen, in lower case."""
    is_automatic: bool
    """The program that set the text broke words by itself."""

    def join(self, before: str, after: str) -> str:
        """Join a text that ended in a hyphen, now off, with the line after it.

        The document's other words are the dictionary: "infor-mation" closes up where
        "information" occurs. An unknown word keeps its hyphen, unless most hyphens are made by
        the program.
        """
        head_match = _WORD_END.search(before)
        tail_match = _WORD_START.match(after)
        if not head_match or not tail_match or not after[:1].islower():
            return f"{before}-{after}"
        head, tail = head_match[0].lower(), tail_match[0].lower()
        is_compound = f"{head}-{tail}" in self.words or "-" in head
        if head + tail in self.words or (self.is_automatic and not is_compound):
            return before + after
        return f"{before}-{after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typography:
    """What is usual in a document; single lines are judged against it."""

    body_size: float
    pitch: float
    """Distance of the lines of a paragraph, as a multiple of their size."""
    heading_sizes: tuple[float, ...]
    """Rounded, largest first."""
    hyphenation: Hyphenation


def measure(pages: Sequence[Sequence[Line]]) -> Typography:
    """Return what is usual in a document of these pages."""
    chars_by_size: Counter[float] = Counter()
    pitches: list[float] = []
    for lines in pages:
        for line in lines:
            chars_by_size[_rounded(line.size)] += len(line.text)
        for above, below in pairwise(lines):
            pitch = (above.bottom - below.bottom) / above.size
            if 0.8 < pitch < 2.5 and _same_size(above, below):
                pitches.append(round(pitch, 2))
    body_size = max(chars_by_size, key=lambda size: (chars_by_size[size], -size), default=10.0)
    larger = {size for size in chars_by_size if size > _HEADING_SIZE_RATIO * body_size}
    return Typography(
        body_size=body_size,
        # Lines of a paragraph are the closest that are common.
        pitch=sorted(pitches)[len(pitches) // 3] if pitches else 1.2,
        heading_sizes=tuple(sorted(larger, reverse=True)),
        hyphenation=_measure_hyphenation([line for lines in pages for line in lines]),
    )


def _measure_hyphenation(lines: Sequence[Line]) -> Hyphenation:
    words: set[str] = set()
    after_hyphen = False
    for line in lines:
        # Halves of words are no words.
        text = line.text.lower()
        text = text.partition(" ")[2] if after_hyphen else text
        text = text.rpartition(" ")[0] if line.ends_hyphenated else text
        words.update(_WORD.findall(text))
        after_hyphen = line.ends_hyphenated
    n_hyphenated = sum(line.ends_hyphenated for line in lines)
    return Hyphenation(
        words=frozenset(words),
        is_automatic=n_hyphenated > _AUTOMATIC_HYPHENS_FRACTION * len(lines),
    )


def without_running_lines(pages: Sequence[list[Line]]) -> tuple[list[list[Line]], bool]:
    """Return the pages without headers and footers, and whether there were any.

    A line is one if, with its numbers masked and equally large, it is among the two lines at
    the top, or at the bottom, of more than 60 % of the pages; those below it are looked at in
    turn. Where it holds no number its first occurrence stays, so that nothing is lost to the
    document. Documents of fewer than four pages keep everything, and so do those whose pages
    are alike altogether.
    """
    n_written = sum(1 for lines in pages if lines)
    if n_written < 4:
        return list(pages), False
    inner = list(pages)
    while (peeled := _without_edges(inner, n_written)) != inner:
        inner = peeled
    if _n_chars(inner) < _MIN_KEPT_FRACTION * _n_chars(pages):
        return list(pages), False
    kept: list[list[Line]] = []
    seen: set[tuple[str, float]] = set()
    for lines, inner_lines in zip(pages, inner, strict=True):
        inner_ids = {id(line) for line in inner_lines}
        kept.append([x for x in lines if id(x) in inner_ids or _is_first(x, seen)])
        seen.update(map(_masked, lines))
    return kept, kept != list(pages)


def _without_edges(pages: Sequence[list[Line]], n_written: int) -> list[list[Line]]:
    edges = [_outermost(lines) for lines in pages]
    seen = Counter(mark for edge in edges for mark in {_masked(line) for line in edge})
    running = {mark for mark, count in seen.items() if count > 0.6 * n_written}
    inner: list[list[Line]] = []
    for lines, edge in zip(pages, edges, strict=True):
        peeled = {id(line) for line in edge if _masked(line) in running}
        inner.append([line for line in lines if id(line) not in peeled])
    return inner


def _outermost(lines: Sequence[Line]) -> list[Line]:
    upwards = sorted(lines, key=lambda line: line.bottom)
    return upwards[:2] + upwards[2:][-2:]


def _is_first(line: Line, seen: set[tuple[str, float]]) -> bool:
    mark = _masked(line)
    return _NUMBER_MASK not in mark[0] and mark not in seen


def _n_chars(pages: Iterable[Sequence[Line]]) -> int:
    return sum(len(line.text) for lines in pages for line in lines)


def _masked(line: Line) -> tuple[str, float]:
    return _NUMBERS.sub(_NUMBER_MASK, line.text), _rounded(line.size)


def add_page(
    builder: DocumentBuilder,
    lines: Sequence[Line],
    typography: Typography,
    outline_levels: dict[str, int],
) -> None:
    """Add the lines of one page to `builder`.

    Args:
        builder: Receives the blocks; its page is left open.
        lines: In reading order, without running lines.
        typography: Of the whole document.
        outline_levels: Level of each bookmark that points at this page, by `heading_key`.
    """
    edges = _right_edges(lines)
    tables = {table.start: table for table in find_tables(lines, typography.hyphenation.join)}
    i = 0
    while i < len(lines):
        if table := tables.get(i):
            _add_table(builder, table)
            i = table.end
            continue
        end = i + 1
        while (
            end < len(lines)
            and end not in tables
            and not _breaks(lines[i:end], lines[end], typography, edges[end - 1])
        ):
            end += 1
        _add_block(builder, lines[i:end], typography, outline_levels)
        i = end


def heading_key(text: str) -> str:
    """Return what two spellings of one heading have in common."""
    return "".join(character for character in text.casefold() if character.isalnum())


def _add_block(
    builder: DocumentBuilder,
    block: Sequence[Line],
    typography: Typography,
    outline_levels: dict[str, int],
) -> None:
    text = _joined(block, typography.hyphenation)
    level = outline_levels.get(heading_key(text)) or _heading_level(block, text, typography)
    if level:
        builder.heading(text, level)
    elif _starts_item(block[0]):
        builder.item(text)
    else:
        builder.paragraph(text)


def _heading_level(block: Sequence[Line], text: str, typography: Typography) -> int:
    """Return the level that size or weight gives a block; 0: it is no heading."""
    says_something = sum(character.isalpha() for character in text) >= 2
    if not says_something or len(block) > 4 or len(text) > _MAX_HEADING_CHARS:
        return 0
    size = _rounded(block[0].size)
    if size in typography.heading_sizes:
        return 1 + min(typography.heading_sizes.index(size), 5)
    is_short = len(block) <= 2 and len(text) <= _MAX_BOLD_HEADING_CHARS
    is_set_off = all(line.is_bold for line in block) and size >= 0.9 * typography.body_size
    lowest = 1 + min(len(typography.heading_sizes), 5)
    if is_set_off and is_short and not text.endswith((".", ",", ";")):
        return lowest
    # Typewritten documents know capitals only.
    is_capitals = text.isupper() and " " in text and LEADER not in text
    return lowest + 1 if is_capitals and is_short and not text.endswith((",", ";")) else 0


def _breaks(block: Sequence[Line], line: Line, typography: Typography, edge: float) -> bool:
    """Tell whether `line` starts something new after `block`."""
    last = block[-1]
    if not _same_size(last, line) or _starts_item(line) or _FOOTNOTE_MARK.match(line.text):
        return True
    runs_on = not SENTENCE_END.search(last.text) and line.text[:1].islower()
    pitch = (last.bottom - line.bottom) / last.size
    if not 0.5 < pitch < 1.3 * typography.pitch:
        # Over a gap or into the next column only a sentence cut in two goes on.
        return not ((runs_on or last.ends_hyphenated) and not 0 <= pitch <= 4)
    if last.ends_hyphenated:
        return False
    if LEADER in last.text:
        return True
    if not _LETTER.search(last.text) and not _LETTER.search(line.text):
        return True  # a column of numbers
    ends_bold = last.is_bold and not line.is_bold and _is_all_bold(block)
    is_dash_item = bool(DASH_MARK.match(line.text)) and not runs_on
    em = last.size
    is_indented = line.left > last.left + 0.8 * em and not (_starts_item(last) and len(block) == 1)
    is_outdented = line.left < last.left - 0.8 * em and len(block) > 1
    had_room = last.right + line.first_word_width < edge - 0.6 * em
    if ends_bold or is_dash_item:
        return True
    if runs_on:
        return False
    return had_room or is_indented or is_outdented


def _is_all_bold(block: Iterable[Line]) -> bool:
    return all(line.is_bold for line in block)


def _right_edges(lines: Sequence[Line]) -> list[float]:
    """Return for each line how far to the right the lines of its column reach."""
    edges: list[float] = []
    for line in lines:
        near = [x.right for x in lines if abs(x.left - line.left) <= 4 * line.size]
        near.sort()
        # A few lines reach further than their column does: a title over two of them.
        edges.append(max(near[int(0.9 * (len(near) - 1))], line.right))
    return edges


def _joined(block: Sequence[Line], hyphenation: Hyphenation) -> str:
    text = block[0].text
    for above, line in pairwise(block):
        if above.ends_hyphenated:
            text = hyphenation.join(text, line.text)
        elif text.endswith("-") and text[-2:-1].isalpha():
            text += line.text
        else:
            text = f"{text} {line.text}"
    return f"{text}-" if block[-1].ends_hyphenated else text


def _starts_item(line: Line) -> bool:
    return bool(ITEM_MARK.match(line.text))


def _same_size(a: Line, b: Line) -> bool:
    return abs(a.size - b.size) <= 0.08 * max(a.size, b.size)


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _add_table(builder: DocumentBuilder, table: Table) -> None:
    for i, cells in enumerate(table.heads):
        builder.row(cells, starts_table=i == 0)
    for i, row in enumerate(table.rows, len(table.heads)):
        builder.row(row.cells, header=table.header, group=row.group, starts_table=i == 0)
