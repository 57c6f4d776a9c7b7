"""Sentences and words of page text; shared by ingestion, retrieval and evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import sentencex

from assistant.types import Span

_LINE = re.compile(r"[^\n]+")
_CLOSED = re.compile(r"[.!?:;。！？：；|][\"'”’)\]]*\s*$")
_OPENS_ITEM = re.compile(r"\s*(?:[-–—•*◦▪‣·]|\(?[0-9]{1,3}[.)]|\(?[a-zA-Z][.)])\s")
_SAYS_SOMETHING = re.compile(r"[^\W\d_]{2}|[぀-ヿ㐀-鿿가-힯]")
_WORD = re.compile(
    r"\d+(?:[.,:]\d+)*%?"
    r"|[぀-ヿ㐀-䶿一-鿿豈-﫿가-힯]"
    r"|[^\W\d_⁰¹²³⁴-⁹぀-ヿ㐀-䶿一-鿿豈-﫿가-힯]+(?:['’][^\W\d_]+)?"
)


CELL = " | "
"""Between the cells of a table row in stored page text."""


def sentence_spans(text: str) -> tuple[Span, ...]:
    """Return the sentences of `text` in order, without surrounding white space.

    Line feeds end a sentence unless the line plainly runs on (no closing punctuation, the next
    line starts in lower case and is no list item). Everything but white space is in exactly one
    span.

    Source: boundaries within a block come from sentencex (rules for abbreviations, quotes and
    non-Latin full stops).

    >>> [s.slice("Pay Dr. Wu. Then go.") for s in sentence_spans("Pay Dr. Wu. Then go.")]
    ['Pay Dr. Wu.', 'Then go.']
    """
    spans: list[Span] = []
    for block in _blocks(text):
        piece = block.slice(text)
        start = block.start
        for boundary in sentencex.get_sentence_boundaries("en", piece):
            end = block.start + boundary["end_index"]
            # A number or list mark alone ("4.2", "(a)") belongs to what follows it.
            if end < block.end and not _SAYS_SOMETHING.search(text[start:end]):
                continue
            span = _stripped(text, start, end)
            if span is not None:
                spans.append(span)
            start = end
    return tuple(spans)


def _blocks(text: str) -> Iterator[Span]:
    """Yield runs of lines that read as one piece of prose."""
    start = end = -1
    previous = ""
    for match in _LINE.finditer(text):
        line = match.group()
        if start >= 0 and not (match.start() == end + 1 and _runs_on(previous, line)):
            yield Span(start, end)
            start = -1
        if start < 0:
            start = match.start()
        end, previous = match.end(), line
    if start >= 0:
        yield Span(start, end)


def _runs_on(line: str, following: str) -> bool:
    """Tell whether a line plainly continues on the following one."""
    if CELL in line or CELL in following or _CLOSED.search(line) or _OPENS_ITEM.match(following):
        return False
    return following.lstrip()[:1].islower()


def _stripped(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    body = piece.strip()
    if not body:
        return None
    start += len(piece) - len(piece.lstrip())
    return Span(start, start + len(body))


def words(text: str) -> list[str]:
    """Return the words and numbers of `text`, case-folded, in order; CJK by character.

    Numbers keep their inner separators and a percent sign: `4,000`, `3.5`, `12%`.

    >>> words("It's 3.5% of $4,000.")
    ["it's", '3.5%', 'of', '4,000']
    """
    return [match.casefold() for match in _WORD.findall(text)]


_FUNCTION_WORDS = """
a about above after again all also am an and any are as at be because been before being
    below between both but by can could did do does doing down during each few for from further
    had has have having he her here hers him his how i if in into is it its itself just me more
    most my no nor not now of off on once only or other our ours out over own s same she should so
    some such t than that the their theirs them then there these they this those through to too
    under until up very was we were what when where which while who whom why will with would you
    your yours"""
STOP_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English function words; in other languages nothing is dropped, idf does the work."""


def content_words(text: str) -> list[str]:
    """Return `words` without function words; all of them when nothing else is left."""
    found = words(text)
    return [word for word in found if word not in STOP_WORDS] or found


@lru_cache(maxsize=1)
def _stemmer() -> object:
    import Stemmer  # a C extension, loaded on first use

    return Stemmer.Stemmer("english")


def stems(tokens: list[str]) -> list[str]:
    """Return Snowball stems of `tokens`, same length and order (Porter 2001, English)."""
    return list(_stemmer().stemWords(tokens))  # type: ignore[attr-defined]
