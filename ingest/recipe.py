"""Fingerprints of how files are read: what was made by another recipe is made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property

from ingest.ocr import examine_ocr
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument, RejectReason
from models.types import EmbedderInfo

PARSER_VERSION = 3
"""Raised when equal bytes come to give other pages."""
ACCEPTANCE_VERSION = 3
"""Raised when files that were rejected come to be taken in; those alone are read again."""
SCANS_VERSION = 1
"""Raised when equal pictures of pages come to be read otherwise."""
CHUNKER_VERSION = 3
"""Raised when equal pages come to be cut differently."""


class Recipes:
    """The recipes of one run.

    Scans have one of their own, so that files are read anew once Tesseract, or a language, has
    been installed, but only those with scans. What was read stays when Tesseract is gone.

    Args:
        settings: How files are read and cut.
        embedder: Whose vectors follow.
    """

    def __init__(self, settings: IngestSettings, embedder: EmbedderInfo) -> None:
        self._settings = settings
        self._content = PARSER_VERSION, CHUNKER_VERSION, settings.chunk_tokens, embedder.fingerprint
        self._rejection = (
            *(PARSER_VERSION, ACCEPTANCE_VERSION, settings.max_parse_s, settings.max_memory_bytes),
            *(settings.max_pages, settings.max_chars),
        )

    def content(self, parsed: ParsedDocument) -> str:
        """Return the fingerprint of everything that made a document of its bytes."""
        return self._of_scans(self._languages) if parsed.has_scans else self._of_text

    def current(self) -> Iterator[str]:
        """Yield the recipes whose contents need not be made anew, the likeliest first."""
        yield self._of_text
        yield self._of_scans(self._languages)
        if not self._languages:
            yield self._of_scans(self._settings.ocr_languages)

    def rejection(self, reason: RejectReason) -> str:
        """Return the fingerprint of everything that can make a parser reject for a reason."""
        if reason is RejectReason.NO_TEXT:
            return _fingerprint(*self._rejection, *self._scans(self._languages))
        return _fingerprint(*self._rejection)

    @cached_property
    def _languages(self) -> tuple[str, ...]:
        return examine_ocr(self._settings).languages

    @property
    def _of_text(self) -> str:
        return _fingerprint(*self._content)

    def _of_scans(self, languages: tuple[str, ...]) -> str:
        return _fingerprint(*self._content, *self._scans(languages))

    def _scans(self, languages: tuple[str, ...]) -> tuple[object, ...]:
        limits = self._settings.max_scan_page_s, self._settings.max_scans_s
        return SCANS_VERSION, languages, *limits


def _fingerprint(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
