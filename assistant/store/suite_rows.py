"""Rows of suites: the cases of a version, what a change makes of them, and their values."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from assistant.access import ReadableSet
from assistant.errors import QuoteError, UnknownNameError
from assistant.inert import json_text
from assistant.store.index import now
from assistant.store.rows import (
    CollectionRow,
    DocumentRow,
    PageRow,
    SourceRow,
    SuiteCaseRow,
    SuiteRow,
    SuiteVersionRow,
)
from assistant.store.suite_types import NewCase, StoredCase, StoredSuite, SuiteVersion
from assistant.types import CollectionId

Rows = Sequence[SuiteCaseRow]


def suite_key(name: str) -> str:
    """Return a suite's name without what people do not tell apart: capitals, widths of letters."""
    return unicodedata.normalize("NFKC", name).casefold()


def exported(cases: Iterable[Mapping[str, Any]]) -> bytes:
    """Return cases as the lines of a suite file; the hash of a version is of these bytes."""
    return "".join(json_text(dict(values)) + "\n" for values in cases).encode()


def add_version(session: Session, suite_id: int, by: str, change: str) -> None:
    """Record that the newest cases of a suite became others where they stand."""
    latest = select(func.max(SuiteVersionRow.ordinal)).filter_by(suite_id=suite_id)
    record_version(session, suite_id, (session.scalar(latest) or 0) + 1, by, change)


def record_version(session: Session, suite_id: int, ordinal: int, by: str, change: str) -> None:
    """Record a version whose rows are there."""
    session.flush()
    rows = rows_of(session, suite_id, ordinal)
    session.add(
        SuiteVersionRow(
            suite_id=suite_id,
            ordinal=ordinal,
            sha256=hashlib.sha256(exported(row.line for row in rows)).hexdigest(),
            n_cases=len(rows),
            saved_by=by,
            saved_at=now(),
            change=change,
            has_lost=False,
        )
    )
    session.flush()


def put_rows(session: Session, rows: Rows, wanted: Sequence[SuiteCaseRow], ordinal: int) -> bool:
    """End the rows that are not wanted any more and add the new ones; tell whether any differ."""
    before = {_content(row): row for row in rows}
    kept = {_content(row) for row in wanted}
    new = [row for row in wanted if _content(row) not in before]
    gone = [row for content, row in before.items() if content not in kept]
    for row in gone:
        row.until = ordinal
    for row in new:
        row.since = ordinal
    session.add_all(new)
    return bool(new or gone)


def _content(row: SuiteCaseRow) -> tuple[object, ...]:
    return row.key, row.position, json_text(row.line), tuple(row.document_ids), row.review_id


def new_row(
    suite_id: int, since: int, position: int, case: NewCase, review_id: int | None = None
) -> SuiteCaseRow:
    """Return the row of a case that is to be saved."""
    n_open = len(case.values["evidence"]) - len(case.document_ids)
    return SuiteCaseRow(
        suite_id=suite_id,
        key=case.key,
        position=position,
        since=since,
        until=None,
        line=dict(case.values),
        document_ids=[*case.document_ids, *[None] * n_open],
        review_id=review_id,
    )


def copied(row: SuiteCaseRow) -> SuiteCaseRow:
    """Return a new row that says the same as one of an earlier version."""
    case = NewCase(values=row.line, document_ids=tuple(row.document_ids))
    return new_row(row.suite_id, 0, row.position, case, row.review_id)


def check_quotes(
    session: Session,
    collection: CollectionId,
    cases: Iterable[NewCase],
    before: Rows,
) -> None:
    """Refuse passages that were picked and do not stand, word for word, where they should.

    Args:
        session: Any.
        collection: Where the documents must lie.
        cases: What is saved.
        before: Rows of which what they hold already is not looked up again: the document may have
            another version since.

    Raises:
        QuoteError: one does not, or its document is not there.
    """
    known = {
        (document_id, passage_of(item)) for row in before for document_id, item in evidence_of(row)
    }
    for case in cases:
        for document_id, item in zip(case.document_ids, case.values["evidence"], strict=False):
            if document_id is None or (document_id, passage_of(item)) in known:
                continue
            pages = session.scalars(
                select(PageRow.text)
                .join(DocumentRow, DocumentRow.content_id == PageRow.content_id)
                .join(SourceRow, SourceRow.id == DocumentRow.source_id)
                .where(
                    DocumentRow.id == document_id,
                    SourceRow.collection_id == collection,
                    PageRow.page_number.is_not_distinct_from(item["page"]),
                )
            ).all()
            if not any((item["quote"] or "") in text for text in pages):
                message = (
                    f"the passage of {item['document']!r} does not stand there word for word; the "
                    "document was changed, deleted or lies in another collection: pick it again"
                )
                raise QuoteError(message)


def linked(case: NewCase, picked: Mapping[tuple[Any, ...], str]) -> NewCase:
    """Return a case whose passages are those that were picked, where they are the same."""
    ids = [*case.document_ids, *[None] * len(case.values["evidence"])]
    found = (
        one or picked.get(passage_of(item))
        for one, item in zip(ids, case.values["evidence"], strict=False)
    )
    return NewCase(values=case.values, document_ids=tuple(found))


def evidence_of(row: SuiteCaseRow) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Give the pieces of evidence of a row, each with the document it was picked from."""
    return zip(row.document_ids, row.line["evidence"], strict=True)


def passage_of(item: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what makes two pieces of evidence the same."""
    return item["document"], item["page"], item["quote"]


def rows_of(session: Session, suite_id: int, version: int) -> Rows:
    """Return the rows of a version in their order."""
    return session.scalars(
        select(SuiteCaseRow)
        .where(
            SuiteCaseRow.suite_id == suite_id,
            SuiteCaseRow.since <= version,
            SuiteCaseRow.until.is_(None) | (SuiteCaseRow.until > version),
        )
        .order_by(SuiteCaseRow.position, SuiteCaseRow.id)
    ).all()


def suite_selection() -> Select[*tuple[Any, ...]]:
    """Select what `stored_suite` needs of every suite."""
    latest = (
        select(func.max(SuiteVersionRow.ordinal))
        .where(SuiteVersionRow.suite_id == SuiteRow.id)
        .correlate(SuiteRow)
        .scalar_subquery()
    )
    return (
        select(SuiteRow, CollectionRow.name.label("collection"), SuiteVersionRow)
        .join(CollectionRow, CollectionRow.id == SuiteRow.collection_id)
        .join(SuiteVersionRow, SuiteVersionRow.suite_id == SuiteRow.id)
        .where(SuiteVersionRow.ordinal == latest)
    )


def readable_suite(session: Session, suite_id: int, readable: ReadableSet) -> StoredSuite:
    """Return a suite in its newest version.

    Raises:
        UnknownNameError: no such suite that the reader may see.
    """
    found = session.execute(suite_selection().where(SuiteRow.id == suite_id)).one_or_none()
    suite = None if found is None else stored_suite(found)
    if suite is None or not readable.holds(suite.collection_id):
        raise UnknownNameError(f"no suite {suite_id!r}; it may have been deleted")
    return suite


def stored_suite(found: Row[Any]) -> StoredSuite:
    """Return the value of a row of `suite_selection`."""
    row = found.SuiteRow
    return StoredSuite(
        suite_id=row.id,
        name=row.name,
        collection=found.collection,
        collection_id=CollectionId(row.collection_id),
        page_tolerance=row.page_tolerance,
        latest=stored_version(found.SuiteVersionRow),
    )


def stored_version(row: SuiteVersionRow) -> SuiteVersion:
    """Return the value of a row."""
    return SuiteVersion(
        ordinal=row.ordinal,
        sha256=row.sha256,
        n_cases=row.n_cases,
        saved_by=row.saved_by,
        saved_at=row.saved_at,
        change=row.change,
        has_lost=row.has_lost,
    )


def stored_case(row: SuiteCaseRow) -> StoredCase:
    """Return the value of a row."""
    return StoredCase(
        values=row.line,
        document_ids=tuple(row.document_ids),
        since=row.since,
        review_id=row.review_id,
    )
