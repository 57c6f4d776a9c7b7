"""The process that draws a page of an untrusted PDF: `python -m ingest.parsing.picture_child`.

Reads one JSON request from standard input, {"descriptor", "page_index", "quote", "place",
"boxes", "width_px", "max_memory_bytes", "max_cpu_s"}, the descriptor being inherited, and answers
with one line of JSON, {"n_boxes"}, and then the bytes of a PNG. Confines itself before it opens the
PDF. Ends with another code than 0 where the page cannot be drawn.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from PIL import Image, ImageChops, ImageDraw

from assistant.types import PAGE_UNITS
from ingest.parsing.confinement import confine, limit_cpu, limit_memory
from ingest.parsing.input_copy import path_of
from ingest.parsing.letters import letters
from ingest.parsing.pdf_characters import page_characters
from ingest.parsing.pdf_file import open_pdf

MARK = (255, 226, 110)
"""Of the passage; multiplied with the page, so that the text stays as dark as it is."""
MARGIN_PT = 1.5
MAX_HEIGHT_RATIO = 6
"""A page that is longer than so many times its width is drawn smaller."""


def main() -> None:
    """Answer one request."""
    request = json.loads(sys.stdin.readline())
    logging.disable()
    limit_memory(request["max_memory_bytes"])
    limit_cpu(0, request["max_cpu_s"])
    confine()
    with closing(open_pdf(path_of(request["descriptor"]))) as pdf:
        picture, n_boxes = draw(
            pdf,
            request["page_index"],
            quote=request["quote"],
            place=request["place"],
            boxes=request["boxes"],
            width_px=request["width_px"],
        )
    png = io.BytesIO()
    picture.save(png, "PNG")
    sys.stdout.buffer.write(json.dumps({"n_boxes": n_boxes}).encode() + b"\n" + png.getvalue())


def draw(
    pdf: Any,
    page_index: int,
    *,
    quote: str,
    place: float,
    boxes: Sequence[Sequence[int]],
    width_px: int,
) -> tuple[Image.Image, int]:
    """Return a page as a picture, the quote or the boxes marked, and the number of marks.

    Boxes are left, top, right and bottom in `PAGE_UNITS` of the page as it is shown.
    """
    with closing(pdf[page_index]) as page:
        width_pt, height_pt = page.get_size()
        ratio = min(1.0, MAX_HEIGHT_RATIO * width_pt / height_pt)
        scale = ratio * width_px / width_pt
        bitmap = page.render(scale=scale)
        picture = bitmap.to_pil().convert("RGB")
        if boxes:
            marked = [_to_pixels(box, picture.size, margin=MARGIN_PT * scale) for box in boxes]
        else:
            with closing(page.get_textpage()) as text_page:
                found = quote_boxes(text_page, quote, place)
            marked = [_box_to_pixels(page, bitmap, box) for box in found]
        if marked:
            marks = Image.new("RGB", picture.size, "white")
            pen = ImageDraw.Draw(marks)
            for box in marked:
                pen.rectangle(box, fill=MARK)
            picture = ImageChops.multiply(picture, marks)
        return picture, len(marked)


def _to_pixels(
    box: Sequence[int], size: tuple[int, int], *, margin: float
) -> tuple[float, float, float, float]:
    left, top, right, bottom = (edge / PAGE_UNITS for edge in box)
    width, height = size
    return (
        *(left * width - margin, top * height - margin),
        *(right * width + margin, bottom * height + margin),
    )


def _box_to_pixels(
    page: Any, bitmap: Any, box: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    left, bottom, right, top = box
    x0, y0 = page_to_pixels(page, bitmap, left - MARGIN_PT, top + MARGIN_PT)
    x1, y1 = page_to_pixels(page, bitmap, right + MARGIN_PT, bottom - MARGIN_PT)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def page_to_pixels(page: Any, bitmap: Any, x: float, y: float) -> tuple[int, int]:
    """Return where a point of the page lies in its picture, whatever its rotation and crop."""
    converter = bitmap.get_posconv(page)
    left, top = converter.to_bitmap(x, y)
    return int(left), int(top)


def quote_boxes(
    text_page: Any, quote: str, place: float
) -> list[tuple[float, float, float, float]]:
    """Return the boxes of a quote on its page, left, bottom, right, top, one for each line.

    Letters and digits alone are compared: white space, hyphens at line ends and ligatures differ
    between a page as it is drawn and its stored text. Empty if the quote is not found.

    Args:
        text_page: Of PDFium.
        quote: As stored.
        place: Where it starts in the stored text, 0 to 1; chooses among several places.
    """
    wanted = "".join(letter for letter, _ in letters(quote))
    held = list(letters(page_characters(text_page)))
    text = "".join(letter for letter, _ in held)
    starts = [match.start() for match in re.finditer(f"(?={re.escape(wanted)})", text)]
    if not wanted or not starts:
        return []
    start = min(starts, key=lambda found: abs(found - place * len(text)))
    first, last = held[start][1], held[start + len(wanted) - 1][1]
    n_rects = text_page.count_rects(first, last - first + 1)
    return [text_page.get_rect(index) for index in range(n_rects)]


if __name__ == "__main__":
    main()
