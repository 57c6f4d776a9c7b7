"""The two stages of an ingest: texts first, then vectors, whichever run they are made by."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import pytest

from ingest import vectors
from ingest.care import Care
from ingest.pipeline import IngestProgress
from ingest.types import FileStatus
from ingest.vectors import embed_waiting
from models.errors import ModelFileError
from models.fakes import FakeEmbedder
from models.types import FloatMatrix
from tests.ingest.conftest import Corpus

PROJECT = Path(__file__).parents[2]


class NotedEmbedder(FakeEmbedder):
    """Calls a function before it embeds."""

    def __init__(self, before: Callable[[Sequence[str]], None]) -> None:
        super().__init__()
        self._before = before

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        self._before(texts)
        return super().embed_documents(texts)


def fill(corpus: Corpus, n_files: int = 4) -> None:
    for i in range(n_files):
        corpus.write(f"{i}.txt", f"Text number {i}.")


def n_waiting(corpus: Corpus) -> int:
    return corpus.writer.catalog.n_unembedded()


def test_ingest_publishes_all_texts_before_it_embeds_the_first(corpus: Corpus) -> None:
    fill(corpus)
    seen: list[tuple[int, int]] = []
    told: list[str] = []
    corpus.embedder = NotedEmbedder(lambda _: seen.append((len(corpus.live_texts()), len(told))))
    corpus.ingest(on_outcomes=lambda outcomes: told.extend(one.document for one in outcomes))
    assert seen == [(4, 4)]
    assert n_waiting(corpus) == 0


def test_ingest_without_weights_leaves_texts_and_the_next_run_makes_the_vectors(
    corpus: Corpus,
) -> None:
    def fail(_: Sequence[str]) -> None:
        raise ModelFileError("no weights")

    fill(corpus)
    working, corpus.embedder = corpus.embedder, NotedEmbedder(fail)
    with pytest.raises(ModelFileError):
        corpus.ingest()
    assert (len(corpus.live_texts()), n_waiting(corpus)) == (4, 4)
    assert corpus.writer.catalog.problems() == ()
    corpus.embedder = working
    assert set(corpus.statuses().values()) == {FileStatus.UNCHANGED}
    assert (working.n_embedded, n_waiting(corpus)) == (4, 0)


def test_ingest_cancelled_among_the_vectors_keeps_those_that_are_made(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EMBED_CHUNKS", 1)
    fill(corpus)
    cancel = Event()
    corpus.embedder = NotedEmbedder(lambda _: cancel.set())
    report = corpus.ingest(cancel=cancel)
    assert report.is_interrupted
    assert len(report.outcomes) == len(corpus.live_texts()) == 4
    assert n_waiting(corpus) == 3


@pytest.mark.parametrize(
    ("limit", "value", "n_generations"), [("PUBLISH_CHUNKS", 2, 2), ("PUBLISH_S", 0.0, 4)]
)
def test_vectors_are_published_now_and_then(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, limit: str, value: float, n_generations: int
) -> None:
    monkeypatch.setattr(vectors, "EMBED_CHUNKS", 1)
    monkeypatch.setattr(vectors, limit, value)
    fill(corpus)
    assert corpus.ingest().index_generation == 1 + n_generations


def test_progress_goes_on_while_vectors_are_made(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EMBED_CHUNKS", 1)
    fill(corpus)
    seen: list[IngestProgress] = []
    corpus.ingest(on_progress=seen.append)
    # 4 files of 14 bytes: a fifth of them with the texts, then an equal share with each vector.
    assert [one.n_bytes_done for one in seen] == [11, 22, 34, 45, 56]
    assert {one.n_documents_done for one in seen} == {4}


def test_ingest_beside_texts_that_wait_is_complete_and_leaves_its_vectors(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "EMBED_CHUNKS", 1)
    fill(corpus)
    report = corpus.ingest(care=Care(texts_wait=lambda: corpus.embedder.n_embedded == 2))
    assert (report.is_interrupted, n_waiting(corpus)) == (False, 2)


def test_nothing_waits_nothing_is_published(corpus: Corpus) -> None:
    fill(corpus)
    generation = corpus.ingest().index_generation
    embed_waiting(corpus.writer, corpus.embedder, is_unwanted=lambda: False)
    assert corpus.writer.catalog.current_generation() == generation


KILLED = """
import os, signal, sys
from pathlib import Path
from assistant.store.writer import open_writer
from ingest import vectors
from ingest.pipeline import ingest
from ingest.settings import IngestSettings
from ingest.sources import find_files
from models.fakes import FakeEmbedder

class KilledEmbedder(FakeEmbedder):
    n_calls = 0
    def embed_documents(self, texts):
        self.n_calls += 1
        if self.n_calls == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed_documents(texts)

vectors.EMBED_CHUNKS = vectors.PUBLISH_CHUNKS = 1
data_dir, folder = map(Path, sys.argv[1:])
with open_writer(data_dir) as writer:
    ingest(
        find_files((folder,), leave_out=data_dir),
        collection="documents",
        writer=writer,
        embedder=KilledEmbedder(),
        settings=IngestSettings(parser_processes=1),
    )
"""


def test_ingest_killed_among_the_vectors_is_completed_by_the_next_one(
    tmp_path: Path, folder: Path
) -> None:
    from assistant.store.writer import open_writer

    data_dir = tmp_path / "killed"
    with open_writer(data_dir) as writer:
        writer.people.add_collection("documents")
    killed = Corpus(writer, data_dir, folder)
    fill(killed, 5)
    command = [sys.executable, "-c", KILLED, str(data_dir), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    with open_writer(data_dir) as writer:
        corpus = Corpus(writer, data_dir, folder)
        assert (len(corpus.live_texts()), n_waiting(corpus)) == (5, 3)
        assert writer.catalog.problems() == ()
        assert set(corpus.statuses().values()) == {FileStatus.UNCHANGED}
        assert (corpus.embedder.n_embedded, n_waiting(corpus)) == (3, 0)
        assert len(corpus.live_texts()) == len(corpus.documents()) == 5
