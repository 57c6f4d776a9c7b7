"""Whether the corpus holds what a case is about, looked up when the case is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

from assistant.access import ReadableSet
from assistant.store.catalog import Catalog
from assistant.types import DocumentId
from evals.case_scores import gold_quotes
from evals.passage_metrics import holds
from evals.place_metrics import document_key
from evals.suites import Case
from evals.text_metrics import contains_gold


class GoldState(TypedDict):
    """As it stands beside a reply."""

    in_corpus: bool
    """Whether the asker may read a gold document."""
    in_text: bool | None
    """Whether its text holds a gold passage or answer; None where the case quotes neither."""


def gold_lookup(catalog: Catalog, readable: ReadableSet) -> Callable[[Case], GoldState | None]:
    """Return a function that looks up a case; it returns None for cases without evidence.

    The list of documents is read once: a corpus that changes during a run says so elsewhere.
    """
    ids: Mapping[str, Sequence[DocumentId]] = _documents_by_key(catalog, readable)

    def look_up(case: Case) -> GoldState | None:
        if not (case.answerable and case.evidence):
            return None
        found = [
            one
            for key in dict.fromkeys(document_key(item.document) for item in case.evidence)
            for one in ids.get(key, ())
        ]
        texts = [page.text for one in found for page in catalog.document(one, readable).pages]
        return {
            "in_corpus": bool(found),
            "in_text": _is_held(case, "\n".join(texts)) if texts else None,
        }

    return look_up


def _documents_by_key(
    catalog: Catalog, readable: ReadableSet
) -> Mapping[str, Sequence[DocumentId]]:
    found: defaultdict[str, list[DocumentId]] = defaultdict(list)
    for listed in catalog.list_documents(readable):
        found[document_key(listed.document)].append(listed.document_id)
    return found


def _is_held(case: Case, text: str) -> bool | None:
    quotes = gold_quotes(case)
    if any(holds(text, quote) for quote in quotes):
        return True
    if any(contains_gold(text, answer) for answer in case.answers):
        return True
    # An answer in other words than the document's proves nothing by its absence.
    return False if quotes else None
