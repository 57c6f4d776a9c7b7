from __future__ import annotations

import io
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageChops

from ingest.parsing.scan_picture import has_ink, straightened, turn_of
from tests.ingest.parsing.scanned_pdf import (
    MARGIN_PT,
    PAGES,
    Print,
    Scanner,
    line_y,
    place_after_turn,
    printed_pdf,
    scanned,
)


def picture_of(tmp_path: Path, text: str, scanner: Scanner) -> Image.Image:
    path = printed_pdf(tmp_path / "page.pdf", [(text, Print())])
    pdf = pypdfium2.PdfDocument(path)
    drawn = pdf[0].render(scale=scanner.dpi / 72, grayscale=True).to_pil()
    pdf.close()
    return Image.open(io.BytesIO(scanned(drawn, scanner)))


@pytest.mark.parametrize("degrees", [-5.0, -2.3, -0.4, 0.0, 1.0, 3.0])
def test_turn_of_a_page_is_found_to_a_tenth_of_a_degree(tmp_path: Path, degrees: float) -> None:
    picture = picture_of(tmp_path, PAGES[1], Scanner(degrees=degrees))
    assert turn_of(picture) == pytest.approx(degrees, abs=0.1)


def test_straight_picture_is_straight_and_its_boxes_lie_where_they_lay(tmp_path: Path) -> None:
    picture = picture_of(tmp_path, PAGES[1], Scanner(degrees=3.0))
    straight = straightened(picture, 3.0)
    assert turn_of(straight.picture) == pytest.approx(0.0, abs=0.1)
    y = line_y(0, Print())
    scale = 150 / 72
    # Where the line would be, had the page never been turned: both pictures have one middle.
    shift_x = (straight.picture.width - picture.width) / 2
    shift_y = (straight.picture.height - picture.height) / 2
    box = (
        *(MARGIN_PT * scale + shift_x, picture.height - (y + 9) * scale + shift_y),
        *((MARGIN_PT + 200) * scale + shift_x, picture.height - y * scale + shift_y),
    )
    wanted = place_after_turn(MARGIN_PT, y, MARGIN_PT + 200, y + 9, 3.0)
    assert straight.box_in_original(*box) == pytest.approx(wanted, abs=0.002)


def test_box_at_the_edge_stays_on_the_page() -> None:
    straight = straightened(Image.new("L", (100, 200), 255), 5.0)
    left, top, right, bottom = straight.box_in_original(0, 0, *straight.picture.size)
    assert (left, top, right, bottom) == (0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize("degrees", [90.0, 180.0])
def test_quarter_turns_move_pixels_and_change_hardly_any(degrees: float) -> None:
    picture = Image.radial_gradient("L").crop((0, 0, 96, 200))
    turned = straightened(picture, degrees).picture
    wanted = picture.rotate(-degrees, expand=True)
    assert turned.size == wanted.size
    assert ImageChops.difference(turned, wanted).getextrema() <= (0, 1)


def test_a_line_of_text_is_ink_and_noise_is_not(tmp_path: Path) -> None:
    assert has_ink(picture_of(tmp_path, "Received on 4 June.", Scanner()))
    assert not has_ink(picture_of(tmp_path, "", Scanner(noise=20.0)))
    assert turn_of(Image.new("L", (400, 400), 200)) == 0.0
