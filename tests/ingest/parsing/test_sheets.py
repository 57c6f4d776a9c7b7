import datetime

import openpyxl
import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.sheets import CsvParser, WorkbookParser
from ingest.types import RejectReason
from tests.contracts.parser_contract import ParserContract
from tests.ingest.parsing.conftest import SENTENCE


@pytest.fixture
def workbook():
    workbook = openpyxl.Workbook()
    workbook.active.title = "Benefits"
    return workbook


def parsed(workbook, tmp_path, limits):
    path = tmp_path / "made.xlsx"
    workbook.save(path)
    return WorkbookParser(limits).parse(path)


class TestWorkbookContract(ParserContract):
    sentence = SENTENCE

    @pytest.fixture
    def parser_class(self):
        return WorkbookParser

    @pytest.fixture
    def sample(self, workbook, tmp_path):
        for row in ([SENTENCE], ["Plan", "Cost"], ["Basic", 10]):
            workbook.active.append(row)
        path = tmp_path / "sample.xlsx"
        workbook.save(path)
        return path


class TestCsvContract(ParserContract):
    sentence = SENTENCE

    @pytest.fixture
    def parser_class(self):
        return CsvParser

    @pytest.fixture
    def sample(self, make_text):
        return make_text("sample.csv", f"Topic,Rule\nLeave,{SENTENCE}\nTravel,By train.\n")


def test_workbook_gives_a_page_for_each_sheet_with_text(workbook, tmp_path, limits):
    workbook.active.append(["Plan", "Cost"])
    workbook.active.append(["Basic", 10])
    workbook.create_sheet("Empty")
    workbook.create_sheet("Notes").append(["Only this."])
    document = parsed(workbook, tmp_path, limits)
    assert [page.text for page in document.pages] == [
        "Benefits\n\nPlan | Cost\nBasic | 10",
        "Notes\n\nOnly this.",
    ]
    assert [row.header for row in document.pages[0].table_rows] == ["Plan | Cost"]
    assert document.flags == ()
    assert document.title == "Benefits"


def test_workbook_shows_values_as_the_sheet_does(workbook, tmp_path, limits):
    sheet = workbook.active
    sheet.append(["Name", "Value"])
    for value in (
        0.1 + 0.2, 1234567, True, datetime.date(2024, 2, 29),
        datetime.datetime.fromisoformat("2024-02-29T13:30"), datetime.time(9, 15), "a\nb",
    ):  # fmt: skip
        sheet.append(["x", value])
    sheet.append(["x", 0.125])
    sheet.cell(sheet.max_row, 2).number_format = "0.0%"
    lines = parsed(workbook, tmp_path, limits).pages[0].text.split("\n")[3:]
    assert [line.removeprefix("x | ") for line in lines] == [
        "0.3", "1234567", "TRUE", "2024-02-29", "2024-02-29 13:30:00", "09:15:00", "a b", "12.5%",
    ]  # fmt: skip


def test_workbook_without_cells_rejects(workbook, tmp_path, limits):
    with pytest.raises(RejectedFileError) as caught:
        parsed(workbook, tmp_path, limits)
    assert caught.value.reason == RejectReason.EMPTY


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_finds_its_delimiter_and_header(make_text, limits, delimiter):
    rows = [["Plan", "Cost per year"], ["Basic", "10"], ["Full", "20"]]
    path = make_text("a.csv", "\r\n".join(delimiter.join(row) for row in rows))
    page = CsvParser(limits).parse(path).pages[0]
    assert page.text == "Plan | Cost per year\nBasic | 10\nFull | 20"
    assert [row.header for row in page.table_rows] == ["Plan | Cost per year"] * 2


def test_csv_reads_quoted_fields_captions_and_numbers_without_header(make_text, limits):
    path = make_text("a.csv", 'Costs of 2024\n\n"Paris, France",1\n"say ""hi""\nthere",2\n')
    page = CsvParser(limits).parse(path).pages[0]
    assert page.text == 'Costs of 2024\n\nParis, France | 1\nsay "hi" there | 2'
    assert page.table_rows == ()


def test_csv_of_one_column_keeps_every_line(make_text, limits):
    assert CsvParser(limits).parse(make_text("a.csv", "a\nb\n")).pages[0].text == "a\n\nb"


def test_csv_in_an_old_encoding_is_flagged(tmp_path, limits):
    path = tmp_path / "a.csv"
    path.write_bytes("Straße;Größe\n".encode("cp1252") * 20)
    assert CsvParser(limits).parse(path).flags == ("encoding-guessed",)


def test_csv_with_an_endless_field_rejects(make_text, limits):
    with pytest.raises(RejectedFileError) as caught:
        CsvParser(limits).parse(make_text("a.csv", 'a,"' + "x" * 200_000))
    assert caught.value.reason == RejectReason.CORRUPT
