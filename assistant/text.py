"""Sentences and words of page text; shared by ingestion, retrieval and evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import sentencex
import Stemmer

from assistant.types import Span

_LINE = re.compile(r"[^\n]+")
_CLOSED = re.compile(r"[.!?:;。！？：；|][\"'”’)\]]*\s*$")
_OPENS_ITEM = re.compile(r"\s*(?:[-–—•*◦▪‣·]|\(?[0-9]{1,3}[.)]|\(?[a-zA-Z][.)])\s")
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
"""Scripts written without spaces between words, as ranges for a character class."""
_BY_CHARACTER = UNSPACED + "\uac00-\ud7af"  # particles grow onto Hangul words
_SAYS_SOMETHING = re.compile(rf"[^\W\d_]{{2}}|(?!\d)[{_BY_CHARACTER}]")
_NUMBER = r"\d+(?:[.,:]\d+)*%?"
# A raised figure after a word is a footnote's mark.
_LETTERS = rf"[^\W\d_⁰¹²³⁴-⁹{_BY_CHARACTER}]+"
_WORD = re.compile(rf"{_NUMBER}|[{_BY_CHARACTER}]|{_LETTERS}(?:['’]{_LETTERS})?")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?%?")

CELL = " | "
"""Between the cells of a table row in stored page text."""
MAX_ROW_CHARS = 300
"""A longer row of a table holds prose, which is read sentence by sentence."""


def sentence_spans(text: str) -> tuple[Span, ...]:
    """Return the sentences of `text` in order, without surrounding white space.

    Line feeds end a sentence unless the line plainly runs on (no closing punctuation, the next
    line starts in lower case and is no list item). A row of a table is one sentence, unless it is
    long. Everything but white space is in exactly one span.

    Source: boundaries within a block come from sentencex (rules for abbreviations, quotes and
    non-Latin full stops).

    >>> [s.slice("Pay Dr. Wu. Then go.") for s in sentence_spans("Pay Dr. Wu. Then go.")]
    ['Pay Dr. Wu.', 'Then go.']
    """
    spans: list[Span] = []
    for block in _blocks(text):
        piece = block.slice(text)
        start = block.start
        if CELL in piece and len(piece) <= MAX_ROW_CHARS:
            spans.extend(span for span in [_stripped(text, start, block.end)] if span)
            continue
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


def opens_item(text: str) -> bool:
    """Tell whether a sentence starts with the mark of a list item."""
    return bool(_OPENS_ITEM.match(text))


def words(text: str) -> list[str]:
    """Return the words and numbers of `text`, case-folded, in order; CJK by character.

    Numbers keep their inner separators and a percent sign, but for those of thousands: `4000`,
    `3.5`, `12%`.

    >>> words("It's 3.5% of $4,000.")
    ["it's", '3.5%', 'of', '4000']
    """
    return [fold_number(match.casefold()) for match in _WORD.findall(text)]


def fold_number(word: str) -> str:
    """Return a number without the separators of its thousands; any other word as it is.

    >>> fold_number("1,250.50"), fold_number("12,5")
    ('1250.50', '12,5')
    """
    return word.replace(",", "") if _THOUSANDS.fullmatch(word) else word


TOPICLESS_WORDS = frozenset(
    "a about am an and any are as at be been but by can could did do does for from had has have "
    "how i if in into is it its me my no not of on or our s should so such t than that the their "
    "them then there these they this to was we were what when where which who whom whose why "
    "will with would you your".split()
)
"""English words that are never what a text is about, question words included."""
STOP_WORDS = TOPICLESS_WORDS | frozenset(
    "above after again all also because before being below between both doing down during each "
    "few further having he her here hers him his itself just more most nor now off once only "
    "other ours out over own same she some theirs those through too under until up very while "
    "yours".split()
)
"""English function words: also those that say in which relation or degree. In other languages
nothing is dropped, idf does the work."""


def content_words(text: str) -> list[str]:
    """Return `words` without function words; all of them when nothing else is left."""
    found = words(text)
    return [word for word in found if word not in STOP_WORDS] or found


def stems(found: Sequence[str]) -> list[str]:
    """Return Snowball stems of words, same length and order (Porter 2001, English)."""
    # A stemmer belongs to one thread, and making one costs microseconds.
    stemmed: list[str] = Stemmer.Stemmer("english").stemWords(found)
    return stemmed
