"""Whether a corpus holds what a suite asks about; a pure function."""

from __future__ import annotations

from collections.abc import Iterable

from evals.place_metrics import document_key
from evals.suites import Suite


def missing_documents(suite: Suite, known: Iterable[str]) -> tuple[str, ...]:
    """Return the gold documents of a suite that a corpus lacks, in the order of the suite.

    Args:
        suite: What is asked.
        known: Names of the corpus's documents; only their last parts count.
    """
    keys = {document_key(name) for name in known}
    named = (item.document for case in suite.cases for item in case.evidence)
    return tuple(dict.fromkeys(name for name in named if document_key(name) not in keys))
