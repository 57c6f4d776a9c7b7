import pptx
import pytest
from pptx.util import Inches

from ingest.errors import RejectedFileError
from ingest.parsing.slides import SlidesParser
from ingest.types import RejectReason
from tests.contracts.parser_contract import ParserContract
from tests.ingest.parsing.conftest import SENTENCE

TITLE_AND_CONTENT, BLANK = 1, 6


@pytest.fixture
def sample(tmp_path):
    presentation = pptx.Presentation()
    first = presentation.slides.add_slide(presentation.slide_layouts[TITLE_AND_CONTENT])
    first.shapes.title.text = "Leave"
    first.placeholders[1].text = f"{SENTENCE}\nUnused days expire."
    first.notes_slide.notes_text_frame.text = "Mention the form."
    second = presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    table = second.shapes.add_table(2, 2, Inches(1), Inches(1), Inches(4), Inches(1)).table
    for i, text in enumerate(("Plan", "Cost", "Basic", "10")):
        table.cell(i // 2, i % 2).text = text
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "In a group."
    path = tmp_path / "sample.pptx"
    presentation.save(path)
    return path


class TestSlidesContract(ParserContract):
    sentence = SENTENCE

    @pytest.fixture
    def parser_class(self):
        return SlidesParser

    @pytest.fixture
    def sample(self, sample):
        return sample


def test_parse_gives_a_page_for_each_slide(sample, limits):
    document = SlidesParser(limits).parse(sample)
    first, second = document.pages
    assert first.text == f"Leave\n\n- {SENTENCE}\n- Unused days expire.\n\nNotes: Mention the form."
    assert [h.span.slice(first.text) for h in first.headings] == ["Leave"]
    assert second.text == "Plan | Cost\nBasic | 10\n\nIn a group."
    assert [row.header for row in second.table_rows] == ["Plan | Cost"]
    assert [first.page_number, second.page_number] == [1, 2]
    assert (document.title, document.flags) == ("Leave", ())


def test_parse_of_slides_without_text_rejects(tmp_path, limits):
    presentation = pptx.Presentation()
    presentation.slides.add_slide(presentation.slide_layouts[BLANK])
    path = tmp_path / "pictures.pptx"
    presentation.save(path)
    with pytest.raises(RejectedFileError) as caught:
        SlidesParser(limits).parse(path)
    assert caught.value.reason == RejectReason.NO_TEXT
