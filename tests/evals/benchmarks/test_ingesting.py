"""The benchmarks `embedding` and `ingest`, on small corpora with the real embedder."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from reportlab.pdfgen.canvas import Canvas

from evals.benchmarks import embedding
from evals.benchmarks.embedding import Embedding
from evals.benchmarks.ingest import Ingest
from evals.benchmarks.plain_ingest import PlainEmbedder, plain_ingest, word_chunks
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import NeedMissingError, OpenedEmbedder, Status
from models.factory import build_embedder
from models.fakes import FakeEmbedder
from models.settings import ModelsSettings

pytestmark = pytest.mark.model


class SmallBench:
    """A workbench with corpora of small PDF files."""

    threads = 1

    def __init__(self, folder: Path, weights: Path) -> None:
        self.folder = folder
        self.opened = OpenedEmbedder(
            embedder=build_embedder(ModelsSettings(dir=weights.parent)),
            folder=weights,
            runtime="torch, float32",
        )

    def open_generator(self, *, use_fitted: bool) -> None:
        raise NotImplementedError

    def open_embedder(self) -> OpenedEmbedder:
        return self.opened

    def corpus(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture
def bench(tmp_path: Path, weights: Callable[[str], Path]) -> SmallBench:
    for corpus, n_files in (("docugami-sec10q", 3), ("contoso-benefits", 2)):
        (tmp_path / corpus).mkdir()
        for i in range(n_files):
            text = f"Depot {i} of {corpus} took in {100 + 7 * i} pallets."
            (tmp_path / corpus / f"{i} {corpus}.pdf").write_bytes(pdf(text))
    return SmallBench(tmp_path, weights("all-minilm-l6-v2/model.safetensors").parent)


def pdf(text: str) -> bytes:
    buffer = BytesIO()
    canvas = Canvas(buffer)
    canvas.drawString(72, 720, text)
    canvas.showPage()
    canvas.showPage()  # a page without text
    canvas.save()
    return buffer.getvalue()


def test_plain_ingest_holds_a_vector_for_every_chunk(bench: SmallBench) -> None:
    files = sorted(bench.folder.rglob("*.pdf"))
    files[0].write_bytes(b"%PDF-1.7 cut")
    plain = PlainEmbedder(bench.opened.folder)
    corpus = plain_ingest(plain, files)
    assert corpus.unread == files[:1]
    assert len(corpus.chunks) == corpus.index.ntotal == 4
    scores, rows = corpus.index.search(plain.encode([corpus.chunks[3]]), 1)
    assert (rows[0][0], scores[0][0]) == (3, pytest.approx(1, abs=1e-5))


def test_word_chunks_leave_nothing_out() -> None:
    text = " ".join(map(str, range(300)))
    assert [len(chunk.split()) for chunk in word_chunks(text)] == [130, 130, 40]
    assert " ".join(word_chunks(text)) == text
    assert word_chunks(" ") == []


def test_ingest_measures_until_all_is_searchable(bench: SmallBench) -> None:
    result = run_benchmark(Ingest(), bench, tell=lambda _: None)
    text, meaning = result.measured
    assert result.status is not Status.UNMEASURED
    assert 0 < text.plinth <= meaning.plinth
    assert text.baseline == meaning.baseline > 0
    assert result.conditions["chunks"] == "5 -> 5 in all rounds"
    assert result.conditions["runtime"] == "torch, float32"


def test_ingest_that_takes_in_less_is_no_result(bench: SmallBench) -> None:
    (bench.folder / "docugami-sec10q" / "0 docugami-sec10q.pdf").write_bytes(b"%PDF-1.7 cut")
    bench.opened = OpenedEmbedder(
        embedder=bench.opened.embedder, folder=bench.opened.folder, runtime=""
    )
    with Ingest().open(bench) as opened, pytest.raises(NeedMissingError, match="0 of 1 files"):
        opened.plinth(0)


def test_ingest_of_few_files_is_refused(bench: SmallBench) -> None:
    (bench.folder / "contoso-benefits" / "0 contoso-benefits.pdf").unlink()
    with pytest.raises(NeedMissingError, match="4 PDF files"), Ingest().open(bench):
        pass


def test_embedding_compares_the_same_texts(
    bench: SmallBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "CHUNKS_A_ROUND", 2)
    result = run_benchmark(Embedding(), bench, tell=lambda _: None)
    (speed,) = result.measured
    assert min(speed.ratios) > 0
    assert float(result.conditions["least_cosine"]) > 0.9999


def test_embedding_of_few_chunks_is_refused(bench: SmallBench) -> None:
    with pytest.raises(NeedMissingError, match="gives 2 chunks"), Embedding().open(bench):
        pass


def test_embedding_of_other_vectors_is_refused(
    bench: SmallBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Turned(FakeEmbedder):
        def embed_documents(self, texts):  # type: ignore[no-untyped-def]
            rows = np.zeros((len(texts), 384), np.float32)
            rows[:, 0] = 1
            return rows

    monkeypatch.setattr(embedding, "CHUNKS_A_ROUND", 2)
    bench.opened = OpenedEmbedder(embedder=Turned(), folder=bench.opened.folder, runtime="")
    with pytest.raises(NeedMissingError, match="same vectors"), Embedding().open(bench):
        pass
