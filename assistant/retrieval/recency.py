"""Editions of one document: the newer one goes first.

Companies keep the policy of 2023 beside that of 2025. Both answer the same questions and read
alike, so retrieval cannot tell which one holds. What is decided here depends on the question and
its hits alone, and so on nothing that the reader may not see.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.text import words
from assistant.types import Hit

ABOUT_AS_RELEVANT = 0.8
"""A newer edition goes first from this share of the older one's score on; below it, it most likely
says nothing on the question."""

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_YEAR = r"(?:19|20)\d\d"
_MARK = re.compile(
    rf"\b(?:(?:fy\s?)?(?P<year>{_YEAR})"
    r"(?:[-. ]?(?P<month>0[1-9]|1[0-2])(?:[-. ]?(?P<day>[0-3]\d))?|[-–/]\d\d)?"
    rf"|(?P<name>{'|'.join(_MONTHS)})[a-z]*(?=\.?,?\s+{_YEAR})"
    r"|q(?P<quarter>[1-4])"
    r"|(?:v|version|rev|revision|release|edition|issue)[. ]*(?P<number>\d+(?:\.\d+)*))\b",
    re.IGNORECASE,
)
_ORDER = ("year", "month", "day", "quarter", "number")
_ASKS_FOR_EARLIER = re.compile(
    r"\b(?:previously|formerly|historically|superseded|used\s+to\s+be|back\s+then|"
    r"(?:previous|former|earlier|prior|older?|last)\s+"
    r"(?:version|edition|issue|policy|rules?|report|plan|price|tariff|years?))\b",
    re.IGNORECASE,
)

Marks = frozenset[tuple[int, tuple[int, ...]]]
"""What tells editions apart: place in `_ORDER`, and the numbers."""


@dataclass(frozen=True, slots=True)
class _Edition:
    """A hit as an edition of a document."""

    hit: Hit
    family: tuple[str, ...]
    """Collection and words of the label without marks: equal for all editions."""
    marks: Marks
    """Of the label."""

    @property
    def named_by(self) -> Marks:
        """The marks by which a question can mean it."""
        date = self.hit.document.effective_date
        return self.marks | _marks(date[:4]) if date else self.marks

    def goes_before(self, other: _Edition) -> bool:
        """Tell whether this is a later edition and about as relevant; False if nothing tells.

        What the labels say outranks dates: saving an old file again gives it a new date.
        """
        if len(self.family) < 2 or self.hit.score < ABOUT_AS_RELEVANT * other.hit.score:
            return False
        mine, theirs = sorted(self.marks), sorted(other.marks)
        if mine != theirs and [kind for kind, _ in mine] == [kind for kind, _ in theirs]:
            return mine > theirs
        date, other_date = self.hit.document.effective_date, other.hit.document.effective_date
        # A label of one word ("Index", "Overview") is no reason to take documents for editions.
        return len(self.family) > 2 and bool(date and other_date and date > other_date)


def newest_first(question: str, hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Return the hits with later editions of a document before earlier ones.

    Hits change places only among editions of one document, and only where the later one is about
    as relevant; rank and score stay with the place. Nothing is dropped or added. An edition that
    the question names, by its year or number, is not passed; a question that asks for something
    earlier keeps the order altogether.

    Args:
        question: Self-contained.
        hits: Best first.
    """
    if _ASKS_FOR_EARLIER.search(question):
        return tuple(hits)
    asked = _marks(question)
    editions = [_edition(hit) for hit in hits]
    families: dict[tuple[str, ...], list[_Edition]] = {}
    for edition in editions:
        ordered = families.setdefault(edition.family, [])
        place = len(ordered)
        while (
            place
            and not asked & ordered[place - 1].named_by
            and edition.goes_before(ordered[place - 1])
        ):
            place -= 1
        ordered.insert(place, edition)
    next_of = {family: iter(ordered) for family, ordered in families.items()}
    return tuple(
        replace(next(next_of[edition.family]).hit, rank=edition.hit.rank, score=edition.hit.score)
        for edition in editions
    )


def _edition(hit: Hit) -> _Edition:
    label = hit.chunk.title
    family = (hit.document.collection, *words(_MARK.sub(" ", label)))
    return _Edition(hit, family, _marks(label))


def _marks(text: str) -> Marks:
    found: set[tuple[int, tuple[int, ...]]] = set()
    for match in _MARK.finditer(text):
        parts = match.groupdict()
        if name := parts.pop("name"):
            parts["month"] = str(_MONTHS.index(name.lower()) + 1)
        found.update(
            (_ORDER.index(kind), tuple(map(int, number.split("."))))
            for kind, number in parts.items()
            if number
        )
    return frozenset(found)
