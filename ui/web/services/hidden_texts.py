"""What no reader sees of a document, for those who decide whether it answers."""

from __future__ import annotations

from assistant.access import Who
from assistant.store.catalog import Catalog
from assistant.store.changes import Change
from assistant.store.types import HiddenPassages, Job, JobKind
from assistant.types import DocumentId


class HiddenTexts:
    """Hidden texts, and the queue of the one writer in the name of the person who asks.

    Args:
        who: Who asks, as of now.
        catalog: All documents and the queue.
    """

    def __init__(self, who: Who, catalog: Catalog) -> None:
        self._who = who
        self._catalog = catalog

    def of(self, document_id: DocumentId) -> HiddenPassages:
        """Return what is hidden in a document's current version.

        Raises:
            UnknownNameError: no such document that the person may see.
        """
        return self._catalog.hidden_passages(document_id, self._who().readable)

    def use(self, document_id: DocumentId) -> int:
        """Queue that a document answers from its hidden texts, too; return the job."""
        return self._decide(document_id, Change.USE_HIDDEN_TEXT)

    def leave_out(self, document_id: DocumentId) -> int:
        """Queue that a document answers from what is seen only; return the job."""
        return self._decide(document_id, Change.LEAVE_OUT_HIDDEN_TEXT)

    def job(self, job_id: int) -> Job:
        """Return a job.

        Raises:
            UnknownNameError: there is none.
        """
        self._who()
        return self._catalog.jobs.get(job_id)

    def _decide(self, document_id: DocumentId, change: Change) -> int:
        person = self._who()
        request = {"change": change.value, "arguments": {"document_id": document_id}}
        return self._catalog.jobs.add(JobKind.CHANGE, request, person.name)
