"""Documents on their way into the corpus: embedded in groups, published in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

import numpy as np

from assistant.store.types import (
    ContentKey,
    DocumentPut,
    NewChunk,
    NewContent,
    NewPage,
    PublishBatch,
    RejectionPut,
)
from assistant.store.writer import CatalogWriter
from ingest.chunking import ChunkDraft
from ingest.types import FileOutcome, ParsedDocument
from models.protocols import Embedder
from models.types import FloatMatrix

EMBED_CHUNKS = 256
"""Embedded at a time: enough to sort by length, few enough to stop within seconds."""
PUBLISH_CHUNKS = 2_000
PUBLISH_DOCUMENTS = 500
PUBLISH_S = 20.0
"""What a Ctrl-C or a crash can lose; publishing costs some disk syncs each time."""

OnProgress = Callable[[float, int], None]
"""Takes bytes and documents done since the last call."""
OnOutcomes = Callable[[Sequence[FileOutcome]], None]
"""Takes what is durable since the last call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentDraft:
    """A parsed and chunked file that waits for its vectors."""

    key: ContentKey
    title: str
    """The title the file states; empty where only its name says what it is."""
    parsed: ParsedDocument
    size_bytes: int
    chunks: tuple[ChunkDraft, ...]
    texts: tuple[str, ...]
    """To embed, one for each chunk."""

    def embedded(self, vectors: FloatMatrix) -> NewContent:
        """Return what is stored; row i of `vectors` belongs to chunk i."""
        return NewContent(
            key=self.key,
            title=self.title,
            date=self.parsed.date,
            media_type=self.parsed.media_type,
            size_bytes=self.size_bytes,
            flags=self.parsed.flags,
            pages=tuple(
                NewPage(page_number=page.page_number, text=page.text) for page in self.parsed.pages
            ),
            chunks=tuple(
                NewChunk(page_index=draft.page_index, span=draft.span, heading=draft.heading)
                for draft in self.chunks
            ),
            vectors=vectors,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of one file."""

    outcome: FileOutcome
    size_bytes: int
    """Of the file, for progress."""
    put: DocumentPut | RejectionPut
    content: ContentDraft | None = None
    """None: nothing new is stored."""


@dataclass(slots=True)
class _Ready:
    contents: list[NewContent] = field(default_factory=list)
    documents: list[DocumentPut] = field(default_factory=list)
    rejections: list[RejectionPut] = field(default_factory=list)
    outcomes: list[FileOutcome] = field(default_factory=list)
    n_chunks: int = 0


class Batches:
    """Takes the changes of one source in order; a change never gets ahead of an earlier one.

    Args:
        writer: Where to publish.
        embedder: Asked for vectors of new contents only.
        collection: Name of an existing collection.
        source: Name of the source.
        cancel: Once set, no more is embedded; what is complete can still be published.
        on_progress: Called with bytes and documents that are ready now and were not before.
        on_outcomes: Called with what was published just now.
    """

    def __init__(
        self,
        writer: CatalogWriter,
        embedder: Embedder,
        *,
        collection: str,
        source: str,
        cancel: Event,
        on_progress: OnProgress,
        on_outcomes: OnOutcomes,
    ) -> None:
        self._writer = writer
        self._embedder = embedder
        self._collection = collection
        self._source = source
        self._cancel = cancel
        self._on_progress = on_progress
        self._on_outcomes = on_outcomes
        self._waiting: list[Change] = []
        self._n_waiting_chunks = 0
        self._ready = _Ready()
        self._published_at = time.monotonic()
        self.outcomes: list[FileOutcome] = []
        """Of what is published."""

    def add(self, change: Change) -> None:
        """Take a change; embeds and publishes when enough has come together."""
        self._waiting.append(change)
        self._n_waiting_chunks += len(change.content.texts) if change.content else 0
        is_late = time.monotonic() - self._published_at > PUBLISH_S
        if self._n_waiting_chunks >= EMBED_CHUNKS or is_late:
            self._embed()
        ready = self._ready
        many = ready.n_chunks >= PUBLISH_CHUNKS or len(ready.outcomes) >= PUBLISH_DOCUMENTS
        if many or is_late:
            self._publish()

    def finish(self, removals: tuple[str, ...] = ()) -> None:
        """Embed and publish the rest; after a cancel publish only what is embedded."""
        self._embed()
        self._publish(removals)

    def _embed(self) -> None:
        texts = [
            text for change in self._waiting if change.content for text in change.content.texts
        ]
        n_bytes = sum(change.size_bytes for change in self._waiting)
        vectors = np.empty((len(texts), self._embedder.info.dim), dtype=np.float32)
        for start in range(0, len(texts), EMBED_CHUNKS):
            if self._cancel.is_set():
                return
            part = texts[start : start + EMBED_CHUNKS]
            vectors[start : start + len(part)] = self._embedder.embed_documents(part)
            is_last = start + len(part) == len(texts)
            n_ready = len(self._waiting) if is_last else 0
            self._on_progress(n_bytes * len(part) / len(texts), n_ready)
        if not texts:
            self._on_progress(n_bytes, len(self._waiting))
        row = 0
        for change in self._waiting:
            if change.content:
                n_chunks = len(change.content.chunks)
                content = change.content.embedded(vectors[row : row + n_chunks])
                self._ready.contents.append(content)
                self._ready.n_chunks += n_chunks
                row += n_chunks
            if isinstance(change.put, DocumentPut):
                self._ready.documents.append(change.put)
            else:
                self._ready.rejections.append(change.put)
            self._ready.outcomes.append(change.outcome)
        self._waiting.clear()
        self._n_waiting_chunks = 0

    def _publish(self, removals: tuple[str, ...] = ()) -> None:
        ready = self._ready
        if ready.outcomes or removals:
            self._writer.publish(
                PublishBatch(
                    collection=self._collection,
                    source=self._source,
                    embedder_fingerprint=self._embedder.info.fingerprint,
                    contents=ready.contents,
                    documents=ready.documents,
                    rejections=ready.rejections,
                    removals=removals,
                )
            )
        self.outcomes.extend(ready.outcomes)
        self._on_outcomes(ready.outcomes)
        self._ready = _Ready()
        self._published_at = time.monotonic()
