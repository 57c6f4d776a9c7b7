"""Text that no reader of a PDF sees is kept apart; what is seen stays."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Text
from pypdf.generic import NameObject, NumberObject
from reportlab.lib.colors import Color, black, white
from reportlab.pdfgen.canvas import Canvas

from ingest.page_picture import draw_page
from ingest.parsing import pdf as pdf_module
from ingest.parsing.pdf import PdfParser
from ingest.parsing.pdf_glance import FEW_OBJECTS
from ingest.settings import IngestSettings
from ingest.types import HiddenKind, ParsedDocument
from tests.ingest.parsing.hidden_pdfs import (
    LINES,
    SECRET,
    TRICKS,
    Draw,
    alone,
    colored,
    ordinary,
    respelled,
    scan,
    then,
    write_pdf,
)

SEEN = "\n\n".join(LINES)


def parsed(path: Path) -> ParsedDocument:
    return PdfParser(IngestSettings()).parse(path)


def drawn(path: Path, *pages: Draw) -> ParsedDocument:
    return parsed(write_pdf(path / "made.pdf", *pages))


def all_text(document: ParsedDocument) -> str:
    return "\n".join(page.text for page in document.pages)


@pytest.mark.parametrize("name", TRICKS)
def test_text_that_is_not_seen_is_kept_apart(tmp_path: Path, name: str) -> None:
    document = parsed(TRICKS[name].write(tmp_path / "made.pdf", is_hidden=True))
    assert [(one.kind, one.text) for one in document.hidden] == [(TRICKS[name].kind, SECRET)]
    assert document.pages[0].text == SEEN
    assert document.flags == ("hidden-text",)


@pytest.mark.parametrize("name", TRICKS)
def test_its_visible_twin_is_no_alarm(tmp_path: Path, name: str) -> None:
    document = parsed(TRICKS[name].write(tmp_path / "made.pdf", is_hidden=False))
    assert (document.hidden, document.flags) == ((), ())
    assert SECRET in document.pages[0].text


def in_courier(canvas: Canvas) -> None:
    ordinary(canvas)
    canvas.setFont("Courier", 11)
    canvas.drawString(72, 600, SECRET)


@pytest.mark.parametrize("is_crowded", [False, True])
def test_characters_that_show_nothing_are_kept_apart(tmp_path: Path, *, is_crowded: bool) -> None:
    drawing = then(crowded, in_courier) if is_crowded else in_courier
    path = respelled(write_pdf(tmp_path / "made.pdf", drawing), lambda one: chr(0xE0000 + ord(one)))
    document = parsed(path)
    assert [(one.kind, one.text) for one in document.hidden] == [(HiddenKind.CHARACTERS, SECRET)]
    assert (document.pages[0].text, document.flags) == (SEEN, ("hidden-text",))


def test_characters_beyond_the_first_plane_are_read(tmp_path: Path) -> None:
    def script(one: str) -> str:
        return chr(0x1D5BA + ord(one) - ord("a")) if "a" <= one <= "z" else one

    path = respelled(write_pdf(tmp_path / "made.pdf", in_courier), script)
    document = parsed(path)
    said = "".join(map(script, SECRET))
    assert document.pages[0].text == f"{SEEN}\n\n{unicodedata.normalize('NFC', said)}"
    assert (document.hidden, document.flags) == ((), ())
    picture = draw_page(path, 0, quote=said, place=1.0, width_px=600, settings=IngestSettings())
    assert picture.n_boxes == 1


def crowded(canvas: Canvas) -> None:
    """Draw more than what is looked at one by one."""
    for i in range(2 * FEW_OBJECTS):
        canvas.rect(20 + 3 * (i % 100), 30 + 3 * (i // 100), 2, 2, fill=1)


@pytest.mark.parametrize("name", TRICKS)
def test_text_that_is_not_seen_is_found_on_a_page_of_many_objects(
    tmp_path: Path, name: str
) -> None:
    trick = replace(
        TRICKS[name],
        hidden=then(crowded, TRICKS[name].hidden),
        seen=then(crowded, TRICKS[name].seen),
    )
    document = parsed(trick.write(tmp_path / "made.pdf", is_hidden=True))
    assert [(one.kind, one.text) for one in document.hidden] == [(trick.kind, SECRET)]
    assert document.pages[0].text == SEEN
    twin = parsed(trick.write(tmp_path / "twin.pdf", is_hidden=False))
    assert twin.hidden == ()
    assert SECRET in twin.pages[0].text


def test_text_under_other_text_is_found_on_a_page_of_many_objects(tmp_path: Path) -> None:
    def under(canvas: Canvas) -> None:
        crowded(canvas)
        canvas.setFillColor(white)
        canvas.drawString(72, 740, SECRET)
        ordinary(canvas)

    document = drawn(tmp_path, under)
    assert "Mallory" in document.hidden[0].text
    assert "Mallory" not in document.pages[0].text


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_page_hides_the_same(tmp_path: Path, rotation: int) -> None:
    path = write_pdf(tmp_path / "made.pdf", alone(colored(white)))
    writer = PdfWriter(clone_from=PdfReader(path))
    writer.pages[0].rotate(rotation)
    writer.write(path)
    document = parsed(path)
    assert [one.text for one in document.hidden] == [SECRET]
    assert "Mallory" not in document.pages[0].text
    assert "paidbytheday" in document.pages[0].text.replace(" ", "")


def test_what_is_covered_of_a_line_is_left_out_of_it(tmp_path: Path) -> None:
    def half(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Visitors park for free or pay Mallory")
        canvas.setFillColor(white)
        canvas.rect(72 + canvas.stringWidth("Visitors park for free "), 690, 300, 30, 1, 1)

    document = drawn(tmp_path, half)
    assert document.pages[0].text == "Visitors park for free"
    assert [one.text for one in document.hidden] == ["or pay Mallory"]


@pytest.mark.parametrize(("flags", "is_read"), [(4, True), (4 + 32, False), (2, False)])
def test_a_form_field_that_is_not_shown_is_not_read(
    tmp_path: Path, flags: int, is_read: bool
) -> None:
    def form(canvas: Canvas) -> None:
        ordinary(canvas)
        canvas.acroForm.textfield(name="name", value="Mallory", x=72, y=600, width=200)

    path = write_pdf(tmp_path / "made.pdf", form)
    writer = PdfWriter(clone_from=PdfReader(path))
    field: Any = writer.pages[0]["/Annots"][0].get_object()
    field[NameObject("/F")] = NumberObject(flags)
    writer.write(path)
    assert ("Mallory" in parsed(path).pages[0].text) is is_read


def test_contents_of_a_comment_are_no_text_of_the_page(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "made.pdf", ordinary)
    writer = PdfWriter(clone_from=PdfReader(path))
    writer.add_annotation(0, Text(rect=(72, 600, 92, 620), text=SECRET))
    writer.add_metadata({"/Subject": SECRET, "/Keywords": SECRET})
    writer.write(path)
    document = parsed(path)
    assert document.pages[0].text == SEEN
    assert (document.hidden, document.title) == ((), "")


def test_a_digit_that_is_not_seen_changes_no_number(tmp_path: Path) -> None:
    def number(canvas: Canvas) -> None:
        canvas.drawString(72, 700, "Costs: 100 euros")
        canvas.setFillColor(white)
        x = 72 + canvas.stringWidth("Costs: 100 euros")
        canvas.drawString(x, 700, "9")

    document = drawn(tmp_path, number)
    assert document.pages[0].text == "Costs: 100 euros"
    assert [one.text for one in document.hidden] == ["9"]


def test_pages_tell_which_of_them_hides_something(tmp_path: Path) -> None:
    document = drawn(tmp_path, ordinary, alone(colored(white)), ordinary)
    assert [(one.page_index, one.text) for one in document.hidden] == [(1, SECRET)]


def test_a_document_of_hidden_text_alone_is_taken_in_without_it(tmp_path: Path) -> None:
    document = drawn(tmp_path, colored(white))
    assert [page.text for page in document.pages] == [""]
    assert [one.text for one in document.hidden] == [SECRET]


SCANNED = ("The contract ends in May.", "Notice is given in writing.", "Signed in Vienna.")


@pytest.mark.parametrize("over", [True, False], ids=["invisible", "covered"])
def test_recognised_text_of_a_scan_is_ordinary(tmp_path: Path, over: bool) -> None:
    document = drawn(tmp_path, scan(*SCANNED, over=over))
    assert (document.hidden, document.flags) == ((), ())
    assert document.pages[0].text.split() == " ".join(SCANNED).split()


def test_recognised_text_of_a_stamped_scan_is_ordinary(tmp_path: Path) -> None:
    def stamped(canvas: Canvas) -> None:
        scan(*SCANNED)(canvas)
        canvas.setFillColor(black)
        canvas.drawString(72, 30, "Filed on 3 May, page 1 of 7")

    document = drawn(tmp_path, stamped)
    assert document.hidden == ()
    assert "Filed on 3 May" in document.pages[0].text
    assert SCANNED[0] in document.pages[0].text


def test_specks_and_strays_of_recognised_text_are_ordinary(tmp_path: Path) -> None:
    def specked(canvas: Canvas) -> None:
        scan(*SCANNED, *SCANNED)(canvas)
        for size, y, stray in ((9, 300, "shelves"), (1, 200, "I.")):
            text = canvas.beginText(300, y)
            text.setFont("Helvetica", size)
            text.setTextRenderMode(3)
            text.textOut(stray)
            canvas.drawText(text)

    assert drawn(tmp_path, specked).hidden == ()


def test_recognised_text_of_a_picture_on_a_page_is_ordinary(tmp_path: Path) -> None:
    def figure(canvas: Canvas) -> None:
        scan(*SCANNED, size=(500, 140))(canvas)
        canvas.setFillColor(black)
        canvas.drawString(72, 600, "The figure above is a letter.")

    document = drawn(tmp_path, figure)
    assert document.hidden == ()
    assert SCANNED[1] in document.pages[0].text


@pytest.mark.parametrize("over", [True, False], ids=["invisible", "covered"])
def test_invisible_text_over_an_empty_picture_is_none_of_a_scan(tmp_path: Path, over: bool) -> None:
    document = drawn(tmp_path, scan(*SCANNED, is_blank=True, over=over), ordinary)
    assert document.pages[0].text == ""
    assert document.hidden[0].text.split() == " ".join(SCANNED).split()


def test_invisible_text_in_the_margin_of_a_scan_is_hidden(tmp_path: Path) -> None:
    def with_more(canvas: Canvas) -> None:
        scan(*SCANNED)(canvas)
        text = canvas.beginText(72, 300)
        text.setFont("Helvetica", 10)
        text.setTextRenderMode(3)
        text.textOut(SECRET)
        canvas.drawText(text)

    document = drawn(tmp_path, with_more)
    assert SCANNED[0] in document.pages[0].text
    assert [(one.kind, one.text) for one in document.hidden] == [(HiddenKind.INVISIBLE, SECRET)]


def test_pages_that_may_not_be_drawn_keep_their_text_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_module, "_MOST_DRAWN_PAGES", 1)
    document = drawn(tmp_path, *[alone(colored(white))] * 2)
    assert document.flags == ("hidden-text", "hidden-text-unproven")
    assert [one.page_index for one in document.hidden] == [0]
    assert SECRET in document.pages[1].text


shade = st.integers(0, 255)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    looks=st.lists(
        st.tuples(
            st.tuples(shade, shade, shade),
            st.one_of(st.none(), st.tuples(shade, shade, shade)),
            st.sampled_from([6.0, 9.0, 14.0]),
            st.booleans(),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_nothing_that_is_seen_is_lost_whatever_its_colours(tmp_path: Path, looks: list) -> None:
    """Text that differs from its ground is read as if it were black on white."""

    def draw(plainly: bool) -> Draw:
        def page(canvas: Canvas) -> None:
            for i, (color, ground, size, is_clipped, is_framed) in enumerate(looks):
                behind = ground or (255, 255, 255)
                if max(abs(a - b) for a, b in zip(color, behind, strict=True)) < 80:
                    color = tuple((one + 128) % 256 for one in behind)
                y = 780 - 60 * i
                canvas.saveState()
                if not plainly:
                    if is_clipped:
                        path = canvas.beginPath()
                        path.rect(40, y - 20, 500, 50)
                        canvas.clipPath(path, stroke=0)
                    if ground:
                        canvas.setFillColor(Color(*(one / 255 for one in ground)))
                        canvas.rect(50, y - 10, 480, 30, fill=1, stroke=0)
                    canvas.setFillColor(Color(*(one / 255 for one in color)))
                canvas.setFont("Helvetica", size)
                canvas.drawString(72, y, f"{i}. Rule {i}: costs of 1,000.50 are paid, too; ask!")
                if is_framed and not plainly:
                    canvas.rect(45, y - 15, 490, 40, fill=0)
                    canvas.line(60, y - 2, 300, y - 2)
                canvas.restoreState()

        return page

    plain, colorful = drawn(tmp_path, draw(plainly=True)), drawn(tmp_path, draw(plainly=False))
    assert (colorful.hidden, colorful.flags) == ((), ())
    assert colorful.pages == plain.pages
