"""What a crash, a damaged file or a reader in the middle of it all may not break."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.errors import IndexDamagedError, WriterBusyError
from assistant.store import catalog as catalog_module
from assistant.store.catalog import open_catalog
from assistant.store.database import Database
from assistant.store.lock import ProcessLock
from assistant.store.segments import IndexFolder
from assistant.store.writer import CatalogWriter, open_writer
from tests.assistant.corpora import EMBEDDER, open_retriever, publish

KILLED_PUBLISH = """
import os, signal, sys
from pathlib import Path
from assistant.store import writer as writer_module
from assistant.store.database import Database
from assistant.store.lock import ProcessLock
from assistant.store.segments import IndexFolder
from assistant.store.writer import CatalogWriter, open_writer
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
    with sqlite3.connect(data_dir / "catalog.sqlite") as connection:
        connection.execute("DELETE FROM segments")
    connection.close()
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
    data_dir.mkdir()
    enter = ProcessLock.__enter__

    def migrated_by_another(self: ProcessLock) -> ProcessLock:
        monkeypatch.setattr(ProcessLock, "__enter__", enter)
        database = Database(data_dir / "catalog.sqlite")
        database.migrate()
        database.close()
        raise WriterBusyError

    monkeypatch.setattr(ProcessLock, "__enter__", migrated_by_another)
    with open_catalog(data_dir) as catalog:
        assert catalog.people.collections() == ()


def test_open_catalog_of_old_schema_beside_a_stuck_writer_ends(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir()
    monkeypatch.setattr(catalog_module, "MIGRATION_WAIT_S", 0)
    busy = pytest.raises(WriterBusyError)
    with ProcessLock(data_dir / "writer.lock", wait_s=0), busy, open_catalog(data_dir):
        pass
