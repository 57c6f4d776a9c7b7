"""Tables of a PDF page: which lines are rows, and what a row says with its label and its columns.

Rows are lines with wide gaps. Columns are where the numbers of several rows stand one below the
other; heads are what stands over them. A label that is broken over lines is made whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.parsing.document_builder import is_header
from ingest.parsing.pdf_columns import YEAR, find_columns, is_over, overlap
from ingest.parsing.pdf_heads import is_note, joined_heads, read_heads
from ingest.parsing.pdf_lines import Line
from ingest.parsing.pdf_rows import Join, Row, RowReader, texts_of

_LABEL_FRACTION = 0.25
"""A table's first column, which names its rows, begins within this part of its width."""
_MAX_SINGLE_CHARS = 80
"""A longer line of one cell among rows is prose, unless it ends before the columns begin."""
_MAX_HEAD_CHARS = 60
_MAX_HEAD_EM = 9
_MAX_HEAD_GAP_EM = 3
_MAX_HEAD_LINES = 60
_N_NEAR = 3
"""Lines above a table among which the unit of its numbers may stand."""
_UNIT = re.compile(r"\([^()]{0,30}\bin (thousands|millions|billions)\b", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Lines of a page that are a table."""

    start: int
    """Index of its first line, heads included."""
    end: int
    """Index after its last line."""
    heads: tuple[tuple[str, ...], ...]
    """Cells of the lines that name columns."""
    rows: tuple[Row, ...]
    header: str
    """What the columns are, to stand beside rows that are shown alone; may be empty."""


def find_tables(lines: Sequence[Line], join: Join) -> list[Table]:
    """Return the tables of a page in order.

    Args:
        lines: In reading order.
        join: For labels that a hyphen breaks.
    """
    tables: list[Table] = []
    i = floor = 0
    while i < len(lines):
        if end := _body_end(lines, i):
            tables.append(_Reader(lines, join, floor=floor, start=i, end=end).read())
            i = floor = end
        else:
            i += 1
    return tables


def _body_end(lines: Sequence[Line], start: int) -> int:
    """Return where the rows of a table that starts at `start` end; 0: none does.

    A table is three or more rows, or two of equally many numbers, with a few lines of one cell
    between them. Heads after a row begin another table.
    """
    if len(lines[start].cells) < 2:
        return 0
    rows: list[Line] = []
    end, n_single, has_values = start, 0, False
    label_end = lines[start].cells[1].left
    for i in range(start, len(lines)):
        line = lines[i]
        if i > start and not 0 < lines[i - 1].bottom - line.bottom < 4 * line.size:
            break
        if len(line.cells) >= 2:
            if has_values and _names_columns(line, label_end):
                break
            rows.append(line)
            has_values = has_values or _has_value(line)
            end, n_single = i + 1, 0
            label_end = min(label_end, line.cells[1].left)
        else:
            n_single += 1
            is_label = has_values and line.right < label_end
            if n_single > (4 if is_label else 2):
                break
            if not is_label and len(line.text) > _MAX_SINGLE_CHARS:
                break
    return end if len(rows) >= 3 or _are_alike(rows) else 0


def _names_columns(line: Line, label_end: float) -> bool:
    """Tell whether a row among others is one of heads, without a label or with a note for one."""
    if _has_value(line):
        return False
    first, *others = texts_of(line.cells)
    are_dates = len(others) > 1 and all(map(YEAR.search, others))
    return line.left >= label_end or is_note(first) or are_dates


def _has_value(line: Line) -> bool:
    return any(cell.is_value and not YEAR.fullmatch(cell.text) for cell in line.cells)


def _are_alike(rows: Sequence[Line]) -> bool:
    """Tell whether two rows are a label and two or more numbers each, one below the other."""
    return (
        len(rows) == 2
        and len(rows[0].cells) == len(rows[1].cells) >= 3
        and all(
            above.is_value and below.is_value and overlap(above, below)
            for above, below in zip(rows[0].cells[1:], rows[1].cells[1:], strict=True)
        )
    )


class _Reader:
    """Reads one table: lines[start:end] are its rows; heads may stand above, from `floor` on."""

    def __init__(
        self, lines: Sequence[Line], join: Join, *, floor: int, start: int, end: int
    ) -> None:
        self._lines = lines
        self._join = join
        self._floor = floor
        self._start = start
        self._end = end
        body = lines[start:end]
        left, right = min(line.left for line in body), max(line.right for line in body)
        self._label_end = left + _LABEL_FRACTION * (right - left)
        self._columns = find_columns(body, self._label_end)

    def read(self) -> Table:
        """Return the table; without columns of numbers its rows are written as they are."""
        body = self._lines[self._start : self._end]
        n_heads = self._n_heads(body)
        if not self._columns:
            return Table(
                start=self._start,
                end=self._end,
                heads=tuple(texts_of(line.cells) for line in body[:n_heads]),
                rows=tuple(Row(cells=texts_of(line.cells)) for line in body[n_heads:]),
                header=joined_heads([texts_of(line.cells) for line in body[:n_heads]]),
            )
        above = self._above()
        start = min(above, default=self._start)
        labels = [self._lines[i] for i in range(start, self._start) if i not in above]
        head_lines = [*(self._lines[i] for i in above), *body[:n_heads]]
        near = self._lines[max(self._floor, start - _N_NEAR) : start]
        unit = _UNIT.search(" ".join(line.text for line in [*near, *head_lines]))
        heads = read_heads(head_lines, self._columns, unit=f"In {unit[1].lower()}" if unit else "")
        return Table(
            start=start,
            end=self._end,
            heads=heads.shown,
            rows=tuple(RowReader(self._columns, self._join).read([*labels, *body[n_heads:]])),
            header=heads.header,
        )

    def _n_heads(self, body: Sequence[Line]) -> int:
        """Return how many leading rows name columns; one of them may also name the labels."""
        n_heads = 0
        is_labelled = False
        for line in body:
            if line.left > self._label_end:
                is_head = not _has_value(line)
            else:
                texts = texts_of(line.cells)
                are_years = len(texts) > 2 and all(map(YEAR.fullmatch, texts[1:]))
                is_head = not is_labelled and (are_years or is_header(texts))
                is_labelled = True
            if not is_head:
                break
            n_heads += 1
        return n_heads

    def _above(self) -> set[int]:
        """Return the indexes of the heads and notes that stand over the first row."""
        base = top = self._lines[self._start].bottom
        found: set[int] = set()
        n_labels = 0
        for i in range(self._start - 1, max(self._floor, self._start - _MAX_HEAD_LINES) - 1, -1):
            line = self._lines[i]
            rise = line.bottom - base
            if not 0 < rise < _MAX_HEAD_EM * line.size:
                break
            if line.bottom - top > _MAX_HEAD_GAP_EM * line.size:
                break
            is_head = len(line.text) <= _MAX_HEAD_CHARS and is_over(line, self._columns)
            if is_head or is_note(line.text) or self._is_beside(line, found):
                found.add(i)
            elif not found and n_labels < 2 and line.right < self._columns[0].left:
                n_labels += 1  # names a group of rows
            else:
                break
            top = max(top, line.bottom)
        return found

    def _is_beside(self, line: Line, found: set[int]) -> bool:
        return any(abs(self._lines[i].bottom - line.bottom) < 0.5 * line.size for i in found)
