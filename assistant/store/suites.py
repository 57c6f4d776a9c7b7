"""Suites of gold questions: every change makes a new version, and the old ones stay.

A suite belongs to a collection. Who may not read all of that collection finds no suite of it: gold
answers and passages say what stands in its documents, and passages are picked from no others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from assistant.access import ReadableSet
from assistant.errors import ChangedMeanwhileError, NameTakenError, UnknownNameError
from assistant.store.audit import AuditLog, Recording
from assistant.store.database import Database
from assistant.store.people import collection_id
from assistant.store.reviews import close_with_case
from assistant.store.rows import CollectionRow, SuiteCaseRow, SuiteRow, SuiteVersionRow
from assistant.store.suite_rows import (
    Rows,
    check_quotes,
    copied,
    evidence_of,
    linked,
    new_row,
    passage_of,
    put_rows,
    readable_suite,
    record_version,
    rows_of,
    stored_case,
    stored_suite,
    stored_version,
    suite_key,
    suite_selection,
)
from assistant.store.suite_types import NewCase, StoredCase, StoredSuite, SuiteVersion
from assistant.store.types import AuditAction

Cases = list[SuiteCaseRow]


class Suites:
    """The suites of a data dir. Thread-safe; touches no index and needs no writer's lock.

    Every method takes what the reader may read; a suite that this one may not see is as one that
    does not exist.

    Args:
        database: Of the data dir.
        audit: Where every change is recorded, in its transaction.
    """

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    # Reading

    def list(self, readable: ReadableSet) -> tuple[StoredSuite, ...]:
        """Return the suites a reader may see, by collection and name."""
        with self._database.reading() as session:
            rows = session.execute(suite_selection().order_by(CollectionRow.name, SuiteRow.name))
            return tuple(
                one for one in map(stored_suite, rows) if readable.holds(one.collection_id)
            )

    def find(self, name: str, readable: ReadableSet) -> StoredSuite:
        """Return a suite by its name, or by `collection/name` where several are called so.

        Raises:
            UnknownNameError: there is none, or more than one.
        """
        suites = self.list(readable)
        found = [one for one in suites if one.full_name == name]
        found = found or [one for one in suites if suite_key(one.name) == suite_key(name)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(repr(one.full_name) for one in found or suites) or "none yet"
        problem = "several suites are called" if found else "no suite is called"
        raise UnknownNameError(f"{problem} {name!r}; give one of: {known}")

    def suite(self, suite_id: int, readable: ReadableSet) -> StoredSuite:
        """Return a suite in its newest version.

        Raises:
            UnknownNameError: no such suite that the reader may see.
        """
        with self._database.reading() as session:
            return readable_suite(session, suite_id, readable)

    def versions(self, suite_id: int, readable: ReadableSet) -> tuple[SuiteVersion, ...]:
        """Return all versions of a suite, latest first.

        Raises:
            UnknownNameError: no such suite that the reader may see.
        """
        with self._database.reading() as session:
            readable_suite(session, suite_id, readable)
            rows = session.scalars(
                select(SuiteVersionRow)
                .filter_by(suite_id=suite_id)
                .order_by(SuiteVersionRow.ordinal.desc())
            )
            return tuple(map(stored_version, rows))

    def cases(
        self, suite_id: int, readable: ReadableSet, version: int | None = None
    ) -> tuple[StoredCase, ...]:
        """Return the cases of a version of a suite in their order; None: of the newest.

        Raises:
            UnknownNameError: no such suite that the reader may see, or no such version of it.
        """
        with self._database.reading() as session:
            latest = readable_suite(session, suite_id, readable).latest.ordinal
            if version is not None and not 1 <= version <= latest:
                message = f"the suite has no version {version}; its versions are 1 to {latest}"
                raise UnknownNameError(message)
            return tuple(map(stored_case, rows_of(session, suite_id, version or latest)))

    # Changing

    def add(
        self,
        name: str,
        collection: str,
        readable: ReadableSet,
        *,
        by: str,
        page_tolerance: int = 0,
        cases: Sequence[NewCase] = (),
    ) -> StoredSuite:
        """Add a suite, with cases or to be filled.

        Args:
            name: Distinct in its collection; what a name may be, the caller knows.
            collection: Whose documents it asks about.
            readable: What who adds it may read.
            by: Who that is.
            page_tolerance: Pages by which gold page numbers may be off.
            cases: Keys distinct.

        Raises:
            UnknownNameError: no such collection that the reader may read as a whole.
            NameTakenError: the collection has a suite of this name.
            QuoteError: a picked passage does not stand where it should.
        """
        with self._audit.recording(by) as recording:
            session = recording.session
            held_in = collection_id(session, collection, readable)
            if not readable.holds(held_in):
                message = f"a suite of {collection!r} is seen by those only who may read all of it"
                raise UnknownNameError(message)
            key = suite_key(name)
            if session.scalar(select(SuiteRow.id).filter_by(collection_id=held_in, key=key)):
                message = f"{collection!r} has a suite {name!r} already; choose another name"
                raise NameTakenError(message)
            row = SuiteRow(collection_id=held_in, name=name, key=key, page_tolerance=page_tolerance)
            session.add(row)
            session.flush()
            check_quotes(session, held_in, cases, ())
            session.add_all(new_row(row.id, 1, place, case) for place, case in enumerate(cases))
            session.flush()
            change = f"made with {_count(len(cases))}" if cases else "made"
            record_version(session, row.id, 1, by, change)
            recording.note(AuditAction.SUITE_CHANGED, name, collection=collection, version=1)
            return readable_suite(session, row.id, readable)

    def put_case(
        self,
        suite_id: int,
        case: NewCase,
        readable: ReadableSet,
        *,
        by: str,
        opened: StoredCase | None = None,
        review_id: int | None = None,
    ) -> StoredSuite:
        """Add a case at the end, or save one in its place.

        Args:
            suite_id: Of the suite.
            case: What is saved.
            readable: What who saves it may read.
            by: Who that is.
            opened: What is replaced, as it was opened; None: the case is new.
            review_id: The feedback that a new case is made of, which is closed with it.

        Raises:
            UnknownNameError: no such suite that the reader may see, or no such feedback.
            ChangedMeanwhileError: the case is another one by now, or the feedback somebody else's.
            NameTakenError: the suite has another case of this id.
            QuoteError: a picked passage does not stand where it should.
        """

        def change(session: Session, suite: StoredSuite, rows: Rows) -> Cases:
            wanted, old = list(rows), None
            if opened is not None:
                old = next((row for row in rows if row.key == opened.key), None)
                if old is None or old.since != opened.since:
                    message = f"case {opened.key!r} was changed meanwhile; open it again"
                    raise ChangedMeanwhileError(message)
            if any(row.key == case.key for row in rows if row is not old):
                raise NameTakenError(
                    f"the suite has a case {case.key!r} already; choose another id"
                )
            check_quotes(session, suite.collection_id, [case], [] if old is None else [old])
            if old is None:
                position = max((row.position for row in rows), default=-1) + 1
                wanted.append(new_row(suite_id, 0, position, case, review_id))
            else:
                row = new_row(suite_id, 0, old.position, case, old.review_id)
                wanted[rows.index(old)] = row
            return wanted

        told = f"case {case.key!r} {'added' if opened is None else 'changed'}"
        if review_id is not None:
            told += f" from feedback {review_id}"

        def and_close(recording: Recording) -> None:
            if review_id is not None:
                close_with_case(recording, review_id, by, suite_id, case.key)

        return self._save(suite_id, readable, by, change, told, and_close)

    def remove_case(
        self, suite_id: int, key: str, readable: ReadableSet, *, by: str
    ) -> StoredSuite:
        """Take a case out; earlier versions keep it.

        Raises:
            UnknownNameError: no such suite that the reader may see, or no such case in it.
        """

        def change(_session: Session, _suite: StoredSuite, rows: Rows) -> Cases:
            left = [row for row in rows if row.key != key]
            if len(left) == len(rows):
                raise UnknownNameError(f"no case {key!r}; it may have been deleted meanwhile")
            return left

        return self._save(suite_id, readable, by, change, f"case {key!r} deleted")

    def replace(
        self,
        suite_id: int,
        cases: Sequence[NewCase],
        readable: ReadableSet,
        *,
        by: str,
        page_tolerance: int | None = None,
    ) -> StoredSuite:
        """Give a suite other cases, as its next version; the same cases again change nothing.

        Args:
            suite_id: Of the suite.
            cases: All of them, keys distinct. Passages that were picked before stay so.
            readable: What who does it may read.
            by: Who that is.
            page_tolerance: As of `StoredSuite`; None: as before.

        Raises:
            UnknownNameError: no such suite that the reader may see.
            QuoteError: a picked passage does not stand where it should.
        """

        def change(session: Session, suite: StoredSuite, rows: Rows) -> Cases:
            check_quotes(session, suite.collection_id, cases, rows)
            if page_tolerance is not None:
                session.get_one(SuiteRow, suite_id).page_tolerance = page_tolerance
            picked = {
                passage_of(item): document_id
                for row in rows
                for document_id, item in evidence_of(row)
                if document_id is not None
            }
            made_of = {row.key: row.review_id for row in rows}
            return [
                new_row(suite_id, 0, position, linked(case, picked), made_of.get(case.key))
                for position, case in enumerate(cases)
            ]

        return self._save(suite_id, readable, by, change, f"replaced by {_count(len(cases))}")

    def restore(
        self,
        suite_id: int,
        version: int,
        readable: ReadableSet,
        *,
        by: str,
        latest: int | None = None,
    ) -> StoredSuite:
        """Make an earlier version the newest again, as a version of its own.

        Args:
            suite_id: Of the suite.
            version: The earlier one.
            readable: What who restores it may read.
            by: Who that is.
            latest: What was the newest when it was decided; None: whatever it is.

        Raises:
            UnknownNameError: no such suite that the reader may see, or no such version of it.
            ChangedMeanwhileError: there is a newer one than `latest`.
        """
        self.cases(suite_id, readable, version)

        def change(session: Session, suite: StoredSuite, _rows: Rows) -> Cases:
            if latest not in (None, suite.latest.ordinal):
                raise ChangedMeanwhileError("the suite was changed meanwhile; look at its versions")
            return [copied(row) for row in rows_of(session, suite_id, version)]

        return self._save(suite_id, readable, by, change, f"back to version {version}")

    def delete(self, suite_id: int, readable: ReadableSet, *, by: str) -> None:
        """Delete a suite with all its versions; runs of it stay.

        Raises:
            UnknownNameError: no such suite that the reader may see.
        """
        with self._audit.recording(by) as recording:
            suite = readable_suite(recording.session, suite_id, readable)
            recording.session.delete(recording.session.get_one(SuiteRow, suite_id))
            recording.note(
                AuditAction.SUITE_CHANGED, suite.name, collection=suite.collection, deleted=True
            )
        self._database.forget_deleted()

    def _save(
        self,
        suite_id: int,
        readable: ReadableSet,
        by: str,
        change: Callable[[Session, StoredSuite, Rows], Cases],
        told: str,
        also: Callable[[Recording], None] = lambda _: None,
    ) -> StoredSuite:
        """Save what `change` makes of the newest version's rows, unless it is the same."""
        with self._audit.recording(by) as recording:
            session = recording.session
            suite = readable_suite(session, suite_id, readable)
            rows = rows_of(session, suite_id, suite.latest.ordinal)
            wanted = change(session, suite, rows)
            ordinal = suite.latest.ordinal + 1
            if not put_rows(session, rows, wanted, ordinal):
                session.flush()
                return readable_suite(session, suite_id, readable)
            record_version(session, suite_id, ordinal, by, told)
            also(recording)
            recording.note(
                AuditAction.SUITE_CHANGED,
                suite.name,
                collection=suite.collection,
                version=ordinal,
                change=told,
            )
            return readable_suite(session, suite_id, readable)


def _count(n: int) -> str:
    return f"{n:,} case{'' if n == 1 else 's'}"
