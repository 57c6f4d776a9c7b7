"""Text is published first and found by its words; vectors follow, whatever happens in between."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.access import OPERATOR
from assistant.errors import IndexMismatchError, StoreError
from assistant.store import index as index_module
from assistant.store.terms import indexed_text
from assistant.store.types import PublishBatch, StoredChunk
from assistant.store.writer import CatalogWriter, open_writer
from models.types import FloatMatrix
from tests.assistant.corpora import EMBEDDER, batch, content, open_retriever, publish

FINGERPRINT = EMBEDDER.info.fingerprint


def texts_only(**documents: str) -> PublishBatch:
    contents = {
        f"{name}.txt": replace(content(words, title=name.title()), vectors=None)
        for name, words in documents.items()
    }
    return batch("docs", contents)


def vectors_of(chunks: tuple[StoredChunk, ...]) -> FloatMatrix:
    return EMBEDDER.embed_documents(
        [indexed_text(one.label, one.heading, one.text) for one in chunks]
    )


def embed(writer: CatalogWriter, limit: int = 1000) -> int:
    chunks = writer.catalog.unembedded(FINGERPRINT, limit=limit)
    ids = [one.chunk_id for one in chunks]
    return writer.publish_vectors(ids, vectors_of(chunks), embedder_fingerprint=FINGERPRINT)


def segment_sizes(writer: CatalogWriter) -> list[tuple[bool, int]]:
    """Whether each segment has vectors, and how many chunks it has."""
    index = writer.catalog.open_index(reuse={})
    return sorted(
        (segment.vectors is not None, len(segment.chunk_ids)) for segment in index.segments.values()
    )


def scores(data_dir: Path, query: str) -> dict[str, tuple[float, float, float]]:
    with open_retriever(data_dir) as retriever:
        hits = retriever.retrieve(query, 20, OPERATOR)
    return {hit.chunk.text: (hit.score, hit.dense, hit.lexical) for hit in hits}


def test_text_without_vectors_is_found_by_its_words(writer: CatalogWriter, data_dir: Path) -> None:
    writer.publish(texts_only(a="Trains are booked in second class.", b="Parking is free."))
    found = scores(data_dir, "trains")
    assert list(found) == ["Trains are booked in second class."]
    ((score, dense, lexical),) = found.values()
    assert dense == 0
    assert score > 0
    assert lexical > 0
    assert writer.catalog.n_unembedded() == writer.catalog.counts().n_unembedded == 2
    assert segment_sizes(writer) == [(False, 2)]
    assert writer.catalog.problems() == ()


def test_text_without_vectors_changes_no_score_by_meaning(
    writer: CatalogWriter, data_dir: Path
) -> None:
    publish(writer, "docs", a="Trains are booked in second class.", b="Hotels cost 120 euros.")
    before = scores(data_dir, "trains and hotels")
    writer.publish(texts_only(c="Parking is free."))
    after = scores(data_dir, "trains and hotels")
    assert {name: after[name][1] for name in before} == {n: one[1] for n, one in before.items()}
    assert "Parking is free." not in after


def test_corpus_of_two_stages_ranks_as_one_of_one_stage(tmp_path: Path) -> None:
    documents = {f"d{i}": f"Text number {i} about trains.\nLine {i * i}." for i in range(9)}
    found = []
    for name in ("at once", "in two stages"):
        with open_writer(tmp_path / name) as writer:
            writer.people.add_collection("docs")
            if name == "at once":
                publish(writer, "docs", **documents)
            else:
                writer.publish(texts_only(**documents))
                embed(writer)
            assert segment_sizes(writer) == [(True, 18)]
            assert writer.catalog.n_unembedded() == 0
        found.append(scores(tmp_path / name, "trains of line 16"))
    assert found[0] == found[1]


def test_segment_without_vectors_is_divided_at_each_half(
    writer: CatalogWriter, data_dir: Path
) -> None:
    writer.publish(texts_only(a="\n".join(f"Line {i}." for i in range(8))))
    sizes = []
    for _ in range(4):
        embed(writer, limit=2)
        sizes.append(segment_sizes(writer))
        assert len(scores(data_dir, "line")) == 8
        assert writer.catalog.problems() == ()
    assert sizes == [
        [(False, 8)],
        [(False, 4), (True, 4)],
        [(False, 2), (True, 2), (True, 4)],
        [(True, 2), (True, 2), (True, 4)],
    ]


def test_many_segments_of_both_kinds_are_merged_with_their_like(
    writer: CatalogWriter, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "MAX_SEGMENTS", 3)
    monkeypatch.setattr(index_module, "MERGED_SEGMENTS", 2)
    for i in range(4):
        publish(writer, "docs", **{f"full{i}": f"Full {i}."})
        writer.publish(texts_only(**{f"words{i}": f"Words {i}."}))
    assert segment_sizes(writer) == [(False, 1), (False, 3), (True, 1), (True, 3)]
    assert len(scores(data_dir, "full words")) == 8


def test_deleted_document_without_vectors_leaves_the_index(writer: CatalogWriter) -> None:
    writer.publish(texts_only(a="Trains.", b="Hotels."))
    first = writer.catalog.list_documents(OPERATOR)[0]
    footprint = writer.catalog.footprint(first.document_id)
    writer.delete_document(first.document_id)
    assert writer.catalog.traces(footprint).is_none
    assert segment_sizes(writer) == [(False, 1)]


def test_vectors_of_chunks_that_are_gone_are_dropped(writer: CatalogWriter) -> None:
    writer.publish(texts_only(a="Trains.", b="Hotels."))
    chunks = writer.catalog.unembedded(FINGERPRINT, limit=10)
    writer.delete_document(writer.catalog.list_documents(OPERATOR)[0].document_id)
    ids = [one.chunk_id for one in chunks]
    writer.publish_vectors(ids, vectors_of(chunks), embedder_fingerprint=FINGERPRINT)
    assert segment_sizes(writer) == [(True, 1)]


def test_earlier_version_waits_for_no_vectors_until_it_is_current_again(
    writer: CatalogWriter,
) -> None:
    writer.publish(texts_only(a="Trains."))
    publish(writer, "docs", a="Hotels.")
    assert writer.catalog.unembedded(FINGERPRINT, limit=10) == ()
    assert writer.catalog.n_unembedded() == 0
    writer.publish(texts_only(a="Trains."))
    (chunk,) = writer.catalog.unembedded(FINGERPRINT, limit=10)
    assert (chunk.text, chunk.label, chunk.vector) == ("Trains.", "A", None)
    assert "Trains" not in repr(chunk)


def test_unembedded_go_on_after_an_id_and_belong_to_one_embedder(writer: CatalogWriter) -> None:
    writer.publish(texts_only(a="One.\nTwo.\nThree."))
    first, second = writer.catalog.unembedded(FINGERPRINT, limit=2)
    (third,) = writer.catalog.unembedded(FINGERPRINT, after=second.chunk_id, limit=2)
    assert [one.text for one in (first, second, third)] == ["One.", "Two.", "Three."]
    assert writer.catalog.unembedded("another", limit=2) == ()


@pytest.mark.parametrize("fingerprint", [FINGERPRINT, "another"])
def test_vectors_that_would_poison_the_index_are_refused(
    writer: CatalogWriter, fingerprint: str
) -> None:
    writer.publish(texts_only(a="One."))
    (chunk,) = writer.catalog.unembedded(FINGERPRINT, limit=1)
    is_same = fingerprint == FINGERPRINT
    vectors = vectors_of((chunk,)) * (2 if is_same else 1)
    with pytest.raises(StoreError if is_same else IndexMismatchError):
        writer.publish_vectors([chunk.chunk_id], vectors, embedder_fingerprint=fingerprint)
    assert writer.catalog.n_unembedded() == 1
    assert writer.catalog.problems() == ()


def test_no_vectors_are_no_change_of_what_waits(writer: CatalogWriter) -> None:
    writer.publish(texts_only(a="One."))
    nothing = np.empty((0, EMBEDDER.info.dim), np.float32)
    writer.publish_vectors([], nothing, embedder_fingerprint=FINGERPRINT)
    assert segment_sizes(writer) == [(False, 1)]


def test_rebuilt_index_holds_both_kinds(writer: CatalogWriter, data_dir: Path) -> None:
    publish(writer, "docs", a="Trains.")
    writer.publish(texts_only(b="Hotels."))
    writer.rebuild_index()
    assert segment_sizes(writer) == [(False, 1), (True, 1)]
    assert len(scores(data_dir, "trains hotels")) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from assistant.store import writer as writer_module
from assistant.store.segments import IndexFolder
from assistant.store.writer import CatalogWriter, open_writer
from tests.assistant.store.test_two_stages import embed, texts_only

def killed(run, when):
    def wrapper(*args, **kwargs):
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = run(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapper

stage, where, name, when = sys.argv[2:]
with open_writer(Path(sys.argv[1])) as writer:
    if stage == "vectors":
        writer.publish(texts_only(a="changed words", c="third words"))
    place = {"folder": IndexFolder, "module": writer_module, "writer": CatalogWriter}[where]
    setattr(place, name, killed(getattr(place, name), when))
    if stage == "text":
        writer.publish(texts_only(a="changed words", c="third words"))
    embed(writer)
"""


@pytest.mark.parametrize("stage", ["text", "vectors"])
@pytest.mark.parametrize(
    ("where", "name", "when", "is_published"),
    [
        ("folder", "write", "before", False),
        ("folder", "write", "after", False),
        ("module", "refresh_index", "after", False),
        ("writer", "_clean_up", "before", True),
    ],
)
def test_killed_in_either_stage_nothing_is_lost_or_doubled(
    data_dir: Path, stage: str, where: str, name: str, when: str, *, is_published: bool
) -> None:
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        publish(writer, "docs", a="first words", b="second words")
    command = [sys.executable, "-c", KILLED, str(data_dir), stage, where, name, when]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    has_text = is_published or stage == "vectors"
    found = scores(data_dir, "words")
    new = {"changed words", "third words"}
    assert set(found) == {"second words"} | (new if has_text else {"first words"})
    has_vectors = is_published and stage == "vectors"
    assert all((found[one][1] > 0) is has_vectors for one in new & set(found))
    with open_writer(data_dir, wait_s=0) as writer:
        assert writer.catalog.problems() == ()
        assert writer.catalog.n_unembedded() == (2 if has_text and not has_vectors else 0)
        files = {name for one in writer.catalog.open_index(reuse={}).segments for name in one.names}
        assert {path.name for path in (data_dir / "index").iterdir()} == files
        writer.publish(texts_only(a="changed words", c="third words"))
        embed(writer)
        assert writer.catalog.n_unembedded() == 0
        assert all(has_vectors for has_vectors, _ in segment_sizes(writer))
        assert writer.catalog.problems() == ()
    assert set(scores(data_dir, "words")) == {"second words", *new}
