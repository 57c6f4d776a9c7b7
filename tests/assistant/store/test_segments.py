"""How the index stays in bounded segments, and what a deletion leaves and touches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.access import OPERATOR
from assistant.errors import StoreError
from assistant.retrieval import dense
from assistant.retrieval.view import build_view
from assistant.store import codes as codes_module
from assistant.store import index as index_module
from assistant.store import vectors as vectors_module
from assistant.store.rows import ChunkRow
from assistant.store.segments import SegmentFiles, held
from assistant.store.writer import CatalogWriter
from models.types import FloatVector
from tests.assistant.corpora import EMBEDDER, batch, content, open_retriever, publish


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "MAX_SEGMENTS", 3)
    monkeypatch.setattr(index_module, "MERGED_SEGMENTS", 2)
    monkeypatch.setattr(index_module, "SEGMENT_CHUNKS", 8)


def sizes(writer: CatalogWriter) -> dict[SegmentFiles, int]:
    segments = writer.catalog.open_index(reuse={}).segments
    return {files: len(segment.chunk_ids) for files, segment in segments.items()}


def lines(word: str, n: int) -> str:
    return "\n".join(f"{word} number {i}" for i in range(n))


def document_id(writer: CatalogWriter, path: str):
    found = writer.catalog.list_documents(OPERATOR)
    return next(one.document_id for one in found if one.document == path)


def test_segments_stay_bounded_and_hold_every_chunk_once(writer: CatalogWriter) -> None:
    for i in range(14):
        publish(writer, "docs", **{f"d{i}": lines(f"text{i}", 3)})
        held_here = sizes(writer)
        assert max(held_here.values()) <= 8
        assert sum(2 * size < 8 for size in held_here.values()) <= 3
        assert writer.catalog.problems() == ()
    segments = writer.catalog.open_index(reuse={}).segments.values()
    ids = np.concatenate([segment.chunk_ids for segment in segments])
    assert sorted(ids.tolist()) == list(range(1, 43))


def test_delete_rewrites_only_the_segments_that_hold_the_document(writer: CatalogWriter) -> None:
    for i in range(5):
        publish(writer, "docs", **{f"d{i}": lines(f"text{i}", 6)})
    before = sizes(writer)
    writer.delete_document(document_id(writer, "d2.txt"))
    after = sizes(writer)
    assert len(before.keys() & after.keys()) == 4
    assert sum(after.values()) == 24


def test_segment_larger_than_the_bound_is_split_at_the_next_publish(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as larger:
        larger.setattr(index_module, "SEGMENT_CHUNKS", 100)
        publish(writer, "docs", a=lines("text", 21))
        assert list(sizes(writer).values()) == [21]
    publish(writer, "docs", b="other")
    assert sorted(sizes(writer).values()) == [1, 7, 7, 7]
    assert writer.catalog.problems() == ()


def test_segment_whose_chunks_are_mostly_outdated_is_rewritten_without_them(
    writer: CatalogWriter,
) -> None:
    publish(writer, "docs", a=lines("text", 3), b=lines("other", 4))
    publish(writer, "docs", b="changed")  # the earlier version stays stored, for its citations
    assert sorted(sizes(writer).values()) == [1, 3]
    assert writer.catalog.problems() == ()


@pytest.mark.parametrize("data_dir", ["sqlite"], indirect=True)  # a server's files are its own
def test_vector_of_a_deleted_document_is_in_no_file(
    writer: CatalogWriter, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "SEGMENT_CHUNKS", 1000)
    monkeypatch.setattr(vectors_module, "LEAST_CODED", 50)
    one = content("The codeword is xylophone.", title="Secret")
    puts = {"a.txt": content(lines("text", 80), title="Text"), "secret.txt": one}
    writer.publish(batch("docs", puts))
    vector = np.asarray(one.vectors)[0].astype("<f4").tobytes()

    def holding(sought: bytes) -> list[Path]:
        files = [path for path in data_dir.rglob("*") if path.is_file()]
        return [path for path in files if sought in path.read_bytes()]

    assert len(holding(vector)) >= 2
    assert holding(b"xylophon")
    footprint = writer.catalog.footprint(document_id(writer, "secret.txt"))
    writer.delete_document(next(iter(footprint.document_ids)))
    assert holding(vector) == []
    assert holding(b"xylophon") == []
    assert writer.catalog.traces(footprint).is_none
    (segment,) = writer.catalog.open_index(reuse={}).segments.values()
    assert segment.vectors.codes is not None
    assert len(segment.vectors.codes.list_of) == 80


def test_search_with_codes_never_finds_what_was_deleted_or_may_not_be_read(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "SEGMENT_CHUNKS", 1000)
    monkeypatch.setattr(vectors_module, "LEAST_CODED", 50)
    monkeypatch.setattr(codes_module, "ROWS_PER_LIST", 16)
    monkeypatch.setattr(dense, "EXHAUSTIVE_ROWS", 0)
    publish(writer, "docs", a=lines("text", 60), b=lines("text", 61))
    writer.people.add_collection("closed")
    publish(writer, "closed", c=lines("text", 62))
    writer.delete_document(document_id(writer, "b.txt"))
    docs = OPERATOR.within(writer.catalog.people.collection_id("docs", OPERATOR))
    index = writer.catalog.open_index(reuse={})
    _, ids = writer.catalog.live_chunk_ids(docs)
    # As for somebody from whom nothing is hidden: else no codes would be read.
    view = build_view(tuple(index.segments.values()), ids, n_live=len(ids))
    assert any(part.lists for part in view.segments)
    query: FloatVector = EMBEDDER.embed_query("text number 61")
    found = view.chunk_ids(dense.best_rows(view, query, 1000))
    assert found.tolist() == ids.tolist()


def test_opened_index_answers_on_when_a_merge_has_removed_its_files(
    writer: CatalogWriter, data_dir: Path
) -> None:
    publish(writer, "docs", a="first words")
    index = writer.catalog.open_index(reuse={})
    (segment,) = index.segments.values()
    publish(writer, "docs", a="changed words")
    assert not (data_dir / "index" / next(iter(index.segments)).names[0]).exists()
    query = EMBEDDER.embed_query("first words")
    before = segment.vectors.scores(query, np.array([0]))
    assert before[0] > 0.5
    with open_retriever(data_dir) as retriever:
        assert retriever.retrieve("first words", 1, OPERATOR)[0].chunk.text == "changed words"


def test_live_chunk_ids_of_a_catalog_with_gaps_in_a_content_is_refused(
    writer: CatalogWriter,
) -> None:
    publish(writer, "docs", a=lines("text", 3))
    with writer._database.writing() as session:
        session.delete(session.get(ChunkRow, 2))
    with pytest.raises(StoreError, match="numbered in a row"):
        writer.catalog.live_chunk_ids(OPERATOR)


@pytest.mark.parametrize(
    ("ids", "among", "expected"),
    [
        ([], [1], []),
        ([1, 5, 9], [], [False] * 3),
        ([1, 5, 9], [5, 9, 10], [False, True, True]),
        ([5], [1, 5, 9], [True]),
        ([2, 10**12], [2, 3, 10**12], [True, True]),
    ],
)
def test_held_tells_which_ids_are_among_others(ids, among, expected) -> None:
    found = held(np.array(ids, np.int64), np.array(among, np.int64))
    assert found.tolist() == expected
