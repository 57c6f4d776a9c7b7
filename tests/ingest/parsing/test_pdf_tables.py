from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.pdf import PdfParser
from ingest.parsing.pdf_cells import Word, split_cells
from ingest.parsing.pdf_lines import Line
from ingest.parsing.pdf_tables import find_tables
from tests.ingest.parsing.conftest import SENTENCE

BODY, BOLD, FIXED = "Helvetica", "Helvetica-Bold", "Courier"
PITCH = 13.0


@pytest.fixture
def page_of(make_pdf, limits):
    """Return a function that reads a page of (x, text) cells, a list of them for each line."""

    def read(*lines, top=740.0):
        placed = [
            (x, top - PITCH * i, 10, font[0] if font else BODY, text)
            for i, line in enumerate(lines)
            for x, text, *font in line
        ]
        return PdfParser(limits).parse(make_pdf(placed)).pages[0]

    return read


def row(label, *numbers, at=(300, 400), indent=0):
    return [(72 + indent, label), *zip(at, numbers, strict=True)]


def headers(page):
    return {r.header for r in page.table_rows}


def groups(page):
    return [(r.span.slice(page.text).partition(" | ")[0], r.group) for r in page.table_rows]


def test_stacked_heads_name_columns_and_a_head_over_both_names_each(page_of):
    page = page_of(
        [(72, "Statement of income of the company", BOLD)],
        [(72, "(In millions, except per share data)")],
        [(330, "Three Months Ended")],
        [(300, "April 30,"), (400, "May 1,")],
        [(300, "2023"), (400, "2022")],
        row("Revenue", "$7,192", "$8,288"),
        row("Cost of revenue", "2,544", "2,857"),
        row("Interest expense", "(66)", "(68)"),
    )
    assert page.text.split("\n\n", 1)[1] == (
        "Three Months Ended\n"
        "(In millions, except per share data) | April 30, 2023 | May 1, 2022\n"
        "Revenue | $7,192 | $8,288\n"
        "Cost of revenue | 2,544 | 2,857\n"
        "Interest expense | (66) | (68)"
    )
    assert headers(page) == {
        "In millions | Three Months Ended April 30, 2023 | Three Months Ended May 1, 2022"
    }


def test_heads_flush_with_one_year_of_several_name_the_years_beside_it(page_of):
    at = (300, 360, 420, 480)
    page = page_of(
        [(342, "Quarter", FIXED), (450, "Half year", FIXED)],  # end where 2021 ends
        [(x, year, FIXED) for x, year in zip(at, ("2022", "2021", "2022", "2021"), strict=True)],
        *(row(label, *"1234", at=at) for label in ("Sales", "Costs", "Profit")),
    )
    assert page.text.startswith("Quarter | Half year\n2022 | 2021 | 2022 | 2021\nSales | 1 | 2")
    assert headers(page) == {"Quarter 2022 | Quarter 2021 | Half year 2022 | Half year 2021"}


def test_a_label_beside_years_that_breaks_off_is_part_of_each_name(page_of):
    page = page_of(
        row("Three Months Ended September 30,", "2023", "2022"),
        row("Derivatives", "16", "43"),
        row("Hedged items", "3", "43"),
    )
    assert headers(page) == {
        "Three Months Ended September 30, 2023 | Three Months Ended September 30, 2022"
    }


def test_the_unit_is_taken_from_the_sentence_above(page_of):
    page = page_of(
        [(72, "The sales of both years were as follows (in thousands):")],
        [],
        [(300, "2022"), (400, "2023")],
        *(row(label, "10", "20") for label in ("Sales", "Costs", "Profit")),
    )
    assert headers(page) == {"In thousands | 2022 | 2023"}


def test_a_broken_label_is_one_label(page_of):
    wide = "Common stock and capital in excess of par value (4,137 issued"
    page = page_of(
        row("Debt", "1", "2", at=(400, 460)),
        [(72, wide)],
        row("and outstanding)", "3", "4", at=(400, 460)),
        row("Amortization of intangible", "5", "6", at=(400, 460)),
        [(72, "assets held for sale")],
        row("Total", "7", "8", at=(400, 460)),
    )
    assert page.text == (
        f"Debt | 1 | 2\n{wide} and outstanding) | 3 | 4\n"
        "Amortization of intangible assets held for sale | 5 | 6\nTotal | 7 | 8"
    )


def test_rows_know_the_group_that_they_stand_in(page_of):
    page = page_of(
        row("Cash", "1", "2"),
        [(72, "Net sales:")],
        row("Products", "1", "2", indent=10),
        row("Services", "3", "4", indent=10),
        row("Gross margin", "5", "6"),
        [(72, "Current liabilities")],
        row("Debt", "7", "8"),
        row("Total current liabilities", "9", "10"),
        row("Equity", "11", "12"),
    )
    assert groups(page) == [
        ("Products", "Net sales:"),
        ("Services", "Net sales:"),
        ("Debt", "Current liabilities"),
        ("Total current liabilities", "Current liabilities"),
    ]


def test_cells_stand_in_their_columns(page_of):
    at = (250, 330, 410)
    page = page_of(
        row("2009 issuance", "2039", "5.20%", "520", at=at),
        row("2010 issuance", "2040", "4.50%", "486", at=at),
        row("Total", "1,006", at=(410,)),
    )
    assert page.text.splitlines()[-1] == "Total | | | 1,006"


def test_two_rows_of_numbers_below_each_other_are_a_table(page_of):
    page = page_of(row("2023 and before", "15", "40"), row("Later", "16", "41"))
    assert page.text == "2023 and before | 15 | 40\nLater | 16 | 41"


def test_heads_after_rows_begin_another_table(page_of):
    years = (["2022", "2023"], ["2024", "2025"])
    page = page_of(
        *(
            line
            for first, second in years
            for line in (
                [(300, f"{first}"), (400, f"{second}")],
                row("Sales", "10", "20"),
                row("Costs", "5", "6"),
                row("Profit", "5", "14"),
            )
        )
    )
    assert headers(page) == {"2022 | 2023", "2024 | 2025"}
    assert page.text.count("\n\n") == 1


@pytest.mark.parametrize("x", [72, 320])
def test_prose_beside_and_above_numbers_stays_prose(page_of, x):
    page = page_of([(x, SENTENCE)], [(x, "It was 5 in 2022 and 6 in 2023.")])
    assert page.text == f"{SENTENCE} It was 5 in 2022 and 6 in 2023."
    assert not page.table_rows


def line_of(cells, bottom, *, size=10.0):
    words = [Word(text, x, x + 5.0 * len(text)) for x, text in cells]
    split = split_cells(words, size)
    return Line(
        cells=split,
        left=words[0].left,
        right=words[-1].right,
        bottom=bottom,
        size=size,
        first_word_width=words[0].right - words[0].left,
        is_bold=False,
        ends_hyphenated=False,
    )


LABELS = st.sampled_from(
    ["Sales", "of goods", "Total", "Net sales:", "(In millions)", "Level", "2022", "a", "1."]
)
VALUES = st.sampled_from(["1", "2,345", "(6)", "—", "$", "%", "2023", "March 31,", "n/a"])
CELLS = st.lists(
    st.tuples(st.sampled_from([0, 30, 72]), LABELS)
    | st.tuples(st.sampled_from([200, 230, 260, 300, 330, 400]), VALUES),
    min_size=1,
    max_size=5,
    unique_by=lambda cell: cell[0],
).map(sorted)


@given(st.lists(st.tuples(CELLS, st.sampled_from([8, 13, 30, -50])), min_size=1, max_size=14))
def test_no_character_of_a_page_is_lost_or_doubled(drawn):
    bottom, lines = 700.0, []
    for cells, pitch in drawn:
        bottom -= pitch
        lines.append(line_of(cells, bottom))
    tables = find_tables(lines, lambda before, after: before + after)
    assert all(a.end <= b.start for a, b in pairwise(tables))
    for table in tables:
        written = [cell for r in (*table.heads, *(x.cells for x in table.rows)) for cell in r]
        held = [line.text for line in lines[table.start : table.end]]
        assert letters(written) == letters(held)


def letters(texts):
    return Counter("".join("".join(texts).split()))
