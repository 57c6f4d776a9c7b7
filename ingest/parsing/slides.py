"""PPTX files: a slide is a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.parsing.document_builder import DocumentBuilder, check_n_pages
from ingest.parsing.metadata import iso_date
from ingest.parsing.office import opened
from ingest.parsing.sniff import MediaType
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument


class SlidesParser:
    """Reads PPTX files: title, text and tables of each slide, then its notes."""

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
            for number, slide in enumerate(presentation.slides, start=1):
                if slide.element.get("show") == "0":
                    builder.flags.add("hidden-slides")
                _add_slide(builder, slide)
                builder.end_page(number)
            return builder.build()


def _add_slide(builder: DocumentBuilder, slide: Any) -> None:
    title = slide.shapes.title
    if title is not None:
        builder.heading(title.text_frame.text, 1)
    for shape in _leaves(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.has_text_frame:
            _add_text(builder, shape)
        elif getattr(shape, "has_table", False):
            builder.table([[cell.text for cell in row.cells] for row in shape.table.rows])
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame):
        text = notes.text.strip()
        if text:
            builder.paragraph(f"Notes: {text}")


def _add_text(builder: DocumentBuilder, shape: Any) -> None:
    # In a body placeholder each paragraph is a point of a list, as its layout shows it.
    lines = [paragraph.text for paragraph in shape.text_frame.paragraphs if paragraph.text.strip()]
    is_list = shape.is_placeholder and len(lines) > 1
    for line in lines:
        if is_list:
            builder.item(f"- {line}")
        else:
            builder.paragraph(line)


def _leaves(shapes: Any) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _leaves(shape.shapes)
        else:
            yield shape
