"""How runs of a DOCX file look, as far as that tells whether they are seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingest.types import HiddenKind

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TINY_HALF_POINTS = 4
"""Smaller than 2 points."""
_LIGHTEST = 0xE8
"""Red, green and blue from here on are not told from white."""
_FRAMES = frozenset(f"{_W}{name}" for name in ("p", "tc", "tr", "tbl", "r"))


class Looks:
    """Knows the styles of one document."""

    def __init__(self, document: Any) -> None:
        self._styles = {
            style.get(f"{_W}styleId"): style for style in document.styles.element.iter(f"{_W}style")
        }
        self._known: dict[tuple[str | None, str], str | None] = {}
        page = document.element.find(f"{_W}background")
        self._is_page_white = page is None or _is_light(page.get(f"{_W}color"))

    def hidden(self, run: Any) -> HiddenKind | None:
        """Return why a run is not seen; None: it is, or that cannot be told."""
        if self._is_set(run, "vanish"):
            return HiddenKind.MARKED
        size = self._value(run, "sz")
        if size is not None and size.isdigit() and int(size) < _TINY_HALF_POINTS:
            return HiddenKind.TINY
        is_light = _is_light(self._value(run, "color"))
        return HiddenKind.COLOR if is_light and self._lies_on_white(run) else None

    def _is_set(self, run: Any, name: str) -> bool:
        return self._value(run, name) not in {None, "0", "false", "none"}

    def _value(self, run: Any, name: str) -> str | None:
        """Return a property of a run, its own or of its styles; None: it is not given."""
        own = run.find(f"{_W}rPr")
        if own is not None:
            if (found := own.find(f"{_W}{name}")) is not None:
                return str(found.get(f"{_W}val", "1"))
            styled = self._of_style(own.find(f"{_W}rStyle"), name)
            if styled is not None:
                return styled
        paragraph = next(run.iterancestors(f"{_W}p"), None)
        reference = paragraph.find(f"{_W}pPr/{_W}pStyle") if paragraph is not None else None
        return self._of_style(reference, name)

    def _of_style(self, reference: Any, name: str) -> str | None:
        if reference is None:
            return None
        key = (reference.get(f"{_W}val"), name)
        if key not in self._known:
            given = (style.find(f"{_W}rPr/{_W}{name}") for style in self._chain(reference))
            found = next((one for one in given if one is not None), None)
            self._known[key] = None if found is None else str(found.get(f"{_W}val", "1"))
        return self._known[key]

    def _chain(self, reference: Any) -> Iterator[Any]:
        """Yield a style and those it is based on."""
        seen: set[str] = set()
        while reference is not None:
            name = reference.get(f"{_W}val")
            if name in seen or name not in self._styles:
                return
            seen.add(name)
            yield self._styles[name]
            reference = self._styles[name].find(f"{_W}basedOn")

    def _lies_on_white(self, run: Any) -> bool:
        """Tell whether nothing around a run could give it a darker ground."""
        if not self._is_page_white:
            return False
        for frame in (run, *run.iterancestors()):
            if frame.tag == f"{_W}txbxContent":
                return False  # a text box may be filled
            if frame.tag in _FRAMES and self._is_shaded(frame):
                return False
        return True

    def _is_shaded(self, frame: Any) -> bool:
        kind = frame.tag.removeprefix(_W)
        properties = frame.find(f"{_W}{kind}Pr")
        if properties is None:
            return False
        style = properties.find(f"{_W}{kind}Style")
        marks = [properties, *self._chain(style)]
        return any(
            mark.tag == f"{_W}highlight"
            or not _is_light(mark.get(f"{_W}fill"), automatic=True)
            or mark.get(f"{_W}val") not in {"clear", "nil", None}
            for one in marks
            for mark in one.iter(f"{_W}shd", f"{_W}highlight")
        )


def _is_light(color: str | None, *, automatic: bool = False) -> bool:
    """Tell whether a colour can be told from white no more.

    Args:
        color: Six hexadecimal digits, or "auto", or none.
        automatic: What the latter two mean.
    """
    if color in {None, "auto", ""}:
        return automatic
    try:
        return min(bytes.fromhex(str(color))) >= _LIGHTEST
    except ValueError:
        return False
