"""Small corpora for tests: a chunk for each line of a page, embedded by the shipped fake."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from assistant.retrieval.hybrid import HybridRetriever
from assistant.settings import RetrievalSettings
from assistant.store.catalog import open_catalog
from assistant.store.terms import indexed_text
from assistant.store.types import (
    ContentKey,
    DocumentPut,
    NewChunk,
    NewContent,
    NewPage,
    PublishBatch,
)
from assistant.store.writer import CatalogWriter
from assistant.types import Span, Version
from models.fakes import FakeEmbedder

SOURCE = "/files"
EMBEDDER = FakeEmbedder()


def sha256(text: str) -> Version:
    return Version(hashlib.sha256(text.encode()).hexdigest())


def content(*pages: str, title: str = "", name: str = "", recipe: str = "r1") -> NewContent:
    """Give a content of one chunk a line; its bytes are its title and pages."""
    chunks = [
        NewChunk(page_index=i, span=Span(match.start(), match.end()), heading="")
        for i, page in enumerate(pages)
        for match in re.finditer(r"[^\n]+", page)
    ]
    texts = [
        indexed_text(title or name, "", chunk.span.slice(pages[chunk.page_index]))
        for chunk in chunks
    ]
    return NewContent(
        key=ContentKey(sha256=sha256("\f".join([title, *pages])), recipe=recipe, name=name),
        title=title,
        date=None,
        media_type="text/plain",
        size_bytes=sum(map(len, pages)),
        flags=(),
        pages=tuple(NewPage(page_number=i, text=page) for i, page in enumerate(pages, 1)),
        chunks=tuple(chunks),
        vectors=EMBEDDER.embed_documents(texts),
    )


def batch(
    collection: str, documents: Mapping[str, NewContent], removals: tuple[str, ...] = ()
) -> PublishBatch:
    """Give a batch that puts documents by path."""
    return PublishBatch(
        collection=collection,
        source=SOURCE,
        embedder_fingerprint=EMBEDDER.info.fingerprint,
        contents=tuple(documents.values()),
        documents=tuple(DocumentPut(path=path, content=one.key) for path, one in documents.items()),
        removals=removals,
    )


def publish(writer: CatalogWriter, collection: str, /, **documents: str) -> int:
    """Publish `a="text"` as the document a.txt with the title A."""
    puts = {f"{name}.txt": content(text, title=name.title()) for name, text in documents.items()}
    return writer.publish(batch(collection, puts))


@contextmanager
def open_retriever(
    data_dir: Path, settings: RetrievalSettings | None = None
) -> Iterator[HybridRetriever]:
    with open_catalog(data_dir) as catalog:
        yield HybridRetriever(catalog, EMBEDDER, settings or RetrievalSettings())
