"""What of a chunk is indexed, and as which terms: equal for documents and queries."""

from __future__ import annotations

import re
import unicodedata

from assistant.text import TOPICLESS_WORDS, UNSPACED, fold_number, stems

MAX_TERM_CHARS = 64

_WORD = re.compile(rf"\d+(?:[.,]\d+)*(?!\w)|[{UNSPACED}]+|[^\W_{UNSPACED}]+")
_UNSPACED_START = re.compile(rf"[{UNSPACED}]")


def document_label(title: str, name: str) -> str:
    """Return how a document is called in index, prompts and lists: by file name and title.

    Two plans of one company may state the same title and differ only in their file names, so both
    count; one that repeats the other's words is left out.

    >>> document_label("Acme Corp", "health_plan_b"), document_label("Travel policy", "travel")
    ('health plan b – Acme Corp', 'Travel policy')
    """
    name = name.replace("_", " ").strip()
    titled, named = set(indexed_words(title)), set(indexed_words(name))
    if title and named <= titled:
        return title
    return name if titled <= named else f"{name} – {title}"


def indexed_text(title: str, heading: str, text: str) -> str:
    r"""Return what is embedded and searched for a chunk: its title, heading and text.

    >>> indexed_text("Travel policy", "", "Fly economy.")
    'Travel policy\nFly economy.'
    """
    return "\n".join(part for part in (title, heading, text) if part)


def indexed_words(text: str) -> list[str]:
    """Return the folded words of a text in order, topicless ones left out, before stemming.

    Idf alone would demote those too, but their postings are the longest of all; one written in
    capitals amid other text is an abbreviation and stays. Numbers stay whole. Runs of unspaced
    scripts become overlapping pairs.

    >>> indexed_words("The IT budget is 1,250.50 EUR")
    ['it', 'budget', '1250.50', 'eur']
    >>> indexed_words("報告書")
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
        if word in TOPICLESS_WORDS and (shouted or len(match) == 1 or not match.isupper()):
            continue
        found.append(fold_number(word)[:MAX_TERM_CHARS])
    return found


def query_terms(query: str) -> tuple[str, ...]:
    """Return the distinct terms of a query in order of first appearance."""
    return tuple(dict.fromkeys(stems(indexed_words(query))))
