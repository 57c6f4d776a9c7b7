"""Passages of documents that suites and the cases of runs quote: they go with the document.

From suites they go in every version. A passage that was picked there is known by its document's id.
One that came with a file, or that a run has asked, only names its document: it goes with the last
document of that name that holds it. The evaluators' own words, questions and gold answers, stay.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session, load_only

from assistant.store.rows import (
    DocumentRow,
    PageRow,
    RunCaseRow,
    RunRow,
    SuiteCaseRow,
    SuiteVersionRow,
)
from assistant.store.suite_rows import add_version
from assistant.store.types import DeletedDocument

Quoting = list[tuple[SuiteCaseRow, frozenset[int]]]
"""Cases with the places in their evidence that quote."""
RunQuoting = list[tuple[RunCaseRow, frozenset[int]]]
"""The same of runs."""
Names = Mapping[str, Collection[str]]
"""By key of a name: the ids of the documents called so that are there."""
CHANGE = "quotes of a deleted document taken out"


def name_key(name: str) -> str:
    """Return the last part of a document's name, without what file systems do not tell apart."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    return last.strip().casefold()


def forget_quotes(session: Session, documents: Select[str], by: str) -> None:
    """Take the quotes of documents that are about to be deleted out of all suites and runs.

    Args:
        session: A writing session.
        documents: Their ids.
        by: Who deletes them.
    """
    rows = session.execute(
        select(DocumentRow.id, DocumentRow.path).where(DocumentRow.id.in_(documents))
    ).all()
    ids, keys = {row.id for row in rows}, {name_key(row.path) for row in rows}
    _take_out(session, quoting(session, ids, keys), by)
    _take_out_of_runs(session, _runs_quoting(session, ids, keys))


def forget_left_quotes(session: Session, deleted: Sequence[DeletedDocument], by: str) -> None:
    """Take out what `left_quotes` and `left_in_runs` find."""
    _take_out(session, left_quotes(session, deleted), by)
    _take_out_of_runs(session, left_in_runs(session, deleted))


def left_quotes(session: Session, deleted: Sequence[DeletedDocument]) -> Quoting:
    """Return what suites quote of documents that were deleted.

    A passage that only names its document counts where none of this name is there any more: a suite
    may have come with the document again.
    """
    return quoting(session, *_gone(session, deleted))


def left_in_runs(session: Session, deleted: Sequence[DeletedDocument]) -> RunQuoting:
    """Return what the cases of runs quote of documents that were deleted."""
    return _runs_quoting(session, *_gone(session, deleted))


def _gone(
    session: Session, deleted: Sequence[DeletedDocument]
) -> tuple[Collection[str], Collection[str]]:
    """Return the ids of deleted documents, and the keys of names that no document has any more."""
    keys = {name_key(one.document) for one in deleted}
    there = {name_key(path) for path in session.scalars(select(DocumentRow.path))} if keys else ()
    return {one.document_id for one in deleted}, keys.difference(there)


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
        both = list(zip(case.line["evidence"], case.document_ids, strict=True))
        places = frozenset(_places(session, both, ids, keys, others))
        if places:
            found.append((case, places))
    return found


def _runs_quoting(session: Session, ids: Collection[str], keys: Collection[str]) -> RunQuoting:
    if not keys:  # the cases of runs only name documents
        return []
    others = _others(session, ids, keys)
    found = []
    selection = select(RunCaseRow).options(load_only(RunCaseRow.case))
    for case in session.scalars(selection.execution_options(yield_per=200)):
        named = [(item, None) for item in case.case.get("evidence", ())]
        places = frozenset(_places(session, named, ids, keys, others))
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
        case.line = _without(case.line, places)
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


def _take_out_of_runs(session: Session, found: RunQuoting) -> None:
    for case, places in found:
        case.case = _without(case.case, places)
    changed = {case.run_id for case, _ in found}
    session.execute(
        update(RunRow).where(RunRow.id.in_(changed)).values(n_changes=RunRow.n_changes + 1)
    )


def _without(line: Mapping[str, Any], places: Collection[int]) -> dict[str, Any]:
    """Return a line of a suite file without the quotes in some places of its evidence."""
    evidence = [
        {**item, "quote": None} if place in places else item
        for place, item in enumerate(line["evidence"])
    ]
    return {**line, "evidence": evidence}


def _places(
    session: Session,
    evidence: Sequence[tuple[Mapping[str, Any], str | None]],
    ids: Collection[str],
    keys: Collection[str],
    others: Names,
) -> Iterator[int]:
    """Return the places in a case's evidence, given with the documents picked from, that quote."""
    for place, (item, document_id) in enumerate(evidence):
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
