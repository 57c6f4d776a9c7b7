from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assistant.store.writer import CatalogWriter, open_writer
from assistant.types import Chunk, ChunkId, DocumentId, DocumentRef, Hit, Span, Version
from tests.assistant.catalogs import CATALOGS, data_dir_on


@pytest.fixture(params=CATALOGS)
def data_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A data dir that is to be made, once with its catalog in each kind of database.

    What is of one kind only says `@pytest.mark.parametrize("data_dir", ["sqlite"], indirect=True)`.
    """
    with data_dir_on(request.param, tmp_path / "data", request) as folder:
        yield folder


@pytest.fixture
def writer(data_dir: Path) -> Iterator[CatalogWriter]:
    """A writer on a new data dir with the collection `docs`."""
    with open_writer(data_dir, wait_s=0) as opened:
        opened.people.add_collection("docs")
        yield opened


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
        batch: str = "",
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
            batch=batch,
        )
        return Hit(chunk=chunk, document=ref, score=score, rank=count, dense=score, lexical=score)

    return make
