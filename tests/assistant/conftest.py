from __future__ import annotations

from collections.abc import Callable

import pytest

from assistant.types import Chunk, ChunkId, DocumentId, DocumentRef, Hit, Span, Version


@pytest.fixture
def make_hit() -> Callable[..., Hit]:
    """Return a factory of hits whose chunk is a whole page."""
    count = 0

    def make(
        text: str,
        *,
        document: str = "handbook.md",
        score: float = 0.5,
        title: str = "Handbook",
        heading: str = "",
        offset: int = 0,
        date: str | None = None,
    ) -> Hit:
        nonlocal count
        count += 1
        chunk = Chunk(
            chunk_id=ChunkId(count),
            content_id=count,
            page_index=0,
            page_number=1,
            span=Span(offset, offset + len(text)),
            text=text,
            heading=heading,
            title=title,
        )
        ref = DocumentRef(
            document=document,
            document_id=DocumentId(document),
            version=Version("0" * 64),
            collection="documents",
            effective_date=date,
        )
        return Hit(chunk=chunk, document=ref, score=score, rank=count, dense=score, lexical=score)

    return make
