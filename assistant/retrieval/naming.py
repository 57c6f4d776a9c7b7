"""Documents with like names: the one that the question names goes before its near copies.

"Health plan Plus" and "Health plan Standard" describe the same things in the same words, and the
few words that tell them apart weigh little beside those. What is decided here depends on the
question and its hits alone, and so on nothing that the reader may not see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.text import stems, words
from assistant.types import DocumentId, Hit

NEAR_COPY = 0.5
"""Titles are alike that share more than this part of the shorter one's words."""
OTHERWISE_NAMED = 0.5
"""What a hit's score is multiplied with if the question names a near copy of its document."""


def named_first(question: str, hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Return the hits with those held back whose document the question tells apart from another.

    A document is held back if there is one of a like title such that the question holds every
    word by which that title differs, and none by which this one differs. A question that names
    both, or neither, changes nothing. Nothing is dropped or added.

    Args:
        question: Self-contained.
        hits: Best first; ranks count from 1.
    """
    asked = frozenset(stems(words(question)))
    titles: dict[DocumentId, frozenset[str]] = {}
    for hit in hits:
        titles.setdefault(hit.document.document_id, frozenset(stems(words(hit.chunk.title))))
    distinct = set(titles.values())
    meant_otherwise = {
        title for title in distinct if any(_tells_apart(asked, other, title) for other in distinct)
    }
    if not meant_otherwise:
        return tuple(hits)
    scored = [
        replace(hit, score=hit.score * OTHERWISE_NAMED)
        if titles[hit.document.document_id] in meant_otherwise
        else hit
        for hit in hits
    ]
    scored.sort(key=lambda hit: -hit.score)
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(scored, 1))


def _tells_apart(asked: frozenset[str], named: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether the question means the document titled `named` and not its near copy."""
    alike = len(named & other) > NEAR_COPY * min(len(named), len(other))
    own = named - other
    return alike and bool(own) and own <= asked and not (other - named) & asked
