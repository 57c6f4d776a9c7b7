"""Values of suites of gold questions, as stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.types import CollectionId


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteVersion:
    """A suite as somebody saved it."""

    ordinal: int
    """From 1."""
    sha256: str
    """Of the bytes of its export."""
    n_cases: int
    saved_by: str
    saved_at: str
    """ISO time, UTC."""
    change: str
    """What is different from the version before, in words."""
    has_lost: bool
    """A quote went with its document since: the hash is of what it was before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSuite:
    """A suite in its newest version."""

    suite_id: int
    name: str
    collection: str
    collection_id: CollectionId
    page_tolerance: int
    """Pages by which gold page numbers may be off."""
    latest: SuiteVersion

    @property
    def full_name(self) -> str:
        """Collection and name: what no other suite is called."""
        return f"{self.collection}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCase:
    """A case to save."""

    values: Mapping[str, Any]
    """A checked line of a suite file, with all its fields."""
    document_ids: tuple[str | None, ...] = ()
    """By piece of its evidence: the document it was picked from; None: it is only named. Shorter
    than the evidence: the rest is only named."""

    @property
    def key(self) -> str:
        """The case's id in its suite."""
        return str(self.values["id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCase:
    """A case of a suite."""

    values: Mapping[str, Any]
    """As a line of a suite file."""
    document_ids: tuple[str | None, ...]
    """As long as the evidence."""
    since: int
    """The version in which it was saved like this."""
    review_id: int | None
    """The feedback it was made of."""

    @property
    def key(self) -> str:
        """The case's id in its suite."""
        return str(self.values["id"])
