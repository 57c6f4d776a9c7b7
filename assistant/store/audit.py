"""What people did, in a chain in which no entry can be changed, taken out or put in unseen.

Every entry's hash covers the entry and the hash before it. The newest one stands outside the
database, too, in the anchor file: entries that are cut off at the end leave it pointing at nothing.
Whoever can write the data dir can write both anew; an export kept elsewhere shows even that.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from assistant.errors import StoreError
from assistant.store.database import Database
from assistant.store.files import write_durably
from assistant.store.index import now
from assistant.store.lock import ProcessLock
from assistant.store.rows import AuditRow
from assistant.store.types import AuditAction, AuditEntry

_LOG = logging.getLogger(__name__)
ANCHOR_WAIT_S = 5.0
FIRST = hashlib.sha256(b"plinth audit log").hexdigest()
"""What stands for the hash before the first entry."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    entry_id: int
    entry_hash: str


@dataclass(slots=True)
class Recording:
    """A change that is under way, and what is to be recorded of it."""

    session: Session
    actor: str
    last: AuditRow | None = None

    def note(self, action: AuditAction, subject: str = "", **details: Any) -> None:
        """Record something together with the change, or not at all."""
        before = self.last or self.session.scalar(_newest())
        entry_id = 1 if before is None else before.id + 1
        row = AuditRow(
            id=entry_id,
            at=now(),
            actor=self.actor,
            action=action.value,
            subject=subject,
            details=details,
            hash="",
        )
        row.hash = _hash(FIRST if before is None else before.hash, row)
        self.session.add(row)
        self.session.flush()
        self.last = row


class AuditLog:
    """The audit log of a data dir. Thread-safe; touches no index and needs no writer's lock.

    Args:
        database: Of the data dir.
        anchor: The file that holds the newest entry's number and hash.
    """

    def __init__(self, database: Database, anchor: Path) -> None:
        self._database = database
        self._anchor = anchor

    @contextmanager
    def recording(self, actor: str) -> Iterator[Recording]:
        """Give a writing session; what is noted is committed with what is changed, or neither.

        Args:
            actor: Who does it.

        Raises:
            StoreError: the catalog cannot be written.
        """
        with self._database.writing() as session:
            recording = Recording(session, actor)
            yield recording
            newest = recording.last and (recording.last.id, recording.last.hash)
        if newest:
            self._move_anchor(*newest)

    def _move_anchor(self, entry_id: int, entry_hash: str) -> None:
        """Anchor the newest entry; what is recorded is committed, so no failure undoes it.

        An anchor that the entries do not fit stays: it shows that they were tampered with.
        """
        try:
            with ProcessLock(self._anchor.with_suffix(".lock"), wait_s=ANCHOR_WAIT_S):
                before = self._anchored()
                if before is not None and not self._holds(before):
                    raise StoreError(f"entry {before.entry_id} is not what it was")
                if before is not None and before.entry_id >= entry_id:
                    return
                text = json.dumps({"id": entry_id, "hash": entry_hash})
                write_durably(self._anchor.parent, [text.encode()], self._anchor.name)
        except (StoreError, OSError) as error:
            _LOG.error("the audit log's anchor stays where it was: %s", error)

    def _anchored(self) -> _Anchor | None:
        """Return what the anchor file holds; None: there is none yet.

        Raises:
            StoreError: it cannot be read, or is none.
        """
        try:
            held = json.loads(self._anchor.read_text(encoding="utf-8"))
            anchored = _Anchor(int(held["id"]), str(held["hash"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{str(self._anchor)!r} cannot be read") from error
        if anchored.entry_id < 1:
            raise StoreError(f"{str(self._anchor)!r} cannot be read: entries are counted from 1")
        return anchored

    def _holds(self, anchored: _Anchor) -> bool:
        with self._database.reading() as session:
            row = session.get(AuditRow, anchored.entry_id)
            return row is not None and row.hash == anchored.entry_hash

    def note(self, actor: str, action: AuditAction, subject: str = "", **details: Any) -> None:
        """Record something that changes nothing in the catalog."""
        with self.recording(actor) as recording:
            recording.note(action, subject, **details)

    def entries(
        self,
        *,
        actor: str | None = None,
        action: AuditAction | None = None,
        since: str | None = None,
        until: str | None = None,
        text: str = "",
        before_id: int | None = None,
        limit: int,
    ) -> tuple[AuditEntry, ...]:
        """Return entries, newest first.

        Args:
            actor: Only what this one did.
            action: Only of this kind.
            since: ISO time (UTC) or its beginning, as "2026-03"; only from then on.
            until: The same; only before it.
            text: Only those whose subject holds it, whatever its capitals.
            before_id: Only earlier ones: to turn pages.
            limit: How many at most.
        """
        selection = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        wanted = (
            (actor is not None, AuditRow.actor == actor),
            (action is not None, AuditRow.action == (action and action.value)),
            (since is not None, AuditRow.at >= (since or "")),
            (until is not None, AuditRow.at < (until or "")),
            (bool(text), AuditRow.subject.icontains(text, autoescape=True)),
            (before_id is not None, AuditRow.id < (before_id or 0)),
        )
        for is_wanted, condition in wanted:
            if is_wanted:
                selection = selection.where(condition)
        with self._database.reading() as session:
            return tuple(map(_entry, session.scalars(selection)))

    def actors(self) -> tuple[str, ...]:
        """Return who did anything, sorted."""
        with self._database.reading() as session:
            return tuple(
                session.scalars(select(AuditRow.actor).distinct().order_by(AuditRow.actor))
            )

    def problems(self) -> tuple[str, ...]:
        """Return what shows that the log was tampered with; empty for a sound one."""
        with self._database.reading() as session:
            try:
                anchored = self._anchored()
            except StoreError as error:
                return (f"the audit log's anchor {error}",)
            # An entry is committed before its anchor is written: one may lack it after a crash.
            if anchored is None and (session.scalar(select(func.max(AuditRow.id))) or 0) > 1:
                return (f"the audit log's anchor {str(self._anchor)!r} is missing",)
            return _chain_problems(session, anchored or _Anchor(0, FIRST))


def _chain_problems(session: Session, anchored: _Anchor) -> tuple[str, ...]:
    before, expected_id = FIRST, 1
    found_anchor = anchored.entry_id == 0  # none was written yet
    with session.scalars(_by_age().execution_options(yield_per=1000)) as rows:
        for row in rows:
            if row.id != expected_id:
                return (f"the audit log lacks entry {expected_id}",)
            if row.hash != _hash(before, row):
                return (f"entry {row.id} of the audit log is not what was written",)
            if row.id == anchored.entry_id:
                found_anchor = row.hash == anchored.entry_hash
            before, expected_id = row.hash, expected_id + 1
    if not found_anchor:
        n_held = expected_id - 1
        return (
            f"the audit log ends at entry {n_held}, entry {anchored.entry_id} was written"
            if n_held < anchored.entry_id
            else f"entry {anchored.entry_id} of the audit log is another one than was written",
        )
    return ()


def _by_age() -> Select[AuditRow]:
    return select(AuditRow).order_by(AuditRow.id)


def _newest() -> Select[AuditRow]:
    return select(AuditRow).order_by(AuditRow.id.desc()).limit(1)


def _hash(before: str, row: AuditRow) -> str:
    fields = [before, row.id, row.at, row.actor, row.action, row.subject, row.details]
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _entry(row: AuditRow) -> AuditEntry:
    try:
        action = AuditAction(row.action)
    except ValueError as error:
        raise StoreError(f"the audit log holds an unknown action {row.action!r}") from error
    return AuditEntry(
        entry_id=row.id,
        at=row.at,
        actor=row.actor,
        action=action,
        subject=row.subject,
        details=row.details,
    )
