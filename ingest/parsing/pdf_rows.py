"""Rows of a table with columns of numbers: labels made whole, each number in its column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.parsing.pdf_cells import Cell
from ingest.parsing.pdf_columns import Column, overlap
from ingest.parsing.pdf_lines import Line

Join = Callable[[str, str], str]
"""Joins a text that ended in a hyphen, now off, with what follows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as it is written."""

    cells: tuple[str, ...]
    group: str = ""
    """The label of the group of rows in which it stands; empty without one."""


class RowReader:
    """Reads the rows of one table."""

    def __init__(self, columns: Sequence[Column], join: Join) -> None:
        self._columns = columns
        self._join = join

    def read(self, lines: Sequence[Line]) -> list[Row]:
        """Return the rows that lines in reading order, heads left out, make up."""
        rows: list[Row] = []
        label: list[Line] = []
        group = _Group()
        for i, line in enumerate(lines):
            if label and not self._wraps(label[-1], line):
                rows.append(group.open(label[0], self._text(label)))
                label = []
            if len(line.cells) > 1 or line.left >= self._columns[0].left:
                cells = self._aligned(line.cells)
                if label:
                    cells = (self._glued(self._text(label), label[-1], cells[0]), *cells[1:])
                rows.append(group.row(label[0] if label else line, cells))
                label = []
            elif i and not label and self._ends_label(*lines[i - 1 : i + 2]):
                whole = self._glued(rows[-1].cells[0], lines[i - 1], line.text)
                rows[-1] = replace(rows[-1], cells=(whole, *rows[-1].cells[1:]))
            else:
                label.append(line)
        if label:
            rows.append(group.open(label[0], self._text(label)))
        return rows

    def _text(self, label: Sequence[Line]) -> str:
        text = label[0].text
        for above, line in pairwise(label):
            text = self._glued(text, above, line.text)
        return text

    def _glued(self, text: str, last: Line, following: str) -> str:
        return self._join(text, following) if last.ends_hyphenated else f"{text} {following}"

    def _wraps(self, above: Line, line: Line) -> bool:
        """Tell whether the label `above` goes on in the first cell of `line`."""
        if above.is_bold != line.is_bold or above.text.endswith(":"):
            return False
        if not 0.5 < (above.bottom - line.bottom) / line.size < 1.7:
            return False
        first = line.cells[0]
        if first.left >= self._columns[0].left or (
            first.is_value and overlap(first, self._columns[0])
        ):
            return False
        room = self._columns[0].left - above.right
        had_room = line.first_word_width + 0.25 * line.size < room
        is_open = above.text.endswith(",") or above.text.count("(") > above.text.count(")")
        return is_open or not had_room or line.text[:1].islower()

    def _ends_label(self, above: Line, line: Line, after: Line | None = None) -> bool:
        """Tell whether a line of one cell is the rest of the label of the row above it."""
        return (
            len(above.cells) > 1
            and abs(above.left - line.left) < 2 * line.size
            and line.right < self._columns[0].left
            and line.text[:1].islower()
            and 0.5 < (above.bottom - line.bottom) / line.size < 1.7
            and not (after is not None and self._wraps(line, after) and after.text[:1].islower())
        )

    def _aligned(self, cells: Sequence[Cell]) -> tuple[str, ...]:
        """Return the label and one cell for each column; the cells as they are where none fits."""
        first = self._columns[0]
        n_labels = sum(
            1 for c in cells if c.left < first.left and not (c.is_value and overlap(c, first))
        )
        slots = [""] * len(self._columns)
        for cell in cells[n_labels:]:
            over = [i for i, column in enumerate(self._columns) if overlap(cell, column)]
            if len(over) != 1 or slots[over[0]]:
                return texts_of(cells)
            slots[over[0]] = cell.text
        return (*texts_of(cells[:n_labels]), *slots)


def texts_of(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the texts of cells."""
    return tuple(cell.text for cell in cells)


class _Group:
    """Which group of rows a row stands in, as indentation tells it."""

    def __init__(self) -> None:
        self._name = ""
        self._left = 0.0
        self._is_indented: bool | None = None

    def open(self, line: Line, text: str) -> Row:
        """Begin the group that a line without numbers names."""
        self._name, self._left, self._is_indented = text, line.left, None
        return Row(cells=(text,))

    def row(self, line: Line, cells: tuple[str, ...]) -> Row:
        """Return a row in the group; rows stand deeper than its name, or all as deep as it."""
        is_deeper = line.left > self._left + 0.3 * line.size
        if self._is_indented is None:
            self._is_indented = is_deeper
        elif self._is_indented and not is_deeper:
            self._name = ""
        row = Row(cells=cells, group=self._name)
        if not is_deeper and cells[0].casefold().startswith("total"):
            self._name = ""
        return row
