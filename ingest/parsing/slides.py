"""PPTX files: a slide is a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.parsing.document_builder import DocumentBuilder, check_n_pages
from ingest.parsing.metadata import iso_date
from ingest.parsing.office import opened
from ingest.parsing.slide_look import hidden_run, hidden_shape
from ingest.parsing.sniff import MediaType
from ingest.settings import IngestSettings
from ingest.types import HiddenKind, ParsedDocument

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


class SlidesParser:
    """Reads PPTX files: title, text and tables of each slide, then its notes.

    Notes say that they are. Slides that are not shown keep their number and are empty.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings

    def parse(self, path: Path) -> ParsedDocument:
        """Return the slides of the presentation at `path`; see `Parser.parse`."""
        # Imported here: slow to load, and most files of a corpus may be of another format.
        import pptx

        with opened(path, self._settings, pptx.Presentation) as presentation:
            builder = DocumentBuilder(MediaType.PPTX, self._settings)
            properties = presentation.core_properties
            builder.title = properties.title or ""
            builder.date = iso_date(properties.modified) or iso_date(properties.created)
            check_n_pages(len(presentation.slides), self._settings)
            size = (presentation.slide_width, presentation.slide_height)
            for number, slide in enumerate(presentation.slides, start=1):
                if slide.element.get("show") == "0":
                    builder.hide(HiddenKind.SLIDE, "\n".join(_all_text(slide)))
                else:
                    _add_slide(builder, slide, size)
                builder.end_page(number)
            return builder.build()


def _all_text(slide: Any) -> Iterator[str]:
    for shape in _leaves(slide.shapes):
        if shape.has_text_frame:
            yield shape.text_frame.text
        elif getattr(shape, "has_table", False):
            yield from (" | ".join(cell.text for cell in row.cells) for row in shape.table.rows)
    yield _notes(slide)


def _notes(slide: Any) -> str:
    notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    text = notes.text.strip() if notes else ""
    return f"Notes: {text}" if text else ""


def _add_slide(builder: DocumentBuilder, slide: Any, size: tuple[int, int]) -> None:
    shapes = list(_seen_shapes(builder, slide, size))
    title = slide.shapes.title
    for shape in shapes:
        if title is not None and shape.shape_id == title.shape_id:
            lines = _lines(builder, shape, slide)
            builder.heading(" ".join(lines), 1)
    for shape in shapes:
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.has_text_frame:
            _add_text(builder, shape, slide)
        elif getattr(shape, "has_table", False):
            builder.table([[cell.text for cell in row.cells] for row in shape.table.rows])
    if notes := _notes(slide):
        builder.paragraph(notes)


def _seen_shapes(builder: DocumentBuilder, slide: Any, size: tuple[int, int]) -> Iterator[Any]:
    for shape in slide.shapes:
        kind = hidden_shape(shape, size)
        for leaf in _leaves([shape]):
            if kind is None:
                yield leaf
            elif leaf.has_text_frame:
                builder.hide(kind, leaf.text_frame.text)


def _add_text(builder: DocumentBuilder, shape: Any, slide: Any) -> None:
    # In a body placeholder each paragraph is a point of a list, as its layout shows it.
    lines = _lines(builder, shape, slide)
    is_list = shape.is_placeholder and len(lines) > 1
    for line in lines:
        if is_list:
            builder.item(f"- {line}")
        else:
            builder.paragraph(line)


def _lines(builder: DocumentBuilder, shape: Any, slide: Any) -> list[str]:
    """Return the paragraphs of a shape that hold text, without what is not seen of them."""
    lines: list[str] = []
    for paragraph in shape.text_frame.paragraphs:
        for run in paragraph.runs:
            if kind := hidden_run(run._r, shape, slide):
                builder.hide(kind, run.text)
                run.text = ""
        if paragraph.text.strip():
            lines.append(paragraph.text)
    return lines


def _leaves(shapes: Any) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _leaves(shape.shapes)
        else:
            yield shape
