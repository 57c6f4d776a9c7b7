from __future__ import annotations

import io

import pypdfium2
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from evals.suites import SAMPLE
from tests.browser.app import ask, chips, open_source, wait_for_reply, wait_until_settled
from tests.browser.conftest import Asked, Visitor

QUOTE = "we pay your full salary for ten weeks"
PAGE_INDEX = 2
TOLERANCE = 0.02
"""Of the page's height and width."""
PHONE = (390, 844)


def picture(page: Page) -> Locator:
    return page.get_by_alt_text("The page with the passage marked")


def marked_box(png: bytes) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of the yellow pixels as shares of width and height."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    yellow = [
        (index % image.width, index // image.width)
        for index, (r, g, b) in enumerate(image.get_flattened_data())
        if r > 200 and g > 170 and b < 150
    ]
    assert yellow, "nothing is marked"
    across, down = zip(*yellow, strict=True)
    return (
        min(across) / image.width,
        min(down) / image.height,
        max(across) / image.width,
        max(down) / image.height,
    )


def printed_box() -> tuple[float, float, float, float]:
    """Return where the words stand on the page by the PDF itself."""
    with pypdfium2.PdfDocument(SAMPLE / "corpus" / "employee-handbook.pdf") as pdf:
        page = pdf[PAGE_INDEX]
        width, height = page.get_size()
        text = page.get_textpage()
        start, count = text.search(QUOTE).get_next()
        boxes = [text.get_charbox(index) for index in range(start, start + count)]
    return (
        min(box[0] for box in boxes) / width,
        1 - max(box[3] for box in boxes) / height,
        max(box[2] for box in boxes) / width,
        1 - min(box[1] for box in boxes) / height,
    )


@pytest.mark.parametrize("size", [(1440, 900), PHONE])
def test_citation_opens_the_page_with_the_passage_marked_in_its_place(
    returning: Visitor, asked: Asked, size: tuple[int, int]
) -> None:
    page = returning.open(asked.path, size=size)
    open_source(page)
    expect(page.get_by_text("Source 1 of 1")).to_be_visible()
    address = picture(page).get_attribute("src")
    reply = page.request.get(returning.app.url + address)
    assert int(reply.headers["x-boxes"]) >= 1
    marked, printed = marked_box(reply.body()), printed_box()
    # The mark covers the words, and no more than the lines of the sentence around them.
    assert marked[0] <= printed[0] + TOLERANCE
    assert marked[1] == pytest.approx(printed[1], abs=TOLERANCE)
    assert marked[2] >= printed[2] - TOLERANCE
    assert marked[3] - marked[1] < 0.08
    # And it is in sight: the pane is scrolled to it.
    box = picture(page).bounding_box()
    assert 0 < box["y"] + marked[1] * box["height"] < size[1]
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size[0]


def test_source_of_text_marks_the_passage_and_steps_to_its_neighbours(visitor: Visitor) -> None:
    page = visitor.open()
    ask(page, "How quickly must a lost laptop be reported to the security desk?")
    wait_for_reply(page)
    last = chips(page).count()
    assert last > 1
    first_place = page.get_by_text(f"Source 1 of {last}")
    chips(page).first.click()
    expect(first_place).to_be_visible()
    mark = page.locator("[class*='st-key-source'] .stMarkdownColoredBackground")
    expect(mark).to_contain_text("Lost and stolen devices")
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()
    for number in range(2, last + 1):
        wait_until_settled(page)
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text(f"Source {number} of {last}")).to_be_visible()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    for number in range(last - 1, 0, -1):
        wait_until_settled(page)
        page.get_by_role("button", name="Previous").click()
        expect(page.get_by_text(f"Source {number} of {last}")).to_be_visible()
    page.keyboard.press("Escape")
    expect(first_place).to_have_count(0)


def test_source_closes_with_its_button(returning: Visitor, asked: Asked) -> None:
    page = returning.open(asked.path)
    open_source(page)
    page.get_by_role("button", name="Close").click()
    expect(picture(page)).to_have_count(0)


def test_source_links_to_the_file_at_its_page(returning: Visitor, asked: Asked) -> None:
    page = returning.open(asked.path)
    open_source(page)
    address = page.get_by_role("link", name="Open the file").get_attribute("href")
    assert address.endswith("#page=3")
    reply = page.request.get(returning.app.url + address)
    assert reply.headers["content-type"] == "application/pdf"
    assert reply.body() == (SAMPLE / "corpus" / "employee-handbook.pdf").read_bytes()
