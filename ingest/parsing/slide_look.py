"""What of a slide its audience does not see."""

from __future__ import annotations

import re
from typing import Any

from ingest.types import HiddenKind

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_TINY_HUNDREDTHS = 200
"""Smaller than 2 points."""
_LIGHTEST = 0xE8
"""Red, green and blue from here on are not told from white."""
_WHITE_THEME = re.compile(rb'<a:lt1>\s*<a:(?:sysClr [^>]*lastClr|srgbClr val)="FFFFFF"', re.I)
_FILLS = frozenset(f"{_A}{name}" for name in ("solidFill", "gradFill", "blipFill", "pattFill"))


def hidden_shape(shape: Any, size: tuple[int, int]) -> HiddenKind | None:
    """Return why a shape that stands by itself on its slide is not seen; None: it is.

    Args:
        shape: Of the slide.
        size: Width and height of the slide, in the units of its shapes.
    """
    named = shape.element.find(f".//{_P}cNvPr")
    if named is not None and named.get("hidden") in {"1", "true"}:
        return HiddenKind.MARKED
    edges = (shape.left, shape.top, shape.width, shape.height)
    if None in edges:
        return None
    left, top, width, height = edges
    is_beside = left + width <= 0 or left >= size[0] or top + height <= 0 or top >= size[1]
    return HiddenKind.OFF_PAGE if is_beside else None


def hidden_run(run: Any, shape: Any, slide: Any) -> HiddenKind | None:
    """Return why a run of a shape's text is not seen; None: it is, or that cannot be told."""
    properties = run.find(f"{_A}rPr")
    if properties is None:
        return None
    size = properties.get("sz", "")
    if size.isdigit() and int(size) < _TINY_HUNDREDTHS:
        return HiddenKind.TINY
    color = properties.find(f"{_A}solidFill/{_A}srgbClr")
    if color is None or not _is_light(color) or not _lies_on_white(shape, slide):
        return None
    return HiddenKind.COLOR


def _lies_on_white(shape: Any, slide: Any) -> bool:
    """Tell whether a shape has no ground of its own, on a white slide, beside other shapes."""
    own = shape.element.find(f"{_P}spPr")
    style = shape.element.find(f"{_P}style")
    if style is not None or (own is not None and any(one.tag in _FILLS for one in own)):
        return False
    return _is_white(slide) and not any(
        _overlap(shape, other) for other in slide.shapes if other.shape_id != shape.shape_id
    )


def _is_white(slide: Any) -> bool:
    """Tell whether a slide's background is white: that of its own, its layout or its master."""
    master = slide.slide_layout.slide_master
    for one in (slide, slide.slide_layout, master):
        background = one.element.find(f"{_P}cSld/{_P}bg")
        if background is not None:
            color = background.find(f"{_P}bgPr/{_A}solidFill/{_A}srgbClr")
            if color is not None:
                return _is_light(color)
            scheme = background.find(f"{_P}bgRef/{_A}schemeClr")
            # By custom the first background colour of a theme is white; its fill 1001 is plain.
            reference = background.find(f"{_P}bgRef")
            return (
                scheme is not None
                and scheme.get("val") in {"bg1", "lt1"}
                and reference.get("idx") == "1001"
                and _has_white_theme(master)
            )
    return True


def _has_white_theme(master: Any) -> bool:
    mapped = master.element.find(f"{_P}clrMap")
    if mapped is None or mapped.get("bg1") != "lt1":
        return False
    for relation in master.part.rels.values():
        if relation.reltype.endswith("/theme"):
            return bool(_WHITE_THEME.search(relation.target_part.blob))
    return False


def _overlap(a: Any, b: Any) -> bool:
    edges = [(one.left, one.top, one.width, one.height) for one in (a, b)]
    if any(None in one for one in edges):
        return True
    (x, y, width, height), (left, top, w, h) = edges
    return bool(x < left + w and left < x + width and y < top + h and top < y + height)


def _is_light(color: Any) -> bool:
    try:
        return min(bytes.fromhex(color.get("val", ""))) >= _LIGHTEST
    except ValueError:
        return False
