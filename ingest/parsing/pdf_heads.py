"""What stands over the columns of a table: which head belongs to which columns.

A head over one column is part of that column's name. One over several, "Three Months Ended" over
two years, is part of the name of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from assistant.text import CELL
from ingest.parsing.pdf_cells import Cell
from ingest.parsing.pdf_columns import YEAR, Column, HeadPlaces, PlacedHead, overlap
from ingest.parsing.pdf_lines import Line

_MAX_HEADER_CHARS = 200
_NOTE = re.compile(r"\(.*\b(?:thousands|millions|billions|unaudited)\b.*\)", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The heads of a table."""

    shown: tuple[tuple[str, ...], ...]
    """Every head once: lines over several columns, then one line with a cell for each column."""
    header: str
    """The whole name of each column."""


def read_heads(lines: Sequence[Line], columns: Sequence[Column], *, unit: str) -> Heads:
    """Assign heads to columns.

    Args:
        lines: Heads, and what stands beside them or tells a unit, in any order; may be none.
        columns: From left to right, at least one.
        unit: Of the numbers; may be empty.
    """
    notes = [line.text for line in _downwards(lines) if is_note(line.text)]
    levels = list(_levels([line for line in lines if not is_note(line.text)]))
    em = max((line.size for line in lines), default=1.0)
    placing = HeadPlaces(columns, _years(levels, columns), em)
    stub: list[Cell] = []
    placed: list[PlacedHead] = []
    for level in levels:
        over = [cell for cell in level if placing.is_near(cell)]
        beside = [cell for cell in level if cell not in over]
        notes += (cell.text for cell in beside if is_note(cell.text))
        stub += (cell for cell in beside if not is_note(cell.text))
        placed += placing.place(over)
    spans = _merged([head for head in placed if head.first < head.last])
    names = [
        " ".join(head.text for head in placed if head.first == head.last == i)
        for i in range(len(columns))
    ]
    labels = _stacked(stub)
    if any(cell.right > columns[0].left for cell in stub) or (len(lines) == 1 and spans):
        # Columns of words stand among those of numbers: which is which, nothing tells.
        shown = tuple(tuple(cell.text for cell in level) for level in _levels(lines))
        return Heads(shown=shown, header=joined_heads(shown))
    shown_labels = [" ".join([*notes, *labels[:1]]), *labels[1:]] if notes else labels
    last_line = (*shown_labels, *(names if any(names) else []))
    shown_spans = [tuple(span.text for span in spans)] if spans else []
    if len(labels) == 1 and labels[0].endswith((",", " ended", " Ended")):
        spans.insert(0, PlacedHead(labels.pop(), 0, len(columns) - 1))
    if unit or notes:
        labels = [" ".join([*labels[:1], unit or " ".join(notes)]), *labels[1:]]
    return Heads(
        shown=(*shown_spans, *([last_line] if last_line else [])),
        header=_header(spans, names, labels),
    )


def _stacked(cells: Sequence[Cell]) -> list[str]:
    """Join cells that stand one below the other; from left to right."""
    stacks: list[list[Cell]] = []
    for cell in cells:
        stack = next((s for s in stacks if any(overlap(cell, other) for other in s)), None)
        if stack is None:
            stacks.append([cell])
        else:
            stack.append(cell)
    stacks.sort(key=lambda stack: stack[0].left)
    return [" ".join(cell.text for cell in stack) for stack in stacks]


def joined_heads(lines: Sequence[Sequence[str]]) -> str:
    """Return the cells of head lines as one line, column by column where they are as many."""
    if len({len(cells) for cells in lines}) == 1:
        return CELL.join(" ".join(column) for column in zip(*lines, strict=True))
    return " ".join(map(CELL.join, lines))


def is_note(text: str) -> bool:
    """Tell whether a line above a table says how its numbers are counted: "(In millions)"."""
    return bool(_NOTE.fullmatch(text))


def _downwards(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: -line.bottom)


def _merged(spans: Iterable[PlacedHead]) -> list[PlacedHead]:
    """Join heads over the same columns, "Three Months Ended" and "March 31,"."""
    texts: dict[tuple[int, int], list[str]] = {}
    for span in spans:
        texts.setdefault((span.first, span.last), []).append(span.text)
    return [PlacedHead(" ".join(parts), *place) for place, parts in texts.items()]


def _years(levels: Sequence[Sequence[Cell]], columns: Sequence[Column]) -> dict[int, Cell]:
    """Return the years that stand lowest over columns, which by themselves name no period."""
    found = {}
    for i, column in enumerate(columns):
        over = (cell for level in reversed(levels) for cell in level if overlap(cell, column))
        lowest = next(over, None)
        if lowest and YEAR.fullmatch(lowest.text):
            found[i] = lowest
    return found


def _levels(lines: Sequence[Line]) -> Iterator[list[Cell]]:
    """Yield the cells of one height together, from left to right; from the top down."""
    level: list[Line] = []
    for line in _downwards(lines):
        if level and level[0].bottom - line.bottom > 0.5 * line.size:
            yield _cells(level)
            level = []
        level.append(line)
    if level:
        yield _cells(level)


def _cells(lines: Iterable[Line]) -> list[Cell]:
    return sorted((cell for line in lines for cell in line.cells), key=lambda cell: cell.left)


def _header(spans: Sequence[PlacedHead], names: Sequence[str], labels: Sequence[str]) -> str:
    """Write out the names of the columns; where that is too long, what they share only once."""
    full = [
        " ".join([*(s.text for s in spans if s.first <= i <= s.last), name]).strip()
        for i, name in enumerate(names)
    ]
    once = [
        " ".join([*(s.text for s in spans if s.first == i), name]).strip()
        for i, name in enumerate(names)
    ]
    if not any(full):
        return CELL.join(labels)
    written = CELL.join([*labels, *full])
    return written if len(written) <= _MAX_HEADER_CHARS else CELL.join([*labels, *once])
