"""Small documents of every kind, made where they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ingest.settings import IngestSettings

SENTENCE = "Employees accrue twelve days of leave each year."


@pytest.fixture
def limits() -> IngestSettings:
    return IngestSettings()


@pytest.fixture
def make_pdf(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a PDF from pages of (x, y, size, font, text) lines."""
    from reportlab.pdfgen.canvas import Canvas

    def make(
        *pages: Sequence[tuple[float, float, float, str, str]],
        name: str = "made.pdf",
        title: str = "",
        outline: Sequence[tuple[str, int]] = (),
    ) -> Path:
        path = tmp_path / name
        canvas = Canvas(str(path), invariant=1)
        canvas.setTitle(title)
        for number, lines in enumerate(pages):
            for heading, page_index in outline:
                if page_index == number:
                    canvas.bookmarkPage(heading)
                    canvas.addOutlineEntry(heading, heading, level=0)
            for x, y, size, font, text in lines:
                canvas.setFont(font, size)
                canvas.drawString(x, y, text)
            canvas.showPage()
        canvas.save()
        return path

    return make


@pytest.fixture
def make_text(tmp_path: Path) -> Callable[[str, str], Path]:
    """Return a function that writes a text file."""

    def make(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return make
