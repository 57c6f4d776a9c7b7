"""What a crash, a damaged file or a reader in the middle of it all may not break."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from assistant.access import OPERATOR
from assistant.errors import IndexDamagedError, StoreError, WriterBusyError
from assistant.store import catalog as catalog_module
from assistant.store.catalog import open_catalog
from assistant.store.lock import ProcessLock
from assistant.store.rows import ChunkRow
from assistant.store.segments import IndexFolder
from assistant.store.vectors import build_vectors, vectors_to_bytes
from assistant.store.writer import CatalogWriter, open_writer
from models.types import FloatMatrix
from tests.assistant.catalogs import alter, database_of
from tests.assistant.corpora import EMBEDDER, open_retriever, publish

sqlite_only = pytest.mark.parametrize("data_dir", ["sqlite"], indirect=True)

KILLED_PUBLISH = """
import os, signal, sys
from pathlib import Path
from assistant.store import writer as writer_module
from assistant.store.lock import ProcessLock
from assistant.store.segments import IndexFolder
from assistant.store.vectors import build_vectors, vectors_to_bytes
from assistant.store.writer import CatalogWriter, open_writer
from models.types import FloatMatrix
from tests.assistant.corpora import publish

def killed(run, when):
    def wrapper(*args, **kwargs):
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = run(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapper

with open_writer(Path(sys.argv[1])) as writer:
    where, name, when = sys.argv[2:]
    place = {"folder": IndexFolder, "module": writer_module, "writer": CatalogWriter}[where]
    setattr(place, name, killed(getattr(place, name), when))
    publish(writer, "docs", a="changed words", c="third words")
"""


@pytest.mark.parametrize(
    ("where", "name", "when", "published"),
    [
        ("folder", "write", "before", False),
        ("folder", "write", "after", False),
        ("module", "refresh_index", "after", False),
        ("writer", "_clean_up", "before", True),
    ],
)
def test_publish_killed_at_any_point_leaves_all_of_it_or_nothing(
    data_dir: Path, where: str, name: str, when: str, *, published: bool
) -> None:
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        publish(writer, "docs", a="first words", b="second words")
    command = [sys.executable, "-c", KILLED_PUBLISH, str(data_dir), where, name, when]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    expected = {"b.txt"} | ({"a.txt", "c.txt"} if published else {"a.txt"})
    with open_retriever(data_dir) as retriever:
        hits = retriever.retrieve("words", 10, OPERATOR)
        assert {hit.document.document for hit in hits} == expected
        assert any("first" in hit.chunk.text for hit in hits) is not published
    with open_writer(data_dir, wait_s=0) as writer:
        assert writer.catalog.problems() == ()
        n_files = len(list((data_dir / "index").iterdir()))
        assert n_files == 2 * writer.catalog.counts().n_segments
        publish(writer, "docs", a="changed words", c="third words")
        assert len(writer.catalog.list_documents(OPERATOR)) == 3
        assert writer.catalog.problems() == ()


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("suffix", [".faiss", ".npz"])
@pytest.mark.parametrize("harm", [damage, Path.unlink])
def test_damaged_index_is_refused_until_rebuilt(data_dir: Path, suffix: str, harm) -> None:
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        publish(writer, "docs", a="first words")
    (file,) = (data_dir / "index").glob(f"*{suffix}")
    harm(file)
    with (
        open_retriever(data_dir) as retriever,
        pytest.raises(IndexDamagedError, match="plinth doctor --repair"),
    ):
        retriever.retrieve("words", 1, OPERATOR)
    with open_writer(data_dir) as writer:
        assert len(writer.catalog.problems()) == 1
        writer.rebuild_index()
        assert writer.catalog.problems() == ()
    with open_retriever(data_dir) as retriever:
        assert len(retriever.retrieve("words", 1, OPERATOR)) == 1


@pytest.mark.parametrize("suffix", [".faiss", ".npz"])
def test_publish_beside_a_lost_index_file_indexes_its_chunks_anew(
    data_dir: Path, suffix: str
) -> None:
    with open_writer(data_dir) as writer:
        writer.people.add_collection("docs")
        publish(writer, "docs", a="first words", b="second words")
        (file,) = (data_dir / "index").glob(f"*{suffix}")
        file.unlink()
        first = writer.catalog.list_documents(OPERATOR)[0]
        writer.delete_document(first.document_id)
        assert writer.catalog.problems() == ()


def test_problems_name_chunks_that_no_segment_holds(writer: CatalogWriter, data_dir: Path) -> None:
    publish(writer, "docs", a="first words")
    alter(data_dir, "DELETE FROM segments")
    (problem,) = writer.catalog.problems()
    assert problem.startswith("1 chunks are missing from the index")
    with open_retriever(data_dir) as retriever, pytest.raises(IndexDamagedError, match="0 of 1"):
        retriever.retrieve("words", 1, OPERATOR)


def test_open_index_while_a_writer_replaces_the_files_opens_the_new_ones(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(writer, "docs", a="first words")
    read = IndexFolder.read

    def read_late(self: IndexFolder, files):
        monkeypatch.setattr(IndexFolder, "read", read)
        publish(writer, "docs", a="changed words")  # drops the segment about to be read
        return self.read(files)

    monkeypatch.setattr(IndexFolder, "read", read_late)
    assert writer.catalog.open_index(reuse={}).generation == 2


def test_full_disk_while_writing_the_index_changes_nothing(
    writer: CatalogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(writer, "docs", a="first words")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(Exception, match="No space left"):
            publish(writer, "docs", b="second words")
    assert [d.document for d in writer.catalog.list_documents(OPERATOR)] == ["a.txt"]
    assert writer.catalog.problems() == ()


@sqlite_only
def test_catalog_of_the_first_schema_opens_with_its_rows(data_dir: Path) -> None:
    data_dir.mkdir()
    with sqlite3.connect(data_dir / "catalog.sqlite") as connection:
        connection.executescript((Path(__file__).parent / "schema_0001.sql").read_text())
        vector = EMBEDDER.embed_documents(["Guide\nOld words."])[0].astype("<f4").tobytes()
        connection.execute("INSERT INTO chunks VALUES (1, 1, 0, 0, 10, '', ?)", [vector])
    connection.close()
    with open_writer(data_dir) as writer:
        writer.rebuild_index()
        assert writer.catalog.problems() == ()
        assert writer.catalog.people.readable_set("ann").collections == {1}
    with open_retriever(data_dir) as retriever, open_catalog(data_dir) as catalog:
        (hit,) = retriever.retrieve("old", 5, catalog.people.readable_set("ann"))
        assert (hit.chunk.text, hit.chunk.title) == ("Old words.", "Guide")


def test_open_catalog_beside_a_writer_that_has_migrated_does_not_wait_for_its_end(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir(exist_ok=True)
    enter = ProcessLock.__enter__

    def migrated_by_another(self: ProcessLock) -> ProcessLock:
        monkeypatch.setattr(ProcessLock, "__enter__", enter)
        with database_of(data_dir) as database:
            database.migrate()
        raise WriterBusyError

    monkeypatch.setattr(ProcessLock, "__enter__", migrated_by_another)
    with open_catalog(data_dir) as catalog:
        assert catalog.people.collections() == ()


def test_open_catalog_of_old_schema_beside_a_stuck_writer_ends(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir(exist_ok=True)
    monkeypatch.setattr(catalog_module, "MIGRATION_WAIT_S", 0)
    busy = pytest.raises(WriterBusyError)
    with ProcessLock(data_dir / "writer.lock", wait_s=0), busy, open_catalog(data_dir):
        pass


def renamed(path: Path) -> str:
    """Give an index file the name that fits what it holds now, and return its hash."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    path.rename(path.with_name(sha256 + path.suffix))
    return sha256


def test_index_of_another_number_of_chunks_is_refused(
    writer: CatalogWriter, data_dir: Path
) -> None:
    publish(writer, "docs", a="first words")
    alter(data_dir, "UPDATE segments SET n_chunks = 2")
    (problem,) = writer.catalog.index_problems()
    assert "not of the chunks that the catalog names" in problem
    assert "plinth doctor --repair" in problem


@pytest.mark.parametrize("change", ["ids", "order", "terms", "no ids", "garbage"])
def test_index_file_that_fits_its_hash_but_not_itself_is_refused(
    writer: CatalogWriter, data_dir: Path, change: str
) -> None:
    publish(writer, "docs", a="first words", b="second words")
    (path,) = (data_dir / "index").glob("*.npz")
    with np.load(path) as arrays:
        parts = dict(arrays)
    if change == "no ids":
        del parts["chunk_ids"]
    elif change == "order":
        parts["chunk_ids"] = parts["chunk_ids"][::-1]
    elif change == "ids":
        parts["chunk_ids"] = parts["chunk_ids"][:1]
    elif change == "terms":
        parts["indptr"] = parts["indptr"][:-1]
    with path.open("wb") as file:
        np.savez(file, **parts)
    if change == "garbage":
        path.write_bytes(b"garbage")
    sha256 = renamed(path)
    alter(data_dir, f"UPDATE segments SET postings_sha256 = '{sha256}'")
    (problem,) = writer.catalog.index_problems()
    assert "plinth doctor --repair" in problem
    writer.rebuild_index()
    assert writer.catalog.problems() == ()


def replace_vectors(data_dir: Path, matrix: FloatMatrix) -> None:
    (path,) = (data_dir / "index").glob("*.faiss")
    path.write_bytes(vectors_to_bytes(build_vectors(matrix)))
    sha256 = renamed(path)
    alter(data_dir, f"UPDATE segments SET vectors_sha256 = '{sha256}'")


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 2.0])
def test_vectors_in_the_index_that_are_none_are_found(
    writer: CatalogWriter, data_dir: Path, value: float
) -> None:
    publish(writer, "docs", a="first words")
    matrix = np.full((1, EMBEDDER.info.dim), value, dtype=np.float32)
    replace_vectors(data_dir, matrix)
    (problem,) = writer.catalog.index_problems()
    assert "not of unit length" in problem


def test_index_of_another_dimension_is_refused(writer: CatalogWriter, data_dir: Path) -> None:
    publish(writer, "docs", a="first words")
    replace_vectors(data_dir, np.eye(1, 3, dtype=np.float32))
    with open_retriever(data_dir) as retriever, pytest.raises(IndexDamagedError, match="3 dim"):
        retriever.retrieve("words", 1, OPERATOR)


def test_index_of_several_dimensions_is_refused(writer: CatalogWriter, data_dir: Path) -> None:
    publish(writer, "docs", a="first words")
    replace_vectors(data_dir, np.eye(1, 3, dtype=np.float32))
    publish(writer, "docs", b="second words")
    (problem,) = writer.catalog.index_problems()
    assert "different dimensions" in problem


@sqlite_only
def test_catalog_that_is_lost_beside_originals_is_not_begun_anew(
    data_dir: Path, tmp_path: Path
) -> None:
    with open_writer(data_dir) as writer:
        (tmp_path / "file").write_bytes(b"words")
        original, _ = writer.keep_original(tmp_path / "file")
        for harm in (Path.unlink, lambda path: path.write_bytes(b"")):
            harm(data_dir / "catalog.sqlite")
            lost = pytest.raises(StoreError, match="plinth restore FILE --data-dir NEW")
            with lost, open_writer(data_dir):
                pass
    assert original.exists()


def set_vectors(data_dir: Path, vectors: Mapping[int, bytes]) -> None:
    with database_of(data_dir) as database, database.writing() as session:
        for chunk_id, vector in vectors.items():
            session.get_one(ChunkRow, chunk_id).vector = vector


def test_damaged_vectors_are_found_and_dropped(writer: CatalogWriter, data_dir: Path) -> None:
    publish(writer, "docs", a="first words", b="second words", c="third", d="fourth")
    assert writer.catalog.examination.n_damaged_vectors() == 0
    assert writer.forget_damaged_vectors() == 0
    set_vectors(data_dir, {1: bytes(4 * EMBEDDER.info.dim), 2: b"\0", 3: b""})
    assert writer.catalog.examination.n_damaged_vectors() == 3
    assert writer.forget_damaged_vectors() == 3
    writer.rebuild_index()
    assert writer.catalog.problems() == ()
    assert writer.catalog.n_unembedded() == 3
    set_vectors(data_dir, {chunk_id: bytes(3) for chunk_id in range(1, 5)})
    assert writer.catalog.examination.n_damaged_vectors() == 4
