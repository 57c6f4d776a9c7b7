"""Whether passages and quotes are the gold ones, by their words; pure functions, 0 to 1.

Gold quotes come from transcripts, spans or pages as somebody copied them: their words are compared,
not their characters, and half of them is enough, since a gold passage may lie on two of ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+")
SIZE = 3
"""Words in a row that are compared; of shorter texts, all there are."""
HELD = 0.5
"""From this share of its runs on, a text is held."""


def holds(text: str, quote: str) -> bool:
    """Tell whether a text holds at least half of a quote.

    >>> holds("We met. The cat sat on the mat today.", "the cat sat on a mat")
    True
    """
    wanted = _runs(quote)
    return bool(wanted) and _share(wanted, text) >= HELD


def overlap(one: str, other: str) -> bool:
    """Tell whether either text holds at least half of the other."""
    return holds(one, other) or holds(other, one)


def passage_hits(quotes: Sequence[str], texts: Sequence[str]) -> list[bool]:
    """Tell of each text whether it holds a quote that none before it holds."""
    left = list(quotes)
    hits = []
    for text in texts:
        held = [quote for quote in left if holds(text, quote)]
        left = [quote for quote in left if quote not in held]
        hits.append(bool(held))
    return hits


def passage_recall(quotes: Sequence[str], texts: Sequence[str]) -> float:
    """Return the share of the quotes that some text holds. `quotes` is not empty."""
    return sum(any(holds(text, quote) for text in texts) for quote in quotes) / len(quotes)


def _share(wanted: frozenset[tuple[str, ...]], text: str) -> float:
    size = len(next(iter(wanted)))
    return len(wanted & _runs(text, size)) / len(wanted)


def _runs(text: str, size: int = SIZE) -> frozenset[tuple[str, ...]]:
    found = _WORD.findall(text.casefold())
    size = min(size, len(found))
    if not size:
        return frozenset()
    return frozenset(tuple(found[at : at + size]) for at in range(len(found) - size + 1))
