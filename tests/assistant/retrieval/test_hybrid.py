from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import IndexDamagedError, IndexMismatchError
from assistant.retrieval import dense, hybrid
from assistant.retrieval.hybrid import HybridRetriever
from assistant.settings import RetrievalSettings
from assistant.store import codes as codes_module
from assistant.store import vectors as vectors_module
from assistant.store.catalog import Catalog
from assistant.store.terms import indexed_text
from assistant.store.writer import CatalogWriter, open_writer
from assistant.types import CollectionId
from models.fakes import FakeEmbedder
from models.types import EmbedderInfo, FloatVector
from tests.assistant.corpora import batch, content, open_retriever, publish


@pytest.fixture
def retriever(writer: CatalogWriter) -> HybridRetriever:
    return HybridRetriever(writer.catalog, FakeEmbedder(), RetrievalSettings())


def found(retriever: HybridRetriever, query: str, top_k: int = 5) -> list[str]:
    return [hit.document.document for hit in retriever.retrieve(query, top_k, OPERATOR)]


def test_retrieve_puts_the_chunk_that_shares_most_words_first(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    publish(writer, "docs", a="The budget is small.", b="Parental leave is long.", c="Other.")
    hits = retriever.retrieve("How long is parental leave?", 2, OPERATOR)
    assert [hit.rank for hit in hits] == [1, 2]
    assert hits[0].chunk.text == "Parental leave is long."
    assert hits[0].score > hits[1].score
    weight = RetrievalSettings().dense_weight
    assert hits[0].score == pytest.approx(weight * hits[0].dense + (1 - weight) * hits[0].lexical)


def test_retrieve_finds_words_of_the_title(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    publish(writer, "docs", travel="Economy class.", sickness="Economy class.")
    assert found(retriever, "sickness", 1) == ["sickness.txt"]


def test_retrieve_finds_chinese_words(writer: CatalogWriter, retriever: HybridRetriever) -> None:
    publish(writer, "docs", a="員工每年有二十天休假。", b="差旅費用由公司承擔。")
    assert retriever.retrieve("休假", 1, OPERATOR)[0].lexical > 0


@pytest.mark.parametrize("query", ["", "  ", "the", "zzz", "budget"])
def test_retrieve_from_empty_corpus_is_empty(retriever: HybridRetriever, query: str) -> None:
    assert retriever.retrieve(query, 5, OPERATOR) == ()
    assert retriever.index_generation == 0


def test_retrieve_of_stop_words_alone_ranks_by_the_dense_half(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    publish(writer, "docs", a="to be or not to be", b="budget")
    hits = retriever.retrieve("to be", 5, OPERATOR)
    assert [hit.lexical for hit in hits] == [0, 0]
    assert hits[0].document.document == "a.txt"


@pytest.mark.parametrize(("query", "top_k"), [("  ", 5), ("budget", 0)])
def test_retrieve_of_nothing_is_empty(
    writer: CatalogWriter, retriever: HybridRetriever, query: str, top_k: int
) -> None:
    publish(writer, "docs", a="budget")
    assert retriever.retrieve(query, top_k, OPERATOR) == ()


def test_retrieve_for_who_may_read_nothing_is_empty(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    publish(writer, "docs", a="budget")
    assert retriever.retrieve("budget", 5, ReadableSet()) == ()
    elsewhere = ReadableSet(collections=frozenset({CollectionId(99)}))
    assert retriever.retrieve("budget", 5, elsewhere) == ()


def test_nothing_is_embedded_for_who_may_read_nothing(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(writer, "docs", a="budget")
    embedder = FakeEmbedder()
    retriever = HybridRetriever(writer.catalog, embedder, RetrievalSettings())
    monkeypatch.setattr(embedder, "embed_query", lambda _: pytest.fail("it was asked"))
    assert retriever.index_generation == 0
    assert retriever.retrieve("budget", 5, ReadableSet()) == ()
    assert retriever.retrieve("budget", 0, OPERATOR) == ()
    assert retriever.retrieve("  ", 5, OPERATOR) == ()


@pytest.fixture
def _code_from_50_vectors_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors_module, "LEAST_CODED", 50)
    monkeypatch.setattr(codes_module, "ROWS_PER_LIST", 8)
    monkeypatch.setattr(dense, "EXHAUSTIVE_ROWS", 0)
    monkeypatch.setattr(dense, "LEAST_READ", 1)
    monkeypatch.setattr(dense, "READ_SHARE", 1000)
    monkeypatch.setattr(dense, "LEAST_RESCORED", 1)


def lines(*words: str) -> str:
    return "\n".join(f"{word} number {number}" for number in range(60) for word in words)


@pytest.mark.usefixtures("_code_from_50_vectors_on")
def test_what_is_hidden_does_not_move_the_candidates_in_segments_with_codes(tmp_path: Path) -> None:
    seen = []
    for name, hidden in (("one", lines("number", "budget")), ("other", lines("travel"))):
        with open_writer(tmp_path / name) as writer:
            writer.people.add_collection("docs")
            publish(writer, "docs", a=lines("budget", "leave"))
            docs = OPERATOR.within(writer.catalog.people.collection_id("docs", OPERATOR))
            writer.people.add_collection("closed")
            publish(writer, "closed", b=hidden)
        with open_retriever(tmp_path / name) as retriever:
            hits = [retriever.retrieve(f"number {n}", 5, docs) for n in range(20)]
            seen.append([[(one.chunk.text, one.score) for one in found] for found in hits])
    assert seen[0] == seen[1]


@pytest.mark.usefixtures("_code_from_50_vectors_on")
def test_codes_are_read_for_nobody_from_whom_anything_current_is_hidden(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    candidates = codes_module.Codes.candidates

    def noted(self, query, lists, mask, n):
        asked.append(n)
        return candidates(self, query, lists, mask, n)

    monkeypatch.setattr(codes_module.Codes, "candidates", noted)
    retriever = HybridRetriever(writer.catalog, FakeEmbedder(), RetrievalSettings())
    writer.people.add_collection("closed")
    publish(writer, "docs", a=lines("budget"), b=lines("leave"))
    publish(writer, "docs", b=lines("travel"))
    docs, closed = (writer.catalog.people.collection_id(n, OPERATOR) for n in ("docs", "closed"))
    for readable in (OPERATOR, OPERATOR.within(docs)):
        retriever.retrieve("budget number 7", 5, readable)
        assert asked
        asked.clear()
    publish(writer, "closed", c="a secret")
    retriever.retrieve("budget number 7", 5, OPERATOR.within(docs))
    assert not asked
    both = ReadableSet(collections=frozenset({docs, closed}))
    retriever.retrieve("budget number 7", 5, both)
    assert asked


def test_retrieve_of_shared_content_finds_it_once(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    same = content("budget rules", title="Same")
    writer.publish(batch("docs", {"b.txt": same, "a.txt": same}))
    assert found(retriever, "budget") == ["a.txt"]


def test_retrieve_of_equal_bytes_under_many_names_finds_each_place_once(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    copies = {f"{i:02}.txt": content("budget rules", name=f"{i:02}") for i in range(20)}
    writer.publish(batch("docs", {**copies, "other.txt": content("other rules", name="other")}))
    assert found(retriever, "budget rules", 2) == ["00.txt", "other.txt"]


def test_copies_take_nobodys_place_however_many_there_are(
    writer: CatalogWriter, retriever: HybridRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hybrid, "TOLD_APART", 1)
    copies = {f"{i:02}.txt": content("budget rules", name=f"{i:02}") for i in range(20)}
    others = {f"other{i}.txt": content(f"other rules {i}", name="other") for i in range(3)}
    writer.publish(batch("docs", copies | others))
    for top_k in (1, 2, 3, 4):
        hits = retriever.retrieve("budget rules", top_k, OPERATOR)
        assert [hit.rank for hit in hits] == list(range(1, top_k + 1))
        assert hits[0].document.document == "00.txt"
        assert len({hit.chunk.text for hit in hits}) == top_k


def test_hits_are_no_more_than_asked_for_where_many_tie(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    publish(writer, "docs", **dict.fromkeys("abcde", "budget rules"))
    view = retriever._view(OPERATOR)
    vector = FakeEmbedder().embed_query("rules")
    candidates = retriever._candidates(view, "rules", vector, 2)
    hits = retriever._hits(candidates, 2, OPERATOR)
    assert hits is not None
    assert [hit.rank for hit in hits] == [1, 2]


def test_retrieve_notices_what_another_writer_published(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    publish(writer, "docs", a="budget rules")
    assert found(retriever, "budget") == ["a.txt"]
    publish(writer, "docs", a="travel", b="budget rules")
    assert found(retriever, "budget", 1) == ["b.txt"]
    assert retriever.index_generation == 2
    writer.publish(batch("docs", {}, removals=("a.txt", "b.txt")))
    assert found(retriever, "budget") == []


def test_retrieve_with_another_embedder_is_refused(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="budget")
    other = HybridRetriever(writer.catalog, FakeEmbedder(max_tokens=99), RetrievalSettings())
    for _ in range(2):
        with pytest.raises(IndexMismatchError, match=r"set models\.embedder back"):
            other.retrieve("budget", 1, OPERATOR)


class ShortVectors(FakeEmbedder):
    """Goes by the name of what made the index; its vectors have three numbers."""

    @property
    def info(self) -> EmbedderInfo:
        return replace(super().info, dim=3)


def test_retrieve_with_vectors_of_another_length_is_refused(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="budget")
    other = HybridRetriever(writer.catalog, ShortVectors(), RetrievalSettings())
    for _ in range(2):
        with pytest.raises(IndexDamagedError) as refused:
            other.retrieve("budget", 1, OPERATOR)
        assert str(refused.value) == (
            "the index holds vectors of 256 dimensions, the embedder's have 3; "
            "rebuild the index from the catalog with `plinth doctor --repair`"
        )


def test_text_without_vectors_yet_is_found_beside_text_with_vectors(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    publish(writer, "docs", b="travel")
    without = replace(content("budget rules", title="A"), vectors=None)
    writer.publish(batch("docs", {"a.txt": without}))
    first, second = retriever.retrieve("budget rules", 5, OPERATOR)
    assert (first.document.document, second.document.document) == ("a.txt", "b.txt")
    assert first.dense == 0
    assert first.lexical > 0


def test_retrieve_searches_again_when_a_hit_was_deleted_meanwhile(
    writer: CatalogWriter, retriever: HybridRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(writer, "docs", a="budget rules", b="budget")
    chunks = Catalog.chunks

    def chunks_late(self: Catalog, ids, readable):
        monkeypatch.setattr(Catalog, "chunks", chunks)
        writer.publish(batch("docs", {}, removals=("a.txt",)))
        return self.chunks(ids, readable)

    monkeypatch.setattr(Catalog, "chunks", chunks_late)
    assert found(retriever, "budget") == ["b.txt"]


def test_retrieve_from_a_catalog_that_contradicts_itself_ends(
    writer: CatalogWriter, retriever: HybridRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(writer, "docs", a="budget rules")
    monkeypatch.setattr(Catalog, "chunks", lambda *_: {})
    with pytest.raises(IndexDamagedError) as refused:
        retriever.retrieve("budget", 1, OPERATOR)
    assert str(refused.value) == (
        "cannot search: documents kept disappearing meanwhile; "
        "rebuild the index from the catalog with `plinth doctor --repair`"
    )


@pytest.mark.parametrize(
    ("bound", "value", "n_kept"),
    [("KEPT_VIEWS", 2, 2), ("KEPT_ROWS", 2, 2), ("KEPT_ROWS", 0, 1)],
)
def test_views_of_many_readers_are_bounded(
    writer: CatalogWriter,
    retriever: HybridRetriever,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    value: int,
    n_kept: int,
) -> None:
    monkeypatch.setattr(hybrid, bound, value)
    publish(writer, "docs", a="budget")
    docs = writer.catalog.people.collection_id("docs", OPERATOR)
    for other in range(2, 6):
        readable = ReadableSet(collections=frozenset({docs, CollectionId(other)}))
        assert len(retriever.retrieve("budget", 1, readable)) == 1
    assert len(retriever._views) == n_kept
    assert found(retriever, "budget") == ["a.txt"]


def test_the_view_used_longest_ago_goes_first(
    writer: CatalogWriter, retriever: HybridRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hybrid, "KEPT_VIEWS", 2)
    publish(writer, "docs", a="budget")
    docs = writer.catalog.people.collection_id("docs", OPERATOR)
    only = ReadableSet(collections=frozenset({docs}))
    other = ReadableSet(collections=frozenset({docs, CollectionId(99)}))
    for readable in (OPERATOR, only, OPERATOR, other):
        assert len(retriever.retrieve("budget", 1, readable)) == 1
    assert list(retriever._views) == [OPERATOR, other]
    kept = retriever._views[OPERATOR]
    found(retriever, "budget")
    assert retriever._views[OPERATOR] is kept


def test_a_kept_view_is_given_to_nobody_else(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    writer.people.add_collection("board")
    publish(writer, "docs", a="budget of all")
    publish(writer, "board", b="budget of the board")
    collections = writer.catalog.people.collections()
    sets = {
        one.name: ReadableSet(collections=frozenset({one.collection_id})) for one in collections
    }
    for _ in range(2):
        assert found(retriever, "budget") == ["a.txt", "b.txt"]
        for name, path in (("docs", "a.txt"), ("board", "b.txt")):
            hits = retriever.retrieve("budget", 5, sets[name])
            assert [hit.document.document for hit in hits] == [path]
        assert retriever.retrieve("budget", 5, ReadableSet()) == ()


def test_hits_are_numbered_from_one_with_both_scores(
    writer: CatalogWriter, retriever: HybridRetriever
) -> None:
    lines = {f"d{i}": f"budget {'travel ' * i}rules" for i in range(4)}
    publish(writer, "docs", **lines)
    hits = retriever.retrieve("travel budget", 3, OPERATOR)
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    weight = RetrievalSettings().dense_weight
    for hit in hits:
        assert isinstance(hit.score, float)
        assert -1 <= hit.dense <= 1
        assert 0 < hit.lexical <= 1
        fused = weight * max(0.0, hit.dense) + (1 - weight) * hit.lexical
        assert hit.score == pytest.approx(fused)


def test_retrieve_from_many_threads_beside_a_writer_never_mixes_generations(
    data_dir: Path,
) -> None:
    with open_writer(data_dir) as writer, open_retriever(data_dir) as retriever:
        writer.people.add_collection("docs")
        publish(writer, "docs", a="budget number 0", b="budget twin 0")
        wrong: list[object] = []
        done = threading.Event()

        def search() -> None:
            while not done.is_set():
                hits = retriever.retrieve("budget", 5, OPERATOR)
                if len({hit.chunk.text.split()[-1] for hit in hits}) != 1 or len(hits) != 2:
                    wrong.append([hit.chunk.text for hit in hits])

        threads = [threading.Thread(target=search) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(1, 9):
            publish(writer, "docs", a=f"budget number {i}", b=f"budget twin {i}")
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (-1.0, 0.0),  # the opposite of what was asked is no worse than having nothing to do with it
        (1.25, 1.0),  # and nothing is nearer than the same, however it was rounded
        (0.5, 0.5),
    ],
)
def test_the_dense_part_of_a_score_lies_between_0_and_1(
    writer: CatalogWriter, factor: float, expected: float
) -> None:
    class Scaled(FakeEmbedder):
        def embed_query(self, text: str) -> FloatVector:
            return self.embed_documents([indexed_text("A", "", text)])[0] * np.float32(factor)

    publish(writer, "docs", a="budget")
    retriever = HybridRetriever(writer.catalog, Scaled(), RetrievalSettings())
    (hit,) = retriever.retrieve("budget", 1, OPERATOR)
    assert hit.dense == pytest.approx(factor)
    weight = RetrievalSettings().dense_weight
    assert hit.score == pytest.approx(weight * expected + (1 - weight) * hit.lexical)
