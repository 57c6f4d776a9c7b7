"""The audit log, for those who may see it; its export is recorded, too."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from assistant.access import Who
from assistant.inert import csv_lines, json_text
from assistant.store.audit import AuditLog
from assistant.store.deletion_check import DeletionCheck, Look
from assistant.store.types import AuditAction, AuditEntry

PAGE = 1000
COLUMNS = ("id", "at", "actor", "action", "subject", "details")
"""Of the table, in the order of `AuditEntry.to_json`."""


class AuditRecords:
    """What people did.

    Args:
        who: Who asks, as of now.
        audit: All of it.
        deletions: The record of what was deleted.
    """

    def __init__(self, who: Who, audit: AuditLog, deletions: DeletionCheck) -> None:
        self._who = who
        self._audit = audit
        self._deletions = deletions

    def entries(self, **filters: Any) -> tuple[AuditEntry, ...]:
        """Return entries, newest first; see `AuditLog.entries`."""
        self._who()
        return self._audit.entries(**filters)

    def actors(self) -> tuple[str, ...]:
        """Return who did anything."""
        self._who()
        return self._audit.actors()

    def problems(self) -> tuple[str, ...]:
        """Return what shows that the log was tampered with."""
        self._who()
        return self._audit.problems()

    def deletion_looks(self) -> tuple[int, tuple[Look, ...]]:
        """Return how many documents were deleted, and what a look for them found everywhere."""
        self._who()
        deleted = self._deletions.deleted()
        return len(deleted), self._deletions.looks(deleted)

    def export(self) -> Iterator[bytes]:
        """Return the whole log as JSON lines, newest first; what is written now is not in it."""
        self._note_export()
        return (json_text(entry.to_json()).encode() + b"\n" for entry in self._all())

    def export_table(self) -> Iterator[bytes]:
        """Return the same as CSV, for spreadsheets."""
        self._note_export()
        rows = (
            (*values, json_text(details) if details else "")
            for *values, details in (entry.to_json().values() for entry in self._all())
        )
        # The mark by which spreadsheets know UTF-8.
        return map(str.encode, chain(["\ufeff"], csv_lines(chain([COLUMNS], rows))))

    def _note_export(self) -> None:
        self._audit.note(self._who().name, AuditAction.EXPORTED, "audit log")

    def _all(self) -> Iterator[AuditEntry]:
        before_id = None
        while entries := self._audit.entries(before_id=before_id, limit=PAGE):
            yield from entries
            before_id = entries[-1].entry_id
