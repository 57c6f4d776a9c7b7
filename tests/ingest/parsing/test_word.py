import datetime
import zipfile

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from ingest.errors import RejectedFileError
from ingest.parsing.word import WordParser
from ingest.settings import IngestSettings
from ingest.types import RejectReason
from tests.contracts.parser_contract import ParserContract
from tests.ingest.parsing.conftest import SENTENCE


def parsed(document, tmp_path, limits):
    path = tmp_path / "made.docx"
    document.save(path)
    return WordParser(limits).parse(path)


def add_paragraph(document, inner):
    """Append a paragraph of raw WordprocessingML."""
    document.element.body.append(parse_xml(f"<w:p {nsdecls('w')}>{inner}</w:p>"))


class TestWordContract(ParserContract):
    sentence = SENTENCE

    @pytest.fixture
    def parser_class(self):
        return WordParser

    @pytest.fixture
    def sample(self, tmp_path):
        document = docx.Document()
        document.add_heading("Leave", 1)
        document.add_paragraph(SENTENCE)
        table = document.add_table(2, 2)
        for cell, text in zip(table._cells, ("Plan", "Cost", "Basic", "10"), strict=True):
            cell.text = text
        path = tmp_path / "sample.docx"
        document.save(path)
        return path


def test_parse_keeps_document_order_levels_and_tables(tmp_path, limits):
    document = docx.Document()
    document.add_heading("Handbook", 0)
    document.add_heading("Leave", 1)
    document.add_heading("Sick leave", 2)
    document.add_paragraph(SENTENCE)
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Plan", "Cost", "Basic", "10"), strict=True):
        cell.text = text
    document.add_paragraph("After.")
    page = parsed(document, tmp_path, limits).pages[0]
    assert page.text == (
        f"Handbook\n\nLeave\n\nSick leave\n\n{SENTENCE}\n\nPlan | Cost\nBasic | 10\n\nAfter."
    )
    assert [h.level for h in page.headings] == [1, 1, 2]
    assert [row.header for row in page.table_rows] == ["Plan | Cost"]
    assert page.page_number is None


def test_parse_reads_title_and_date_from_the_properties(tmp_path, limits):
    document = docx.Document()
    document.core_properties.title = "Leave rules"
    document.core_properties.modified = datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC)
    document.add_paragraph(SENTENCE)
    found = parsed(document, tmp_path, limits)
    assert (found.title, found.date) == ("Leave rules", "2024-02-29")


def test_parse_writes_the_marks_of_lists(tmp_path, limits):
    document = docx.Document()
    for style in ("List Bullet", "List Number", "List Number", "Normal", "List Number"):
        document.add_paragraph(style.lower(), style=style)
    assert parsed(document, tmp_path, limits).pages[0].text == (
        "- list bullet\n1. list number\n2. list number\n\nnormal\n\n3. list number"
    )


def test_parse_counts_levels_in_their_formats(tmp_path, limits):
    document = docx.Document()
    numbering = document.part.numbering_part.element
    levels = (("decimal", "%1."), ("lowerLetter", "(%2)"), ("upperRoman", "%1.%3"))
    numbering.insert(
        0,
        parse_xml(
            f'<w:abstractNum {nsdecls("w")} w:abstractNumId="77">'
            + "".join(
                f'<w:lvl w:ilvl="{i}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
                f'<w:lvlText w:val="{pattern}"/></w:lvl>'
                for i, (form, pattern) in enumerate(levels)
            )
            + "</w:abstractNum>"
        ),
    )
    numbering.append(
        parse_xml(f'<w:num {nsdecls("w")} w:numId="77"><w:abstractNumId w:val="77"/></w:num>')
    )
    for depth, text in ((0, "a"), (1, "b"), (1, "c"), (2, "d"), (0, "e"), (1, "f"), (5, "g")):
        add_paragraph(
            document,
            f'<w:pPr><w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="77"/></w:numPr></w:pPr>'
            f"<w:r><w:t>{text}</w:t></w:r>",
        )
    assert parsed(document, tmp_path, limits).pages[0].text == (
        "1. a\n(a) b\n(b) c\n1.I d\n2. e\n(a) f\n\ng"
    )


def test_parse_reads_changes_as_accepted_and_skips_hidden_text(tmp_path, limits):
    document = docx.Document()
    add_paragraph(
        document,
        "<w:r><w:t xml:space='preserve'>Twelve </w:t></w:r>"
        "<w:ins><w:r><w:t>paid </w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>unpaid </w:delText><w:t>gone</w:t></w:r></w:del>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r>"
        "<w:r><w:t>days</w:t><w:br/><w:t>and</w:t><w:tab/><w:t>more</w:t></w:r>",
    )
    assert parsed(document, tmp_path, limits).pages[0].text == "Twelve paid days\nand more"


def test_parse_reads_content_controls_and_text_boxes_once(tmp_path, limits):
    document = docx.Document()
    box = "<w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent>"
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    document.element.body.append(
        parse_xml(
            f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>Controlled.</w:t></w:r></w:p>"
            "</w:sdtContent></w:sdt>"
        )
    )
    add_paragraph(
        document,
        f"<w:r><w:t>Outside.</w:t><mc:AlternateContent {mc}><mc:Choice Requires='wps'>{box}"
        f"</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r>",
    )
    assert parsed(document, tmp_path, limits).pages[0].text == (
        "Controlled.\n\nOutside.\n\nIn a box."
    )


def test_parse_takes_bold_lines_for_headings_and_raises_digits(tmp_path, limits):
    document = docx.Document()
    document.add_paragraph().add_run("Sick leave").bold = True
    paragraph = document.add_paragraph("Ten m")
    paragraph.add_run("2").font.superscript = True
    document.add_paragraph().add_run("A bold sentence ends with a stop.").bold = True
    page = parsed(document, tmp_path, limits).pages[0]
    assert [h.span.slice(page.text) for h in page.headings] == ["Sick leave"]
    assert "Ten m²" in page.text


def test_parse_of_a_one_column_table_reads_it_as_prose(tmp_path, limits):
    document = docx.Document()
    table = document.add_table(1, 1)
    table.cell(0, 0).text = "First.\nSecond."
    page = parsed(document, tmp_path, limits).pages[0]
    assert page.text == "First.\nSecond."
    assert page.table_rows == ()


def test_parse_numbers_footnotes_as_they_are_shown(shared_data, limits):
    path = shared_data / "corpora/usds-playbook/assets/TechFAR Handbook_2014-08-07.docx"
    text = WordParser(limits).parse(path).pages[0].text
    assert "information technology (IT¹)" in text
    assert "\n¹ “Information Technology” is defined in FAR 2.101." in text


def test_parse_of_an_empty_document_rejects(tmp_path, limits):
    with pytest.raises(RejectedFileError) as caught:
        parsed(docx.Document(), tmp_path, limits)
    assert caught.value.reason == RejectReason.EMPTY


def test_parse_of_a_container_that_unpacks_too_large_rejects(tmp_path):
    path = tmp_path / "bomb.docx"
    docx.Document().save(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/bomb.bin", bytes(120_000_000))
    with pytest.raises(RejectedFileError, match="unpacks to") as caught:
        WordParser(IngestSettings(max_memory_bytes=100_000_000)).parse(path)
    assert caught.value.reason == RejectReason.TOO_MUCH_MEMORY


def test_parse_of_a_container_without_its_parts_rejects_as_corrupt(tmp_path, limits):
    path = tmp_path / "odd.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(RejectedFileError, match="damaged") as caught:
        WordParser(limits).parse(path)
    assert caught.value.reason == RejectReason.CORRUPT
