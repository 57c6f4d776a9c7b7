"""A question about a scanned page: answered, and marked where it stands in the picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reportlab.pdfbase.pdfmetrics import stringWidth
from starlette.applications import Starlette
from starlette.testclient import TestClient

from assistant.access import OPERATOR
from assistant.types import Answer
from tests.ingest.parsing.scanned_pdf import (
    MARGIN_PT,
    PAGES,
    Print,
    Scanner,
    line_y,
    place_after_turn,
    printed_pdf,
    scanned_pdf,
    typeset,
)
from tests.ingest.parsing.test_pdf_scans import needs_tesseract
from tests.ui.conftest import Plinth
from tests.ui.web.conftest import ORIGIN, visit
from ui.web.components.document_line import describe
from ui.web.desk import Desk
from ui.web.resources import Resources
from ui.web.routes import build_routes, picture_address

pytestmark = needs_tesseract

QUESTION = "What do groups of more than twelve people have to do?"
SENTENCE = "Groups of more than twelve people must register by the evening before."
DEGREES = -2.5


@pytest.fixture
def asking(asking: Plinth, folder: Path, tmp_path: Path) -> Plinth:
    """With the scan of two pages among the documents."""
    source = printed_pdf(tmp_path / "printed.pdf", [(text, Print()) for text in PAGES[7:9]])
    scanners = [Scanner(degrees=1.5), Scanner(degrees=DEGREES, seed=1)]
    scanned_pdf(folder / "ferry.pdf", source, scanners)
    return asking


def place_of(words: str, page: str) -> tuple[float, float, float, float]:
    """Where words stand that begin a line, or end in the middle of one, on the turned page."""
    style = Print()
    index, line = next((i, x) for i, x in enumerate(typeset(page, style)) if words in x)
    before = line[: line.index(words)]
    left = MARGIN_PT + stringWidth(before, style.font, style.size)
    right = left + stringWidth(words, style.font, style.size)
    y = line_y(index, style)
    return place_after_turn(left, y - 2, right, y + 8, DEGREES)


def test_question_about_a_scan_is_answered_with_the_mark_at_the_right_place(
    desk: Desk, opened: Resources
) -> None:
    reply = opened.engine.result().ask(QUESTION, readable=OPERATOR)
    assert isinstance(reply, Answer)
    citation = next(one for one in reply.citations if SENTENCE in one.quote)
    assert (citation.document, citation.page_number) == ("ferry.pdf", 2)
    client = visit(TestClient(Starlette(routes=build_routes()), base_url=ORIGIN))
    start = citation.span.start + citation.quote.index(SENTENCE)
    end = start + len(SENTENCE)
    answer = client.get(picture_address(citation.document_id, 1, 2, start, end))
    assert answer.headers["X-Boxes"] == str(len(SENTENCE.split()))
    picture = np.asarray(Image.open(io.BytesIO(answer.content)))
    # Paper and noise below it: the mark's colour is yellow all the same.
    is_marked = picture[:, :, 0].astype(int) - picture[:, :, 2] > 60
    ys, xs = np.nonzero(is_marked)
    height, width = is_marked.shape
    found = xs.min() / width, ys.min() / height, (xs.max() + 1) / width, (ys.max() + 1) / height
    wanted = place_of(SENTENCE, PAGES[8])
    assert overlap(found, wanted) > 0.6, (found, wanted)


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection of two boxes over their union."""
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = sum((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
    return across * down / (area - across * down)


def test_people_see_that_a_machine_read_it(desk: Desk, opened: Resources) -> None:
    (one,) = [x for x in desk.documents.list("documents") if x.document == "ferry.pdf"]
    assert ":orange[read from a scan]" in describe(one)
    pages = desk.documents.document(one.document_id).pages
    assert all((page.scan_confidence or 0) > 80 for page in pages)
