"""Runs of evaluations: what was measured, the cases asked, and every reply as it came.

A stored reply holds text of documents. Deleting a document takes the replies that show it out of
all runs, in the same transaction: their cases count as unscored from then on, not as wrong.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from assistant.access import OPERATOR
from assistant.errors import UnknownNameError
from assistant.store.database import Database
from assistant.store.files import said_of_disk
from assistant.store.index import now
from assistant.store.lock import ProcessLock
from assistant.store.queries import readable_ids
from assistant.store.rows import RunCaseRow, RunDocumentRow, RunRow

FORGOTTEN = "its reply showed a document that was deleted"
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSuite:
    """A suite of a run."""

    properties: Json
    """Its name, and what else is to be known of it beside its cases."""
    cases: Sequence[Json]
    """As lines of a suite file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """What is known of a run beside its cases."""

    run_id: str
    plan: Json
    suites: tuple[Json, ...]
    """The properties of each."""
    starts: tuple[Json, ...]
    started: str
    finished: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """How far a run is."""

    n_cases: int
    n_replies: int
    n_changes: int
    """Differs as soon as a reply or an error came or went, or the run was finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCase:
    """A case with what came of it."""

    position: int
    """Counted through all suites of the run."""
    suite_index: int
    case: Json
    reply: dict[str, Any] | None = None
    error: str | None = None
    """Why there is no reply; None also if it was not asked."""


class Runs:
    """The runs of a data dir. Thread-safe; touches no index and needs no writer's lock.

    Args:
        database: Of the data dir.
        locks: Folder where it is held which runs are under way; made when needed.
    """

    def __init__(self, database: Database, locks: Path) -> None:
        self._database = database
        self._locks = locks

    def list(self) -> tuple[StoredRun, ...]:
        """Return all runs, oldest first."""
        with self._database.reading() as session:
            return tuple(map(_stored, session.scalars(select(RunRow).order_by(RunRow.id))))

    def begin(self, plan: Json, suites: Sequence[StoredSuite]) -> StoredRun:
        """Return the latest unfinished run of an equal plan, else make one with these cases.

        Args:
            plan: JSON as it is read again: lists, no tuples.
            suites: What is asked.
        """
        with self._database.writing() as session:
            unfinished = select(RunRow).where(RunRow.finished.is_(None)).order_by(RunRow.id.desc())
            for row in session.scalars(unfinished):
                if row.plan == plan:
                    return _stored(row)
            run = StoredRun(
                run_id=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
                plan=plan,
                suites=tuple(suite.properties for suite in suites),
                starts=(),
                started=now(),
                finished=None,
            )
            asked = [(index, case) for index, suite in enumerate(suites) for case in suite.cases]
            cases = [
                StoredCase(position=position, suite_index=index, case=case)
                for position, (index, case) in enumerate(asked)
            ]
            add_run(session, run, cases)
            return run

    def counts(self, run_id: str) -> RunCounts:
        """Return how far a run is.

        Raises:
            UnknownNameError: there is none of this id.
        """
        counted = (
            select(func.count(), func.count(RunCaseRow.reply))
            .select_from(RunCaseRow)
            .where(RunCaseRow.run_id == run_id)
        )
        with self._database.reading() as session:
            n_changes = _row(session, run_id).n_changes
            n_cases, n_replies = session.execute(counted).one()
        return RunCounts(n_cases=n_cases, n_replies=n_replies, n_changes=n_changes)

    def cases(self, run_id: str, suite_index: int) -> tuple[StoredCase, ...]:
        """Return the cases of a suite, in its order, with what came of them."""
        selection = (
            select(RunCaseRow)
            .where(RunCaseRow.run_id == run_id, RunCaseRow.suite_index == suite_index)
            .order_by(RunCaseRow.position)
        )
        with self._database.reading() as session:
            return tuple(
                StoredCase(
                    position=row.position,
                    suite_index=row.suite_index,
                    case=row.case,
                    reply=row.reply,
                    error=row.error,
                )
                for row in session.scalars(selection)
            )

    def unanswered(self, run_id: str, suite_index: int) -> tuple[tuple[int, Json], ...]:
        """Return position and case of those of a suite that have no reply, in its order."""
        selection = (
            select(RunCaseRow.position, RunCaseRow.case)
            .where(
                RunCaseRow.run_id == run_id,
                RunCaseRow.suite_index == suite_index,
                RunCaseRow.reply.is_(None),
            )
            .order_by(RunCaseRow.position)
        )
        with self._database.reading() as session:
            return tuple((row.position, row.case) for row in session.execute(selection))

    def note_start(self, run_id: str, start: Json) -> None:
        """Record when and under which circumstances the asking begins, or goes on."""
        with self._database.writing() as session:
            row = _row(session, run_id)
            row.starts = [*row.starts, {"at": now(), **start}]

    def keep_reply(self, run_id: str, position: int, reply: Json) -> str | None:
        """Keep the reply to a case durably.

        A reply that shows a document that was deleted while it was made is not kept.

        Args:
            run_id: Of the run.
            position: Of the case.
            reply: As `assistant.reply_json.reply_to_json` returns it, and more.

        Returns:
            Why it is not kept, which is recorded as the case's error.
        """
        with self._database.writing() as session:
            shown = _documents(reply)
            if readable_ids(session, shown, OPERATOR) != shown:
                _change(session, run_id, position, reply=None, error=FORGOTTEN)
                return FORGOTTEN
            _change(session, run_id, position, reply=dict(reply), error=None)
            session.add_all(_shown(run_id, position, shown))
            return None

    def keep_error(self, run_id: str, position: int, error: str) -> None:
        """Keep durably why a case has no reply."""
        with self._database.writing() as session:
            _change(session, run_id, position, reply=None, error=error)

    def finish(self, run_id: str) -> StoredRun:
        """Record that all was asked, and return the run."""
        with self._database.writing() as session:
            row = _row(session, run_id)
            row.finished = row.finished or now()
            row.n_changes += 1
            stored = _stored(row)
        self._lock_file(run_id).unlink(missing_ok=True)
        return stored

    def under_way(self, run_id: str) -> ProcessLock:
        """Return the lock that whoever asks the cases of a run holds.

        Raises:
            StoreError: the disk refuses.
        """
        path = self._lock_file(run_id)
        with said_of_disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return ProcessLock(
            path,
            wait_s=0,
            refusal="is asking the questions of this run; wait until it is done or stop it",
        )

    def _lock_file(self, run_id: str) -> Path:
        return self._locks / f"{run_id}.lock"


def add_run(session: Session, run: StoredRun, cases: Sequence[StoredCase]) -> None:
    """Add a run with its cases.

    Replies that show a document that is not there any more are left out, as if it had been deleted
    afterwards.
    """
    session.add(
        RunRow(
            id=run.run_id,
            plan=dict(run.plan),
            suites=[dict(suite) for suite in run.suites],
            starts=[dict(start) for start in run.starts],
            started=run.started,
            finished=run.finished,
            n_changes=0,
        )
    )
    session.flush()
    shown = {one.position: _documents(one.reply or {}) for one in cases}
    known = readable_ids(session, frozenset().union(*shown.values()), OPERATOR)
    whole = {position for position, ids in shown.items() if ids <= known}
    session.add_all(
        RunCaseRow(
            run_id=run.run_id,
            position=one.position,
            suite_index=one.suite_index,
            case=dict(one.case),
            reply=one.reply if one.position in whole else None,
            error=one.error if one.position in whole else FORGOTTEN,
        )
        for one in cases
    )
    session.flush()
    for position in whole:
        session.add_all(_shown(run.run_id, position, shown[position]))


def forget_replies(session: Session, existing: Select[str]) -> None:
    """Take out of every run the replies that show documents that are not among `existing`."""
    gone = select(RunDocumentRow.run_id, RunDocumentRow.position).where(
        RunDocumentRow.document_id.not_in(existing)
    )
    for run_id, position in session.execute(gone.distinct()).all():
        _change(session, run_id, position, reply=None, error=FORGOTTEN)


def has_run(session: Session, run_id: str) -> bool:
    """Tell whether there is a run of this id."""
    return session.get(RunRow, run_id) is not None


def _change(
    session: Session, run_id: str, position: int, *, reply: dict[str, Any] | None, error: str | None
) -> None:
    """Have a case hold something else, and nothing be known of what its reply shows."""
    at = (RunCaseRow.run_id == run_id, RunCaseRow.position == position)
    session.execute(update(RunCaseRow).where(*at).values(reply=reply, error=error))
    session.execute(
        delete(RunDocumentRow).where(
            RunDocumentRow.run_id == run_id, RunDocumentRow.position == position
        )
    )
    session.execute(
        update(RunRow).where(RunRow.id == run_id).values(n_changes=RunRow.n_changes + 1)
    )


def _documents(reply: Json) -> frozenset[str]:
    """Return the ids of the documents whose text a reply holds, as far as it tells them."""
    return frozenset(
        item["document_id"]
        for part in ("citations", "passages")
        for item in reply.get(part, ())
        if "document_id" in item
    )


def _shown(run_id: str, position: int, ids: frozenset[str]) -> list[RunDocumentRow]:
    return [
        RunDocumentRow(run_id=run_id, position=position, document_id=document_id)
        for document_id in sorted(ids)
    ]


def _row(session: Session, run_id: str) -> RunRow:
    row = session.get(RunRow, run_id)
    if row is None:
        raise UnknownNameError(f"no run {run_id!r}; `plinth eval list` shows the ids")
    return row


def _stored(row: RunRow) -> StoredRun:
    return StoredRun(
        run_id=row.id,
        plan=row.plan,
        suites=tuple(row.suites),
        starts=tuple(row.starts),
        started=row.started,
        finished=row.finished,
    )
