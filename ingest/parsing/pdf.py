"""PDF files: text by PDFium, page by page; what it cannot open is repaired by pypdf first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium_c

from ingest.errors import RejectedFileError
from ingest.parsing.concealed import without_concealed
from ingest.parsing.document_builder import DocumentBuilder, check_n_pages
from ingest.parsing.metadata import iso_date
from ingest.parsing.pdf_characters import page_characters
from ingest.parsing.pdf_file import open_pdf
from ingest.parsing.pdf_glance import glance_at
from ingest.parsing.pdf_hidden import Drawings, Unseen, find_unseen
from ingest.parsing.pdf_layout import (
    add_page,
    heading_key,
    measure,
    without_running_lines,
)
from ingest.parsing.pdf_lines import Line, read_lines
from ingest.parsing.pdf_repair import repaired_pdf
from ingest.parsing.pdf_scans import ScanReader, with_places
from ingest.parsing.protocol import OnScan, ignore
from ingest.parsing.sniff import MediaType
from ingest.settings import IngestSettings
from ingest.types import HiddenKind, ParsedDocument, RejectReason

_MAX_OUTLINE_DEPTH = 8
_MOST_DRAWN_PAGES = 300
"""Of a document, to prove that text on them is seen; a page takes up to a fifth of a second."""


class PdfParser:
    """Reads PDF files; a page of the document is a physical page."""

    def __init__(self, settings: IngestSettings, on_scan: OnScan = ignore) -> None:
        self._settings = settings
        self._on_scan = on_scan

    def parse(self, path: Path) -> ParsedDocument:
        """Return the pages of the PDF at `path`; see `Parser.parse`."""
        builder = DocumentBuilder(MediaType.PDF, self._settings)
        scans = ScanReader(self._settings, self._on_scan)
        with _open(path, builder) as pdf:
            check_n_pages(len(pdf), self._settings)
            metadata = pdf.get_metadata_dict()
            builder.title = metadata.get("Title", "")
            builder.headings_are_guessed = True
            builder.date = iso_date(metadata.get("ModDate")) or iso_date(
                metadata.get("CreationDate")
            )
            outline = _outline(pdf)
            drawings = Drawings(_MOST_DRAWN_PAGES)
            found = [self._page_lines(pdf, i, builder, drawings) for i in range(len(pdf))]
            pages = scans.read(pdf, [lines for lines, _ in found])
        if drawings.is_spent:
            builder.flags.add("hidden-text-unproven")
        pages, had_running_lines = without_running_lines(pages)
        if had_running_lines:
            builder.flags.add("running-headers-removed")
        typography = measure(pages)
        for index, lines in enumerate(pages):
            add_page(builder, lines, typography, outline.get(index, {}))
            for kind, text in found[index][1].texts:
                builder.hide(kind, text)
            builder.end_page(index + 1)
        builder.flags |= scans.flags
        if not scans.has_scans:
            return builder.build()
        builder.advice = scans.advice
        return with_places(builder.build(), pages)

    def _page_lines(
        self, pdf: Any, index: int, builder: DocumentBuilder, drawings: Drawings
    ) -> tuple[list[Line], Unseen]:
        try:
            if pdf.formenv is not None:
                with closing(pdf[index]) as page:
                    _remove_unviewed(page)
                    # What was filled in becomes text of the page, in memory only.
                    pdfium_c.FPDFPage_Flatten(page.raw, pdfium_c.FLAT_NORMALDISPLAY)
            with closing(pdf[index]) as page, closing(page.get_textpage()) as text_page:
                return _seen_lines(page, text_page, drawings)
        except pypdfium2.PdfiumError:
            builder.flags.add("damaged-pages")
            return [], Unseen()


def _seen_lines(page: Any, text_page: Any, drawings: Drawings) -> tuple[list[Line], Unseen]:
    """Return the lines of a page without what is not seen, and that."""
    rotation, characters = page.get_rotation(), page_characters(text_page)
    glance = glance_at(page)
    if glance is not None:
        lines = read_lines(text_page, characters, rotation, glance=glance)
        if not glance.is_doubtful:
            return lines, _with_concealed(Unseen(), characters)
    unseen = find_unseen(page, text_page, characters, drawings)
    lines = read_lines(text_page, characters, rotation, left_out=unseen.characters)
    return lines, _with_concealed(unseen, characters)


def _with_concealed(unseen: Unseen, characters: Sequence[str]) -> Unseen:
    """Add what is written in characters that show nothing; lines leave those out by themselves."""
    _, concealed = without_concealed("".join(characters))
    if not concealed:
        return unseen
    return replace(unseen, texts=(*unseen.texts, (HiddenKind.CHARACTERS, concealed)))


def _remove_unviewed(page: Any) -> None:
    """Take annotations off a page, in memory, that are not shown on a screen."""
    for i in reversed(range(pdfium_c.FPDFPage_GetAnnotCount(page.raw))):
        annotation = pdfium_c.FPDFPage_GetAnnot(page.raw, i)
        flags = pdfium_c.FPDFAnnot_GetFlags(annotation)
        pdfium_c.FPDFPage_CloseAnnot(annotation)
        if flags & pdfium_c.FPDF_ANNOT_FLAG_NOVIEW:
            pdfium_c.FPDFPage_RemoveAnnot(page.raw, i)


@contextmanager
def _open(path: Path, builder: DocumentBuilder) -> Iterator[Any]:
    try:
        pdf = _open_as_is(path)
        if pdf is None and (clean := repaired_pdf(path)) is not None:
            builder.flags.add("repaired")
            pdf = _open_as_is(clean)
    except pypdfium2.PdfiumError as exc:
        raise RejectedFileError(
            RejectReason.ENCRYPTED,
            "the PDF needs a password to be opened; save a copy without one",
        ) from exc
    if pdf is None:
        raise RejectedFileError(
            RejectReason.CORRUPT, "the PDF is damaged beyond repair; get a whole copy"
        )
    with closing(pdf):
        yield pdf


def _open_as_is(source: Path | bytes) -> Any | None:
    """Return the opened PDF, None if it is damaged or has no pages.

    Raises:
        PdfiumError: it needs a password.
    """
    try:
        pdf = open_pdf(source) if isinstance(source, Path) else pypdfium2.PdfDocument(source)
        if pdf.get_formtype() != pdfium_c.FORMTYPE_NONE:
            pdf.init_forms()
    except pypdfium2.PdfiumError as exc:
        if exc.err_code in {pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY}:
            raise
        return None
    if len(pdf):
        return pdf
    pdf.close()
    return None


def _outline(pdf: Any) -> dict[int, dict[str, int]]:
    """Return by page index the level of each bookmark, by `heading_key` of its title."""
    levels: dict[int, dict[str, int]] = {}
    for bookmark in pdf.get_toc(max_depth=_MAX_OUTLINE_DEPTH):
        target = bookmark.get_dest()
        index = target.get_index() if target else None
        key = heading_key(bookmark.get_title())
        if index is not None and key:
            levels.setdefault(index, {}).setdefault(key, bookmark.level + 1)
    return levels
