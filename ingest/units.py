"""Pages taken apart into what a chunk is made of: headings, table rows and sentences."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from assistant.text import sentence_spans
from assistant.types import Span
from ingest.types import Heading, ParsedPage, TableRow

TokenSpans = Callable[[str], Sequence[tuple[int, int]]]
"""As `models.protocols.Embedder.token_spans`."""

Section = tuple[tuple[int, str], ...]
"""The headings in force at a place, as (level, text), outermost first."""

MAX_TOKEN_CHARS = 16
"""A longer stretch without a token's start counts as several: some tokenizers make one "unknown"
token of a word of any length."""
MAX_SLICE_CHARS = 10_000
"""Text is tokenised and divided into sentences in slices, cut at white space, so that the cost
stays in proportion to the text."""
MAX_HEADING_CHARS = 120

# In units of "one chunk left empty"; a chunk filled to f costs (1 - f)². Two sections that fill
# f and g share a chunk if 2fg < 1 - cost: a fifth and a quarter do.
_CUT_LINE = 0.05
_CUT_SENTENCE = 0.3
_CUT_INSIDE_SENTENCE = 0.6
_CUT_AFTER_HEADING = 2.0
_KEEP_SUBSECTION = 0.75
_KEEP_SECTION = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A piece of a page that lies in one chunk whole."""

    span: Span
    section: Section
    """Headings in force for this unit; a heading counts from itself on."""
    is_heading: bool = False
    header: str = ""
    """Of the table whose row this is; empty outside tables."""
    group: str = ""
    """Label of the rows among which this one stands; may be empty."""
    cut_cost: float = 0.0
    """Of a chunk that starts here."""
    keep_cost: float = 0.0
    """Of a chunk that goes on here."""


class TokenCounter:
    """Counts the tokens of any span of one text after tokenising it once."""

    def __init__(self, text: str, token_spans: TokenSpans) -> None:
        starts = array("Q")
        for piece in _slices(text, Span(0, len(text))):
            found = (piece.start + start for start, _ in token_spans(piece.slice(text)))
            _extend(starts, found, end=piece.end)
        self._starts = starts

    def n_before(self, position: int) -> int:
        """Return how many tokens start before a character."""
        return bisect_left(self._starts, position)

    def start_of(self, token_index: int) -> int:
        """Return the character at which a token starts."""
        return self._starts[token_index]

    def count(self, span: Span) -> int:
        """Return the number of tokens that start in a span."""
        return self.n_before(span.end) - self.n_before(span.start)


def _extend(starts: array[int], found: Iterable[int], *, end: int) -> None:
    """Append token starts, and made-up ones where none comes for long, up to `end`."""
    last = starts[-1] if starts else 0
    for start in (*found, end):
        while start - last > MAX_TOKEN_CHARS:
            last += MAX_TOKEN_CHARS
            starts.append(last)
        last = max(last, start)
        if start < end:
            starts.append(start)


def page_units(
    page: ParsedPage, counter: TokenCounter, *, budget: int, section: Section
) -> tuple[Unit, ...]:
    """Return the units of a page in order, none over `budget` tokens.

    Every character that is not white space lies in exactly one unit.

    Args:
        page: Headings and rows that overlap an earlier one are read as prose.
        counter: Of the page's text.
        budget: Most tokens of a unit; longer sentences and rows are divided.
        section: Headings in force at the start of the page.
    """
    units: list[Unit] = []
    for anchor, whole in _regions(page):
        if isinstance(anchor, Heading):
            entered = enter(section, anchor, page.text)
            deeper = len(entered) > len(section)
            keep_cost = _KEEP_SUBSECTION if deeper else _KEEP_SECTION
            section = entered
        else:
            keep_cost = 0.0
        row = anchor if isinstance(anchor, TableRow) else TableRow(span=whole, header="")
        pieces = [whole] if anchor and counter.count(whole) <= budget else None
        for span in pieces or _divided(page.text, whole, counter, budget=budget):
            first = span.start == whole.start
            units.append(
                Unit(
                    span=span,
                    section=section,
                    is_heading=isinstance(anchor, Heading),
                    header=row.header,
                    group=row.group,
                    cut_cost=_cut_cost(page.text, units, span, header=row.header),
                    keep_cost=keep_cost if first else 0.0,
                )
            )
    return tuple(units)


def enter(section: Section, heading: Heading, text: str) -> Section:
    """Return the headings in force from `heading` on, which lies in `text`."""
    outer = tuple(entry for entry in section if entry[0] < heading.level)
    name = " ".join(heading.span.slice(text).split())
    return (*outer, (heading.level, name[:MAX_HEADING_CHARS]))


def _regions(page: ParsedPage) -> Iterator[tuple[Heading | TableRow | None, Span]]:
    """Yield headings, table rows and the prose between them, without surrounding white space."""
    cursor = 0
    anchors: list[Heading | TableRow] = [*page.headings, *page.table_rows]
    for anchor in sorted(anchors, key=lambda anchor: anchor.span):
        if anchor.span.start < cursor or anchor.span.end > len(page.text):
            continue
        if prose := _stripped(page.text, Span(cursor, anchor.span.start)):
            yield None, prose
        if span := _stripped(page.text, anchor.span):
            yield anchor, span
        cursor = anchor.span.end
    if prose := _stripped(page.text, Span(cursor, len(page.text))):
        yield None, prose


def _divided(text: str, span: Span, counter: TokenCounter, *, budget: int) -> Iterator[Span]:
    """Yield the sentences of a span, those over the budget in pieces."""
    for piece in _slices(text, span):
        for sentence in sentence_spans(piece.slice(text)):
            start, end = piece.start + sentence.start, piece.start + sentence.end
            while counter.count(Span(start, end)) > budget:
                cut = counter.start_of(counter.n_before(start) + budget)
                cut = _break_before(text, start, cut)
                if part := _stripped(text, Span(start, cut)):
                    yield part
                start = cut
            if part := _stripped(text, Span(start, end)):
                yield part


def _cut_cost(text: str, before: Sequence[Unit], span: Span, *, header: str) -> float:
    if not before:
        return 0.0
    gap = text[before[-1].span.end : span.start]
    is_table = "\n\n" not in gap
    if before[-1].is_heading or (header and not before[-1].header and is_table):
        return _CUT_AFTER_HEADING
    if "\n\n" in gap:
        return 0.0
    if "\n" in gap:
        return _CUT_LINE
    return (
        _CUT_SENTENCE
        if text[before[-1].span.end - 1] in ".!?:;。！？：；"
        else _CUT_INSIDE_SENTENCE
    )


def _slices(text: str, span: Span) -> Iterator[Span]:
    """Yield parts of a span of at most `MAX_SLICE_CHARS`, cut at paragraphs where there are any."""
    start = span.start
    while span.end - start > MAX_SLICE_CHARS:
        limit = start + MAX_SLICE_CHARS
        cut = text.rfind("\n\n", start + 1, limit)
        cut = cut if cut > start else _break_before(text, start, limit)
        yield Span(start, cut)
        start = cut
    if start < span.end:
        yield Span(start, span.end)


def _break_before(text: str, start: int, limit: int) -> int:
    """Return the best place to cut in the second half of [start, limit): a line, a word."""
    middle = (start + limit + 1) // 2
    for separator in ("\n", " "):
        cut = text.rfind(separator, middle, limit)
        if cut > start:
            return cut
    return limit


def _stripped(text: str, span: Span) -> Span | None:
    piece = span.slice(text)
    body = piece.strip()
    if not body:
        return None
    start = span.start + len(piece) - len(piece.lstrip())
    return Span(start, start + len(body))
