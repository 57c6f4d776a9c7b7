"""Three questions for somebody who does not know yet what to ask."""

from __future__ import annotations

from assistant.access import ReadableSet
from assistant.store.catalog import Catalog
from evals.suites import SAMPLE

N_SUGGESTIONS = 3
SAMPLE_COLLECTION = "sample"


def suggested_questions(catalog: Catalog, readable: ReadableSet) -> tuple[str, ...]:
    """Return questions that the readable documents can answer; none if there are no documents."""
    documents = catalog.list_documents(readable)
    if any(document.collection == SAMPLE_COLLECTION for document in documents):
        questions = (SAMPLE / "questions.txt").read_text(encoding="utf-8").splitlines()
        return tuple(questions[:N_SUGGESTIONS])
    titles = dict.fromkeys(document.title for document in documents)
    return tuple(f"What does “{title}” say?" for title in list(titles)[:N_SUGGESTIONS])
