"""Where the words of scanned pages stand: kept with the page, and gone with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.store.scans import page_scan, stored_words
from assistant.store.writer import CatalogWriter, open_writer
from assistant.types import PAGE_UNITS, ChunkId, PageScan, Span, WordBox
from tests.assistant.corpora import batch, content

SCAN = PageScan(
    confidence=93,
    words=(
        WordBox(span=Span(0, 3), left=0, top=10, right=400, bottom=90),
        WordBox(span=Span(4, 8), left=420, top=12, right=PAGE_UNITS, bottom=PAGE_UNITS),
    ),
)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[CatalogWriter]:
    with open_writer(tmp_path) as opened:
        opened.people.add_collection("hr")
        yield opened


def test_stored_words_are_read_back_as_they_were() -> None:
    assert page_scan(93, stored_words(SCAN)) == SCAN
    assert len(stored_words(SCAN)) == 32
    empty = PageScan(confidence=0, words=())
    assert page_scan(0, stored_words(empty)) == empty


def test_places_of_words_are_kept_with_their_page_and_deleted_with_it(
    writer: CatalogWriter,
) -> None:
    made = content("The boat.", "Own text.", title="Harbour")
    pages = (replace(made.pages[0], scan=SCAN), made.pages[1])
    writer.publish(batch("hr", {"a.pdf": replace(made, pages=pages)}))
    catalog = writer.catalog
    (one,) = catalog.list_documents(OPERATOR)
    detail = catalog.document(one.document_id, OPERATOR)
    assert [page.scan_confidence for page in detail.pages] == [93, None]
    footprint = catalog.footprint(one.document_id)
    cited = [
        catalog.cited_page(one.document_id, chunk_id, OPERATOR)
        for chunk_id in map(ChunkId, footprint.chunk_ids.tolist())
    ]
    assert [page.scan for page in cited] == [SCAN, None]
    assert catalog.traces(footprint).n_scanned_pages == 1
    writer.delete_document(one.document_id)
    assert catalog.traces(footprint).n_scanned_pages == 0
    assert catalog.traces(footprint).is_none


@pytest.mark.parametrize("edges", [(-1, 0, 5, 5), (6, 0, 5, 5), (0, 0, 5, PAGE_UNITS + 1)])
def test_box_that_is_none_is_refused(edges: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = edges
    with pytest.raises(ValueError, match="no box of a page"):
        WordBox(span=Span(0, 1), left=left, top=top, right=right, bottom=bottom)
