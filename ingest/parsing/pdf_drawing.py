"""What a PDF page looks like with some of its texts and without them."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pypdfium2.raw as pdfium_c

from ingest.parsing import pdfium_calls as calls

Pixels = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points of the page."""

SEEN = 24
"""Of 255, in one of red, green and blue: what differs less is not told apart."""
INK = 48
"""The same between a picture's letters and their ground."""
_SCALE = 2.0
_MOST_PIXELS = 6_000_000
"""A larger page is drawn smaller."""


def page_box(page: Any) -> Box:
    """Return what is shown of an opened page, before it is turned."""
    box = pdfium_c.FS_RECTF()
    pdfium_c.FPDF_GetPageBoundingBox(page.raw, ctypes.byref(box))
    return box.left, box.bottom, box.right, box.top


class DrawnPage:
    """An opened page that is drawn again as texts are taken off it.

    Texts are taken off in memory only; the page cannot be used for anything else afterwards.
    """

    def __init__(self, page: Any) -> None:
        self._page = page
        width, height = page.get_size()
        fits = math.sqrt(_MOST_PIXELS / max(width * height, 1.0))
        self._scale = min(_SCALE, fits)
        self._box = page_box(page)
        self._rotation = page.get_rotation()

    def draw(self) -> Pixels:
        """Return the page as it is now, annotations included; shape [height, width, 3]."""
        bitmap = self._page.render(scale=self._scale, may_draw_forms=False)
        try:
            pixels: Pixels = bitmap.to_numpy()[:, :, :3].copy()
            return pixels
        finally:
            bitmap.close()

    def take_off(self, texts: Iterable[int]) -> None:
        """Draw some texts no more; they are given by the addresses of their objects."""
        for text in texts:
            calls.set_render_mode(text, pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE)

    def part(self, pixels: npt.NDArray[Any], box: Box) -> npt.NDArray[Any]:
        """Return what of a picture lies in a box of the page; empty beyond its edges."""
        x0, y0, x1, y1 = self._in_pixels(box)
        height, width = pixels.shape[:2]
        columns = slice(max(math.floor(x0), 0), max(min(math.ceil(x1), width), 0))
        rows = slice(max(math.floor(y0), 0), max(min(math.ceil(y1), height), 0))
        return pixels[rows, columns]

    def _in_pixels(self, box: Box) -> Box:
        """Return left, upper, right and lower edge on the page as it is shown."""
        left, bottom, right, top = box
        page_left, page_bottom, page_right, page_top = self._box
        turned = {
            0: (left - page_left, page_top - top, right - page_left, page_top - bottom),
            90: (bottom - page_bottom, left - page_left, top - page_bottom, right - page_left),
            180: (page_right - right, bottom - page_bottom, page_right - left, top - page_bottom),
            270: (page_top - top, page_right - right, page_top - bottom, page_right - left),
        }[self._rotation]
        x0, y0, x1, y1 = (edge * self._scale for edge in turned)
        return x0, y0, x1, y1


def changes(a: Pixels, b: Pixels) -> npt.NDArray[np.bool_]:
    """Return where two pictures can be told apart; shape [height, width]."""
    apart = np.maximum(a, b) - np.minimum(a, b) >= SEEN
    changed: npt.NDArray[np.bool_] = apart[:, :, 0] | apart[:, :, 1] | apart[:, :, 2]
    return changed


def has_ink(part: Pixels) -> bool:
    """Tell whether something that stands out from its ground is drawn in a part of a page."""
    if not part.size:
        return False
    darkest, lightest = part.min(axis=(0, 1)), part.max(axis=(0, 1))
    return int((lightest - darkest).max()) >= INK
