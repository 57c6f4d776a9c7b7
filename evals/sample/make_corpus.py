"""Make the binary files of the sample corpus from their texts in `source/`.

Run `python evals/sample/make_corpus.py` after changing a text; needs the development extras. A
source `NAME.pdf.md` becomes `NAME.pdf`, and so for docx, pptx and xlsx; `=== page` begins a new
page, slide or sheet. Texts, tables and mails of other formats lie in `corpus/` as they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from docx import Document
from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Cm, Pt
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table
from reportlab.platypus.flowables import Flowable

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "source"
PAGE = "=== page\n"
HEALTH_PLANS: Mapping[str, Mapping[str, str]] = {
    "a": {
        "plan": "A",
        "contract": "CM-20418",
        "contribution": "£18.50",
        "partner": "£22.00",
        "excess": "£250",
        "list": "regional",
        "specialist": "up to £600",
        "physio": "6",
        "therapy": "8",
        "dental": "up to £350",
        "optical": "up to £120",
        "cash": "£40",
        "checkup": "three",
        "waiting": "twelve months",
    },
    "b": {
        "plan": "B",
        "contract": "CM-20419",
        "contribution": "£41.00",
        "partner": "£47.50",
        "excess": "£100",
        "list": "national",
        "specialist": "up to £1,500",
        "physio": "12",
        "therapy": "16",
        "dental": "up to £600",
        "optical": "up to £180",
        "cash": "£75",
        "checkup": "two",
        "waiting": "six months",
    },
}
"""Two booklets that differ in their figures only, from one text."""


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list item or table."""

    kind: str
    """`h1`, `h2`, `p`, `item` or `table`."""
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    """Of a table, the header first."""


@dataclass(frozen=True, slots=True)
class Text:
    """A source text, parsed."""

    title: str
    written: date
    pages: tuple[tuple[Block, ...], ...]


def read_text(source: str) -> Text:
    """Parse the small markup of the sources: `#`, `##`, `-`, `| a | b |`, paragraphs."""
    first, body = source.split("\n", 1)
    pages = tuple(tuple(_blocks(page)) for page in body.split(PAGE))
    title = next(block.text for block in pages[0] if block.kind == "h1")
    return Text(title, date.fromisoformat(first.removeprefix("date: ")), pages)


def _blocks(page: str) -> Iterator[Block]:
    rows: list[tuple[str, ...]] = []
    for line in [*page.splitlines(), ""]:
        if line.startswith("|"):
            rows.append(tuple(cell.strip() for cell in line.strip("|").split("|")))
            continue
        if rows:
            yield Block("table", rows=tuple(rows))
            rows = []
        for mark, kind in (("# ", "h1"), ("## ", "h2"), ("- ", "item"), ("", "p")):
            if line.startswith(mark):
                if line:
                    yield Block(kind, line.removeprefix(mark))
                break


def write_pdf(text: Text, path: Path) -> None:
    """Write A4 pages with the title and the page number at the foot."""
    styles = getSampleStyleSheet()
    body = ParagraphStyle("body", parent=styles["BodyText"], alignment=TA_LEFT, leading=13)
    cell = ParagraphStyle("cell", parent=body, fontSize=9, leading=11)
    item = ParagraphStyle("item", parent=body, leftIndent=14, bulletIndent=4)
    flow: list[Flowable] = []
    for page in text.pages:
        for block in page:
            if block.kind == "table":
                lines = [[Paragraph(value, cell) for value in row] for row in block.rows]
                grid = [
                    ("LINEBELOW", (0, 0), (-1, -1), 0.4, "grey"),
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ]
                flow += [Table(lines, style=grid, repeatRows=1), Spacer(1, 6)]
            elif block.kind == "item":
                flow.append(Paragraph(block.text, item, bulletText="•"))
            else:
                style = {"h1": styles["Title"], "h2": styles["Heading2"]}.get(block.kind, body)
                flow.append(Paragraph(block.text, style))
        flow.append(PageBreak())

    def foot(canvas: Canvas, _document: object) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawCentredString(A4[0] / 2, 24, f"{text.title} · {canvas.getPageNumber()}")

    # The same text gives the same bytes: reportlab takes its time stamp from here.
    os.environ["SOURCE_DATE_EPOCH"] = str(int(_midnight(text).timestamp()))
    password = StandardEncryption("not-in-the-corpus") if ".locked" in path.name else None
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        title=text.title,
        author="Brinewell Cold Chain Ltd",
        topMargin=44,
        bottomMargin=44,
        encrypt=password,
    )
    document.build(flow[:-1], onFirstPage=foot, onLaterPages=foot)


def write_docx(text: Text, path: Path) -> None:
    """Write a Word document with styled headings, lists and tables."""
    document = Document()
    document.core_properties.title = text.title
    document.core_properties.created = document.core_properties.modified = _midnight(text)
    styles = {"h1": "Title", "h2": "Heading 1", "item": "List Bullet", "p": "Normal"}
    for block in (block for page in text.pages for block in page):
        if block.kind != "table":
            document.add_paragraph(block.text, styles[block.kind])
            continue
        table = document.add_table(0, len(block.rows[0]), style="Table Grid")
        for row in block.rows:
            for target, value in zip(table.add_row().cells, row, strict=True):
                target.text = value
    document.save(str(path))


def write_pptx(text: Text, path: Path) -> None:
    """Write one slide a page: title, then lines, then tables."""
    slides = Presentation()
    slides.core_properties.title = text.title
    slides.core_properties.created = slides.core_properties.modified = _midnight(text)
    for page in text.pages:
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        slide.shapes.title.text = page[0].text
        lines = [block.text for block in page[1:] if block.kind != "table"]
        slide.placeholders[1].text = "\n".join(lines)
        for block in (block for block in page if block.kind == "table"):
            n_rows, n_columns = len(block.rows), len(block.rows[0])
            frame = slide.shapes.add_table(n_rows, n_columns, Cm(2), Cm(11), Cm(21), Cm(5))
            for row_index, row in enumerate(block.rows):
                for column_index, value in enumerate(row):
                    target = frame.table.cell(row_index, column_index)
                    target.text = value
                    target.text_frame.paragraphs[0].font.size = Pt(14)
    slides.save(str(path))


def write_xlsx(text: Text, path: Path) -> None:
    """Write one sheet a page, named by its heading; numbers as numbers."""
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.title = f"Tariff {text.written.year + 1}"
    book.properties.created = book.properties.modified = _midnight(text).replace(tzinfo=None)
    for heading, table in text.pages:
        sheet = book.create_sheet(heading.text)
        for row in table.rows:
            sheet.append([_number(value) for value in row])
    book.save(path)


WRITERS: Mapping[str, Callable[[Text, Path], None]] = {
    ".pdf": write_pdf,
    ".docx": write_docx,
    ".pptx": write_pptx,
    ".xlsx": write_xlsx,
}


def make_corpus(target: Path) -> None:
    """Write every binary file of the corpus below `target`, over what lies there."""
    for source in sorted(SOURCE.rglob("*.md")):
        path = target / source.relative_to(SOURCE).with_suffix("")
        path.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        write = WRITERS[path.suffix]
        if path.stem != "health-plan":
            write(read_text(text), path)
            continue
        for letter, figures in HEALTH_PLANS.items():
            variant = path.with_stem(f"{path.stem}-{letter}")
            write(read_text(text.format_map(figures)), variant)


def _midnight(text: Text) -> datetime:
    return datetime.combine(text.written, time(), UTC)


def _number(value: str) -> str | float:
    try:
        return float(value)
    except ValueError:
        return value


if __name__ == "__main__":
    make_corpus(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "corpus")
