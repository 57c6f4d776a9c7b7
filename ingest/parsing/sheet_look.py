"""What of a sheet its reader does not see."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ingest.types import HiddenKind

_ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
_COLUMN = re.compile(rb"<(?:\w+:)?col\b([^>]*)/?>")
_HIDDEN = re.compile(rb"""\bhidden\s*=\s*["'](?:1|true)["']""")
_PLACE = re.compile(rb"""\b(r|min|max)\s*=\s*["'](\d+)["']""")
_SHOWS_NOTHING = ";;;"
"""The number format that people use to hide a value."""
_TINY_POINTS = 2.0
_LIGHTEST = 0xE8
"""Red, green and blue from here on are not told from white."""


@dataclass(frozen=True, slots=True)
class HiddenParts:
    """Rows and columns of a sheet that are hidden, counted from 1."""

    rows: frozenset[int] = frozenset()
    columns: list[range] = field(default_factory=list)

    def hold(self, cell: Any) -> bool:
        """Tell whether a cell lies in one of them."""
        return cell.row in self.rows or any(cell.column in one for one in self.columns)


def hidden_parts(xml: bytes) -> HiddenParts:
    """Return the hidden rows and columns of a sheet's XML; a row without a number has its turn."""
    rows: set[int] = set()
    number = 0
    for attributes in _ROW.findall(xml):
        places = dict(_PLACE.findall(attributes))
        number = int(places.get(b"r", number + 1))
        if _HIDDEN.search(attributes):
            rows.add(number)
    columns = []
    for attributes in _COLUMN.findall(xml):
        places = dict(_PLACE.findall(attributes))
        if _HIDDEN.search(attributes) and {b"min", b"max"} <= places.keys():
            columns.append(range(int(places[b"min"]), int(places[b"max"]) + 1))
    return HiddenParts(frozenset(rows), columns)


def hidden_cell(cell: Any, parts: HiddenParts) -> HiddenKind | None:
    """Return why a cell that holds something is not seen; None: it is, or that cannot be told."""
    if parts.hold(cell):
        return HiddenKind.MARKED
    if not cell.has_style:
        return None
    if cell.number_format == _SHOWS_NOTHING:
        return HiddenKind.INVISIBLE
    font = cell.font
    if font.sz is not None and font.sz < _TINY_POINTS:
        return HiddenKind.TINY
    is_light = font.color is not None and _is_light(font.color)
    return HiddenKind.COLOR if is_light and cell.fill.fill_type is None else None


def _is_light(color: Any) -> bool:
    # Colours of the theme are left: what they stand for may be dark.
    if color.type != "rgb" or not isinstance(color.rgb, str):
        return False
    try:
        return min(bytes.fromhex(color.rgb[-6:])) >= _LIGHTEST
    except ValueError:
        return False
