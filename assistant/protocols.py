"""The seam to retrieval, as the engine sees it."""

from __future__ import annotations

from typing import Protocol

from assistant.access import ReadableSet
from assistant.types import Hit


class Retriever(Protocol):
    """Finds chunks for a query. Thread-safe."""

    def retrieve(self, query: str, top_k: int, readable: ReadableSet) -> tuple[Hit, ...]:
        """Return at most `top_k` hits, best first, ties by version, page and place.

        Hits and scores equal those of a corpus without the documents outside `readable`; an empty
        set gives no hits.
        """

    @property
    def index_generation(self) -> int:
        """The generation the latest `retrieve` searched; 0 for an empty corpus."""
