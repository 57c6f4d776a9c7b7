"""Pages cut into chunks: whole sentences, one section where possible, exact spans.

Where to cut is a small optimisation over each page: full chunks are good, cutting through a
paragraph is bad, two sections in one chunk are worse, unless one of them is tiny. Nothing
overlaps and nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from assistant.store.terms import indexed_text
from assistant.store.types import StoredChunk
from assistant.text import CELL
from assistant.types import Span
from ingest.types import HiddenText, ParsedDocument, ParsedPage
from ingest.units import Section, TokenCounter, TokenSpans, Unit, page_units
from models.protocols import Embedder

_MAX_HEADER_CHARS = 200
_LETTER = re.compile(r"[^\W\d_]")
_SHORTER = ((1.0, 1.0), (1.0, 0.5), (1.0, 0.25), (1.0, 0.0), (0.5, 0.0), (0.25, 0.0), (0.0, 0.0))
"""Shares of title and heading that are tried: the title, which tells documents apart, goes last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDraft:
    """A chunk before it is stored."""

    page_index: int
    """0-based place among the document's pages."""
    span: Span
    heading: str
    """Headings above it, outermost first, joined with ' > ', then what tells of its table rows,
    which may be shown without the rest: their headers, and the label of a group that it starts
    within; may be empty."""


def chunk_page(
    page: ParsedPage,
    *,
    page_index: int,
    title: str,
    token_spans: TokenSpans,
    budget: int,
    section: Section = (),
) -> tuple[tuple[ChunkDraft, ...], Section]:
    """Return the chunks of a page and the headings in force at its end.

    Every character that is not white space lies in exactly one chunk; a chunk is whole headings,
    table rows and sentences, unless a single one of them is over the budget.

    Args:
        page: As parsed.
        page_index: 0-based place among the document's pages.
        title: Of the document; a heading that only repeats it is left out.
        token_spans: Of the embedder, to measure with.
        budget: Most tokens of a chunk's own text, at least 1.
        section: Headings in force at the start of the page.
    """
    counter = TokenCounter(page.text, token_spans)
    units = page_units(page, counter, budget=budget, section=section)
    drafts = tuple(
        ChunkDraft(
            page_index=page_index,
            span=Span(group[0].span.start, group[-1].span.end),
            heading=_heading(group, page.text, title=title),
        )
        for group in _grouped(units, counter, budget=budget)
    )
    return drafts, units[-1].section if units else section


def _grouped(
    units: Sequence[Unit], counter: TokenCounter, *, budget: int
) -> Iterator[Sequence[Unit]]:
    """Yield runs of units within the budget whose costs, of cuts and empty room, are least."""
    firsts = [counter.n_before(unit.span.start) for unit in units]
    lasts = [counter.n_before(unit.span.end) for unit in units]
    kept = list(accumulate((unit.keep_cost for unit in units), initial=0.0))
    least = [0.0] + [float("inf")] * len(units)
    start_of = [0] * (len(units) + 1)
    for end in range(1, len(units) + 1):
        for start in range(end - 1, -1, -1):
            n_tokens = lasts[end - 1] - firsts[start]
            if n_tokens > budget and start < end - 1:
                break
            inner = kept[end] - kept[start + 1]
            cost = least[start] + units[start].cut_cost + inner + (1 - n_tokens / budget) ** 2
            if cost < least[end]:
                least[end], start_of[end] = cost, start
    cuts = [len(units)]
    while cuts[-1] > 0:
        cuts.append(start_of[cuts[-1]])
    cuts.reverse()
    for start, end in pairwise(cuts):
        yield units[start:end]


def _heading(group: Sequence[Unit], text: str, *, title: str) -> str:
    body = next((unit for unit in group if not unit.is_heading), group[-1])
    names = [name for _, name in body.section]
    if names and names[0].casefold() == title.casefold():
        del names[0]
    own = text[group[0].span.start : group[-1].span.end]
    rows = dict.fromkeys(unit.header for unit in group if unit.header)
    if body.group not in own:
        rows[body.group] = None
    return " > ".join([*names, *(name[:_MAX_HEADER_CHARS] for name in rows)])


class Chunker:
    """Cuts whole documents for one embedder; keeps nothing between documents."""

    def __init__(self, embedder: Embedder, *, chunk_tokens: int) -> None:
        self._embedder = embedder
        self._window = embedder.info.max_tokens
        special = embedder.count_tokens([""])[0]
        self._budget = max(1, min(chunk_tokens, self._window - special))

    def chunk(self, document: ParsedDocument, *, title: str) -> tuple[ChunkDraft, ...]:
        """Return the chunks of a document in reading order; each can be embedded whole."""
        drafts: list[ChunkDraft] = []
        section: Section = ()
        for page_index, page in enumerate(document.pages):
            found, section = chunk_page(
                page,
                page_index=page_index,
                title=title,
                token_spans=self._embedder.token_spans,
                budget=self._budget,
                section=section,
            )
            drafts.extend(found)
        return self._fitted(drafts, document, title=title)

    def cut_hidden(self, document: ParsedDocument) -> tuple[HiddenText, ...]:
        """Return what no reader sees of a document in pieces that can be embedded whole."""
        return tuple(
            replace(one, text=draft.span.slice(one.text))
            for one in document.hidden
            for draft in self._pieces(one.text)
        )

    def _pieces(self, text: str) -> tuple[ChunkDraft, ...]:
        page = ParsedPage(page_number=None, text=text)
        only = ParsedDocument(title="", date=None, media_type="", pages=(page,))
        return self.chunk(only, title="")

    def _fitted(
        self, drafts: list[ChunkDraft], document: ParsedDocument, *, title: str
    ) -> tuple[ChunkDraft, ...]:
        texts = [draft.span.slice(document.pages[draft.page_index].text) for draft in drafts]
        wholes = [
            indexed_text(title, draft.heading, text)
            for draft, text in zip(drafts, texts, strict=True)
        ]
        counts = self._embedder.count_tokens(wholes)
        fitted: list[ChunkDraft] = []
        for draft, text, n_tokens in zip(drafts, texts, counts, strict=True):
            if n_tokens <= self._window:
                fitted.append(draft)
            else:
                fitted.extend(self._halved(draft, text, title=title))
        return tuple(fitted)

    def _halved(self, draft: ChunkDraft, text: str, *, title: str) -> Iterator[ChunkDraft]:
        """Yield the draft; in halves if it does not fit with any part of title and heading.

        Halves are the rare case of a tokenizer that makes more tokens of a part than of the part
        inside its page.
        """
        if len(text) == 1 or _shortened(self._embedder, title, draft.heading, text) is not None:
            yield draft
            return
        middle = text.rfind(" ", 1, len(text) // 2 + 1)
        middle = middle if middle > 0 else len(text) // 2
        for start, end in ((0, middle), (middle, len(text))):
            half = text[start:end]
            start += len(half) - len(half.lstrip())
            span = Span(draft.span.start + start, draft.span.start + start + len(half.strip()))
            yield from self._halved(replace(draft, span=span), half.strip(), title=title)


def texts_to_embed(embedder: Embedder, chunks: Sequence[StoredChunk]) -> list[str]:
    """Return what is embedded of chunks that a `Chunker` cut for the same embedder.

    It is `indexed_text` of label, heading and text, rows of tables without their numbers; where
    that is over the embedder's window, label and heading are shortened.
    """
    texts = [_without_numbers(one.text) for one in chunks]
    wholes = [
        indexed_text(one.label, one.heading, text) for one, text in zip(chunks, texts, strict=True)
    ]
    counts = embedder.count_tokens(wholes)
    return [
        whole
        if n_tokens <= embedder.info.max_tokens
        else _shortened(embedder, one.label, one.heading, text) or text
        for one, text, whole, n_tokens in zip(chunks, texts, wholes, counts, strict=True)
    ]


def _without_numbers(text: str) -> str:
    """Return a chunk with the cells of its tables that say something in words.

    Numbers are most of a table's tokens and tell an embedder nothing of what it is about.
    """
    lines = []
    for line in text.split("\n"):
        cells = line.split(CELL)
        if len(cells) > 1:
            cells = [cell for cell in cells if _LETTER.search(cell)]
        if cells:
            lines.append(CELL.join(cells))
    return "\n".join(lines) or text


def _shortened(embedder: Embedder, title: str, heading: str, text: str) -> str | None:
    """Return a chunk with as much of title and heading as fits; None if it is too long alone."""
    for of_title, of_heading in _SHORTER:
        whole = indexed_text(_leading(title, of_title), _trailing(heading, of_heading), text)
        if embedder.count_tokens([whole])[0] <= embedder.info.max_tokens:
            return whole
    return None


def _leading(text: str, fraction: float) -> str:
    words = text.split(" ")
    return " ".join(words[: int(len(words) * fraction)])


def _trailing(text: str, fraction: float) -> str:
    words = text.split(" ")
    return " ".join(words[len(words) - int(len(words) * fraction) :])
