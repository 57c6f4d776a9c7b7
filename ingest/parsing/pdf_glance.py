"""Whether all that is written on a PDF page can be seen, at a glance: for pages of many objects.

Looking at each object of such a page would take longer than reading it. Drawn small and grey, a
page shows light and dark beside each other wherever a letter stands; where it does not, or where
two lines lie on each other, it is worth a closer look (`ingest.parsing.pdf_hidden`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pypdfium2.raw as pdfium_c

from ingest.parsing import pdfium_calls as calls
from ingest.parsing.pdf_drawing import Box, page_box
from ingest.parsing.pdf_suspects import MIN_TEXT_PT

FEW_OBJECTS = 150
"""A page with up to this many, and no forms among them, is looked at closely in any case."""
_SCALE = 0.5
_MOST_PIXELS = 1_000_000
_EDGE = 12
"""Of 255 between one point of the picture and the next: letters are small and blurred there."""
_FEW_LETTERS = 4
"""Marks of footnotes are fewer, and lie on lines without hiding them."""
_WORD_PT = 10.0
"""Lines that share less of their width only touch."""


class Glyph(Protocol):
    """A character where it stands on the page as it is shown, in points, y upwards."""

    @property
    def character(self) -> str: ...  # noqa: D102
    @property
    def left(self) -> float: ...  # noqa: D102
    @property
    def right(self) -> float: ...  # noqa: D102


class Glance:
    """Compares lines, as they are read, with a page as it looks."""

    def __init__(self, page: Any) -> None:
        width, height = page.get_size()
        self._scale = min(_SCALE, math.sqrt(_MOST_PIXELS / max(width * height, 1.0)))
        bitmap = page.render(scale=self._scale, grayscale=True, may_draw_forms=False)
        try:
            grey = bitmap.to_numpy().reshape(bitmap.height, -1)[:, : bitmap.width]
            one, next_one = grey[:, :-1], grey[:, 1:]
            step = np.maximum(one, next_one) - np.minimum(one, next_one)
        finally:
            bitmap.close()
        self._edges: npt.NDArray[np.bool_] = step >= _EDGE
        left, bottom, right, top = page_box(page)
        self._x, self._y = {
            0: (-left, top), 90: (-bottom, -left), 180: (right, -bottom), 270: (top, right)
        }[page.get_rotation()]  # fmt: skip
        self._lines: list[Box] = []
        self._rows: list[npt.NDArray[np.bool_]] = []
        self._lefts: list[float] = []
        self._rights: list[float] = []
        self._n_glyphs: list[int] = []

    def look(self, glyphs: Iterable[Glyph], line: Box) -> None:
        """Take in a line: its characters that are not blank, and the box around them."""
        written = [one for one in glyphs if one.character.isalnum()]
        self._lefts += [one.left for one in written]
        self._rights += [one.right for one in written]
        self._n_glyphs.append(len(written))
        self._lines.append(line)
        upper, lower = (round(self._scale * (self._y - line[edge])) for edge in (3, 1))
        rows = self._edges[max(upper, 0) : max(lower + 1, 0)]
        self._rows.append(np.logical_or.reduce(rows, axis=0))

    @property
    def is_doubtful(self) -> bool:
        """Whether something of what was taken in may be unseen."""
        if not self._lines:
            return False
        boxes = np.array(self._lines, dtype=np.float32)
        is_tiny = bool((boxes[:, 3] - boxes[:, 1] < MIN_TEXT_PT).any())
        has_letters = np.array(self._n_glyphs) >= _FEW_LETTERS
        return is_tiny or self._lacks_ink() or _has_overlap(boxes[has_letters])

    def _lacks_ink(self) -> bool:
        """Tell whether a letter or digit stands where the picture has no edge."""
        n_columns = self._edges.shape[1]
        n_edges = np.zeros((len(self._rows), n_columns + 1), dtype=np.int32)
        np.cumsum(self._rows, axis=1, out=n_edges[:, 1:])
        line = np.repeat(np.arange(len(self._rows)), self._n_glyphs)
        first, last = (
            np.clip((self._scale * (np.array(edges) + self._x)).astype(np.int64) + more,
                    0, n_columns)
            for edges, more in ((self._lefts, -1), (self._rights, 2))
        )  # fmt: skip
        return bool((n_edges[line, last] == n_edges[line, first]).any())


def _has_overlap(boxes: npt.NDArray[np.float32]) -> bool:
    """Tell whether a line lies on another one."""
    middle = (boxes[:, 1] + boxes[:, 3])[:, None] / 2
    over = (boxes[:, 1] < middle) & (middle < boxes[:, 3])
    over &= boxes[:, 0] < boxes[:, 2, None] - _WORD_PT
    over &= boxes[:, 2] > boxes[:, 0, None] + _WORD_PT
    np.fill_diagonal(over, val=False)
    return bool(over.any())


def glance_at(page: Any) -> Glance | None:
    """Return what a page of many objects, or of forms that may hold many, looks like."""
    handle = calls.address(page.raw)
    n_objects = calls.count_objects(handle)
    if n_objects > FEW_OBJECTS:
        return Glance(page)
    objects = (calls.get_object(handle, i) for i in range(n_objects))
    has_forms = any(calls.object_type(one) == pdfium_c.FPDF_PAGEOBJ_FORM for one in objects)
    return Glance(page) if has_forms else None
