"""Pages of a PDF that are pictures of text: which they are, and what stands on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium_c

from ingest.parsing.pdf_lines import Line
from ingest.parsing.protocol import OnScan
from ingest.parsing.scan_lines import ScannedLine, page_scan
from ingest.parsing.tesseract import open_tesseract
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument

_FEW_CHARS = 100
"""What a scanner or a portal stamps on its pages is shorter."""
_LEAST_COVERED_FRACTION = 0.5

_INSTALL = (
    "install Tesseract (`plinth doctor` says which package) and add the file again, "
    "or run text recognition (OCR) first"
)
_SWITCH_ON = (
    "reading scans is switched off (ingest.ocr_languages); run text recognition (OCR) first"
)


class ScanReader:
    """Reads the scanned pages of one PDF.

    Args:
        settings: Languages, and what reading may cost.
        on_scan: Told before each page.

    Attributes:
        has_scans: There are such pages.
        flags: What an admin should see of them.
        advice: What to do where none of them could be read.
    """

    def __init__(self, settings: IngestSettings, on_scan: OnScan) -> None:
        self.has_scans = False
        self.flags: set[str] = set()
        self.advice = "text recognition (OCR) found none in them; scan it again, more clearly"
        self._settings = settings
        self._on_scan = on_scan

    def read(self, pdf: Any, pages: Sequence[list[Line]]) -> list[list[Line]]:
        """Return the lines of all pages: those of scanned ones read from their pictures.

        A page keeps the text that it has, be it invisible under a picture, unless that is nearly
        nothing and far more is read.

        Args:
            pdf: An open `pypdfium2.PdfDocument`.
            pages: Lines of each of its pages.
        """
        scans = [index for index, lines in enumerate(pages) if _may_be_scan(pdf, index, lines)]
        result = list(pages)
        self.has_scans = bool(scans)
        if not scans:
            return result
        tesseract = open_tesseract(self._settings.ocr_languages)
        if tesseract is None:
            self._leave(_INSTALL if self._settings.ocr_languages else _SWITCH_ON)
            return result
        from ingest.parsing.scan_page import read_page  # its libraries take time to load

        until = time.monotonic() + self._settings.max_scans_s
        for number, index in enumerate(scans, 1):
            if time.monotonic() >= until:
                self._leave(
                    "reading them takes too long; split the file or raise ingest.max_scans_s"
                )
                break
            self._on_scan(number, len(scans))
            try:
                lines = read_page(pdf, index, tesseract, max_s=self._settings.max_scan_page_s)
            except TimeoutError:
                self._leave("reading a page takes too long; raise ingest.max_scan_page_s")
                continue
            if _n_chars(lines) > 2 * _n_chars(pages[index]):
                result[index] = [*lines]
                self.flags.add("read-from-scan")
        return result

    def _leave(self, advice: str) -> None:
        self.flags.add("scans-not-read")
        self.advice = advice


def with_places(document: ParsedDocument, pages: Sequence[Sequence[Line]]) -> ParsedDocument:
    """Return a document that has scans, with the places of the words that were read of them.

    Args:
        document: As it was built of `pages`.
        pages: The lines of each of its pages.
    """
    placed = []
    for page, lines in zip(document.pages, pages, strict=True):
        scanned = [line for line in lines if isinstance(line, ScannedLine)]
        placed.append(replace(page, scan=page_scan(page.text, scanned)) if scanned else page)
    return replace(document, pages=tuple(placed), has_scans=True)


def _may_be_scan(pdf: Any, index: int, lines: Sequence[Line]) -> bool:
    """Tell whether a page shows something but has no text, or pictures beside a stamp."""
    n_chars = _n_chars(lines)
    if n_chars >= _FEW_CHARS:
        return False
    with suppress(pypdfium2.PdfiumError), closing(pdf[index]) as page:
        if not n_chars:
            return bool(pdfium_c.FPDFPage_CountObjects(page.raw) > 0)
        return _pictures_fraction(page) >= _LEAST_COVERED_FRACTION
    return False


def _pictures_fraction(page: Any) -> float:
    """Return about how much of a page its pictures cover."""
    width, height = page.get_size()
    covered = 0.0
    for picture in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=2):
        left, bottom, right, top = picture.get_bounds()
        covered += max(0.0, right - left) * max(0.0, top - bottom)
    return float(covered / max(1.0, width * height))


def _n_chars(lines: Sequence[Line]) -> int:
    return sum(len(line.text) for line in lines)
