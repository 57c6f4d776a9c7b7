"""Passages of documents that suites quote: they go with the document, from every version.

A passage that was picked is known by its document's id. One that came with a file only names its
document: it goes with the last document of that name that holds it. The evaluators' own words,
questions and gold answers, stay.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from assistant.store.rows import DocumentRow, PageRow, SuiteCaseRow, SuiteVersionRow
from assistant.store.suite_rows import add_version
from assistant.store.types import DeletedDocument

Quoting = list[tuple[SuiteCaseRow, frozenset[int]]]
"""Cases with the places in their evidence that quote."""
Names = Mapping[str, Collection[str]]
"""By key of a name: the ids of the documents called so that are there."""
CHANGE = "quotes of a deleted document taken out"


def name_key(name: str) -> str:
    """Return the last part of a document's name, without what file systems do not tell apart."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    return last.strip().casefold()


def forget_quotes(session: Session, documents: Select[str], by: str) -> None:
    """Take the quotes of documents that are about to be deleted out of all suites.

    Args:
        session: A writing session.
        documents: Their ids.
        by: Who deletes them.
    """
    rows = session.execute(
        select(DocumentRow.id, DocumentRow.path).where(DocumentRow.id.in_(documents))
    ).all()
    keys = {name_key(row.path) for row in rows}
    _take_out(session, quoting(session, {row.id for row in rows}, keys), by)


def forget_left_quotes(session: Session, deleted: Sequence[DeletedDocument], by: str) -> None:
    """Take out what `left_quotes` finds."""
    _take_out(session, left_quotes(session, deleted), by)


def left_quotes(session: Session, deleted: Sequence[DeletedDocument]) -> Quoting:
    """Return what suites quote of documents that were deleted.

    A passage that only names its document counts where none of this name is there any more: a suite
    may have come with the document again.
    """
    ids = {one.document_id for one in deleted}
    keys = {name_key(one.document) for one in deleted}
    there = {name_key(path) for path in session.scalars(select(DocumentRow.path))} if keys else ()
    return quoting(session, ids, keys.difference(there))


def quoting(session: Session, ids: Collection[str], keys: Collection[str]) -> Quoting:
    """Return the cases, of any version, that quote some documents.

    Args:
        session: Any.
        ids: Of the documents, deleted or not.
        keys: Of their names.
    """
    cases = session.scalars(select(SuiteCaseRow)).all()
    others = _others(session, ids, keys) if cases else {}
    found = []
    for case in cases:
        places = frozenset(_places(session, case, ids, keys, others))
        if places:
            found.append((case, places))
    return found


def _take_out(session: Session, found: Quoting, by: str) -> None:
    """Make the quotes None.

    Where the newest version is concerned, it becomes another one; all that lost something are
    marked.
    """
    newest = set()
    for case, places in found:
        case.line = {
            **case.line,
            "evidence": [
                {**item, "quote": None} if place in places else item
                for place, item in enumerate(case.line["evidence"])
            ],
        }
        case.document_ids = [
            None if place in places else one for place, one in enumerate(case.document_ids)
        ]
        held_in = [SuiteVersionRow.suite_id == case.suite_id, SuiteVersionRow.ordinal >= case.since]
        if case.until is None:
            newest.add(case.suite_id)
        else:
            held_in.append(SuiteVersionRow.ordinal < case.until)
        session.execute(update(SuiteVersionRow).where(*held_in).values(has_lost=True))
    session.flush()
    for suite_id in sorted(newest):
        add_version(session, suite_id, by, CHANGE)


def _places(
    session: Session, case: SuiteCaseRow, ids: Collection[str], keys: Collection[str], others: Names
) -> Iterator[int]:
    both = zip(case.line["evidence"], case.document_ids, strict=True)
    for place, (item, document_id) in enumerate(both):
        if item["quote"] is None:
            continue
        key = name_key(item["document"])
        if document_id is not None:
            is_of_them = document_id in ids
        else:
            is_of_them = key in keys and not _is_held(session, item["quote"], others.get(key, ()))
        if is_of_them:
            yield place


def _others(session: Session, ids: Collection[str], keys: Collection[str]) -> Names:
    """Return the other documents of these names."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in session.execute(select(DocumentRow.id, DocumentRow.path)):
        key = name_key(row.path)
        if key in keys and row.id not in ids:
            found[key].append(row.id)
    return found


def _is_held(session: Session, quote: str, ids: Collection[str]) -> bool:
    """Tell whether a quote stands in one of some documents, white space folded."""
    wanted = " ".join(quote.split())
    texts = session.scalars(
        select(PageRow.text)
        .join(DocumentRow, DocumentRow.content_id == PageRow.content_id)
        .where(DocumentRow.id.in_(ids))
    )
    return any(wanted in " ".join(text.split()) for text in texts)
