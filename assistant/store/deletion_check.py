"""Looks for deleted documents in every store and file of a data dir; changes nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import String, cast, func, select
from sqlalchemy.orm import Session

from assistant.errors import IndexDamagedError
from assistant.reply_json import REMOVED
from assistant.store.database import Database
from assistant.store.deletions import deleted_documents, recorded_footprint
from assistant.store.examination import Examination
from assistant.store.files import said_of_disk
from assistant.store.gold_quotes import left_in_runs, left_quotes
from assistant.store.layout import Layout
from assistant.store.rows import AuditRow, JobFileRow, RunCaseRow, SuiteCaseRow, TurnRow
from assistant.store.run_folders import folders_that_name
from assistant.store.traces import Footprint, Traces
from assistant.store.types import AuditAction, DeletedDocument
from assistant.types import Version

REPAIR = "stop Plinth, then `plinth doctor --repair`"
_ID = re.compile(r'"([0-9a-f]{32})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was looked at for deleted documents, and what was found."""

    place: str
    looked_at: str
    """What, and how much of it."""
    left: str | None
    """What is still there; None: nothing."""
    remedy: str | None = None
    """The one thing that removes it."""


class DeletionCheck:
    """The record of deletions, and the proof that nothing is left. Thread-safe.

    Args:
        database: Of the data dir.
        layout: Of the data dir.
        traces: Counts what is held of a footprint.
        examination: Of the same data dir.
    """

    def __init__(
        self,
        database: Database,
        layout: Layout,
        traces: Callable[[Footprint], Traces],
        examination: Examination,
    ) -> None:
        self._database = database
        self._layout = layout
        self._traces = traces
        self._examination = examination

    def deleted(self, name: str | None = None) -> tuple[DeletedDocument, ...]:
        """Return what was deleted, oldest first; only of one id or name where it is given."""
        with self._database.reading() as session:
            return deleted_documents(session, name)

    def looks(self, deleted: Sequence[DeletedDocument]) -> tuple[Look, ...]:
        """Look for deleted documents everywhere.

        Raises:
            StoreError: the data dir cannot be read.
        """
        self._database.forget_deleted()
        with self._database.reading() as session:
            footprint = recorded_footprint(session, deleted)
        with said_of_disk(self._layout.root):
            return (
                *self._counted(footprint),
                *self._replies(footprint.document_ids),
                self._run_folders(footprint.document_ids),
                *self._quotes(deleted),
                self._waiting(footprint.versions),
                self._leftovers(),
                self._freed(),
            )

    def n_backups_before(self, deleted: Sequence[DeletedDocument]) -> int:
        """Return how many backups were made while one of the documents was there, at most."""
        latest = max((one.at for one in deleted), default="")
        selection = (
            select(func.count())
            .select_from(AuditRow)
            .where(AuditRow.action == AuditAction.BACKED_UP.value, AuditRow.at <= latest)
        )
        with self._database.reading() as session:
            return session.scalar(selection) or 0

    def _counted(self, of: Footprint) -> Iterator[Look]:
        try:
            found = self._traces(of)
        except IndexDamagedError as error:
            yield Look(place="index", looked_at="its files", left=str(error), remedy=REPAIR)
            return
        n_contents = len(of.contents)
        rows = (
            ("catalog", f"their rows ({len(of.document_ids):,})", found.n_documents),
            ("catalog: text", f"pages of their versions ({n_contents:,})", found.n_pages),
            ("catalog: hidden text", "what was not seen on their pages", found.n_hidden),
            ("catalog: scans", "places of words read from pictures", found.n_scanned_pages),
            ("catalog: passages", f"their passages with vectors ({of.n_chunks:,})", found.n_chunks),
            ("index", f"words and vectors of their passages ({of.n_chunks:,})", found.n_vectors),
            ("originals", f"their files, by hash ({len(of.versions):,})", found.n_files),
            ("prepared passages", f"folders of their versions ({n_contents:,})", found.n_blocks),
            ("conversations", "replies that are known to show it", found.n_replies),
            ("evaluations", "replies of runs that are known to show it", found.n_evaluated),
        )
        for place, looked_at, n_left in rows:
            yield Look(
                place=place,
                looked_at=looked_at,
                left=f"{n_left:,} of them" if n_left else None,
                remedy=REPAIR if n_left else None,
            )

    def _replies(self, ids: Collection[str]) -> Iterator[Look]:
        for place, column in (
            ("conversations: text", TurnRow.reply),
            ("evaluations: text", RunCaseRow.reply),
        ):
            n_looked, n_left = 0, 0
            selection = select(cast(column, String)).where(column.is_not(None))
            with self._database.reading() as session:
                for text in session.scalars(selection.execution_options(yield_per=200)):
                    n_looked += 1
                    n_left += any(one in ids for one in _ID.findall(text)) and _shows(text, ids)
            yield Look(
                place=place,
                looked_at=f"every stored reply ({n_looked:,})",
                left=f"{n_left:,} of them quote it" if n_left else None,
                remedy=REPAIR if n_left else None,
            )

    def _run_folders(self, ids: Collection[str]) -> Look:
        names = folders_that_name(self._layout, ids)
        folders = ", ".join(str(self._layout.evaluations / name) for name in names)
        return Look(
            place="evaluations: folders",
            looked_at="runs of an earlier Plinth that could not be taken into the catalog",
            left=f"replies in {folders}" if names else None,
            remedy=f"remove {folders}" if names else None,
        )

    def _quotes(self, deleted: Sequence[DeletedDocument]) -> Iterator[Look]:
        for place, where, kind, left in (
            ("suites", "every version of every suite", SuiteCaseRow, left_quotes),
            ("evaluations: cases", "what every run asked", RunCaseRow, left_in_runs),
        ):
            with self._database.reading() as session:
                n_looked = session.scalar(select(func.count()).select_from(kind)) or 0
                n_left = sum(len(places) for _, places in left(session, deleted))
            yield Look(
                place=place,
                looked_at=f"gold passages in {where} ({n_looked:,} cases)",
                left=f"{n_left:,} of them quote it" if n_left else None,
                remedy=REPAIR if n_left else None,
            )

    def _waiting(self, versions: Collection[Version]) -> Look:
        with self._database.reading() as session:
            known = _known_uploads(session, self._layout)
        held, jobs, n_looked = 0, set(), 0
        for path in sorted(self._layout.uploads.glob("*/*")):
            with suppress(FileNotFoundError):  # taken in meanwhile
                n_looked += 1
                with path.open("rb") as file:
                    is_same = hashlib.file_digest(file, "sha256").hexdigest() in versions
                if is_same:
                    held += 1
                    jobs.add(path.parent.name if path in known else "")
        named = ", ".join(f"`plinth queue clear {job}`" for job in sorted(jobs) if job)
        return Look(
            place="files that wait",
            looked_at=f"files that were sent, by hash ({n_looked:,})",
            left=f"{held:,} with the same bytes: sent again, or refused then" if held else None,
            remedy=(named or "start the web app anew, which removes them") if held else None,
        )

    def _leftovers(self) -> Look:
        n_left = self._examination.n_leftovers()
        return Look(
            place="files that belong to nothing",
            looked_at="index, originals, prepared passages, files half written",
            left=f"{n_left:,} files, or some that are being written now" if n_left else None,
            remedy=REPAIR if n_left else None,
        )

    def _freed(self) -> Look:
        freed = self._database.freed()
        left = remedy = None
        if freed.n_pages:
            left, remedy = f"{freed.n_pages:,} freed pages are not overwritten", REPAIR
        elif freed.n_journal_bytes:
            left = f"{freed.n_journal_bytes:,} bytes in the journal: somebody writes now"
            remedy = "run the command again once that is done"
        return Look(
            place="catalog: freed pages",
            looked_at=freed.looked_at,
            left=left,
            remedy=remedy,
        )


def _shows(text: str, ids: Collection[str]) -> bool:
    reply = json.loads(text)
    return any(
        item.get("document_id") in ids and item[key] != REMOVED
        for part, key in (("citations", "quote"), ("passages", "text"))
        for item in reply[part]
    )


def _known_uploads(session: Session, layout: Layout) -> frozenset[Path]:
    rows = session.execute(select(JobFileRow.job_id, JobFileRow.document))
    return frozenset(layout.upload(job_id, document) for job_id, document in rows)
