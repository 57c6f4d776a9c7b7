"""A scanned page of a PDF: drawn, made straight and read."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import pypdfium2
from PIL import Image

from ingest.parsing.scan_lines import (
    ScannedLine,
    confidence_of,
    n_sure_chars,
    scanned_lines,
)
from ingest.parsing.scan_picture import has_ink, straightened, turn_of
from ingest.parsing.tesseract import Tesseract

_DPI = 300.0
"""Tesseract is made for letters as large as print has them in this resolution."""
_MAX_PIXELS = 36_000_000
_LEAST_CONFIDENCE = 40.0
"""Less surely "read" is what is no text: photographs, drawings, dirt."""
_UPRIGHT_CONFIDENCE = 65.0
"""What is read less surely than this may stand on its side or head."""
_QUARTERS = (0.0, 90.0, 180.0, 270.0)
_CLOCKWISE = Image.Transpose.ROTATE_270


def read_page(pdf: Any, index: int, tesseract: Tesseract, *, max_s: float) -> list[ScannedLine]:
    """Return the lines of a page's picture; none where it shows no text.

    Args:
        pdf: An open `pypdfium2.PdfDocument`.
        index: Of the page, from 0.
        tesseract: Reads it.
        max_s: Time for it.

    Raises:
        TimeoutError: it takes longer.
    """
    until = time.monotonic() + max_s
    try:
        with closing(pdf[index]) as page:
            picture, dpi = _drawn(page)
    except (pypdfium2.PdfiumError, ValueError):
        return []
    if not has_ink(picture):
        return []
    best: list[ScannedLine] = []
    for quarter in _QUARTERS:
        lying = picture if quarter % 180 == 0 else picture.transpose(_CLOCKWISE)
        straight = straightened(picture, quarter + turn_of(lying))
        try:
            words = tesseract.read(straight.picture, dpi=round(dpi), until=until)
        except TimeoutError:
            if confidence_of(best) < _LEAST_CONFIDENCE:
                raise
            break
        lines = scanned_lines(words, straight, dpi=dpi)
        best = max(best, lines, key=n_sure_chars)
        if confidence_of(best) >= _UPRIGHT_CONFIDENCE or not best:
            break  # where no word is seen at all, none stands on its side
    return best if confidence_of(best) >= _LEAST_CONFIDENCE else []


def _drawn(page: Any) -> tuple[Image.Image, float]:
    """Return a page as it is shown, in grey, and its pixels an inch."""
    width, height = page.get_size()
    scale = min(_DPI / 72, (_MAX_PIXELS / max(1.0, width * height)) ** 0.5)
    picture = page.render(scale=scale, grayscale=True).to_pil()
    return picture.convert("L"), 72 * scale
