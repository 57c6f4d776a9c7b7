from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import IndexMismatchError, StoreError, UnknownNameError
from assistant.store import index as index_module
from assistant.store.catalog import open_catalog
from assistant.store.types import (
    ContentKey,
    DocumentPut,
    NewChunk,
    NewContent,
    NewPage,
    PublishBatch,
    RejectionPut,
)
from assistant.store.writer import CatalogWriter, open_writer
from assistant.types import ChunkId, DocumentId, Span
from tests.assistant.corpora import EMBEDDER, SOURCE, batch, content, publish, sha256

NOBODY = ReadableSet()


def test_open_catalog_of_new_data_dir_is_an_empty_corpus(data_dir: Path) -> None:
    with open_catalog(data_dir) as catalog:
        assert catalog.current_generation() == 0
        assert catalog.list_documents(OPERATOR) == ()
        assert catalog.problems() == ()


def test_publish_shows_documents_with_their_pages(writer: CatalogWriter) -> None:
    one = content("First line.\nSecond line.", "Page two.", title="Guide")
    assert writer.publish(batch("docs", {"sub/guide.pdf": one})) == 1
    (document,) = writer.catalog.list_documents(OPERATOR, "docs")
    assert document.document == "sub/guide.pdf"
    assert document.version == one.key.sha256
    assert (document.title, document.n_pages, document.n_chunks) == ("Guide", 2, 3)
    assert (document.collection, document.source, document.flags) == ("docs", SOURCE, ())
    detail = writer.catalog.document(document.document_id, OPERATOR)
    assert [(page.page_number, page.text) for page in detail.pages] == [
        (1, "First line.\nSecond line."),
        (2, "Page two."),
    ]
    assert [version.version for version in detail.versions] == [one.key.sha256]


def test_chunks_slice_the_stored_page_text(writer: CatalogWriter) -> None:
    writer.publish(batch("docs", {"a.txt": content("Ünïcode 𝒳 line.\nSecond.", title="A")}))
    _, ids = writer.catalog.live_chunk_ids(OPERATOR)
    found = writer.catalog.chunks(ids, OPERATOR)
    assert [item.chunk.text for item in found.values()] == ["Ünïcode 𝒳 line.", "Second."]
    for item in found.values():
        page = writer.catalog.page_text(item.chunk.content_id, item.chunk.page_index, OPERATOR)
        assert item.chunk.span.slice(page) == item.chunk.text
    on_page = writer.catalog.page_chunks(item.chunk.content_id, 0, OPERATOR)
    assert [item.chunk.text for item in on_page] == ["Ünïcode 𝒳 line.", "Second."]


def test_reading_without_permission_finds_nothing(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="one")
    (document,) = writer.catalog.list_documents(OPERATOR)
    _, ids = writer.catalog.live_chunk_ids(OPERATOR)
    (item,) = writer.catalog.chunks(ids, OPERATOR).values()
    assert writer.catalog.list_documents(NOBODY) == ()
    assert writer.catalog.chunks(ids, NOBODY) == {}
    assert writer.catalog.page_chunks(item.chunk.content_id, 0, NOBODY) == ()
    with pytest.raises(UnknownNameError):
        writer.catalog.document(document.document_id, NOBODY)
    with pytest.raises(UnknownNameError):
        writer.catalog.page_text(item.chunk.content_id, 0, NOBODY)
    with pytest.raises(UnknownNameError):
        writer.catalog.list_documents(NOBODY, "docs")


def test_chunk_of_shared_content_is_named_by_its_first_readable_document(
    writer: CatalogWriter,
) -> None:
    one = content("same", title="Same")
    secret = ReadableSet(collections=frozenset({writer.people.add_collection("secret")}))
    writer.publish(batch("docs", {"b.txt": one, "a.txt": one}))
    writer.publish(batch("secret", {"0.txt": one}))
    generation, ids = writer.catalog.live_chunk_ids(OPERATOR)
    assert (generation, len(ids)) == (2, 1)

    def names(readable: ReadableSet) -> list[str]:
        return [i.document.document for i in writer.catalog.chunks(ids, readable).values()]

    docs = OPERATOR.within(writer.catalog.people.collection_id("docs", OPERATOR))
    assert (names(OPERATOR), names(docs), names(secret)) == (["0.txt"], ["a.txt"], ["0.txt"])


def test_publish_of_changed_document_keeps_its_id_and_earlier_pages(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="old text")
    (before,) = writer.catalog.list_documents(OPERATOR)
    publish(writer, "docs", a="new text")
    (after,) = writer.catalog.list_documents(OPERATOR)
    assert after.document_id == before.document_id
    detail = writer.catalog.document(after.document_id, OPERATOR)
    assert [version.version for version in detail.versions] == [before.version, after.version]
    assert detail.pages[0].text == "new text"
    assert writer.catalog.page_text(detail.versions[0].content_id, 0, OPERATOR) == "old text"
    counts = writer.catalog.counts()
    assert (counts.n_chunks, counts.n_live_chunks) == (2, 1)


def test_publish_of_earlier_bytes_makes_them_live_again(writer: CatalogWriter) -> None:
    for text in ("old", "new", "old"):
        publish(writer, "docs", a=text)
    (document,) = writer.catalog.list_documents(OPERATOR)
    detail = writer.catalog.document(document.document_id, OPERATOR)
    assert [page.text for page in detail.pages] == ["old"]
    assert len(detail.versions) == 3
    assert writer.catalog.problems() == ()


def test_publish_with_another_recipe_is_the_same_version(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="one")
    writer.publish(batch("docs", {"a.txt": content("one", title="A", recipe="r2")}))
    (document,) = writer.catalog.list_documents(OPERATOR)
    assert len(writer.catalog.document(document.document_id, OPERATOR).versions) == 1
    assert writer.catalog.counts().n_contents == 1
    assert writer.catalog.known_files("docs", SOURCE)["a.txt"].recipe == "r2"


def test_documents_belong_to_the_batch_that_brought_their_version(data_dir: Path) -> None:
    def batches(of: CatalogWriter) -> dict[str, str]:
        _, ids = of.catalog.live_chunk_ids(OPERATOR)
        found = of.catalog.chunks(map(ChunkId, ids.tolist()), OPERATOR).values()
        return {one.document.document: one.document.batch for one in found}

    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        publish(writer, "docs", a="one", b="two")
        publish(writer, "docs", c="three")
        first = batches(writer)
    assert len(set(first.values())) == 1
    assert "" not in first.values()
    with open_writer(data_dir) as writer:
        publish(writer, "docs", a="one", b="changed")
        second = batches(writer)
    assert (second["a.txt"], second["c.txt"]) == (first["a.txt"], first["c.txt"])
    assert second["b.txt"] != first["b.txt"]


def test_publish_into_unknown_collection_is_refused(writer: CatalogWriter) -> None:
    with pytest.raises(UnknownNameError, match="no collection 'other'"):
        publish(writer, "other", a="one")


def test_publish_of_unstored_content_changes_nothing(writer: CatalogWriter) -> None:
    key = ContentKey(sha256=sha256("x"), recipe="r1")
    bad = PublishBatch(
        collection="docs",
        source=SOURCE,
        embedder_fingerprint="e",
        contents=[content("one", title="One")],
        documents=[DocumentPut(path="a.txt", content=key)],
    )
    with pytest.raises(StoreError, match="is not stored"):
        writer.publish(bad)
    assert writer.catalog.counts().n_contents == 0
    assert writer.catalog.current_generation() == 0


def test_publish_with_another_embedder_is_refused_while_documents_are_left(
    writer: CatalogWriter,
) -> None:
    publish(writer, "docs", a="one")
    other = PublishBatch(
        collection="docs",
        source=SOURCE,
        embedder_fingerprint="other",
        removals=["a.txt"],
        contents=[content("two", title="Two")],
        documents=[DocumentPut(path="b.txt", content=content("two", title="Two").key)],
    )
    with pytest.raises(IndexMismatchError, match=r"set models\.embedder back"):
        writer.publish(
            PublishBatch(
                collection="docs",
                source=SOURCE,
                embedder_fingerprint="other",
                contents=other.contents,
                documents=other.documents,
            )
        )
    writer.publish(other)  # the last document of the earlier embedder goes


def test_publish_of_poisonous_vectors_is_refused(writer: CatalogWriter) -> None:
    good = content("one", title="One")
    for value in (np.nan, 1e30, 0.0):
        bad = NewContent(
            key=good.key,
            title=good.title,
            date=None,
            media_type="text/plain",
            size_bytes=3,
            flags=(),
            pages=good.pages,
            chunks=good.chunks,
            vectors=np.full_like(good.vectors, value),
        )
        with pytest.raises(StoreError, match="unit length"):
            writer.publish(batch("docs", {"a.txt": bad}))


def test_removal_of_unknown_path_is_ignored(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="one")
    writer.publish(batch("docs", {}, removals=("a.txt", "nothing.txt")))
    assert writer.catalog.list_documents(OPERATOR) == ()


def test_known_files_hold_documents_and_rejections(writer: CatalogWriter) -> None:
    publish(writer, "docs", good="one", stale="two")
    rejected = [
        RejectionPut(path=path, sha256=bad, recipe="r1", reason="corrupt", detail="Repair it.")
        for path, bad in (("bad.pdf", sha256("bad")), ("stale.txt", sha256("x")), ("no", None))
    ]
    writer.publish(
        PublishBatch(
            collection="docs",
            source=SOURCE,
            embedder_fingerprint=EMBEDDER.info.fingerprint,
            rejections=rejected,
        )
    )
    known = writer.catalog.known_files("docs", SOURCE)
    assert {path: (file.reason, file.document_id is None) for path, file in known.items()} == {
        "good.txt": (None, False),
        "stale.txt": ("corrupt", False),
        "bad.pdf": ("corrupt", True),
        "no": ("corrupt", True),
    }
    assert known["stale.txt"].sha256 == sha256("x")
    assert known["no"].sha256 is None
    flags = {one.document: one.flags for one in writer.catalog.list_documents(OPERATOR)}
    assert flags == {"good.txt": (), "stale.txt": ("newer-version-rejected",)}
    assert [file.document for file in writer.catalog.rejected_files()] == [
        "bad.pdf",
        "no",
        "stale.txt",
    ]
    publish(writer, "docs", stale="three")
    assert writer.catalog.known_files("docs", SOURCE)["stale.txt"].reason is None
    assert writer.catalog.known_files("docs", "/elsewhere") == {}


def test_find_content_links_only_under_a_fitting_name(writer: CatalogWriter) -> None:
    titled, untitled = content("one", title="One"), content("two", name="report")
    writer.publish(batch("docs", {"a.txt": titled, "report.txt": untitled}))
    find = writer.catalog.find_content
    assert find(titled.key.sha256, "r1", ("", "any")) == titled.key
    assert find(untitled.key.sha256, "r1", ("", "report")) == untitled.key
    assert find(untitled.key.sha256, "r1", ("", "other")) is None
    assert find(titled.key.sha256, "r2", ("", "any")) is None
    assert writer.catalog.has_version(untitled.key.sha256)
    assert not writer.catalog.has_version(sha256("unknown"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"vectors": np.ones((2, 3), np.float32)},
        {"chunks": (NewChunk(page_index=1, span=Span(0, 1), heading=""),)},
        {"chunks": (NewChunk(page_index=0, span=Span(1, 1), heading=""),)},
        {"chunks": (NewChunk(page_index=0, span=Span(0, 9), heading=""),)},
    ],
)
def test_new_content_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    right = {
        "key": ContentKey(sha256=sha256("x"), recipe="r"),
        "title": "T",
        "date": None,
        "media_type": "text/plain",
        "size_bytes": 1,
        "flags": (),
        "pages": (NewPage(page_number=1, text="x"),),
        "chunks": (NewChunk(page_index=0, span=Span(0, 1), heading=""),),
        "vectors": np.ones((1, 1), np.float32),
    }
    assert repr(NewContent(**right)).endswith("1 pages, 1 chunks)")
    with pytest.raises(ValueError, match=r"."):
        NewContent(**(right | wrong))


# Deleting


def test_delete_document_leaves_nothing_of_it_in_the_data_dir(
    writer: CatalogWriter, data_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("A\fThe codeword is xylophone.")
    kept, version = writer.keep_original(file)
    assert kept.read_bytes() == file.read_bytes()
    assert writer.catalog.original(version) == kept
    publish(writer, "docs", a="The codeword is xylophone.", b="Other text stays.")
    publish(writer, "docs", a="The codeword is glockenspiel.")
    first = next(d for d in writer.catalog.list_documents(OPERATOR) if d.document == "a.txt")
    writer.delete_document(first.document_id)
    for path in data_dir.rglob("*"):
        if path.is_file():
            stored = path.read_bytes()
            assert b"xyloph" not in stored, path
            assert b"glocken" not in stored, path
    assert [d.document for d in writer.catalog.list_documents(OPERATOR)] == ["b.txt"]
    assert writer.catalog.counts().n_contents == 1
    assert writer.catalog.problems() == ()


def test_delete_document_keeps_content_that_another_document_links(writer: CatalogWriter) -> None:
    one = content("same", title="Same")
    writer.publish(batch("docs", {"a.txt": one, "b.txt": one}))
    first, second = writer.catalog.list_documents(OPERATOR)
    writer.delete_document(first.document_id)
    assert writer.catalog.counts().n_live_chunks == 1
    writer.delete_document(second.document_id)
    counts = writer.catalog.counts()
    assert (counts.n_contents, counts.n_pages, counts.n_chunks, counts.n_segments) == (0, 0, 0, 0)


def prepare(writer: CatalogWriter, data_dir: Path) -> None:
    """Keep a block of every content, as the generator would."""
    _, ids = writer.catalog.live_chunk_ids(OPERATOR)
    for one in writer.catalog.chunks(map(ChunkId, ids.tolist()), OPERATOR).values():
        folder = data_dir / "blocks" / str(one.chunk.content_id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{one.chunk.chunk_id}-ab.kv").write_bytes(b"computed")


def test_delete_document_removes_its_prepared_passages(
    writer: CatalogWriter, data_dir: Path
) -> None:
    publish(writer, "docs", a="one", b="two")
    prepare(writer, data_dir)
    first, second = writer.catalog.list_documents(OPERATOR)
    gone, kept = (writer.catalog.footprint(d.document_id) for d in (first, second))
    assert writer.catalog.traces(gone).n_blocks == 1
    writer.delete_document(first.document_id)
    assert writer.catalog.traces(gone).n_blocks == 0
    assert writer.catalog.traces(gone).is_none
    assert writer.catalog.traces(kept).n_blocks == 1


def test_prepared_passage_that_came_after_the_deletion_is_a_trace_until_the_next_writer(
    writer: CatalogWriter, data_dir: Path
) -> None:
    publish(writer, "docs", a="one")
    (document,) = writer.catalog.list_documents(OPERATOR)
    footprint = writer.catalog.footprint(document.document_id)
    prepare(writer, data_dir)
    (late,) = (data_dir / "blocks").glob("*/*")
    writer.delete_document(document.document_id)
    late.parent.mkdir()
    late.write_bytes(b"computed")
    assert not writer.catalog.traces(footprint).is_none
    writer.remove_leftovers()
    assert writer.catalog.traces(footprint).is_none


def test_delete_unknown_document_is_an_error(writer: CatalogWriter) -> None:
    with pytest.raises(UnknownNameError, match="no document 'x'"):
        writer.delete_document(DocumentId("x"))


def test_remove_collection_removes_its_documents(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="one")
    writer.remove_collection("docs")
    assert writer.catalog.people.collections() == ()
    assert writer.catalog.counts().n_contents == 0


def test_chunk_ids_are_never_used_again(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="one")
    _, before = writer.catalog.live_chunk_ids(OPERATOR)
    writer.publish(batch("docs", {}, removals=("a.txt",)))
    publish(writer, "docs", b="two")
    _, after = writer.catalog.live_chunk_ids(OPERATOR)
    assert after[0] > before[0]


# Originals and leftovers


def test_open_writer_removes_what_a_killed_one_left(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one")
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        kept, version = writer.keep_original(file)
        (data_dir / "originals" / "x.partial").write_text("half")
        (data_dir / "index").mkdir()
        (data_dir / "index" / "orphan.npz").write_text("orphan")
        assert kept.name == version == sha256("one")
    with open_writer(data_dir):
        assert not kept.exists()
        assert list((data_dir / "index").iterdir()) == []
        assert list((data_dir / "originals").glob("*.partial")) == []


def test_original_of_published_content_stays(data_dir: Path, tmp_path: Path) -> None:
    one = content("one", name="a")
    file = tmp_path / "a.txt"
    file.write_text("\fone")
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        writer.keep_original(file)
        writer.publish(batch("docs", {"a.txt": one}))
    with open_writer(data_dir) as writer:
        assert writer.catalog.original(one.key.sha256) is not None
        writer.publish(batch("docs", {}, removals=("a.txt",)))
        assert writer.catalog.original(one.key.sha256) is None


def test_keep_original_of_missing_file_leaves_the_error_to_the_caller(
    writer: CatalogWriter, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        writer.keep_original(tmp_path / "missing")


def test_keep_original_where_nothing_can_be_written_is_a_store_error(
    writer: CatalogWriter, data_dir: Path, tmp_path: Path
) -> None:
    (data_dir / "originals").write_text("in the way")
    file = tmp_path / "a.txt"
    file.write_text("one")
    with pytest.raises(StoreError, match="cannot write into"):
        writer.keep_original(file)


# Segments


def test_publish_of_many_batches_keeps_few_segments(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "MAX_SEGMENTS", 3)
    monkeypatch.setattr(index_module, "MERGED_SEGMENTS", 2)
    for i in range(8):
        publish(writer, "docs", **{f"d{i}": f"text number {i}"})
        assert writer.catalog.counts().n_segments <= 3
        assert writer.catalog.problems() == ()
    index = writer.catalog.open_index(reuse={})
    for segment in index.segments.values():
        assert np.all(np.diff(segment.chunk_ids) > 0)


def test_publish_of_large_batch_is_indexed_in_blocks(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "BUILD_CHUNKS", 2)
    writer.publish(batch("docs", {"a.txt": content("1\n2\n3\n4\n5", title="A")}))
    assert writer.catalog.counts().n_segments == 3
    assert writer.catalog.problems() == ()


def test_publish_of_document_without_chunks_lists_it(writer: CatalogWriter) -> None:
    writer.publish(batch("docs", {"blank.txt": content("", title="Blank")}))
    (document,) = writer.catalog.list_documents(OPERATOR)
    assert (document.n_pages, document.n_chunks) == (1, 0)
    assert writer.catalog.problems() == ()


def test_values_with_long_content_are_shown_by_their_sizes(writer: CatalogWriter) -> None:
    publish(writer, "docs", a="secret words")
    index = writer.catalog.open_index(reuse={})
    (segment,) = index.segments.values()
    assert repr(segment) == "Segment(1 chunks)"
    assert repr(segment.postings) == "Postings(2 terms, 2 entries)"
