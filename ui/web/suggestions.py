"""Three questions for somebody who does not know yet what to ask."""

from __future__ import annotations

from assistant.access import ReadableSet
from assistant.errors import UnknownNameError
from assistant.store.catalog import Catalog
from evals.suites import SAMPLE

N_SUGGESTIONS = 3
SAMPLE_COLLECTION = "sample"


def suggested_questions(catalog: Catalog, readable: ReadableSet) -> tuple[str, ...]:
    """Return questions that the readable documents can answer; none if there are no documents."""
    if _has_sample(catalog, readable):
        questions = (SAMPLE / "questions.txt").read_text(encoding="utf-8").splitlines()
        return tuple(questions[:N_SUGGESTIONS])
    documents = catalog.find_documents(readable, limit=4 * N_SUGGESTIONS).documents
    titles = dict.fromkeys(document.title for document in documents)
    return tuple(f"What does “{title}” say?" for title in list(titles)[:N_SUGGESTIONS])


def _has_sample(catalog: Catalog, readable: ReadableSet) -> bool:
    try:
        return bool(catalog.list_documents(readable, SAMPLE_COLLECTION))
    except UnknownNameError:
        return False
