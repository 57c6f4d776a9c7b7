"""The documents that a person may read: as if there were no others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from assistant.access import Who
from assistant.errors import UnknownNameError
from assistant.store.catalog import Catalog
from assistant.store.types import (
    AuditAction,
    CitedPage,
    DocumentDetail,
    DocumentsFound,
    DocumentSummary,
)
from assistant.types import ChunkId, DocumentId, Version
from ingest.page_picture import PagePicture, draw_page
from ingest.settings import IngestSettings

PDF = "application/pdf"
PICTURE_WIDTH_PX = 900


class ReadableDocuments:
    """The documents of the person who asks.

    What is unreadable and what does not exist raise the same `UnknownNameError`.

    Args:
        who: Who asks, as of now.
        catalog: All documents.
        settings: What drawing a page may cost.
    """

    def __init__(self, who: Who, catalog: Catalog, settings: IngestSettings) -> None:
        self._who = who
        self._catalog = catalog
        self._settings = settings

    def names(self) -> frozenset[str]:
        """Return the paths of all documents."""
        return self._catalog.document_names(self._who().readable)

    def list(self, collection: str) -> tuple[DocumentSummary, ...]:
        """Return the documents of a collection.

        Raises:
            UnknownNameError: no such collection that the person may see.
        """
        return self._catalog.list_documents(self._who().readable, collection)

    def find(
        self, *, text: str = "", media_type: str | None = None, offset: int = 0, limit: int
    ) -> DocumentsFound:
        """Return documents whose name, title or collection holds every word of a text."""
        return self._catalog.find_documents(
            self._who().readable, text=text, media_type=media_type, offset=offset, limit=limit
        )

    def media_types(self) -> tuple[str, ...]:
        """Return the media types there are, sorted."""
        return self._catalog.media_types(self._who().readable)

    def readable_ids(self, ids: Iterable[str]) -> frozenset[str]:
        """Return those of some document ids that exist and may be read."""
        return self._catalog.readable_ids(ids, self._who().readable)

    def document(self, document_id: DocumentId) -> DocumentDetail:
        """Return a document with its versions and the pages of the current one.

        Raises:
            UnknownNameError: no such document that the person may see.
        """
        return self._catalog.document(document_id, self._who().readable)

    def note_read(self, summary: DocumentSummary) -> None:
        """Record that a document's pages are read."""
        self._who()
        self._note(summary, summary.version)

    def cited_page(self, document_id: DocumentId, chunk_id: ChunkId) -> CitedPage:
        """Return the page that a citation points into.

        Raises:
            UnknownNameError: no such passage that the person may see.
        """
        return self._catalog.cited_page(document_id, chunk_id, self._who().readable)

    def open_file(self, document_id: DocumentId, version: Version) -> tuple[Path, str, str]:
        """Return where a version's bytes lie, its document's name and its media type.

        Raises:
            UnknownNameError: no such version that the person may see, or its bytes are not kept.
        """
        path, summary = self._file(document_id, version)
        self._note(summary, version)
        return path, summary.document, summary.media_type

    def draw_page(
        self, document_id: DocumentId, ordinal: int, page_number: int, start: int, end: int
    ) -> PagePicture:
        """Return the picture of a PDF's page with a passage marked.

        Args:
            document_id: The document.
            ordinal: Of its version, from 1.
            page_number: 1-based.
            start: Of the passage, in characters of the page's text.
            end: Behind it. Equal to `start`: nothing is marked.

        Raises:
            UnknownNameError: no such page of a PDF that the person may see.
            RejectedFileError: the page cannot be drawn.
        """
        cited = self._catalog.page(document_id, ordinal, page_number, self._who().readable)
        path = self._catalog.original(cited.version)
        if path is None or cited.media_type != PDF:
            raise UnknownNameError(f"there is no PDF of document {document_id!r}")
        picture = draw_page(
            path,
            cited.page.page_index,
            quote=cited.page.text[start:end],
            place=start / max(1, len(cited.page.text)),
            width_px=PICTURE_WIDTH_PX,
            settings=self._settings,
            boxes=cited.scan.boxes(start, end) if cited.scan else (),
        )
        summary = self.document(document_id).summary
        self._note(summary, cited.version, page=cited.page.page_index + 1)
        return picture

    def _file(self, document_id: DocumentId, version: Version) -> tuple[Path, DocumentSummary]:
        detail = self.document(document_id)
        path = self._catalog.original(version)
        if path is None or all(known.version != version for known in detail.versions):
            raise UnknownNameError(f"no version {version!r} of document {document_id!r}")
        return path, detail.summary

    def _note(self, summary: DocumentSummary, version: Version, **details: int) -> None:
        self._catalog.audit.note(
            self._who().name,
            AuditAction.OPENED,
            summary.document,
            document_id=summary.document_id,
            version=version,
            **details,
        )
