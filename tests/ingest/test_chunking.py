from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.store.types import StoredChunk
from assistant.types import ChunkId, Span
from ingest.chunking import ChunkDraft, Chunker, chunk_page, texts_to_embed
from ingest.types import Heading, ParsedDocument, ParsedPage, TableRow
from models.factory import build_embedder
from models.fakes import FakeEmbedder
from models.protocols import Embedder
from models.settings import ModelsSettings

SENTENCE = "The allowance is paid once every month. "  # 8 tokens for FakeEmbedder


def span_of(text: str, part: str) -> Span:
    start = text.index(part)
    return Span(start, start + len(part))


def page(text: str, *headings: str, rows: Sequence[tuple[str, str]] = (), level: int = 1):
    return ParsedPage(
        page_number=1,
        text=text,
        headings=tuple(Heading(span=span_of(text, name), level=level) for name in headings),
        table_rows=tuple(TableRow(span=span_of(text, row), header=header) for row, header in rows),
    )


def embedded_texts(
    embedder: Embedder, document: ParsedDocument, drafts: Sequence[ChunkDraft], *, title: str
) -> list[str]:
    stored = [
        StoredChunk(
            chunk_id=ChunkId(i),
            label=title,
            heading=draft.heading,
            text=draft.span.slice(document.pages[draft.page_index].text),
            vector=None,
        )
        for i, draft in enumerate(drafts)
    ]
    return texts_to_embed(embedder, stored)


def chunks_of(parsed: ParsedPage, *, budget: int = 40, title: str = "") -> tuple[ChunkDraft, ...]:
    drafts, _ = chunk_page(
        parsed, page_index=0, title=title, token_spans=FakeEmbedder().token_spans, budget=budget
    )
    return drafts


def texts_of(parsed: ParsedPage, *, budget: int = 40) -> list[str]:
    return [draft.span.slice(parsed.text) for draft in chunks_of(parsed, budget=budget)]


def document_of(*pages: ParsedPage) -> ParsedDocument:
    return ParsedDocument(title="", date=None, media_type="text/plain", pages=pages)


def without_space(text: str) -> str:
    return "".join(text.split())


def test_chunk_page_without_text_gives_nothing():
    assert chunks_of(page("")) == ()


def test_chunk_page_short_text_is_one_chunk():
    assert texts_of(page("Fly economy. Keep receipts.")) == ["Fly economy. Keep receipts."]


def test_chunk_page_long_text_ends_chunks_at_sentences_and_leaves_no_tiny_tail():
    # 6 sentences of 8 tokens; 40 tokens hold 5, yet 5 + 1 would leave a tail of one sentence.
    texts = texts_of(page((SENTENCE * 6).strip()))
    assert all(text.endswith("month.") for text in texts)
    assert [text.count("month.") for text in texts] == [3, 3]


def test_chunk_page_prefers_to_cut_between_paragraphs():
    text = (SENTENCE * 2).strip() + "\n\n" + (SENTENCE * 4).strip()
    assert texts_of(page(text)) == [part.strip() for part in text.split("\n\n")]


def test_chunk_page_new_heading_starts_a_chunk():
    first, second = "Leave\n" + SENTENCE * 3, "Travel\n" + SENTENCE * 3
    text = first.strip() + "\n\n" + second.strip()
    drafts = chunks_of(page(text, "Leave", "Travel"), budget=60)
    assert [draft.span.slice(text) for draft in drafts] == [first.strip(), second.strip()]
    assert [draft.heading for draft in drafts] == ["Leave", "Travel"]


def test_chunk_page_tiny_sections_share_a_chunk():
    text = "A1\nYes.\n\nB1\nNo.\n\nC1\nPerhaps."
    assert texts_of(page(text, "A1", "B1", "C1")) == [text]


def test_chunk_page_never_ends_a_chunk_with_a_heading():
    text = (SENTENCE * 4).strip() + "\n\nTravel\n" + (SENTENCE * 4).strip()
    assert not any(text.endswith("Travel") for text in texts_of(page(text, "Travel")))


def test_chunk_page_tells_the_group_that_a_chunk_starts_within():
    rows = [f"Item {number} | {number}00 euro of each" for number in range(12)]
    text = "\n".join(["Sales:", *rows])
    parsed = ParsedPage(
        page_number=1,
        text=text,
        table_rows=tuple(
            TableRow(span=span_of(text, row), header="2022", group="Sales:") for row in rows
        ),
    )
    drafts = chunks_of(parsed)
    assert [draft.heading for draft in drafts[:2]] == ["2022", "2022 > Sales:"]


def test_chunk_page_never_parts_a_header_from_its_first_row():
    header, row = "Plan | Deductible of each of them", "Basic | 500 euro in each year"
    before = (SENTENCE * 4).strip()
    parsed = page(f"{before}\n\n{header}\n{row}", rows=[(row, header)])
    assert texts_of(parsed) == [before, f"{header}\n{row}"]


def test_chunk_page_nested_headings_make_a_path():
    text = "Handbook\n\nLeave\n\nParents\n" + SENTENCE
    parsed = ParsedPage(
        page_number=1,
        text=text.strip(),
        headings=(
            Heading(span=span_of(text, "Handbook"), level=1),
            Heading(span=span_of(text, "Leave"), level=2),
            Heading(span=span_of(text, "Parents"), level=3),
        ),
    )
    assert chunks_of(parsed)[-1].heading == "Handbook > Leave > Parents"
    assert chunks_of(parsed, title="handbook")[-1].heading == "Leave > Parents"


def test_chunk_page_heading_of_same_level_closes_the_section_before():
    text = "One\n" + SENTENCE * 4 + "\n\nTwo\n" + SENTENCE * 4
    drafts = chunks_of(page(text.strip(), "One", "Two"))
    assert [draft.heading for draft in drafts] == ["One", "Two"]


def test_chunk_page_rows_carry_their_header():
    header = "Plan | Deductible"
    rows = [f"Plan{i} | {i} dollars" for i in range(10)]  # 4 tokens each
    text = "\n".join([header, *rows])
    drafts = chunks_of(page(text, rows=[(header, header), *((row, header) for row in rows)]))
    assert len(drafts) == 2
    assert [draft.heading for draft in drafts] == [header, header]
    assert all(drafts[1].span.slice(text).count(row) <= 1 for row in rows)


def test_chunk_page_row_with_a_full_stop_stays_whole():
    header, row = "Who | What", "Dr. Wu. | Pays. Then goes. " + "word " * 20
    rows = [row.strip() + str(i) for i in range(4)]
    text = "\n".join(rows)
    assert texts_of(page(text, rows=[(row, header) for row in rows]), budget=40) == rows


def test_chunk_page_sentence_over_the_budget_is_divided_at_words():
    text = " ".join(f"word{i}" for i in range(100))
    texts = texts_of(page(text), budget=40)
    assert " ".join(texts) == text
    assert all(len(part.split()) <= 40 for part in texts)


def test_chunk_page_one_endless_word_is_divided():
    # FakeEmbedder sees one token; 16 characters count as one.
    texts = texts_of(page("x" * 5000), budget=40)
    assert "".join(texts) == "x" * 5000
    assert max(map(len, texts)) <= 40 * 16


def test_chunk_page_chinese_is_divided_at_its_full_stops():
    text = "员工每年有二十天带薪年假。" * 40
    parsed = page(text)
    drafts, _ = chunk_page(
        parsed,
        page_index=0,
        title="",
        budget=60,
        token_spans=lambda t: list(zip(range(len(t)), range(1, len(t) + 1), strict=True)),
    )
    texts = [draft.span.slice(text) for draft in drafts]
    assert all(part.endswith("。") and len(part) <= 60 for part in texts)
    assert "".join(texts) == text


def test_chunk_page_overlapping_headings_and_rows_lose_nothing():
    text = "Alpha beta gamma delta."
    parsed = ParsedPage(
        page_number=None,
        text=text,
        headings=(Heading(span=Span(0, 10), level=1), Heading(span=Span(5, 12), level=2)),
        table_rows=(TableRow(span=Span(8, 99), header="h"), TableRow(span=Span(11, 11), header="")),
    )
    assert texts_of(parsed) == [text]


def test_chunker_headings_carry_on_to_the_next_page():
    document = document_of(page("Leave\n" + SENTENCE.strip(), "Leave"), page(SENTENCE.strip()))
    drafts = Chunker(FakeEmbedder(), chunk_tokens=40).chunk(document, title="Handbook")
    assert [(draft.page_index, draft.heading) for draft in drafts] == [(0, "Leave"), (1, "Leave")]
    texts = embedded_texts(FakeEmbedder(), document, drafts, title="Handbook")
    assert texts[1] == "Handbook\nLeave\n" + SENTENCE.strip()


def test_chunker_keeps_its_budget_under_the_window():
    embedder = FakeEmbedder(max_tokens=32)
    document = document_of(page(SENTENCE * 30))
    drafts = Chunker(embedder, chunk_tokens=2048).chunk(document, title="long " * 100)
    texts = embedded_texts(embedder, document, drafts, title="long " * 100)
    assert max(embedder.count_tokens(texts)) <= 32


class DearPartsEmbedder(FakeEmbedder):
    """Counts three tokens for a word that stands alone and one for a word in a page."""

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        return tuple(3 * count for count in super().count_tokens(texts))


def test_chunker_divides_again_where_parts_have_more_tokens_than_the_page():
    embedder = DearPartsEmbedder(max_tokens=60)
    document = document_of(page(SENTENCE.strip() + " " + SENTENCE.strip() * 9))
    drafts = Chunker(embedder, chunk_tokens=48).chunk(document, title="T")
    texts = embedded_texts(embedder, document, drafts, title="T")
    assert max(embedder.count_tokens(texts)) <= 60
    text = document.pages[0].text
    assert without_space("".join(d.span.slice(text) for d in drafts)) == without_space(text)


@pytest.fixture(scope="module")
def real_embedder(models_dir: Path) -> Embedder:
    return build_embedder(ModelsSettings(dir=models_dir))


PIECES = st.one_of(
    st.sampled_from(
        ["Pay now. ", "a\nb", "\n\n", " ", "。", "e\u0301", "👩‍👩‍👧", "\ufffd", "x" * 700]
    ),
    st.text(max_size=30),
    st.text(alphabet="ab .\n|", max_size=60),
)


@st.composite
def pages(draw: st.DrawFn) -> ParsedPage:
    text = "".join(draw(st.lists(PIECES, max_size=25)))
    places = st.integers(0, len(text) + 5)
    spans = draw(
        st.lists(st.tuples(places, places).map(sorted).map(lambda p: Span(*p)), max_size=6)
    )
    return ParsedPage(
        page_number=1,
        text=text,
        headings=tuple(Heading(span=span, level=1 + span.start % 3) for span in spans[::2]),
        table_rows=tuple(TableRow(span=span, header="Key | Value") for span in spans[1::2]),
    )


def test_texts_to_embed_hold_the_words_of_tables_without_their_numbers():
    text = "Sales in 2023:\n2022 | 2023\nNet sales | $5,000 | (3)\nIn all | 7"
    parsed = page(text)
    embedder = FakeEmbedder(max_tokens=100)
    (whole,) = embedded_texts(embedder, document_of(parsed), chunks_of(parsed), title="Report")
    assert whole == "Report\nSales in 2023:\nNet sales\nIn all"
    numbers = page("5 | 6")
    (kept,) = embedded_texts(embedder, document_of(numbers), chunks_of(numbers), title="")
    assert kept == "5 | 6"


def test_texts_to_embed_shorten_the_heading_before_the_title():
    parsed = page("Net sales of the year")
    (draft,) = chunks_of(parsed)
    long = dataclasses.replace(draft, heading="word " * 40)
    embedder = FakeEmbedder(max_tokens=20)
    (text,) = embedded_texts(embedder, document_of(parsed), [long], title="2023 Q3 AMZN")
    assert text.startswith("2023 Q3 AMZN\n")


@given(parsed=st.lists(pages(), min_size=1, max_size=3), title=st.text(max_size=400))
@settings(max_examples=150, deadline=None)
def test_chunker_covers_every_page_once_and_fits_the_window(parsed, title):
    embedder = FakeEmbedder(max_tokens=48)
    document = document_of(*parsed)
    drafts = Chunker(embedder, chunk_tokens=32).chunk(document, title=title)
    texts = embedded_texts(embedder, document, drafts, title=title)
    assert all(count <= 48 for count in embedder.count_tokens(texts))
    for page_index, stored in enumerate(document.pages):
        own = [draft for draft in drafts if draft.page_index == page_index]
        covered = [draft.span.slice(stored.text) for draft in own]
        assert without_space("".join(covered)) == without_space(stored.text)
        assert all(part == part.strip() != "" for part in covered)
        spans = [draft.span for draft in own]
        assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
    for draft, text in zip(drafts, texts, strict=True):
        own = draft.span.slice(document.pages[draft.page_index].text)
        assert text.endswith(own) or " | " in own


@pytest.mark.parametrize("size", [200_000])
def test_chunk_page_time_is_in_proportion_to_the_text(size):
    # Lines that run on are one sentence; divided slice by slice this takes a second, not minutes.
    text = "line of text that runs on\nand " * (size // 30)
    assert without_space("".join(texts_of(page(text), budget=180))) == without_space(text)


@pytest.mark.model
@given(parsed=pages(), title=st.text(max_size=400))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_chunker_fits_the_window_of_the_real_tokenizer(real_embedder, parsed, title):
    document = document_of(parsed)
    drafts = Chunker(real_embedder, chunk_tokens=2048).chunk(document, title=title)
    texts = embedded_texts(real_embedder, document, drafts, title=title)
    counts = real_embedder.count_tokens(texts)
    assert all(count <= real_embedder.info.max_tokens for count in counts)
    covered = "".join(draft.span.slice(parsed.text) for draft in drafts)
    assert without_space(covered) == without_space(parsed.text)
