"""Whether passages and citations lie where the gold evidence lies; pure functions, 0 to 1.

A place is a document and a page. Documents are compared by the last part of their names without
regard to case, so that a prefix folder does not matter.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

Place = tuple[str, int | None]


def document_key(name: str) -> str:
    r"""Return what two names of one document have in common.

    >>> document_key("HR\\Plan A.pdf") == document_key("corpus/plan a.PDF")
    True
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    return last.strip().casefold()


def place(document: str, page: int | None) -> Place:
    """Return where something lies, comparable with `==`."""
    return document_key(document), page


def document_recall(gold: Sequence[Place], found: Sequence[Place]) -> float:
    """Return the share of the gold documents that are among those found. `gold` is not empty."""
    documents = {document for document, _ in gold}
    return len(documents & {document for document, _ in found}) / len(documents)


def document_precision(gold: Sequence[Place], found: Sequence[Place]) -> float:
    """Return the share of the documents found that are gold. `found` is not empty."""
    documents = {document for document, _ in found}
    return len(documents & {document for document, _ in gold}) / len(documents)


def page_recall(gold: Sequence[Place], found: Sequence[Place], tolerance: int) -> float:
    """Return the share of the gold pages with a found page at most `tolerance` pages away.

    `gold` holds at least one page; gold documents without a page do not count.
    """
    pages = {item for item in gold if item[1] is not None}
    return sum(is_near(page, found, tolerance) for page in pages) / len(pages)


def page_precision(gold: Sequence[Place], found: Sequence[Place], tolerance: int) -> float:
    """Return the share of the places found that are at most `tolerance` pages from a gold page.

    `found` is not empty; a place without a page is not right.
    """
    places = set(found)
    return sum(is_near(item, gold, tolerance) for item in places) / len(places)


def is_near(item: Place, others: Sequence[Place], tolerance: int) -> bool:
    """Tell whether one of `others` is a page of the same document at most `tolerance` away."""
    document, page = item
    return page is not None and any(
        document == other and number is not None and abs(number - page) <= tolerance
        for other, number in others
    )


def document_hits(gold: Sequence[Place], found: Sequence[Place]) -> list[bool]:
    """Tell of each document found, in the order of its first place, whether it is gold."""
    documents = {document for document, _ in gold}
    return [document in documents for document in dict.fromkeys(document for document, _ in found)]


def page_hits(gold: Sequence[Place], found: Sequence[Place], tolerance: int) -> list[bool]:
    """Tell of each place found, in the order of its first passage, whether it is a gold page.

    Of several places that are near the same gold page, the first is it.
    """
    left = {item for item in gold if item[1] is not None}
    hits = []
    for item in dict.fromkeys(found):
        near = [page for page in left if is_near(item, [page], tolerance)]
        hits.append(bool(near))
        if near:
            left.discard(item if item in left else min(near, key=str))
    return hits


def verbatim_quotes(reply: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many of a reply's quotes occur in a passage of the cited place, and how many are.

    White space is folded on both sides. A citation or passage without a page fits any page.
    """
    passages = [
        (document_key(passage["document"]), passage["page_number"], _folded(passage["text"]))
        for passage in reply["passages"]
    ]
    right = total = 0
    for citation in reply["citations"]:
        quote = _folded(citation["quote"] or "")
        if not quote:
            continue
        total += 1
        document, page = place(citation["document"], citation["page_number"])
        right += any(
            document == name and (page is None or number in (None, page)) and quote in text
            for name, number, text in passages
        )
    return right, total


def _folded(text: str) -> str:
    return " ".join(text.split())
