"""Who may read what: the one function that every path asks.

A `ReadableSet` is passed to every retrieval and reading call. The operator's holds everything;
a person's holds the collections granted to their groups. Nothing else decides about reading.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from assistant.types import CollectionId


class Role(StrEnum):
    """What a person does with Plinth; only admins read beyond their groups."""

    EMPLOYEE = "employee"
    EVALUATOR = "evaluator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableSet:
    """The documents a reader may see, as the collections they lie in."""

    everything: bool = False
    """The operator: no restriction."""
    collections: frozenset[CollectionId] = frozenset()
    """Readable collections; ignored when `everything`."""

    def within(self, collection: CollectionId) -> ReadableSet:
        """Return the part of this set that lies in one collection; empty if it is unreadable."""
        if self.everything or collection in self.collections:
            return ReadableSet(collections=frozenset({collection}))
        return ReadableSet()


OPERATOR = ReadableSet(everything=True)
"""Who runs the command line without `--as`."""


def readable_by(*, role: Role, suspended: bool, granted: Iterable[CollectionId]) -> ReadableSet:
    """Return what a person may read.

    Args:
        role: Admins read everything.
        suspended: Reads nothing, whatever the role.
        granted: Collections granted to the person's groups.
    """
    if suspended:
        return ReadableSet()
    if role is Role.ADMIN:
        return ReadableSet(everything=True)
    return ReadableSet(collections=frozenset(granted))
