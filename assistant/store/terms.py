"""What of a chunk is indexed, and as which terms: equal for documents and queries."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import Stemmer

MAX_TERM_CHARS = 64

STOP_WORDS = frozenset(
    "a about am an and any are as at be been but by can could did do does for from had has have "
    "how i if in into is it its me my no not of on or our s should so such t than that the their "
    "them then there these they this to was we were what when where which who whom whose why "
    "will with would you your".split()
)
"""English words without a topic, question words included. Idf alone would demote them, but their
postings are the longest of all."""

# Scripts written without spaces between words: runs of them become overlapping pairs.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_WORD = re.compile(rf"\d+(?:[.,]\d+)*(?!\w)|[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_UNSPACED_START = re.compile(rf"[{_UNSPACED}]")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def document_label(title: str, name: str) -> str:
    """Return how a document is called in index, prompts and lists: by file name and title.

    Two plans of one company may state the same title and differ only in their file names, so both
    count; one that repeats the other's words is left out.

    >>> document_label("Acme Corp", "health_plan_b"), document_label("Travel policy", "travel")
    ('health plan b – Acme Corp', 'Travel policy')
    """
    name = name.replace("_", " ").strip()
    titled, named = set(words(title)), set(words(name))
    if title and named <= titled:
        return title
    return name if titled <= named else f"{name} – {title}"


def indexed_text(title: str, heading: str, text: str) -> str:
    r"""Return what is embedded and searched for a chunk: its title, heading and text.

    >>> indexed_text("Travel policy", "", "Fly economy.")
    'Travel policy\nFly economy.'
    """
    return "\n".join(part for part in (title, heading, text) if part)


def words(text: str) -> list[str]:
    """Return the folded words of a text in order, stop words left out, before stemming.

    Numbers stay whole and lose their thousands separators; a stop word written in capitals amid
    other text is an abbreviation and stays.

    >>> words("The IT budget is 1,250.50 EUR")
    ['it', 'budget', '1250.50', 'eur']
    >>> words("報告書")
    ['報告', '告書']
    """
    text = unicodedata.normalize("NFKC", text)
    shouted = text.isupper()
    found: list[str] = []
    for match in _WORD.findall(text):
        if _UNSPACED_START.match(match):
            found.extend(match[i : i + 2] for i in range(max(1, len(match) - 1)))
            continue
        word = match.lower()
        if word in STOP_WORDS and (shouted or len(match) == 1 or not match.isupper()):
            continue
        if _THOUSANDS.fullmatch(word):
            word = word.replace(",", "")
        found.append(word[:MAX_TERM_CHARS])
    return found


def stems(found: Sequence[str]) -> list[str]:
    """Return the Snowball stem of each word."""
    # A stemmer belongs to one thread, and making one costs microseconds.
    stemmed: list[str] = Stemmer.Stemmer("english").stemWords(found)
    return stemmed


def query_terms(query: str) -> tuple[str, ...]:
    """Return the distinct terms of a query in order of first appearance."""
    return tuple(dict.fromkeys(stems(words(query))))
