"""The second stage: chunks that are found by their words get the vectors of their meaning.

What waits is in the catalog: live chunks without a vector. So it does not matter which run left
them, how it ended, or how many there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from assistant.store.writer import CatalogWriter
from assistant.types import ChunkId
from ingest.chunking import texts_to_embed
from models.protocols import Embedder
from models.types import FloatMatrix

EMBED_CHUNKS = 256
"""Embedded at a time: enough to sort by length, few enough to stop within seconds."""
PUBLISH_CHUNKS = 2_000
PUBLISH_S = 20.0
"""What a crash can lose; publishing costs some disk syncs each time."""


def embed_waiting(
    writer: CatalogWriter,
    embedder: Embedder,
    *,
    is_unwanted: Callable[[], bool],
    on_embedded: Callable[[int], None] = lambda _: None,
) -> None:
    """Embed and publish what lacks vectors, as far as there is time for it.

    Args:
        writer: Used in this thread only.
        embedder: Chunks that were cut for another one are left alone.
        is_unwanted: Asked every few seconds; once true, what is embedded is published and the rest
            left.
        on_embedded: Told in this thread how many chunks more are embedded.

    Raises:
        IndexMismatchError: earlier documents were embedded by another embedder.
        StoreError: the data dir cannot be written; what was published before stays.
    """
    fingerprint = embedder.info.fingerprint
    ids: list[ChunkId] = []
    parts: list[FloatMatrix] = []
    reached = 0
    published_s = time.monotonic()
    while not is_unwanted():
        chunks = writer.catalog.unembedded(fingerprint, after=reached, limit=EMBED_CHUNKS)
        if chunks:
            reached = chunks[-1].chunk_id
            ids.extend(one.chunk_id for one in chunks)
            parts.append(embedder.embed_documents(texts_to_embed(embedder, chunks)))
            on_embedded(len(chunks))
        is_late = time.monotonic() - published_s >= PUBLISH_S
        if ids and (not chunks or is_late or len(ids) >= PUBLISH_CHUNKS):
            writer.publish_vectors(ids, np.concatenate(parts), embedder_fingerprint=fingerprint)
            ids, parts, published_s = [], [], time.monotonic()
        if not chunks:
            return
    if ids:
        writer.publish_vectors(ids, np.concatenate(parts), embedder_fingerprint=fingerprint)
