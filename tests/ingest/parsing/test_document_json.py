import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.types import PAGE_UNITS, PageScan, Span, WordBox
from ingest.parsing.document_json import document_from_json, document_to_json
from ingest.types import Heading, ParsedDocument, ParsedPage, TableRow


def scans(spans, edges):
    def box(span, across, down):
        return WordBox(span=span, left=across[0], top=down[0], right=across[1], bottom=down[1])

    words = st.lists(st.builds(box, spans, edges, edges), max_size=3).map(tuple)
    return st.builds(PageScan, confidence=st.integers(0, 100), words=words)


@st.composite
def pages(draw):
    text = draw(st.text(st.characters(codec="utf-8"), max_size=40))
    units = st.integers(0, PAGE_UNITS)
    edges = st.lists(units, min_size=2, max_size=2).map(sorted)
    ends = st.lists(st.integers(0, len(text)), min_size=2, max_size=2).map(sorted)
    spans = ends.map(lambda pair: Span(*pair))
    return ParsedPage(
        page_number=draw(st.none() | st.integers(1, 9)),
        text=text,
        headings=tuple(
            draw(st.lists(st.builds(Heading, span=spans, level=st.integers(1, 9)), max_size=3))
        ),
        table_rows=tuple(
            draw(
                st.lists(
                    st.builds(TableRow, span=spans, header=st.text("ab|"), group=st.text("ab")),
                    max_size=3,
                )
            )
        ),
        scan=draw(st.none() | scans(spans, edges)),
    )


documents = st.builds(
    ParsedDocument,
    title=st.text(st.characters(codec="utf-8")),
    date=st.none() | st.just("2024-01-31"),
    media_type=st.just("text/plain"),
    pages=st.lists(pages(), max_size=3).map(tuple),
    flags=st.lists(st.sampled_from(["a", "b"])).map(tuple),
    has_scans=st.booleans(),
)


@given(documents)
def test_document_survives_the_way_through_json(document):
    assert document_from_json(json.loads(json.dumps(document_to_json(document)))) == document


def test_document_from_json_with_a_span_outside_its_page_raises():
    values = document_to_json(
        ParsedDocument(
            title="", date=None, media_type="", pages=(ParsedPage(page_number=1, text="abc"),)
        )
    )
    values["pages"][0]["headings"] = [[0, 4, 1]]
    with pytest.raises(ValueError, match="ends behind its page"):
        document_from_json(values)


@pytest.mark.parametrize("word", [[0, 4, 0, 0, 1, 1], [0, 1, 2, 0, 1, 1], [0, 1, 0, 0, 1, 10_001]])
def test_document_from_json_with_a_word_off_its_page_raises(word):
    values = document_to_json(
        ParsedDocument(
            title="", date=None, media_type="", pages=(ParsedPage(page_number=1, text="abc"),)
        )
    )
    values["pages"][0]["scan"] = {"confidence": 90, "words": [word]}
    with pytest.raises(ValueError, match=r"ends behind its page|no box of a page"):
        document_from_json(values)


def test_document_from_json_with_a_number_as_text_raises():
    with pytest.raises(TypeError, match="where text belongs"):
        document_from_json({"title": 1, "date": None, "media_type": "", "flags": [], "pages": []})
