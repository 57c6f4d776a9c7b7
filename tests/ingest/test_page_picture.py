from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ingest import page_picture
from ingest.errors import RejectedFileError
from ingest.page_picture import PagePicture, draw_page
from ingest.parsing.picture_child import MARK
from ingest.settings import IngestSettings
from ingest.types import RejectReason

MakePdf = Callable[..., bytes]


def draw(path: Path, *, quote: str = "", place: float = 0.0, page_index: int = 0) -> PagePicture:
    settings = IngestSettings()
    return draw_page(path, page_index, quote=quote, place=place, width_px=600, settings=settings)


def marked_rows(picture: PagePicture) -> set[int]:
    """The rows of pixels that hold the mark's colour."""
    image = Image.open(io.BytesIO(picture.png))
    return {
        y for y in range(image.height) for x in range(image.width) if image.getpixel((x, y)) == MARK
    }


@pytest.fixture
def pdf(tmp_path: Path, make_pdf: MakePdf) -> Path:
    path = tmp_path / "two.pdf"
    path.write_bytes(make_pdf("Leave expires on 31 March. Bikes go below.", "Leave is paid."))
    return path


def test_draw_page_marks_the_quote_where_it_stands(pdf: Path) -> None:
    picture = draw(pdf, quote="Leave expires\non 31 March.")
    assert picture.n_boxes == 1
    # The line stands 72 + 720 points up on a page of 842 points that is 595 points wide.
    line_y = (842 - 720) * 600 / 595
    rows = marked_rows(picture)
    assert rows
    assert line_y - 20 < min(rows) < max(rows) < line_y + 10


def test_draw_page_takes_the_occurrence_nearest_to_the_place(
    tmp_path: Path, make_pdf: MakePdf
) -> None:
    path = tmp_path / "twice.pdf"
    path.write_bytes(make_pdf("pay " + "x" * 30 + " pay"))
    first, second = (draw(path, quote="pay", place=place) for place in (0.0, 0.9))
    assert first.n_boxes == second.n_boxes == 1
    assert first.png != second.png


def test_draw_page_without_the_quote_marks_nothing(pdf: Path) -> None:
    picture = draw(pdf, quote="Something else.", page_index=1)
    assert picture.n_boxes == 0
    assert marked_rows(picture) == set()


@pytest.mark.parametrize("page_index", [5, -7])
def test_draw_page_of_a_page_that_is_not_there_is_rejected(pdf: Path, page_index: int) -> None:
    with pytest.raises(RejectedFileError) as caught:
        draw(pdf, page_index=page_index)
    assert caught.value.reason is RejectReason.CORRUPT


def test_draw_page_of_a_damaged_file_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "bad.pdf"
    path.write_bytes(b"%PDF-1.4 nothing")
    with pytest.raises(RejectedFileError):
        draw(path)


def test_draw_page_that_takes_too_long_is_rejected(
    pdf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_picture, "DRAW_S", 0.001)
    with pytest.raises(RejectedFileError) as caught:
        draw(pdf)
    assert caught.value.reason is RejectReason.TOO_SLOW
