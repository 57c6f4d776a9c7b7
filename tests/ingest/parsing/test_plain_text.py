import pytest

from ingest.parsing.plain_text import PlainTextParser, heading_level
from tests.contracts.parser_contract import ParserContract
from tests.ingest.parsing.conftest import SENTENCE


class TestPlainTextContract(ParserContract):
    sentence = SENTENCE

    @pytest.fixture
    def parser_class(self):
        return PlainTextParser

    @pytest.fixture
    def sample(self, make_text):
        return make_text("sample.txt", f"LEAVE POLICY\n\n{SENTENCE}\n\n1. a\n2. b\n")


def text_of(make_text, limits, text):
    return PlainTextParser(limits).parse(make_text("a.txt", text)).pages[0].text


def test_parse_joins_lines_broken_by_hand(make_text, limits):
    text = (
        "Employees who travel for the company are paid back what they\r\n"
        "spend on trains and hotels.\r\n"
        "Meals are paid by the day. The daily amount depends on where\r\n"
        "you stay.\r\n\r\n\r\n"
        "  * a passport\r\n"
        "  * two photographs\r\n"
    )
    assert text_of(make_text, limits, text) == (
        "Employees who travel for the company are paid back what they spend on trains and hotels.\n"
        "Meals are paid by the day. The daily amount depends on where you stay.\n\n"
        "* a passport\n* two photographs"
    )


def test_parse_keeps_lines_that_were_not_broken_by_hand(make_text, limits):
    assert text_of(make_text, limits, "Anna\nBen\n" + "word " * 60) == (
        "Anna\nBen\n" + ("word " * 60).strip()
    )


def test_parse_keeps_aligned_columns_on_lines_of_their_own(make_text, limits):
    text = "Plan of the company for everyone        10 dollars a month\n"
    text += "Full plan for a family                  20 dollars a month\n"
    assert text_of(make_text, limits, text).count("\n") == 1


def test_parse_splits_at_form_feeds(make_text, limits):
    assert text_of(make_text, limits, "one\ftwo") == "one\n\ntwo"


def test_parse_finds_plain_headings(make_text, limits):
    document = PlainTextParser(limits).parse(
        make_text("a.txt", f"LEAVE POLICY\n\n2.1 Sick leave\n\n{SENTENCE}\n")
    )
    page = document.pages[0]
    assert [(h.span.slice(page.text), h.level) for h in page.headings] == [
        ("LEAVE POLICY", 1),
        ("2.1 Sick leave", 2),
    ]
    assert document.title == "LEAVE POLICY"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("ARTICLE IV - Payment", 1),
        ("3. Payment", 1),
        ("3.2.1 Late payment", 3),
        ("PAYMENT", 1),
        ("3. Payment is due.", 0),
        ("12 Monkeys were seen in the zoo; they", 0),
        ("USD", 0),
        ("Payment", 0),
        ("", 0),
    ],
)
def test_heading_level(line, level):
    assert heading_level(line) == level
