from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.app import (
    RunningApp,
    ask,
    choose_files,
    press_until_gone,
    wait_for_reply,
    wait_until_settled,
)
from tests.browser.conftest import Visitor
from tests.browser.test_accessibility import violations

DROP = "Drop files or folders here"
PHONE = (390, 844)
TAKEN_IN_MS = 90_000
SECRET = "The marmot burrow on the test slope is closed in November."
QUESTION = "When is the marmot burrow on the test slope closed?"


@pytest.fixture
def five_files(tmp_path: Path) -> list[Path]:
    """Five files to add, one of them corrupt."""
    texts = {
        "marmots.txt": SECRET,
        "notes.md": "# Notes\n\nThe lift runs from eight to four.",
        "prices.csv": "item,price\nday pass,42\nweek pass,210\n",
        "page.html": "<title>Slopes</title><p>Slope seven is for beginners.</p>",
        "broken.pdf": "%PDF-1.4 this is no PDF",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [tmp_path / name for name in texts]


def send(page: Page, files: list[Path]) -> None:
    """Choose files as a person does, and wait until all have arrived."""
    choose_files(page, files)
    page.get_by_text(f"{len(files)} files were sent.").wait_for()


def test_five_files_one_corrupt_are_taken_in_then_one_is_deleted_and_answers_no_more(
    visitor: Visitor, five_files: list[Path]
) -> None:
    page = visitor.open("/documents", mark=DROP)
    send(page, five_files)
    expect(page.get_by_text("5 files · 1 rejected")).to_be_visible(timeout=TAKEN_IN_MS)
    expect(page.get_by_text("broken.pdf: rejected, corrupt")).to_be_visible()
    page.get_by_label("Search by name, title or collection").fill("marmots")
    page.keyboard.press("Enter")
    page.get_by_text("1 document", exact=True).wait_for()

    asking = visitor.open()
    ask(asking, QUESTION)
    wait_for_reply(asking)
    expect(asking.get_by_text("marmots.txt").first).to_be_visible()

    page.get_by_role("link", name="marmots.txt").click()
    page.get_by_text(SECRET).wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("is deleted and answers nothing any more")).to_be_visible(
        timeout=TAKEN_IN_MS
    )
    page.get_by_text("Proof: what every store").click()
    expect(page.get_by_text("0 vectors in the index left, of 1 before")).to_be_visible()

    asking.reload()
    asking.get_by_text("Why this answer").or_(asking.get_by_text("Why no answer")).first.wait_for()
    wait_until_settled(asking)
    assert "November" not in asking.inner_text("body")
    again = visitor.open()
    ask(again, QUESTION)
    wait_for_reply(again)
    assert "marmots.txt" not in again.inner_text("body")
    assert "November" not in again.inner_text("body")


def test_a_page_of_a_pdf_is_shown_as_a_picture(visitor: Visitor, app: RunningApp) -> None:
    page = visitor.open("/documents", mark=DROP)
    page.get_by_label("Search by name, title or collection").fill("employee-handbook")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="employee-handbook.pdf").click()
    page.get_by_text("Page 1 of 6").wait_for()
    page.get_by_role("button", name="Next").click()
    picture = page.get_by_role("img", name="Page 2")
    picture.wait_for()
    page.wait_for_function(
        "() => [...document.images].some(i => i.alt === 'Page 2' && i.naturalWidth > 0)"
    )
    source = picture.get_attribute("src")
    assert source is not None
    assert source.startswith("/plinth/documents/")


def test_a_batch_that_is_done_can_be_cleared(visitor: Visitor, tmp_path: Path) -> None:
    broken = tmp_path / "second.pdf"
    broken.write_bytes(b"%PDF-1.4 broken too")
    other = tmp_path / "other.txt"
    other.write_text("The sledge is kept in shed nine.", encoding="utf-8")
    page = visitor.open("/documents", mark=DROP)
    send(page, [broken, other])
    batch = page.locator("[class*='st-key-job-']").filter(has_text="second.pdf")
    expect(batch.get_by_text("second.pdf: rejected")).to_be_visible(timeout=TAKEN_IN_MS)
    batch.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("second.pdf")).to_have_count(0)


def test_earlier_batches_leave_the_list_within_reach_of_a_thumb(
    visitor: Visitor, tmp_path: Path
) -> None:
    names = ("igloo.txt", "yurt.txt", "tent.txt")
    page = visitor.open("/documents", size=PHONE, mark=DROP)
    for name in names:
        good, broken = tmp_path / name, tmp_path / f"{name}.pdf"
        good.write_text(f"The {name} has room for {len(name)} people.", encoding="utf-8")
        broken.write_bytes(b"%PDF-1.4 broken, " + name.encode())
        send(page, [broken, good])
        expect(page.get_by_text(f"{broken.name}: rejected, corrupt")).to_be_visible(
            timeout=TAKEN_IN_MS
        )
    fold = page.get_by_text(re.compile(r"^\d+ earlier batches · \d+ rejected files$"))
    expect(fold).to_be_visible()
    expect(page.get_by_text("igloo.txt.pdf: rejected")).to_be_hidden()
    # A rejected file is named while its batch, which stands beside the last one, is under way.
    expect(page.get_by_role("button", name="Stop")).to_have_count(0, timeout=TAKEN_IN_MS)
    expect(page.get_by_text("found by their words")).to_have_count(0, timeout=TAKEN_IN_MS)
    wait_until_settled(page)
    search = page.get_by_label("Search by name, title or collection").bounding_box()
    assert search is not None
    assert search["y"] + search["height"] <= 1.5 * PHONE[1]
    assert violations(page) == []

    fold.click()
    expect(page.get_by_text("igloo.txt.pdf: rejected")).to_be_visible()
    igloo = page.locator("[class*='st-key-job-']").filter(has_text="igloo.txt.pdf")
    igloo.get_by_role("button", name="1 taken in").click()
    expect(page.get_by_text("igloo.txt: taken in")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    igloo.get_by_role("button", name="Clear").click()
    expect(igloo).to_have_count(0)
    expect(page.get_by_text("yurt.txt.pdf: rejected")).to_be_visible()  # it stays open
    press_until_gone(page, page.get_by_role("button", name="Clear all"))
    expect(page.get_by_text("earlier batch")).to_have_count(0)
    expect(page.get_by_text("tent.txt.pdf: rejected")).to_be_visible()
    for name in names:
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def test_a_batch_that_went_well_is_one_line(visitor: Visitor, tmp_path: Path) -> None:
    files = [tmp_path / "chalet.txt", tmp_path / "cabin.txt"]
    for path in files:
        path.write_text(f"The {path.stem} has a stove.", encoding="utf-8")
    page = visitor.open("/documents", size=PHONE, mark=DROP)
    send(page, files)
    line = page.locator("[class*='st-key-job-']").filter(has_text="cabin.txt")
    expect(line.get_by_text("Done, can be asked about")).to_be_visible(timeout=TAKEN_IN_MS)
    expect(line.get_by_text("cabin.txt: taken in")).to_be_hidden()
    wait_until_settled(page)
    box = line.bounding_box()
    assert box is not None
    assert box["height"] < 60
    line.get_by_text("Done, can be asked about").click()
    expect(line.get_by_text("cabin.txt: taken in")).to_be_visible()


def test_the_box_says_why_a_file_was_not_accepted(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open("/documents", mark=DROP)
    page.route("**/plinth/uploads/*", lambda route: route.abort())
    one = tmp_path / "one.txt"
    one.write_text("one", encoding="utf-8")
    choose_files(page, [one])
    expect(page.get_by_text("one.txt: the connection was lost; send it again")).to_be_visible()
    visitor.errors.clear()  # the browser reports the connection that this test cut
