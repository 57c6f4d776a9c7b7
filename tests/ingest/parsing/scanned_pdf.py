"""PDFs whose pages are pictures of text, as a scanner makes them: turned, noisy, compressed."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

import numpy as np
import pypdfium2
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

PAGES = tuple(
    page.strip()
    for page in Path(__file__).with_name("scanned_pages.txt").read_text("utf-8").split("\f")
)
"""Ten texts of a page: rules, minutes, a letter, accounts, a fable and the like."""
MARGIN_PT = 64.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """How a page was printed before it was scanned."""

    font: str = "Times-Roman"
    size: float = 11.0
    chars: int = 88
    """Of a line, at most."""


PRINTS = (
    Print(),
    Print(font="Helvetica", size=10.0, chars=86),
    Print(font="Courier", size=10.0, chars=72),
    Print(size=12.0, chars=80),
    Print(font="Helvetica", size=9.0, chars=96),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """What a scanner does to a page."""

    dpi: int = 150
    degrees: float = 0.0
    """Counter-clockwise."""
    noise: float = 12.0
    """Standard deviation of each pixel's shade, of 255."""
    paper: int = 242
    quality: int = 45
    """Of JPEG."""
    seed: int = 0


def typeset(text: str, style: Print) -> list[str]:
    """Return the lines of a page: blocks of `text` are separated by blank lines."""
    lines: list[str] = []
    for block in text.strip().split("\n\n"):
        for line in block.split("\n"):
            lines += wrap(line, style.chars)
        lines.append("")
    return lines[:-1]


def printed_pdf(path: Path, pages: Sequence[tuple[str, Print]]) -> Path:
    """Write a PDF of text pages."""
    canvas = Canvas(str(path), pagesize=A4, invariant=1)
    for text, style in pages:
        canvas.setFont(style.font, style.size)
        for index, line in enumerate(typeset(text, style)):
            canvas.drawString(MARGIN_PT, line_y(index, style), line)
        canvas.showPage()
    canvas.save()
    return path


def line_y(index: int, style: Print) -> float:
    """Return how far up the page, in points, a line stands."""
    return float(A4[1] - MARGIN_PT - style.size - 1.35 * style.size * index)


def scanned(picture: Image.Image, scanner: Scanner) -> bytes:
    """Return a page's picture as the scanner hands it out, in JPEG."""
    random = np.random.default_rng(scanner.seed)
    inked = picture.point(lambda shade: 30 + shade * (scanner.paper - 30) // 255)
    turned = inked.rotate(
        scanner.degrees, resample=Image.Resampling.BICUBIC, fillcolor=scanner.paper
    )
    shades = np.asarray(turned, dtype=np.float64)
    noisy = np.clip(shades + random.normal(0.0, scanner.noise, shades.shape), 0, 255)
    jpeg = io.BytesIO()
    Image.fromarray(noisy.astype(np.uint8)).save(jpeg, "JPEG", quality=scanner.quality)
    return jpeg.getvalue()


def scanned_pdf(path: Path, source: Path, scanners: Sequence[Scanner]) -> Path:
    """Write a PDF of the pages of another one, each through a scanner."""
    canvas = Canvas(str(path), pagesize=A4, invariant=1)
    pdf = pypdfium2.PdfDocument(source)
    for page, scanner in zip(pdf, scanners, strict=True):
        picture = page.render(scale=scanner.dpi / 72, grayscale=True).to_pil()
        jpeg = io.BytesIO(scanned(picture, scanner))
        canvas.drawImage(ImageReader(jpeg), 0, 0, *A4)
        canvas.showPage()
    pdf.close()
    canvas.save()
    return path


def place_after_turn(
    left: float, bottom: float, right: float, top: float, degrees: float
) -> tuple[float, float, float, float]:
    """Return where a box of a page lies after the page was turned counter-clockwise.

    Args:
        left: In points from the page's left edge, and so on; y upwards.
        bottom: See `left`.
        right: See `left`.
        top: See `left`.
        degrees: By which the page was turned around its middle.

    Returns:
        Left, top, right, bottom as fractions of the page, y downwards.
    """
    width, height = A4
    angle = math.radians(degrees)
    xs, ys = [], []
    for x in (left - width / 2, right - width / 2):
        for y in (bottom - height / 2, top - height / 2):
            xs.append((x * math.cos(angle) - y * math.sin(angle) + width / 2) / width)
            ys.append(1 - (x * math.sin(angle) + y * math.cos(angle) + height / 2) / height)
    return min(xs), min(ys), max(xs), max(ys)


def character_error_rate(read: str, written: str) -> float:
    """Return the edits that make one text of the other, as a fraction of what was written.

    White space counts as one blank, and not where a line or a block ends.
    """
    a, b = " ".join(read.split()), " ".join(written.split())
    codes = np.array([ord(character) for character in b])
    places = np.arange(len(b) + 1)
    costs = places.copy()
    for number, character in enumerate(a, 1):
        kept = np.minimum(costs[1:] + 1, costs[:-1] + (codes != ord(character)))
        row = np.concatenate(([number], kept))
        costs = np.minimum.accumulate(row - places) + places
    return float(costs[-1]) / max(1, len(b))
