"""Fingerprints of how files are read: what was made by another recipe is made anew."""

from __future__ import annotations

import hashlib

from ingest.settings import IngestSettings
from models.types import EmbedderInfo

PARSER_VERSION = 1
"""Raised when equal bytes come to give other pages."""
ACCEPTANCE_VERSION = 2
"""Raised when files that were rejected come to be taken in; those alone are read again."""
CHUNKER_VERSION = 2
"""Raised when equal pages come to be cut differently."""


def content_recipe(settings: IngestSettings, embedder: EmbedderInfo) -> str:
    """Return the fingerprint of everything that turns bytes into pages, chunks and vectors."""
    return _fingerprint(
        PARSER_VERSION, CHUNKER_VERSION, settings.chunk_tokens, embedder.fingerprint
    )


def rejection_recipe(settings: IngestSettings) -> str:
    """Return the fingerprint of everything that can make a parser reject a file."""
    return _fingerprint(
        PARSER_VERSION,
        ACCEPTANCE_VERSION,
        settings.max_parse_s,
        settings.max_memory_bytes,
        settings.max_pages,
        settings.max_chars,
    )


def _fingerprint(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
