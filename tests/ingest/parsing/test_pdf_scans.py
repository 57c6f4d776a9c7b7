"""Pages that are pictures of text: read by Tesseract where the system has it."""

from __future__ import annotations

import io
import statistics
from pathlib import Path

import pypdf
import pytest
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from assistant.text import CELL
from assistant.types import PAGE_UNITS
from ingest.errors import RejectedFileError
from ingest.parsing import tesseract
from ingest.parsing.sandbox import ParserPool
from ingest.parsing.tesseract import installed
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument, RejectReason
from tests.ingest.parsing.scanned_pdf import (
    MARGIN_PT,
    PAGES,
    PRINTS,
    Print,
    Scanner,
    character_error_rate,
    line_y,
    place_after_turn,
    printed_pdf,
    scanned_pdf,
    typeset,
)

LETTER = PAGES[3]
SCANNERS = tuple(
    Scanner(degrees=sign * degrees, seed=number)
    for number, (sign, degrees) in enumerate(
        zip([1, -1] * 5, (1.0, 1.2, 1.5, 1.7, 2.0, 2.2, 2.5, 2.7, 3.0, 3.0), strict=True)
    )
)
MAX_ERROR_RATE = 0.04
NOBODY_SPEAKS = ("zzz",)

needs_tesseract = pytest.mark.skipif(
    not installed(["eng"]).languages,
    reason="Tesseract reads no scans here; apt-get install tesseract-ocr",
)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A scan of one page, turned by two degrees."""
    source = printed_pdf(tmp_path / "printed.pdf", [(LETTER, Print())])
    return scanned_pdf(tmp_path / "scan.pdf", source, [Scanner(degrees=2.0)])


def parse(path: Path, **settings: object) -> tuple[ParsedDocument, list[tuple[int, int]]]:
    """Return the document, and which scanned pages were announced."""
    told: list[tuple[int, int]] = []
    # Time enough on a machine that does much else.
    given = {"parser_processes": 1, "max_scan_page_s": 300.0} | settings
    with ParserPool(IngestSettings.model_validate(given)) as pool:
        document = pool.parse(path, on_scan=lambda number, of: told.append((number, of)))
    return document, told


def after_text_page(path: Path, scan: Path) -> Path:
    """Write a PDF of a page with text and the pages of a scan."""
    first = printed_pdf(path.with_suffix(".first.pdf"), [(PAGES[0], Print())])
    writer = pypdf.PdfWriter()
    for part in (first, scan):
        writer.append(part)
    writer.write(path)
    return path


@needs_tesseract
@pytest.mark.slow
def test_ten_scanned_pages_are_read_with_few_errors(
    tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    pages = [(text, PRINTS[i % len(PRINTS)]) for i, text in enumerate(PAGES)]
    source = printed_pdf(tmp_path / "printed.pdf", pages)
    document, told = parse(scanned_pdf(tmp_path / "scan.pdf", source, SCANNERS))
    rates = [
        character_error_rate(page.text.replace(CELL, " "), text)
        for page, text in zip(document.pages, PAGES, strict=True)
    ]
    record_property("error_rates", [round(rate, 4) for rate in rates])
    assert told == [(number, 10) for number in range(1, 11)]
    assert "read-from-scan" in document.flags
    assert document.has_scans
    assert max(rates) <= MAX_ERROR_RATE, rates
    assert statistics.median(rates) <= MAX_ERROR_RATE / 2, rates


@needs_tesseract
def test_words_of_a_scan_are_kept_with_their_places_on_the_turned_page(scan: Path) -> None:
    document, _ = parse(scan)
    (page,) = document.pages
    assert page.scan is not None
    assert page.scan.confidence > 80
    lines = typeset(LETTER, Print())
    line = "thank you for your letter of 3 June about the pear trees in your front garden. I have"
    index, quote = lines.index(line), "your front garden"
    start = page.text.index(quote)
    boxes = page.scan.boxes(start, start + len(quote))
    assert [page.text[box.span.start : box.span.end] for box in boxes] == quote.split()
    # Times has letters of about half its size.
    left = MARGIN_PT + 0.45 * 11 * line.index(quote) * 0.9
    y = line_y(index, Print())
    wanted = place_after_turn(left - 20, y - 5, left + 120, y + 12, 2.0)
    for box in boxes:
        found = [edge / PAGE_UNITS for edge in (box.left, box.top, box.right, box.bottom)]
        assert wanted[0] < found[0] < found[2] < wanted[2]
        assert wanted[1] < found[1] < found[3] < wanted[3]


@needs_tesseract
@pytest.mark.parametrize("degrees", [90.0, 180.0, 270.0])
def test_page_that_lies_on_its_side_or_head_is_read(tmp_path: Path, degrees: float) -> None:
    source = printed_pdf(tmp_path / "printed.pdf", [(LETTER, Print())])
    picture = io.BytesIO()
    pdf = pypdf.PdfReader(scanned_pdf(tmp_path / "scan.pdf", source, [Scanner(degrees=1.0)]))
    Image.open(io.BytesIO(pdf.pages[0].images[0].data)).rotate(degrees, expand=True).save(
        picture, "PNG"
    )
    size = A4 if degrees == 180.0 else A4[::-1]
    canvas = Canvas(str(tmp_path / "turned.pdf"), pagesize=size)
    canvas.drawImage(ImageReader(picture), 0, 0, *size)
    canvas.save()
    document, _ = parse(tmp_path / "turned.pdf")
    (page,) = document.pages
    assert character_error_rate(page.text.replace(CELL, " "), LETTER) <= MAX_ERROR_RATE
    assert page.scan is not None
    first, last = page.scan.words[0], page.scan.words[-1]
    if degrees == 180.0:
        assert first.top > last.bottom
    else:
        assert (first.left > last.right) is (degrees == 270.0)


@needs_tesseract
def test_page_with_text_and_pictures_is_not_read(tmp_path: Path, scan: Path) -> None:
    """Neither one with its own text, nor one whose text lies invisible under its picture."""
    data = pypdf.PdfReader(scan).pages[0].images[0].data
    path = tmp_path / "with_text.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    for mode in (0, 3):
        canvas.drawImage(ImageReader(io.BytesIO(data)), 0, 0, *A4)
        for index, line in enumerate(typeset(PAGES[7], Print())):
            text = canvas.beginText(MARGIN_PT, line_y(index, Print()))
            text.setFont("Times-Roman", 11)
            text.setTextRenderMode(mode)
            text.textLine(line)
            canvas.drawText(text)
        canvas.showPage()
    canvas.save()
    document, told = parse(path)
    assert told == []
    assert not document.has_scans
    assert all("Liquid nitrogen is colder" in page.text for page in document.pages)
    assert all(page.scan is None for page in document.pages)


@needs_tesseract
def test_scan_with_a_stamp_is_read_and_a_picture_with_a_title_keeps_it(
    tmp_path: Path, scan: Path
) -> None:
    photo = io.BytesIO()
    Image.radial_gradient("L").resize((800, 1100)).save(photo, "JPEG")
    data = pypdf.PdfReader(scan).pages[0].images[0].data
    path = tmp_path / "stamped.pdf"
    canvas = Canvas(str(path), pagesize=A4)
    for picture, text in ((data, "Received 4 June 2020"), (photo.getvalue(), "Annual report")):
        canvas.drawImage(ImageReader(io.BytesIO(picture)), 0, 0, *A4)
        canvas.setFillGray(0.0)
        canvas.drawString(60, 40, text)
        canvas.showPage()
    canvas.save()
    document, _ = parse(path)
    assert "pear rust" in document.pages[0].text
    assert document.pages[1].text == "Annual report"
    assert document.pages[1].scan is None


@needs_tesseract
def test_blank_scan_and_photograph_are_pages_without_text(tmp_path: Path) -> None:
    blank = printed_pdf(tmp_path / "blank.pdf", [("", Print())])
    scanned_pdf(tmp_path / "blank_scan.pdf", blank, [Scanner(degrees=1.0)])
    document, _ = parse(after_text_page(tmp_path / "both.pdf", tmp_path / "blank_scan.pdf"))
    assert document.pages[1].text == ""
    assert document.flags == ("pages-without-text",)
    with pytest.raises(RejectedFileError, match="more clearly") as caught:
        parse(tmp_path / "blank_scan.pdf")
    assert caught.value.reason == RejectReason.NO_TEXT


def test_scan_without_tesseract_is_rejected_with_what_to_do(scan: Path, tmp_path: Path) -> None:
    with pytest.raises(
        RejectedFileError, match=r"install Tesseract .* add the file again"
    ) as caught:
        parse(scan, ocr_languages=NOBODY_SPEAKS)
    assert caught.value.reason == RejectReason.NO_TEXT
    with pytest.raises(RejectedFileError, match=r"switched off \(ingest.ocr_languages\)"):
        parse(scan, ocr_languages=())
    mixed = after_text_page(tmp_path / "both.pdf", scan)
    document, told = parse(mixed, ocr_languages=NOBODY_SPEAKS)
    assert document.flags == ("pages-without-text", "scans-not-read")
    assert document.has_scans
    assert told == []


def test_system_without_the_library_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tesseract, "_LIBRARIES", ("libtesseract-none.so.9",))
    for cached in (tesseract._library, tesseract.open_tesseract):
        cached.cache_clear()
    try:
        assert tesseract.open_tesseract(("eng",)) is None
        assert installed(["eng"]) == tesseract.Installed(version=None, languages=())
    finally:
        for cached in (tesseract._library, tesseract.open_tesseract):
            cached.cache_clear()


@needs_tesseract
@pytest.mark.parametrize(
    ("setting", "n_told"), [("max_scan_page_s", 1), ("max_scans_s", 0)], ids=["page", "file"]
)
def test_scan_over_its_time_stays_unread_and_is_flagged(
    scan: Path, tmp_path: Path, setting: str, n_told: int
) -> None:
    document, told = parse(after_text_page(tmp_path / "both.pdf", scan), **{setting: 1e-9})
    assert "Berths" in document.pages[0].text
    assert document.pages[1].text == ""
    assert document.flags == ("pages-without-text", "scans-not-read")
    assert len(told) == n_told
    with pytest.raises(RejectedFileError, match=rf"raise ingest\.{setting}"):
        parse(scan, **{setting: 1e-9})


@needs_tesseract
def test_installed_names_the_languages_that_are_there() -> None:
    found = installed(["eng", *NOBODY_SPEAKS])
    assert found.version
    assert found.languages == ("eng",)
