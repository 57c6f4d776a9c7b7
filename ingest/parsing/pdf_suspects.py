"""Texts of a PDF page that a reader may not see, told without drawing it.

Nearly every page holds nothing but dark text that nothing lies on. What is named here is looked at
more closely by `ingest.parsing.pdf_hidden`.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pypdfium2.raw as pdfium_c

from ingest.parsing import pdfium_calls as calls
from ingest.parsing.pdf_clips import clipped
from ingest.parsing.pdf_drawing import page_box
from ingest.types import HiddenKind

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

MIN_TEXT_PT = 2.0
"""Nobody reads smaller letters on paper."""
NEAR_COLOR = 64
"""Colours that differ less, of 255, may be too close to be told apart; then drawing decides."""
_OPAQUE = 200
_MOST_PAIRS = 20_000_000
"""Of texts and areas that are compared one by one; on a page with more, every text is drawn."""
_MOST_MARKS = 32
_LAYER = "OC".encode("utf-16-le")
INVISIBLE_MODES = (
    pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE,
    pdfium_c.FPDF_TEXTRENDERMODE_CLIP,
)
_STROKING_MODES = (
    pdfium_c.FPDF_TEXTRENDERMODE_STROKE,
    pdfium_c.FPDF_TEXTRENDERMODE_STROKE_CLIP,
)
"""Only outlines are drawn, in a colour of their own."""
_AREAS = (
    pdfium_c.FPDF_PAGEOBJ_PATH,
    pdfium_c.FPDF_PAGEOBJ_IMAGE,
    pdfium_c.FPDF_PAGEOBJ_SHADING,
    pdfium_c.FPDF_PAGEOBJ_FORM,
)
_UNDRAWN = (pdfium_c.FPDF_ANNOT_LINK, pdfium_c.FPDF_ANNOT_POPUP)
"""Annotations that are not drawn, unless they say how."""


@dataclass(slots=True)
class Suspects:
    """Texts of a page that may be unseen, by the address of their object."""

    why: dict[int, HiddenKind] = field(default_factory=dict)
    """In what way."""
    texts: frozenset[int] = frozenset()
    """All texts of the page itself; those in the forms that it draws are not looked at."""
    has_forms: bool = False

    def kind(self, text: int) -> HiddenKind | None:
        """Return in what way a text may be unseen, 0 being none; None: it is seen."""
        if text and text not in self.texts:
            return HiddenKind.INVISIBLE
        return self.why.get(text)


@dataclass(slots=True)
class _Objects:
    """What a page draws, in its order; arrays have a row for each."""

    addresses: list[int]
    types: npt.NDArray[np.int32]
    boxes: Floats
    """Left, bottom, right, top in points."""


def find_suspects(page: Any) -> Suspects:
    """Return the texts of an opened page that may be unseen."""
    objects = _objects(page)
    texts = np.flatnonzero(objects.types == pdfium_c.FPDF_PAGEOBJ_TEXT)
    suspects = Suspects(
        texts=frozenset(objects.addresses[i] for i in texts),
        has_forms=bool((objects.types == pdfium_c.FPDF_PAGEOBJ_FORM).any()),
    )
    for kind, found in _looks(page, objects, texts):
        for i in texts[found]:
            suspects.why.setdefault(objects.addresses[i], kind)
    return suspects


def _objects(page: Any) -> _Objects:
    handle = calls.address(page.raw)
    addresses = [calls.get_object(handle, i) for i in range(calls.count_objects(handle))]
    n = len(addresses)
    types = np.fromiter(map(calls.object_type, addresses), dtype=np.int32, count=n)
    boxes = np.zeros((n, 4), dtype=np.float32)
    at, bounds = boxes.ctypes.data, calls.bounds
    for one in addresses:
        bounds(one, at, at + 4, at + 8, at + 12)
        at += 16
    return _Objects(addresses=addresses, types=types, boxes=boxes)


def _colors(addresses: Sequence[int]) -> Ints:
    """Return red, green, blue and alpha of each object's filling, 0 to 255."""
    colors = np.zeros((len(addresses), 4), dtype=np.int32)
    at, fill_color = colors.ctypes.data, calls.fill_color
    for one in addresses:
        fill_color(one, at, at + 4, at + 8, at + 12)
        at += 16
    return colors


def _looks(
    page: Any, objects: _Objects, texts: npt.NDArray[np.intp]
) -> Iterator[tuple[HiddenKind, npt.NDArray[np.bool_] | list[int]]]:
    """Yield ways of being unseen, each with the texts it may hold for; the surest first."""
    addresses = [objects.addresses[i] for i in texts]
    boxes, colors = objects.boxes[texts], _colors(addresses)
    modes = np.fromiter(map(calls.render_mode, addresses), dtype=np.int32, count=len(texts))
    yield HiddenKind.LAYER, _layered(addresses)
    left, bottom, right, top = page_box(page)
    is_out = (boxes[:, 0] < left - 1) | (boxes[:, 1] < bottom - 1)
    yield HiddenKind.OFF_PAGE, is_out | (boxes[:, 2] > right + 1) | (boxes[:, 3] > top + 1)
    yield HiddenKind.CLIPPED, clipped(addresses, boxes)
    yield HiddenKind.INVISIBLE, np.isin(modes, INVISIBLE_MODES) | (colors[:, 3] < _OPAQUE)
    is_covered, is_like_its_ground = _before_and_behind(page, objects, texts, colors)
    yield HiddenKind.COVERED, is_covered
    is_light = (colors[:, :3] > 255 - NEAR_COLOR).all(axis=1)
    yield HiddenKind.COLOR, is_light | is_like_its_ground | np.isin(modes, _STROKING_MODES)
    is_low = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) < MIN_TEXT_PT
    low = np.flatnonzero(is_low).tolist()
    yield HiddenKind.TINY, [i for i in low if _em(addresses[i]) < MIN_TEXT_PT]


def _em(text: int) -> float:
    """Return the height of a text's letters, in points."""
    size = ctypes.c_float()
    matrix = pdfium_c.FS_MATRIX()
    calls.font_size(text, ctypes.addressof(size))
    calls.matrix(text, ctypes.addressof(matrix))
    return size.value * math.hypot(matrix.c, matrix.d)


def _layered(texts: Sequence[int]) -> list[int]:
    """Return which texts belong to a layer, which may be switched off."""
    known: dict[int, bool] = {}
    found: list[int] = []
    for i, n_marks in enumerate(map(calls.count_marks, texts)):
        for k in range(min(n_marks, _MOST_MARKS)):
            mark = calls.get_mark(texts[i], k)
            if mark not in known:
                known[mark] = _is_layer(mark)
            if known[mark]:
                found.append(i)
                break
    return found


def _is_layer(mark: int) -> bool:
    name, n_bytes = ctypes.create_string_buffer(16), ctypes.c_ulong()
    calls.mark_name(mark, ctypes.addressof(name), len(name), ctypes.addressof(n_bytes))
    return name.raw[: max(n_bytes.value - 2, 0)] == _LAYER


def _before_and_behind(
    page: Any, objects: _Objects, texts: npt.NDArray[np.intp], colors: Ints
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which texts something lies on, and which lie on what may have their colour."""
    areas = np.flatnonzero(np.isin(objects.types, _AREAS))
    covers = _covering_annotations(page)
    n_texts = len(texts)
    if n_texts * (len(areas) + len(covers)) > _MOST_PAIRS:
        return np.ones(n_texts, dtype=np.bool_), np.ones(n_texts, dtype=np.bool_)
    is_covered = np.zeros(n_texts, dtype=np.bool_)
    if len(covers):
        is_covered |= _overlap(objects.boxes[texts], covers).any(axis=1)
    is_like_its_ground = np.zeros(n_texts, dtype=np.bool_)
    text, area = np.nonzero(_overlap(objects.boxes[texts], objects.boxes[areas]))
    near, place = np.unique(area, return_inverse=True)
    addresses = [objects.addresses[i] for i in areas[near]]
    is_path = objects.types[areas[near]] == pdfium_c.FPDF_PAGEOBJ_PATH
    is_solid = np.array(
        [not path or _is_solid(one) for one, path in zip(addresses, is_path, strict=True)],
        dtype=np.bool_,
    )
    distance = np.abs(colors[text, :3] - _colors(addresses)[place, :3]).max(axis=1, initial=0)
    is_later = areas[area] > texts[text]
    is_covered[text[is_solid[place] & is_later]] = True
    is_alike = (distance < NEAR_COLOR) | ~is_path[place]
    is_like_its_ground[text[is_solid[place] & ~is_later & is_alike]] = True
    return is_covered, is_like_its_ground


def _is_solid(path: int) -> bool:
    """Tell whether a path fills an area, or is a line so thick that it looks like one."""
    fill, stroke, width = ctypes.c_int(), ctypes.c_int(), ctypes.c_float()
    calls.draw_mode(path, ctypes.addressof(fill), ctypes.addressof(stroke))
    calls.stroke_width(path, ctypes.addressof(width))
    is_thick = bool(stroke.value) and width.value >= MIN_TEXT_PT
    return is_thick or fill.value != pdfium_c.FPDF_FILLMODE_NONE


def _overlap(texts: Floats, areas: Floats) -> npt.NDArray[np.bool_]:
    """Return which areas reach over the middle of which texts' height; shape [texts, areas]."""
    middle = (texts[:, 1] + texts[:, 3])[:, None] / 2
    over: npt.NDArray[np.bool_] = (areas[:, 1] < middle) & (middle < areas[:, 3])
    over &= areas[:, 0] < texts[:, 2, None] - 1
    over &= areas[:, 2] > texts[:, 0, None] + 1
    return over


def _covering_annotations(page: Any) -> Floats:
    """Return the boxes of annotations that may lie on text."""
    boxes = []
    for i in range(pdfium_c.FPDFPage_GetAnnotCount(page.raw)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page.raw, i)
        if not annotation:
            continue
        box = pdfium_c.FS_RECTF()
        if (
            pdfium_c.FPDFAnnot_GetSubtype(annotation) not in _UNDRAWN
            or pdfium_c.FPDFAnnot_HasKey(annotation, b"AP")
        ) and pdfium_c.FPDFAnnot_GetRect(annotation, ctypes.byref(box)):
            boxes.append((box.left, box.bottom, box.right, box.top))
        pdfium_c.FPDFPage_CloseAnnot(annotation)
    return np.array(boxes, dtype=np.float32).reshape(-1, 4)
