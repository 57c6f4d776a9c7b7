"""Styles by which a web page hides text: those of its elements and of simple rules in its head.

Rules are read roughly: a selector names one element by tag, id and classes; the last rule that
matches wins, those for certain screens included. What scripts and other files do is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PreformattedString, Tag
from PIL import ImageColor

from ingest.types import HiddenKind

_AT_BLOCK = re.compile(r"@media\b(?![^{]*\bprint\b)[^{]*\{((?:[^{}]*\{[^{}]*\})*[^{}]*)\}")
_OTHER_BLOCK = re.compile(r"@[\w-]+[^{};]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}|@[\w-]+[^{};]*;")
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_SELECTOR = re.compile(r"([a-z][a-z0-9]*|\*)?((?:[.#][\w-]+)*)", re.I)
_NAME = re.compile(r"([.#])([\w-]+)")
_NUMBER = re.compile(r"\s*(-?\d*\.?\d+)\s*(px|pt|em|rem|%)?", re.I)
_PROPERTIES = frozenset(
    "display visibility opacity font-size color background background-color position left top "
    "text-indent".split()
)
_LEFT_OUT = frozenset(
    "head script style nav template noscript svg iframe object select button textarea".split()
)
_FAR_OFF = -900.0
_TINY_PX = 2.5
_ALIKE = 24
"""Of 255: colours that differ less in red, green and blue are not told apart."""

Color = tuple[int, int, int]
_Styles = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Look:
    """How text looks; handed down from an element to what is in it."""

    color: Color | None
    """None: cannot be told."""
    ground: Color | None
    size_px: float
    is_transparent: bool = False


def is_left_out(tag: Tag) -> bool:
    """Tell whether an element is no text of the page: navigation, controls, ornaments, code."""
    return (
        tag.name in _LEFT_OUT or tag.get("aria-hidden") == "true" or tag.get("role") == "navigation"
    )


def take_hidden(soup: BeautifulSoup, *, is_whole: bool = True) -> Iterator[tuple[HiddenKind, str]]:
    """Take what is not seen out of a page, and yield it; see `ingest.types.HiddenKind`.

    Args:
        soup: The page.
        is_whole: It comes with its style sheets, but for those that it names.
    """
    rules = _Rules(soup)
    is_known = is_whole and not rules.lay_unknown and not soup.find("link", rel="stylesheet")
    ground = (255, 255, 255) if is_known else None
    yield from _taken(soup, rules, _Look((0, 0, 0), ground, 16.0))


def _taken(parent: Tag, rules: _Rules, look: _Look) -> Iterator[tuple[HiddenKind, str]]:
    for child in list(parent.children):
        if isinstance(child, PreformattedString):
            continue
        if isinstance(child, NavigableString):
            kind = _text_kind(look)
            if kind and (text := child.strip()):
                child.extract()
                yield kind, text
        elif isinstance(child, Tag) and not is_left_out(child):
            styles = rules.of(child)
            kind = _element_kind(child, styles)
            if kind:
                child.extract()
                if text := _text(child):
                    yield kind, text
            else:
                yield from _taken(child, rules, _look(child, styles, look))


def _text(tag: Tag) -> str:
    for one in tag.find_all(is_left_out):
        one.decompose()
    return tag.get_text(" ", strip=True)


def _text_kind(look: _Look) -> HiddenKind | None:
    if look.is_transparent:
        return HiddenKind.INVISIBLE
    if look.size_px < _TINY_PX:
        return HiddenKind.TINY
    if look.color and look.ground and _are_alike(look.color, look.ground):
        return HiddenKind.COLOR
    return None


def _are_alike(a: Color, b: Color) -> bool:
    return all(abs(x - y) < _ALIKE for x, y in zip(a, b, strict=True))


def _element_kind(tag: Tag, styles: _Styles) -> HiddenKind | None:
    if tag.has_attr("hidden") or styles.get("display") == "none":
        return HiddenKind.MARKED
    if styles.get("visibility") in {"hidden", "collapse"}:
        return HiddenKind.MARKED
    if _number(styles.get("opacity", "1")) == 0:
        return HiddenKind.INVISIBLE
    is_placed = styles.get("position") in {"absolute", "fixed"}
    moved = ["text-indent", *(["left", "top"] if is_placed else [])]
    if any((_number(styles.get(name, "")) or 0) <= _FAR_OFF for name in moved):
        return HiddenKind.OFF_PAGE
    return None


def _look(tag: Tag, styles: _Styles, look: _Look) -> _Look:
    color = styles.get("color") or (str(tag.get("color", "")) if tag.name == "font" else "")
    ground = styles.get("background-color") or styles.get("background")
    ground = ground or str(tag.get("bgcolor", ""))
    if color in {"inherit", "currentcolor"}:
        color = ""
    if color:
        look = replace(look, color=_color(color), is_transparent=color == "transparent")
    if ground and ground not in {"transparent", "none", "inherit", "initial"}:
        look = replace(look, ground=_color(ground))
    return replace(look, size_px=_size(styles.get("font-size", ""), look.size_px))


def _size(value: str, outer: float) -> float:
    match = _NUMBER.fullmatch(value)
    if match is None:
        return outer
    number, unit = float(match[1]), (match[2] or "px").lower()
    return number * {"px": 1.0, "pt": 4 / 3, "em": outer, "rem": 16.0, "%": outer / 100}[unit]


def _number(value: str) -> float | None:
    match = _NUMBER.match(value)
    return float(match[1]) if match else None


def _color(value: str) -> Color | None:
    """Return a colour; None for a picture, a gradient or what cannot be told."""
    try:
        return ImageColor.getrgb(value)[:3]
    except ValueError:
        return None


class _Rules:
    """The rules of a page's own style sheets that could hide something."""

    def __init__(self, soup: BeautifulSoup) -> None:
        self._by_name: dict[str, list[tuple[int, frozenset[str], _Styles]]] = {}
        self.lay_unknown = False
        """Some lay a colour or a picture behind elements that are not named in a simple way."""
        n_rules = 0
        for sheet in soup.find_all("style"):
            for selector, styles in _rules(sheet.get_text()):
                n_rules += 1
                if selector is None:
                    self.lay_unknown |= bool(styles.keys() & {"background", "background-color"})
                    continue
                self._by_name.setdefault(max(selector), []).append((n_rules, selector, styles))

    def of(self, tag: Tag) -> _Styles:
        """Return the styles of an element, in lower case."""
        styles: _Styles = {}
        if self._by_name:
            names = _names(tag)
            found = [one for name in names for one in self._by_name.get(name, ())]
            for _, selector, declared in sorted(found, key=lambda one: one[0]):
                if selector <= names:
                    styles |= declared
        if own := str(tag.get("style", "")):
            styles |= _declared(own)
        return styles


def _names(tag: Tag) -> frozenset[str]:
    classes = tag.get("class")
    listed = classes.split() if isinstance(classes, str) else classes or ()
    identity = [f"#{tag['id']}"] if tag.get("id") else []
    return frozenset(["*", tag.name, *identity, *(f".{name}" for name in listed)])


def _rules(sheet: str) -> Iterator[tuple[frozenset[str] | None, _Styles]]:
    """Yield what selectors name, None where that is not simple, with what they declare."""
    sheet = _OTHER_BLOCK.sub("", _AT_BLOCK.sub(r"\1", _COMMENT.sub("", sheet)))
    for selectors, body in _RULE.findall(sheet):
        styles = _declared(body)
        if not styles:
            continue
        for selector in selectors.split(","):
            match = _SELECTOR.fullmatch(selector.strip())
            if match and match[0]:
                names = [mark + name for mark, name in _NAME.findall(match[2])]
                yield frozenset([*names, *([match[1].lower()] if match[1] else [])]), styles
            else:
                yield None, styles


def _declared(text: str) -> _Styles:
    pairs = (one.partition(":") for one in text.split(";"))
    return {
        name: value.replace("!important", "").strip().lower()
        for raw, colon, value in pairs
        if colon and (name := raw.strip().lower()) in _PROPERTIES
    }
