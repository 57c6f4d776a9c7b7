"""A data dir with a queue, and a worker for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Event

from assistant.access import OPERATOR
from assistant.store.catalog import Catalog
from assistant.store.changes import Change
from assistant.store.layout import Layout
from assistant.store.types import Job, JobFile, JobKind
from ingest.requests import IngestRequest
from ingest.settings import IngestSettings
from ingest.uploads import open_upload, receive
from ingest.worker import Worker
from models.fakes import FakeEmbedder

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_S = 100.0  # only a test that fails waits that long


class GatedEmbedder(FakeEmbedder):
    """Stands still before one of the documents it measures, until the gate is opened."""

    def __init__(self, stands_at: int) -> None:
        super().__init__()
        self.has_come, self.gate = Event(), Event()
        self._stands_at = stands_at
        self._n_calls = 0

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        if any(texts):  # a document's, on its way to being published
            self._n_calls += 1
            if self._n_calls == self._stands_at:
                self.has_come.set()
                assert self.gate.wait(LIMIT_S)
        return super().count_tokens(texts)


class Desk:
    """A data dir with a queue, and a worker for it."""

    def __init__(self, data_dir: Path, catalog: Catalog) -> None:
        self.catalog = catalog
        self.jobs = catalog.jobs
        self.layout = Layout(data_dir)
        self.closing = Event()
        self.embedder: FakeEmbedder = FakeEmbedder()
        self.worker = Worker(
            data_dir=data_dir,
            jobs=catalog.jobs,
            embedder=lambda: self.embedder,
            settings=IngestSettings(parser_processes=1),
            closing=self.closing,
        )

    def work(self) -> None:
        while self.worker.work_once():
            pass

    @contextmanager
    def working(self) -> Iterator[None]:
        thread = threading.Thread(target=self.work)
        thread.start()
        try:
            yield
        finally:
            thread.join(LIMIT_S)
        assert not thread.is_alive()

    def upload(self, files: dict[str, str | bytes], job_id: int | None = None) -> int:
        job_id = job_id or open_upload(self.jobs, "docs", "ada")
        for name, content in files.items():
            self.send(job_id, name, content)
        return job_id

    def send(self, job_id: int, name: str, content: str | bytes) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield content.encode() if isinstance(content, str) else content

        asyncio.run(
            receive(
                body(),
                jobs=self.jobs,
                layout=self.layout,
                job_id=job_id,
                name=name,
                settings=IngestSettings(max_file_bytes=10_000_000),
            )
        )

    def ingest(self, *paths: Path, groups: tuple[str, ...] = (), prune: bool = False) -> int:
        request = IngestRequest(paths=paths, collection="docs", groups=groups, prune=prune)
        return self.jobs.add(JobKind.INGEST, request.to_json(), "ada")

    def change(self, change: Change, **arguments: str) -> int:
        request = {"change": change.value, "arguments": arguments}
        return self.jobs.add(JobKind.CHANGE, request, "ada")

    def job(self, job_id: int) -> Job:
        return self.jobs.get(job_id)

    def files(self, job_id: int) -> dict[str, JobFile]:
        return {file.document: file for file in self.jobs.files(job_id)}

    def statuses(self, job_id: int) -> dict[str, str | None]:
        return {name: file.status for name, file in self.files(job_id).items()}

    def stored(self, job_id: int) -> set[Path]:
        return set((self.layout.uploads / str(job_id)).glob("*"))

    def documents(self) -> dict[str, str]:
        """Names and ids of all documents, each once."""
        documents = self.catalog.list_documents(OPERATOR)
        found = {one.document: str(one.document_id) for one in documents}
        assert len(found) == len(documents)
        return found

    def live_texts(self) -> list[str]:
        _, ids = self.catalog.live_chunk_ids(OPERATOR)
        return sorted(item.chunk.text for item in self.catalog.chunks(ids, OPERATOR).values())

    def groups_of_docs(self) -> tuple[str, ...]:
        (collection,) = self.catalog.people.collections()
        return collection.groups


@contextmanager
def standing_still(desk: Desk, embedder: GatedEmbedder, cancels: Queue[Event]) -> Iterator[None]:
    """Run the block while an ingest stands still; it must make the ingest give way."""
    desk.embedder = embedder
    try:
        assert embedder.has_come.wait(LIMIT_S)
        yield
        assert cancels.get(timeout=LIMIT_S).wait(LIMIT_S)
    finally:
        embedder.gate.set()


def write(folder: Path, n_files: int) -> list[str]:
    folder.mkdir(exist_ok=True)
    for i in range(n_files):
        (folder / f"{i}.txt").write_text(f"Text number {i}.", encoding="utf-8")
    return [f"{i}.txt" for i in range(n_files)]


# The process `plinth work`; it says when it has no more to do. Given a number, it stands still
# for good before that embedding.
WORK = """
import sys, threading
from ingest import batches
from ingest.worker import Worker
from models import factory
from models.fakes import FakeEmbedder
from models.types import FloatMatrix
from ui.cli.main import main

stands_at = int(sys.argv.pop())

class StandingEmbedder(FakeEmbedder):
    n_calls = 0
    def count_tokens(self, texts):
        self.n_calls += any(texts)  # a document's, on its way to being published
        if any(texts) and self.n_calls == stands_at:
            print("standing", flush=True)
            threading.Event().wait()
        return super().count_tokens(texts)

def work_once(self, once=Worker.work_once):
    has_worked = once(self)
    if not has_worked:
        print("idle", flush=True)
    return has_worked

batches.PUBLISH_DOCUMENTS = 1
factory.build_embedder = lambda settings: StandingEmbedder()
Worker.work_once = work_once
main()
"""
