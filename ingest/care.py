"""Taking in with care: file by file after a failure, so that the culprit is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingest.types import Rejection, RejectReason

MOST_DEATHS = 3
"""How often a file may end the process, or fail unexpectedly, before it is put aside."""


def _nothing_waits() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How an ingest heeds other work, missing disks and failures; as it stands: not at all.

    One at a time costs a transaction or two for each file, so it is done only where it must be.
    """

    begins: Callable[[str], None] | None = None
    """Told each file before anything of it is read in this process, which then takes one at a
    time; None: several at once, in batches."""
    n_deaths: Mapping[str, int] = field(default_factory=dict)
    """By file: what happened so far. Those that did nothing come first."""
    tries_again: bool = False
    """Whether what was put aside before is tried again."""
    texts_wait: Callable[[], bool] = _nothing_waits
    """Asked every few seconds while vectors are made. Once true, the run is complete without the
    others, which the next one makes: its texts go first."""
    spares_many: bool = False
    """Whether nothing is pruned of a folder from which most documents have gone: its disk may not
    be there. The report says how many."""

    @property
    def is_one_by_one(self) -> bool:
        """Whether a file is published before the next one is begun."""
        return self.begins is not None

    def rank(self, document: str) -> int:
        """Return a file's place in the order: lower first."""
        return self.n_deaths.get(document, 0)

    def verdict(self, document: str) -> Rejection | None:
        """Return why a file is put aside; None as long as it is tried."""
        if self.rank(document) < MOST_DEATHS:
            return None
        return Rejection(
            reason=RejectReason.PUT_ASIDE,
            detail=f"taking it in ended the process, or failed unexpectedly, {MOST_DEATHS} times; "
            "the server's log says how. Most often memory is missing: free some and try again, or "
            "discard it",
        )


NO_CARE = Care()
"""An ingest that has the machine for itself."""
