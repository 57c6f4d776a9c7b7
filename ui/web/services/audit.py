"""The audit log, for those who may see it; its export is recorded, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from assistant.access import Who
from assistant.store.audit import AuditLog
from assistant.store.types import AuditAction, AuditEntry

PAGE = 1000


class AuditRecords:
    """What people did.

    Args:
        who: Who asks, as of now.
        audit: All of it.
    """

    def __init__(self, who: Who, audit: AuditLog) -> None:
        self._who = who
        self._audit = audit

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

    def export(self) -> Iterator[bytes]:
        """Return the whole log as JSON lines, oldest last; what is written now is not in it."""
        self._audit.note(self._who().name, AuditAction.EXPORTED, "audit log")
        return self._lines()

    def _lines(self) -> Iterator[bytes]:
        before_id = None
        while entries := self._audit.entries(before_id=before_id, limit=PAGE):
            for entry in entries:
                yield json.dumps(entry.to_json()).encode() + b"\n"
            before_id = entries[-1].entry_id
