"""The marks of numbered and bulleted paragraphs, which a DOCX file does not hold as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_NUMBERING = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/numbering"
_PLACE = re.compile(r"%(\d)")
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
          (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    number_format: str
    pattern: str
    """With %1 … %9 for the counters of the levels."""
    start: int


class Numbering:
    """Counts along while the paragraphs of a document are read in order."""

    def __init__(self, part: Any) -> None:
        self._levels: dict[str, dict[int, _Level]] = {}
        self._list_of: dict[str, str] = {}
        self._counters: dict[str, dict[int, int]] = {}
        self._style_lists: dict[str, tuple[str, int]] = {}
        for relation in part.rels.values():
            if relation.reltype == _NUMBERING:
                self._read(relation.target_part.element)
        for style in part.document.styles.element.iter(f"{_W}style"):
            if (found := _list_reference(style.find(f"{_W}pPr"))) and found[0]:
                self._style_lists[style.get(f"{_W}styleId")] = found

    def mark(self, paragraph: Any) -> str:
        """Return the mark of the next paragraph, such as "2.1" or "-"; "" if it has none."""
        num_id, depth = self._reference(paragraph.find(f"{_W}pPr"))
        abstract_id = self._list_of.get(num_id, "")
        level = self._levels.get(abstract_id, {}).get(depth)
        if level is None or level.number_format == "none":
            return ""
        if level.number_format == "bullet":
            return "-"
        counters = self._counters.setdefault(abstract_id, {})
        counters[depth] = counters.get(depth, level.start - 1) + 1
        for deeper in [i for i in counters if i > depth]:
            del counters[deeper]
        return _PLACE.sub(lambda place: self._count(abstract_id, int(place[1]) - 1), level.pattern)

    def _count(self, abstract_id: str, depth: int) -> str:
        level = self._levels[abstract_id].get(depth)
        if level is None:
            return ""
        return _written(self._counters[abstract_id].get(depth, level.start), level.number_format)

    def _reference(self, properties: Any) -> tuple[str, int]:
        if properties is None:
            return "", 0
        own = _list_reference(properties)
        style = properties.find(f"{_W}pStyle")
        inherited = self._style_lists.get(style.get(f"{_W}val")) if style is not None else None
        if own is None:
            return inherited or ("", 0)
        return own if own[0] or inherited is None else (inherited[0], own[1])

    def _read(self, root: Any) -> None:
        for abstract in root.iter(f"{_W}abstractNum"):
            levels = {
                int(level.get(f"{_W}ilvl", "0")): _Level(
                    number_format=_value(level, "numFmt", "decimal"),
                    pattern=_value(level, "lvlText", ""),
                    start=int(_value(level, "start", "1")),
                )
                for level in abstract.iter(f"{_W}lvl")
            }
            self._levels[abstract.get(f"{_W}abstractNumId")] = levels
        for number in root.iter(f"{_W}num"):
            self._list_of[number.get(f"{_W}numId")] = _value(number, "abstractNumId", "")


def _list_reference(properties: Any) -> tuple[str, int] | None:
    """Return list id and 0-based depth as paragraph properties name them."""
    numbering = properties.find(f"{_W}numPr") if properties is not None else None
    if numbering is None:
        return None
    return _value(numbering, "numId", ""), int(_value(numbering, "ilvl", "0"))


def _value(element: Any, name: str, default: str) -> str:
    child = element.find(f"{_W}{name}")
    return str(child.get(f"{_W}val", default)) if child is not None else default


def _written(number: int, number_format: str) -> str:
    if number_format in {"lowerLetter", "upperLetter"}:
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters.upper() if number_format == "upperLetter" else letters
    if number_format in {"lowerRoman", "upperRoman"}:
        roman = ""
        for value, sign in _ROMAN:
            roman += sign * (number // value)
            number %= value
        return roman.upper() if number_format == "upperRoman" else roman
    return str(number)
