"""Questions under way, kept so that the audit log has them even where the server's process ends.

What becomes of a question is recorded when it ends. Until then it stands here, with the documents
of which its asker was shown something: the next start records what a killed server left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.errors import StoreError
from assistant.store.audit import AuditLog
from assistant.store.database import Database
from assistant.store.index import now
from assistant.store.rows import OpenQuestionRow
from assistant.store.types import AuditAction

INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question under way, as its asker's name in the audit log knows it."""

    question_id: int
    actor: str


class OpenQuestions:
    """The questions under way on a data dir. Thread-safe; needs no writer's lock.

    Args:
        database: Of the data dir.
        audit: Where every question is recorded as it leaves here, in the same transaction.
    """

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def begin(self, actor: str) -> OpenQuestion:
        """Keep that somebody asks something, before anything of it is shown."""
        with self._database.writing() as session:
            row = OpenQuestionRow(actor=actor, asked_at=now(), shown=[])
            session.add(row)
            session.flush()
            return OpenQuestion(row.id, actor)

    def add_shown(self, question: OpenQuestion, documents: Iterable[str]) -> None:
        """Keep that something of these documents, too, is about to be shown.

        Raises:
            StoreError: the question has ended.
        """
        with self._database.writing() as session:
            row = _open_row(session, question)
            row.shown = sorted({*row.shown, *documents})

    def end(
        self, question: OpenQuestion, *, status: str, shown: Iterable[str], **details: Any
    ) -> None:
        """Record what became of a question.

        Args:
            question: Which, not ended yet.
            status: The reply's, or why there is none.
            shown: Documents of which its asker was shown something.
            details: What else is recorded.

        Raises:
            StoreError: it has ended already.
        """
        with self._audit.recording(question.actor) as recording:
            recording.session.delete(_open_row(recording.session, question))
            recording.note(AuditAction.ASKED, status=status, shown=sorted(shown), **details)

    def record_interrupted(self) -> int:
        """Record the questions that ended with their server, and return how many there were.

        Only where no other server runs: its questions would be taken for those of a dead one.
        """
        with self._database.reading() as session:
            left = session.scalars(select(OpenQuestionRow).order_by(OpenQuestionRow.id)).all()
        for row in left:
            self.end(
                OpenQuestion(row.id, row.actor),
                status=INTERRUPTED,
                shown=row.shown,
                asked_at=row.asked_at,
            )
        return len(left)


def _open_row(session: Session, question: OpenQuestion) -> OpenQuestionRow:
    row = session.get(OpenQuestionRow, question.question_id)
    if row is None:
        raise StoreError(f"question {question.question_id} has ended already")
    return row
