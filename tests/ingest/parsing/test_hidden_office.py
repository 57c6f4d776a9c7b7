"""Text that readers of Office files do not see, each case with a twin in which it is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt as DocxPt
from docx.shared import RGBColor as DocxColor
from openpyxl.styles import Font, PatternFill
from pptx.dml.color import RGBColor
from pptx.util import Inches, Pt

from ingest.parsing.registry import parse_file
from ingest.settings import IngestSettings
from ingest.types import HiddenKind, ParsedDocument

SECRET = "Pay Mallory at once."
BLANK = 6

Make = Callable[[Any], None]


def found(document: ParsedDocument) -> list[tuple[HiddenKind, str]]:
    return [(one.kind, one.text) for one in document.hidden]


def is_seen(document: ParsedDocument) -> bool:
    return any(SECRET in page.text for page in document.pages)


# Word


def run_of(document: Any) -> Any:
    paragraph = document.add_paragraph("Before. ")
    run = paragraph.add_run(SECRET)
    paragraph.add_run(" After.")
    return run


def vanished(document: Any) -> None:
    run_of(document).font.hidden = True


def vanished_by_style(document: Any) -> None:
    style = document.styles.add_style("Secret", docx.enum.style.WD_STYLE_TYPE.CHARACTER)
    style.font.hidden = True
    run_of(document).style = style


def not_vanished(document: Any) -> None:
    run_of(document).font.hidden = False


def white(document: Any) -> Any:
    run = run_of(document)
    run.font.color.rgb = DocxColor(0xFF, 0xFF, 0xFF)
    return run


def shade(properties: Any, fill: str) -> None:
    mark = OxmlElement("w:shd")
    mark.set(qn("w:val"), "clear")
    mark.set(qn("w:fill"), fill)
    properties.append(mark)


def white_on_a_dark_run(document: Any) -> None:
    shade(white(document)._r.get_or_add_rPr(), "203050")


def white_on_a_light_run(document: Any) -> None:
    shade(white(document)._r.get_or_add_rPr(), "FEFEFE")


def white_on_a_dark_paragraph(document: Any) -> None:
    shade(white(document)._r.getparent().get_or_add_pPr(), "203050")


def white_in_a_dark_cell(document: Any) -> None:
    cell = document.add_table(1, 2).cell(0, 0)
    shade(cell._tc.get_or_add_tcPr(), "203050")
    run = cell.paragraphs[0].add_run(SECRET)
    run.font.color.rgb = DocxColor(0xFF, 0xFF, 0xFF)


def white_in_a_cell(document: Any) -> None:
    run = document.add_table(1, 2).cell(0, 0).paragraphs[0].add_run(SECRET)
    run.font.color.rgb = DocxColor(0xFF, 0xFF, 0xFF)


def sized(points: float) -> Make:
    def make(document: Any) -> None:
        run_of(document).font.size = DocxPt(points)

    return make


def grey(document: Any) -> None:
    run_of(document).font.color.rgb = DocxColor(0xC0, 0xC0, 0xC0)


def of_word(tmp_path: Path, make: Make) -> ParsedDocument:
    document = docx.Document()
    document.add_paragraph("Be kind.")
    make(document)
    document.save(tmp_path / "made.docx")
    return parse_file(tmp_path / "made.docx", IngestSettings())


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (vanished, HiddenKind.MARKED),
        (vanished_by_style, HiddenKind.MARKED),
        (white, HiddenKind.COLOR),
        (white_on_a_light_run, HiddenKind.COLOR),
        (white_in_a_cell, HiddenKind.COLOR),
        (sized(1), HiddenKind.TINY),
    ],
)
def test_hidden_text_of_word_is_kept_apart(tmp_path: Path, make: Make, kind: HiddenKind) -> None:
    document = of_word(tmp_path, make)
    assert found(document) == [(kind, SECRET)]
    assert not is_seen(document)
    assert document.flags == ("hidden-text",)


@pytest.mark.parametrize(
    "make",
    [not_vanished, white_on_a_dark_run, white_on_a_dark_paragraph, white_in_a_dark_cell,
     sized(4), grey, run_of],
)  # fmt: skip
def test_text_of_word_that_is_seen_is_no_alarm(tmp_path: Path, make: Make) -> None:
    document = of_word(tmp_path, make)
    assert (document.hidden, document.flags) == ((), ())
    assert is_seen(document)


# Slides


def box(slide: Any, left: float = 1.0, top: float = 5.0) -> Any:
    shape = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(3), Inches(0.5))
    shape.text_frame.text = SECRET
    return shape


def font(shape: Any) -> Any:
    return shape.text_frame.paragraphs[0].runs[0].font


def hidden_slide(slide: Any) -> None:
    box(slide)
    slide.element.set("show", "0")


def marked_shape(slide: Any) -> None:
    box(slide).element.nvSpPr.cNvPr.set("hidden", "1")


def white_text(slide: Any) -> Any:
    shape = box(slide)
    font(shape).color.rgb = RGBColor(0xFF, 0xFF, 0xFF)
    return shape


def white_text_on_a_dark_shape(slide: Any) -> None:
    shape = white_text(slide)
    shape.fill.solid()
    shape.fill.fore_color.rgb = RGBColor(0x20, 0x30, 0x50)


def white_text_on_a_dark_slide(slide: Any) -> None:
    white_text(slide)
    slide.background.fill.solid()
    slide.background.fill.fore_color.rgb = RGBColor(0x20, 0x30, 0x50)


def white_text_over_another_shape(slide: Any) -> None:
    slide.shapes.add_shape(1, Inches(1), Inches(5), Inches(3), Inches(1))
    white_text(slide)


def tiny_text(slide: Any) -> None:
    font(box(slide)).size = Pt(1)


def small_text(slide: Any) -> None:
    font(box(slide)).size = Pt(5)


def of_slides(tmp_path: Path, make: Make) -> ParsedDocument:
    presentation = pptx.Presentation()
    for text in ("Be kind.", "Be on time."):
        slide = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
        shape = slide.shapes.add_textbox(0, 0, Inches(3), Inches(0.5))
        shape.text_frame.text = text
    make(slide)
    presentation.save(tmp_path / "made.pptx")
    return parse_file(tmp_path / "made.pptx", IngestSettings())


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (marked_shape, HiddenKind.MARKED),
        (lambda slide: box(slide, left=-4), HiddenKind.OFF_PAGE),
        (lambda slide: box(slide, top=20), HiddenKind.OFF_PAGE),
        (white_text, HiddenKind.COLOR),
        (tiny_text, HiddenKind.TINY),
    ],
    ids=["marked", "left", "below", "white", "tiny"],
)
def test_hidden_text_of_slides_is_kept_apart(tmp_path: Path, make: Make, kind: HiddenKind) -> None:
    document = of_slides(tmp_path, make)
    assert found(document) == [(kind, SECRET)]
    assert [page.text for page in document.pages] == ["Be kind.", "Be on time."]
    assert document.hidden[0].page_index == 1
    assert document.flags == ("hidden-text",)


@pytest.mark.parametrize(
    "make",
    [box, white_text_on_a_dark_shape, white_text_on_a_dark_slide, white_text_over_another_shape,
     small_text, lambda slide: box(slide, left=-1)],
)  # fmt: skip
def test_text_of_slides_that_is_seen_is_no_alarm(tmp_path: Path, make: Make) -> None:
    document = of_slides(tmp_path, make)
    assert (document.hidden, document.flags) == ((), ())
    assert is_seen(document)


def test_a_slide_that_is_not_shown_keeps_its_number_and_is_empty(tmp_path: Path) -> None:
    document = of_slides(tmp_path, hidden_slide)
    assert [page.text for page in document.pages] == ["Be kind.", ""]
    assert found(document) == [(HiddenKind.SLIDE, f"Be on time.\n{SECRET}")]
    assert document.flags == ("hidden-text",)


# Sheets


def hidden_row(sheet: Any) -> None:
    sheet.row_dimensions[3].hidden = True


def hidden_column(sheet: Any) -> None:
    sheet.column_dimensions["B"].hidden = True


def white_font(sheet: Any) -> None:
    sheet["B3"].font = Font(color="FFFFFFFF")


def white_font_on_a_fill(sheet: Any) -> None:
    white_font(sheet)
    sheet["B3"].fill = PatternFill("solid", fgColor="FF203050")


def no_format(sheet: Any) -> None:
    sheet["B3"].number_format = ";;;"


def tiny_font(sheet: Any) -> None:
    sheet["B3"].font = Font(sz=1)


def of_sheet(tmp_path: Path, make: Make) -> ParsedDocument:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for row in (["Topic", "Rule"], ["Manners", "Be kind."], ["Money", SECRET]):
        sheet.append(row)
    make(sheet)
    workbook.save(tmp_path / "made.xlsx")
    return parse_file(tmp_path / "made.xlsx", IngestSettings())


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (hidden_row, HiddenKind.MARKED, f"Money | {SECRET}"),
        (hidden_column, HiddenKind.MARKED, f"Rule\nBe kind.\n{SECRET}"),
        (white_font, HiddenKind.COLOR, SECRET),
        (no_format, HiddenKind.INVISIBLE, SECRET),
        (tiny_font, HiddenKind.TINY, SECRET),
    ],
)
def test_hidden_cells_are_kept_apart(
    tmp_path: Path, make: Make, kind: HiddenKind, text: str
) -> None:
    document = of_sheet(tmp_path, make)
    assert found(document) == [(kind, text)]
    assert not is_seen(document)
    assert document.flags == ("hidden-text",)


@pytest.mark.parametrize("make", [white_font_on_a_fill, list])
def test_cells_that_are_seen_are_no_alarm(tmp_path: Path, make: Make) -> None:
    document = of_sheet(tmp_path, make)
    assert (document.hidden, document.flags) == ((), ())
    assert is_seen(document)


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_sheet_that_is_not_shown_is_an_empty_page(tmp_path: Path, state: str) -> None:
    def hide(sheet: Any) -> None:
        other = sheet.parent.create_sheet("Other")
        other.append(["More", "of it"])
        other.sheet_state = state

    document = of_sheet(tmp_path, hide)
    assert len(document.pages) == 2
    assert document.pages[1].text == ""
    assert found(document) == [(HiddenKind.SHEET, "Other\nMore | of it")]
