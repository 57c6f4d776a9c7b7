"""Three questions for somebody who does not know yet what to ask."""

from __future__ import annotations

from assistant.errors import UnknownNameError
from evals.suites import SAMPLE
from ui.web.services.documents import ReadableDocuments

N_SUGGESTIONS = 3
SAMPLE_COLLECTION = "sample"


def suggested_questions(documents: ReadableDocuments) -> tuple[str, ...]:
    """Return questions that the readable documents can answer; none if there are no documents."""
    if _has_sample(documents):
        questions = (SAMPLE / "questions.txt").read_text(encoding="utf-8").splitlines()
        return tuple(questions[:N_SUGGESTIONS])
    found = documents.find(limit=4 * N_SUGGESTIONS).documents
    titles = dict.fromkeys(document.title for document in found)
    return tuple(f"What does “{title}” say?" for title in list(titles)[:N_SUGGESTIONS])


def _has_sample(documents: ReadableDocuments) -> bool:
    try:
        return bool(documents.list(SAMPLE_COLLECTION))
    except UnknownNameError:
        return False
