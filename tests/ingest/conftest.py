from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from queue import Queue
from threading import Event

import pytest

from assistant.access import OPERATOR
from assistant.store.catalog import open_catalog
from assistant.store.types import DocumentSummary
from assistant.store.writer import CatalogWriter, open_writer
from ingest import batches, parse_ahead
from ingest import worker as worker_module
from ingest.parsing.sandbox import ParserPool
from ingest.pipeline import IngestReport, ingest
from ingest.settings import IngestSettings
from ingest.sources import find_files
from ingest.types import FileOutcome, FileStatus
from models.fakes import FakeEmbedder
from models.types import FloatMatrix
from tests.ingest.desk import PROJECT, WORK, Desk

StartWork = Callable[..., "subprocess.Popen[str]"]


class CountingEmbedder(FakeEmbedder):
    """Remembers how many texts it embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.n_embedded = 0

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        self.n_embedded += len(texts)
        return super().embed_documents(texts)


class Corpus:
    """A data dir that is being written, and a folder to fill it from."""

    collection = "documents"

    def __init__(self, writer: CatalogWriter, data_dir: Path, folder: Path) -> None:
        self.writer = writer
        self.data_dir = data_dir
        self.folder = folder
        self.embedder = CountingEmbedder()
        self.settings = IngestSettings(parser_processes=1)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self, *paths: Path, **options: object) -> IngestReport:
        return ingest(
            find_files(paths or (self.folder,), leave_out=self.data_dir),
            collection=self.collection,
            writer=self.writer,
            embedder=self.embedder,
            settings=self.settings,
            **options,  # type: ignore[arg-type]
        )

    def outcomes(self, *paths: Path, **options: object) -> dict[str, FileOutcome]:
        outcomes = self.ingest(*paths, **options).outcomes
        by_name = {outcome.document: outcome for outcome in outcomes}
        assert len(by_name) == len(outcomes)
        return by_name

    def statuses(self, *paths: Path, **options: object) -> dict[str, FileStatus]:
        return {n: outcome.status for n, outcome in self.outcomes(*paths, **options).items()}

    def documents(self) -> dict[str, DocumentSummary]:
        return {one.document: one for one in self.writer.catalog.list_documents(OPERATOR)}

    def texts(self) -> dict[str, str]:
        catalog = self.writer.catalog
        return {
            name: "\n".join(page.text for page in catalog.document(one.document_id, OPERATOR).pages)
            for name, one in self.documents().items()
        }

    def live_texts(self) -> list[str]:
        """What a search can find."""
        catalog = self.writer.catalog
        _, ids = catalog.live_chunk_ids(OPERATOR)
        return sorted(item.chunk.text for item in catalog.chunks(ids, OPERATOR).values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "folder"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def parser_pool() -> Iterator[ParserPool]:
    with ParserPool(IngestSettings(parser_processes=2)) as pool:
        yield pool


@pytest.fixture
def corpus(
    tmp_path: Path, folder: Path, parser_pool: ParserPool, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Corpus]:
    # A new child for every ingest would take most of the tests' time.
    monkeypatch.setattr(parse_ahead, "ParserPool", lambda _: nullcontext(parser_pool))
    data_dir = tmp_path / "corpus"
    with open_writer(data_dir) as writer:
        writer.people.add_collection(Corpus.collection)
        yield Corpus(writer, data_dir, folder)


MakePdf = Callable[..., bytes]


@pytest.fixture
def make_pdf() -> MakePdf:
    """Return a function from page texts to the bytes of a PDF."""
    from io import BytesIO

    from pypdf import PdfReader, PdfWriter
    from reportlab.pdfgen.canvas import Canvas

    def make(*pages: str, password: str | None = None) -> bytes:
        buffer = BytesIO()
        canvas = Canvas(buffer)
        for text in pages:
            canvas.drawString(72, 720, text)
            canvas.showPage()
        canvas.save()
        if password is None:
            return buffer.getvalue()
        writer = PdfWriter(clone_from=PdfReader(buffer))
        writer.encrypt(password)
        locked = BytesIO()
        writer.write(locked)
        return locked.getvalue()

    return make


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_catalog(tmp_path / "data") as catalog:
        yield Desk(tmp_path / "data", catalog)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each document is published by itself."""
    monkeypatch.setattr(batches, "PUBLISH_DOCUMENTS", 1)


@pytest.fixture
def cancels(monkeypatch: pytest.MonkeyPatch) -> Queue[Event]:
    """The events by which ingests are told to give way, as they begin."""
    begun: Queue[Event] = Queue()
    run = worker_module.ingest

    def noted(*args: object, cancel: Event, **options: object) -> object:
        begun.put(cancel)
        return run(*args, cancel=cancel, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(worker_module, "ingest", noted)
    return begun


@pytest.fixture
def start_work(desk: Desk) -> Iterator[StartWork]:
    """Return a function that starts `plinth work`, and waits for the first it says."""
    processes: list[subprocess.Popen[str]] = []

    def start(said: str, *, stands_at: int = 0) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORK, "work", "--data-dir", str(desk.layout.root)]
        process = subprocess.Popen(
            [*command, str(stands_at)],
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == f"{said}\n"
        return process

    yield start
    for process in processes:
        with process:
            process.kill()
