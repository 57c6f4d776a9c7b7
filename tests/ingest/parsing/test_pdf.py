import io
from pathlib import Path

import pypdf
import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.pdf import PdfParser
from ingest.settings import IngestSettings
from ingest.types import RejectReason
from tests.contracts.parser_contract import ParserContract
from tests.ingest.parsing.conftest import SENTENCE

BODY, BOLD = "Helvetica", "Helvetica-Bold"


def prose(lines, *, top=700.0, x=72.0, size=11.0, font=BODY, pitch=14.0):
    return [(x, top - i * pitch, size, font, line) for i, line in enumerate(lines)]


def page_of(document, number=1):
    return document.pages[number - 1]


def headings(page):
    return [(h.span.slice(page.text), h.level) for h in page.headings]


class TestPdfContract(ParserContract):
    sentence = SENTENCE

    @pytest.fixture
    def parser_class(self):
        return PdfParser

    @pytest.fixture
    def sample(self, make_pdf):
        first = [(72, 740, 20, BOLD, "Leave policy"), *prose([SENTENCE])]
        table = [
            (x, y, 11, BODY, cell)
            for y, row in ((600, "Plan Cost"), (586, "Basic 10"), (572, "Full 20"))
            for x, cell in zip((72, 300), row.split(), strict=True)
        ]
        return make_pdf(first + table, prose(["The second page."]))


def test_parse_joins_lines_of_a_paragraph_and_splits_paragraphs(make_pdf, limits):
    path = make_pdf(
        prose(
            [
                "Employees who travel for the company are paid back what they spend on trains",
                "and on hotels, up to the limits below. Receipts are needed.",
                "Meals are paid by the day. The daily amount depends on the country and is set",
                "once a year.",
            ]
        )
        + prose(["A new block stands lower on the page."], top=600)
    )
    assert page_of(PdfParser(limits).parse(path)).text.split("\n\n") == [
        "Employees who travel for the company are paid back what they spend on trains and on "
        "hotels, up to the limits below. Receipts are needed.",
        "Meals are paid by the day. The daily amount depends on the country and is set once a "
        "year.",
        "A new block stands lower on the page.",
    ]


def test_parse_keeps_list_items_on_lines_of_their_own(make_pdf, limits):
    path = make_pdf(
        prose(
            [
                "Bring these:",
                "• a passport that is valid for at least six more months on the day on which",
                "you come back",
                "• two photographs",
                "1. First of all",
                "(b) second",
            ]
        )
    )
    assert page_of(PdfParser(limits).parse(path)).text == (
        "Bring these:\n\n"
        "• a passport that is valid for at least six more months on the day on which you come "
        "back\n• two photographs\n1. First of all\n(b) second"
    )


def test_parse_finds_headings_by_size_and_weight(make_pdf, limits):
    path = make_pdf(
        [
            (72, 740, 24, BOLD, "Employee Handbook"),
            (72, 710, 15, BODY, "Leave"),
            *prose([SENTENCE, "Unused days expire in March."], top=690),
            (72, 640, 11, BOLD, "Sick leave"),
            *prose(["Call before nine. A note is needed after three days."], top=626),
        ]
    )
    document = PdfParser(limits).parse(path)
    assert headings(page_of(document)) == [
        ("Employee Handbook", 1),
        ("Leave", 2),
        ("Sick leave", 3),
    ]
    assert document.title == "Employee Handbook"


def test_parse_takes_title_and_outline_from_the_structure(make_pdf, limits):
    path = make_pdf(
        prose(["Parental leave", "", "Twelve weeks are paid in full."], pitch=30),
        title="Microsoft Word - Leave rules",
        outline=[("Parental Leave", 0)],
    )
    document = PdfParser(limits).parse(path)
    assert document.title == "Leave rules"
    assert headings(page_of(document)) == [("Parental leave", 1)]
    assert document.date == "2000-01-01"  # of every file that reportlab writes as invariant


def test_parse_gives_table_rows_their_header(make_pdf, limits):
    rows = [("Plan", "Deductible", "Copay"), ("Basic", "$500", "$30"), ("Full", "$100", "$10")]
    path = make_pdf(
        prose(["The plans compare as follows."], top=740)
        + [
            (x, 700 - 14 * i, 11, BODY, cell)
            for i, row in enumerate(rows)
            for x, cell in zip((72, 220, 380), row, strict=True)
        ]
    )
    page = page_of(PdfParser(limits).parse(path))
    assert page.text.endswith("Plan | Deductible | Copay\nBasic | $500 | $30\nFull | $100 | $10")
    assert {row.header for row in page.table_rows} == {"Plan | Deductible | Copay"}
    assert len(page.table_rows) == 2


def test_parse_finds_a_header_that_stands_over_the_number_columns(make_pdf, limits):
    cells = [(300, 714, "March"), (400, 714, "June"), (300, 700, "2022"), (400, 700, "2023")]
    for i, row in enumerate(("Sales 10 20", "Costs 5 6", "Profit 5 14")):
        cells += zip((72, 300, 400), (680 - 14 * i,) * 3, row.split(), strict=True)
    path = make_pdf([(x, y, 11, BODY, text) for x, y, text in cells])
    page = page_of(PdfParser(limits).parse(path))
    assert [row.header for row in page.table_rows] == ["March 2022 | June 2023"] * 3


def test_parse_keeps_entries_of_a_table_of_contents_apart(make_pdf, limits):
    path = make_pdf(prose([f"{x} {'.' * 60} {x[0]}" for x in ("1.2. Leave", "2. Pay", "Notes")]))
    assert page_of(PdfParser(limits).parse(path)).text == (
        "1.2. Leave … 1\n2. Pay … 2\n\nNotes … N"
    )


def test_parse_takes_a_line_in_capitals_for_a_heading(make_pdf, limits):
    body = [SENTENCE, "Unused days expire in March of the year after.", "They are not paid out."]
    path = make_pdf(prose(["SERVICE AGREEMENT", "", *body], font="Courier"))
    assert headings(page_of(PdfParser(limits).parse(path))) == [("SERVICE AGREEMENT", 2)]


def test_parse_raises_digits_of_footnote_marks(make_pdf, limits):
    path = make_pdf([*prose(["The rate is fixed."]), (157, 704, 6, BODY, "1")])
    assert page_of(PdfParser(limits).parse(path)).text == "The rate is fixed.¹"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["All information is kept here, and all infor-", "mation is safe."], "all information is"),
        (["We are proud of building cutting-", "edge systems."], "building cutting-edge systems"),
        (["The staff of Aix-", "Marseille moved."], "Aix-Marseille moved"),
    ],
)
def test_parse_closes_only_hyphens_that_break_a_word(make_pdf, limits, lines, expected):
    filler = ["Some other line of the same text that makes line-end hyphens rare here."] * 40
    path = make_pdf(prose(lines, top=760), prose(filler, pitch=12, top=760))
    assert expected in page_of(PdfParser(limits).parse(path)).text


def test_parse_closes_unknown_hyphens_where_a_program_sets_many(make_pdf, limits):
    path = make_pdf(prose(["The new and quite re-", "markable rules are in-", "teresting."]))
    assert page_of(PdfParser(limits).parse(path)).text == (
        "The new and quite remarkable rules are interesting."
    )


def test_parse_removes_running_lines_of_most_pages(make_pdf, limits):
    def page(number):
        return [
            (72, 760, 9, BODY, "Acme handbook"),
            *prose([f"Text of chapter {'ABCDE'[number]} that says something of its own here."]),
            (300, 30, 9, BODY, f"Page {number + 1} of 5"),
        ]

    document = PdfParser(limits).parse(make_pdf(*map(page, range(5))))
    assert document.flags == ("running-headers-removed",)
    assert page_of(document, 3).text == "Text of chapter C that says something of its own here."
    assert page_of(document).text.startswith("Acme handbook\n\nText of chapter A")
    assert "Page 1" not in page_of(document).text


def test_parse_keeps_running_lines_of_few_pages_and_of_pages_alike(make_pdf, limits):
    few = make_pdf(*[[(72, 760, 9, BODY, "Acme"), *prose([SENTENCE])]] * 3, name="few.pdf")
    alike = make_pdf(*[prose([SENTENCE])] * 6, name="alike.pdf")
    assert "Acme" in page_of(PdfParser(limits).parse(few)).text
    assert all(page.text for page in PdfParser(limits).parse(alike).pages)


def test_parse_keeps_pages_without_text_so_that_numbers_stay_true(make_pdf, limits):
    document = PdfParser(limits).parse(make_pdf([], prose([SENTENCE])))
    assert [(page.page_number, bool(page.text)) for page in document.pages] == [
        (1, False),
        (2, True),
    ]
    assert document.flags == ("pages-without-text",)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_parse_of_a_turned_page_reads_its_lines(make_pdf, limits, tmp_path, rotation):
    from reportlab.pdfgen.canvas import Canvas

    # Drawn against the turn, so that it is shown upright.
    lines = [
        "Employees who travel for the company are paid back what they spend",
        "on trains and on hotels.",
    ]
    drawn = tmp_path / "drawn.pdf"
    canvas = Canvas(str(drawn), pagesize=(800, 800))
    canvas.translate(400, 400)
    canvas.rotate(rotation)
    for i, line in enumerate(lines):
        canvas.drawString(-300, 100 - 14 * i, line)
    canvas.save()
    writer = pypdf.PdfWriter(clone_from=drawn)
    writer.pages[0].rotate(rotation)
    turned = tmp_path / "turned.pdf"
    writer.write(turned)
    assert page_of(PdfParser(limits).parse(turned)).text == " ".join(lines)


def test_parse_reads_what_was_filled_into_a_form(tmp_path, limits):
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "form.pdf"
    canvas = Canvas(str(path))
    canvas.drawString(72, 700, "Name:")
    canvas.acroForm.textfield(name="name", value="Ada Lovelace", x=120, y=690, width=200)
    canvas.save()
    assert "Ada Lovelace" in page_of(PdfParser(limits).parse(path)).text


def test_parse_needs_no_owner_password_but_the_one_to_open(make_pdf, limits, tmp_path):
    plain = make_pdf(prose([SENTENCE]))
    for user_password, name in (("", "owner.pdf"), ("secret", "user.pdf")):
        writer = pypdf.PdfWriter(clone_from=plain)
        writer.encrypt(user_password, "owner", algorithm="RC4-128")
        writer.write(tmp_path / name)
    assert SENTENCE in page_of(PdfParser(limits).parse(tmp_path / "owner.pdf")).text
    with pytest.raises(RejectedFileError, match="password") as caught:
        PdfParser(limits).parse(tmp_path / "user.pdf")
    assert caught.value.reason == RejectReason.ENCRYPTED


def test_parse_of_a_scan_rejects_as_without_text(tmp_path, limits):
    from PIL import Image
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    picture = io.BytesIO()
    Image.new("RGB", (20, 20), "gray").save(picture, "PNG")
    path = tmp_path / "scan.pdf"
    canvas = Canvas(str(path))
    canvas.drawImage(ImageReader(picture), 0, 0, 500, 700)
    canvas.save()
    with pytest.raises(RejectedFileError, match="OCR") as caught:
        PdfParser(limits).parse(path)
    assert caught.value.reason == RejectReason.NO_TEXT


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"\x00 prefix of another program " * 40 + data,
        lambda data: data.replace(b"/Root", b"/Rxxt"),
    ],
    ids=["behind foreign bytes", "trailer without root"],
)
def test_parse_of_a_damaged_file_repairs_and_flags_it(make_pdf, limits, damage):
    path = make_pdf(prose([SENTENCE]))
    path.write_bytes(damage(path.read_bytes()))
    document = PdfParser(limits).parse(path)
    assert SENTENCE in page_of(document).text
    assert document.flags == ("repaired",)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"/Root", b"/Rxxt").replace(b"/Kids [", b"/Kids 7 "),
        lambda data: data.replace(b"/Root", b"/Rxxt").replace(
            b"/Type /Catalog", b"/Type /Catalog /Deep " + b"[" * 5000 + b"]" * 5000
        ),
    ],
    ids=["cut short", "no pages", "nested without end"],
)
def test_parse_of_a_file_damaged_beyond_repair_rejects_as_corrupt(make_pdf, limits, damage):
    path = make_pdf(prose([SENTENCE]))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RejectedFileError, match="beyond repair") as caught:
        PdfParser(limits).parse(path)
    assert caught.value.reason == RejectReason.CORRUPT


def test_parse_of_a_broken_file_rejects_as_corrupt(tmp_path, limits):
    path = tmp_path / "broken.pdf"
    path.write_bytes(b"%PDF-1.7\nnothing of a PDF follows")
    with pytest.raises(RejectedFileError) as caught:
        PdfParser(limits).parse(path)
    assert caught.value.reason == RejectReason.CORRUPT


def test_parse_of_more_pages_than_allowed_rejects_before_reading_them(make_pdf):
    path = make_pdf(*[prose(["x"])] * 4)
    with pytest.raises(RejectedFileError, match="more than 3 pages") as caught:
        PdfParser(IngestSettings(max_pages=3)).parse(path)
    assert caught.value.reason == RejectReason.TOO_LARGE


def test_parse_agrees_with_known_page_counts(shared_data: Path, limits):
    import json

    corpus = shared_data / "corpora" / "messy-pdfs-dev"
    facts = (shared_data / "files" / "messy-pdfs-dev.jsonl").read_text(encoding="utf-8")
    wrong = []
    for fact in map(json.loads, facts.splitlines()):
        if fact.get("chars", 0) > 50 and fact["pages"] and fact["pages"] <= 10:
            try:
                document = PdfParser(limits).parse(corpus / fact["document"])
            except RejectedFileError as error:
                if error.reason != RejectReason.ENCRYPTED:
                    wrong.append((fact["document"], error.reason))
                continue
            if len(document.pages) != fact["pages"]:
                wrong.append((fact["document"], len(document.pages)))
    assert wrong == []
