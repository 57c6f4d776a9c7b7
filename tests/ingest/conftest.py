from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest

from assistant.access import OPERATOR
from assistant.store.types import DocumentSummary
from assistant.store.writer import CatalogWriter, open_writer
from ingest import parse_ahead
from ingest.parsing.sandbox import ParserPool
from ingest.pipeline import IngestReport, ingest
from ingest.settings import IngestSettings
from ingest.sources import find_files
from ingest.types import FileOutcome, FileStatus
from models.fakes import FakeEmbedder
from models.types import FloatMatrix


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
