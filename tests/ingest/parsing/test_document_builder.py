import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.document_builder import DocumentBuilder, is_header
from ingest.settings import IngestSettings
from ingest.types import RejectReason


@pytest.fixture
def builder(limits):
    return DocumentBuilder("text/plain", limits)


def built(builder):
    builder.end_page()
    return builder.build()


def test_blocks_are_separated_and_lists_and_tables_hold_together(builder):
    builder.heading(" Leave\npolicy ", 1)
    builder.paragraph("One.")
    builder.item("- a")
    builder.item("- b")
    builder.table([["Plan", "Cost"], ["Basic", "10"], ["", ""], ["Full", "20"]])
    builder.code("if x:\n    y")
    page = built(builder).pages[0]
    assert page.text == (
        "Leave policy\n\nOne.\n\n- a\n- b\n\nPlan | Cost\nBasic | 10\nFull | 20\n\nif x:\n    y"
    )
    assert [h.span.slice(page.text) for h in page.headings] == ["Leave policy"]
    assert [(r.span.slice(page.text), r.header) for r in page.table_rows] == [
        ("Basic | 10", "Plan | Cost"),
        ("Full | 20", "Plan | Cost"),
    ]


def test_table_without_a_header_row_has_no_table_rows(builder):
    builder.table([["1", "2"], ["3", "4"]])
    assert built(builder).pages[0].table_rows == ()


def test_two_tables_in_a_row_stay_apart(builder):
    builder.table([["A", "B"], ["1", "2"]])
    builder.table([["C", "D"], ["3", "4"]])
    page = built(builder).pages[0]
    assert page.text == "A | B\n1 | 2\n\nC | D\n3 | 4"
    assert [row.header for row in page.table_rows] == ["A | B", "C | D"]


def test_row_keeps_empty_cells_between_others_and_drops_trailing_ones(builder):
    builder.row(["a", "", "c", ""], header="", starts_table=True)
    assert built(builder).pages[0].text == "a | | c"


def test_overlong_heading_becomes_a_paragraph(builder):
    builder.heading("word " * 100, 1)
    assert built(builder).pages[0].headings == ()


def test_title_comes_from_metadata_then_from_the_foremost_heading(builder, limits):
    builder.heading("Small", 3)
    builder.heading("Big", 1)
    assert built(builder).title == "Big"
    named = DocumentBuilder("text/plain", limits)
    named.title = "Given"
    named.heading("Big", 1)
    assert built(named).title == "Given"


def test_title_of_a_cover_page_has_two_parts(builder):
    builder.heading("Acme", 1)
    builder.heading("Leave policy", 2)
    builder.paragraph("March 2024")
    builder.end_page(1)
    builder.end_page(2)
    assert builder.build().title == "Acme – Leave policy"


def test_pages_without_text_are_kept_and_flagged(builder):
    builder.end_page(1)
    builder.paragraph("x")
    builder.end_page(2)
    document = builder.build()
    assert [page.text for page in document.pages] == ["", "x"]
    assert document.flags == ("pages-without-text",)


@pytest.mark.parametrize(
    ("page_number", "reason"), [(None, RejectReason.EMPTY), (1, RejectReason.NO_TEXT)]
)
def test_build_without_any_text_rejects(builder, page_number, reason):
    builder.paragraph(" \u200b ")
    builder.end_page(page_number)
    with pytest.raises(RejectedFileError) as caught:
        builder.build()
    assert caught.value.reason == reason


def test_too_many_pages_reject():
    builder = DocumentBuilder("text/plain", IngestSettings(max_pages=2))
    builder.end_page()
    builder.end_page()
    with pytest.raises(RejectedFileError, match="more than 2 pages") as caught:
        builder.end_page()
    assert caught.value.reason == RejectReason.TOO_LARGE


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["Plan", "Cost"], True),
        (["Plan", ""], False),
        (["Plan", "10"], False),
        (["Name:", "Ada"], False),
        (["", "Q1 2024", "Q2 2024"], True),
        ([], False),
    ],
)
def test_is_header(cells, expected):
    assert is_header(cells) is expected
