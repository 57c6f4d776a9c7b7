"""What a document is, in one line."""

from __future__ import annotations

from assistant.store.types import DocumentSummary
from ui.web.shown_text import plain

_KINDS = {
    "application/pdf": "PDF",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
    "text/csv": "CSV",
    "text/html": "HTML",
    "text/markdown": "Markdown",
    "text/plain": "Text",
    "message/rfc822": "Mail",
    "application/jsonl": "Record",
}


_WARNINGS = {
    "newer-version-rejected": "its newer version was rejected, this one answers",
    "pages-without-text": "some pages have no text",
    "damaged-pages": "some pages are damaged",
    "read-from-scan": "read from a scan",
    "scans-not-read": "some scanned pages were not read",
    "hidden-text": "text that is not seen on its pages is left out",
    "hidden-text-used": "text that is not seen on its pages is used",
    "hidden-text-unproven": "some pages were not searched for hidden text",
    "attachments-not-parsed": "attachments were left out",
}
"""Flags that whoever added the document should know of."""


def read_from_scan(confidence: int) -> str:
    """Say that a page's words were read by a machine, and how surely."""
    return f":orange[Read from a scan by a machine, {confidence} % sure: compare with the picture.]"


def kind_of(media_type: str) -> str:
    """Name a media type as people do."""
    return _KINDS.get(media_type, media_type)


def describe(document: DocumentSummary) -> str:
    """Say in a line what a document is."""
    pages = f"{document.n_pages:,} {'page' if document.n_pages == 1 else 'pages'}"
    added = document.added_at[:10]
    parts = [plain(document.collection), kind_of(document.media_type), pages, f"added {added}"]
    parts += [f":orange[{text}]" for flag, text in _WARNINGS.items() if flag in document.flags]
    return " · ".join(parts)
