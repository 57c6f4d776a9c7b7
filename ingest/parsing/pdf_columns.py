"""The columns of numbers in a table, and which of them a head stands over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ingest.parsing.pdf_cells import Cell
from ingest.parsing.pdf_lines import Line

YEAR = re.compile(r"(?:19|20)\d\d")

_REACH_EM = 4
"""A head may stand so far beside the numbers of its column."""
_MAX_COLUMNS = 100
"""Of what has more, rows are written as they are: no reader follows so many."""
_ALIGNED_EM = 0.6
"""Edges less far apart are flush."""


class Column(NamedTuple):
    """A column of numbers and its edges in points."""

    left: float
    right: float


class PlacedHead(NamedTuple):
    """A head and the columns that it names."""

    text: str
    first: int
    """Index of the leftmost column."""
    last: int
    """Index of the rightmost column."""


def find_columns(rows: Sequence[Line], label_end: float) -> tuple[Column, ...]:
    """Return the columns of numbers, from left to right; empty where rows do not agree on them.

    Empty also where most rows have no number: such a table is one of words, or a form.

    Args:
        rows: Lines of a table.
        label_end: Numbers left of it, in points, that begin a row are its label.
    """
    values = [
        [c for i, c in enumerate(row.cells) if c.is_value and (i or c.left > label_end)]
        for row in rows
    ]
    n_rows = Counter(len(row) for row in values if row)
    if 2 * n_rows.total() < len([row for row in rows if len(row.cells) > 1]):
        return ()
    n_columns = max((n for n, count in n_rows.items() if count > 1), default=0)
    fullest = [row for row in values if len(row) == n_columns]
    columns = tuple(
        Column(min(cell.left for cell in cells), max(cell.right for cell in cells))
        for cells in zip(*fullest, strict=True)
    )
    is_apart = all(a.right <= b.left for a, b in pairwise(columns))
    return columns if is_apart and n_columns <= _MAX_COLUMNS else ()


def overlap(a: Cell | Column, b: Cell | Column) -> bool:
    """Tell whether one stands above the other in part."""
    return a.left < b.right and b.left < a.right


def is_over(line: Line, columns: Sequence[Column]) -> bool:
    """Tell whether all cells of a line can be heads of these columns."""
    reach = _REACH_EM * line.size
    return all(
        columns[0].left - reach <= cell.left
        and cell.right <= columns[-1].right + reach
        and _centre(cell) > columns[0].left - line.size
        for cell in line.cells
    )


@dataclass(frozen=True, slots=True)
class HeadPlaces:
    """Tells which columns a head names."""

    columns: Sequence[Column]
    """From left to right, at least one."""
    years: Mapping[int, Cell]
    """By column, the year that stands lowest over it."""
    em: float
    """Size of the heads, in points."""

    def is_near(self, cell: Cell) -> bool:
        """Tell whether a cell is a head at all, rather than a label beside one."""
        reach = _REACH_EM * self.em
        is_far = all(
            cell.right + reach < column.left or column.right + reach < cell.left
            for column in self.columns
        )
        return not is_far and _centre(cell) > self.columns[0].left - self.em

    def place(self, cells: Sequence[Cell]) -> Iterator[PlacedHead]:
        """Yield which columns each head of one level names."""
        owner = [self._nearest_over(column, cells) for column in self.columns]
        for i, cell in enumerate(cells):
            own = [k for k, o in enumerate(owner) if o == i] or [self._nearest(cell)]
            least = max((k for k in range(own[0]) if owner[k] is not None), default=-1) + 1
            after = range(own[-1] + 1, len(owner))
            most = min((k for k in after if owner[k] is not None), default=len(owner)) - 1
            if len(own) == 1 and self._is_aligned(cell, own[0]):
                yield PlacedHead(cell.text, *self._over_years(cell, own[0], least, most))
            else:
                ranges = [
                    (a, b) for a in range(least, own[0] + 1) for b in range(own[-1], most + 1)
                ]
                sign = -1 if len(cells) == 1 else 1
                yield PlacedHead(cell.text, *min(ranges, key=lambda r: self._off(cell, r, sign)))

    @staticmethod
    def _nearest_over(column: Column, cells: Sequence[Cell]) -> int | None:
        over = [i for i, cell in enumerate(cells) if overlap(cell, column)]
        return min(over, key=lambda i: abs(_centre(cells[i]) - _centre(column)), default=None)

    def _nearest(self, cell: Cell) -> int:
        columns = self.columns
        return min(range(len(columns)), key=lambda k: abs(_centre(columns[k]) - _centre(cell)))

    def _is_aligned(self, cell: Cell, index: int) -> bool:
        column = self.columns[index]
        offsets = cell.left - column.left, cell.right - column.right
        return any(abs(offset) <= _ALIGNED_EM * self.em for offset in (*offsets, sum(offsets) / 2))

    def _off(self, cell: Cell, span: tuple[int, int], sign: int) -> tuple[int, int]:
        """Rank ranges of columns: a head stands over their middle; alone, rather over many."""
        first, last = span
        middle = (self.columns[first].left + self.columns[last].right) / 2
        return round(abs(middle - _centre(cell)) / self.em), sign * (last - first)

    def _over_years(self, cell: Cell, own: int, least: int, most: int) -> tuple[int, int]:
        """Widen a head set flush with one year over the years beside it that have none."""
        first = last = own
        year = self.years.get(own, cell)
        if abs(_centre(cell) - _centre(year)) > _ALIGNED_EM * self.em:
            if abs(cell.right - year.right) <= _ALIGNED_EM * self.em:
                while first > least and first - 1 in self.years:
                    first -= 1
            elif abs(cell.left - year.left) <= _ALIGNED_EM * self.em:
                while last < most and last + 1 in self.years:
                    last += 1
        return first, last


def _centre(place: Cell | Column) -> float:
    return (place.left + place.right) / 2
