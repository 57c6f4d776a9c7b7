"""Documents on their way into the corpus: their texts are published in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from assistant.store.types import (
    ContentKey,
    DocumentPut,
    NewChunk,
    NewContent,
    NewHidden,
    NewPage,
    PublishBatch,
    RejectionPut,
)
from assistant.store.writer import CatalogWriter
from ingest.chunking import ChunkDraft
from ingest.types import FileOutcome, HiddenText, ParsedDocument

PUBLISH_CHUNKS = 4_000
PUBLISH_DOCUMENTS = 500
PUBLISH_S = 3.0
"""How long a text waits at most to be found; publishing costs some disk syncs each time."""
TEXT_FRACTION = 0.2
"""Of the work on a document that is done when its text is published; the rest is embedding."""

OnProgress = Callable[[float, int], None]
"""Takes bytes and documents that are done and were not before."""
OnOutcomes = Callable[[Sequence[FileOutcome]], None]
"""Takes what is durable since the last call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentDraft:
    """A parsed and chunked file."""

    key: ContentKey
    title: str
    """The title the file states; empty where only its name says what it is."""
    parsed: ParsedDocument
    size_bytes: int
    chunks: tuple[ChunkDraft, ...]
    hidden: tuple[HiddenText, ...] = ()
    """Cut as chunks are."""

    def stored(self) -> NewContent:
        """Return what is stored before the vectors follow."""
        return NewContent(
            key=self.key,
            title=self.title,
            date=self.parsed.date,
            media_type=self.parsed.media_type,
            size_bytes=self.size_bytes,
            flags=self.parsed.flags,
            pages=tuple(
                NewPage(page_number=page.page_number, text=page.text, scan=page.scan)
                for page in self.parsed.pages
            ),
            chunks=tuple(
                NewChunk(page_index=draft.page_index, span=draft.span, heading=draft.heading)
                for draft in self.chunks
            ),
            vectors=None,
            hidden=tuple(
                NewHidden(page_index=one.page_index, kind=one.kind.value, text=one.text)
                for one in self.hidden
            ),
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
    n_bytes: float = 0.0
    """For progress: what is done of these documents once they are published."""


class Batches:
    """Takes the changes of one source in order; a change never gets ahead of an earlier one.

    Args:
        writer: Where to publish.
        embedder_fingerprint: Of the embedder whose vectors follow.
        collection: Name of an existing collection.
        source: Name of the source.
        on_progress: Called with what was published just now; of a new content's bytes, with
            `TEXT_FRACTION`.
        on_outcomes: Called with what was published just now.
        one_by_one: Publish each change by itself.
    """

    def __init__(
        self,
        writer: CatalogWriter,
        *,
        embedder_fingerprint: str,
        collection: str,
        source: str,
        on_progress: OnProgress,
        on_outcomes: OnOutcomes,
        one_by_one: bool,
    ) -> None:
        self._writer = writer
        self._embedder_fingerprint = embedder_fingerprint
        self._collection = collection
        self._source = source
        self._on_progress = on_progress
        self._on_outcomes = on_outcomes
        self._most_documents = 1 if one_by_one else PUBLISH_DOCUMENTS
        self._ready = _Ready()
        self._published_at = time.monotonic()
        self.outcomes: list[FileOutcome] = []
        """Of what is published."""

    def add(self, change: Change) -> None:
        """Take a change; publishes when enough has come together."""
        ready = self._ready
        if change.content:
            ready.contents.append(change.content.stored())
            ready.n_chunks += len(change.content.chunks)
        ready.n_bytes += change.size_bytes * (TEXT_FRACTION if change.content else 1.0)
        if isinstance(change.put, DocumentPut):
            ready.documents.append(change.put)
        else:
            ready.rejections.append(change.put)
        ready.outcomes.append(change.outcome)
        is_late = time.monotonic() - self._published_at > PUBLISH_S
        many = ready.n_chunks >= PUBLISH_CHUNKS or len(ready.outcomes) >= self._most_documents
        if many or is_late:
            self.publish()

    def publish(self, removals: tuple[str, ...] = ()) -> None:
        """Publish what has come together, and forget the paths of `removals`."""
        ready = self._ready
        if ready.outcomes or removals:
            self._writer.publish(
                PublishBatch(
                    collection=self._collection,
                    source=self._source,
                    embedder_fingerprint=self._embedder_fingerprint,
                    contents=ready.contents,
                    documents=ready.documents,
                    rejections=ready.rejections,
                    removals=removals,
                )
            )
        self.outcomes.extend(ready.outcomes)
        self._on_progress(ready.n_bytes, len(ready.outcomes))
        self._on_outcomes(ready.outcomes)
        self._ready = _Ready()
        self._published_at = time.monotonic()
