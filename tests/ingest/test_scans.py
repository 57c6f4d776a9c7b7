"""Scans in an ingest: read anew once something reads them, and found like any other text."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest import parse_ahead, recipe
from ingest.parsing.sandbox import ParserPool
from ingest.parsing.tesseract import Installed
from ingest.pipeline import IngestProgress
from ingest.settings import IngestSettings
from ingest.types import FileStatus, RejectReason
from tests.ingest.conftest import Corpus, MakePdf
from tests.ingest.parsing.scanned_pdf import PAGES, Print, Scanner, printed_pdf, scanned_pdf
from tests.ingest.parsing.test_pdf_scans import NOBODY_SPEAKS, after_text_page, needs_tesseract

pytestmark = needs_tesseract

WITHOUT = IngestSettings(parser_processes=1, ocr_languages=NOBODY_SPEAKS)
WITH = IngestSettings(parser_processes=1)


@pytest.fixture
def corpus(corpus: Corpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Corpus:
    """With a scan, a file with a scanned page, and an ordinary PDF; each ingest with its own pool.

    Nothing reads scans in it.
    """
    monkeypatch.setattr(parse_ahead, "ParserPool", ParserPool)
    source = printed_pdf(tmp_path / "printed.pdf", [(PAGES[2], Print())])
    scanned_pdf(corpus.folder / "scan.pdf", source, [Scanner(degrees=1.0)])
    after_text_page(tmp_path / "both.pdf", corpus.folder / "scan.pdf").rename(
        corpus.folder / "both.pdf"
    )
    printed_pdf(corpus.folder / "text.pdf", [(PAGES[3], Print())])
    corpus.settings = WITHOUT
    return corpus


def test_what_needs_it_is_read_anew_once_tesseract_is_there_and_stays_when_it_is_gone(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = corpus.outcomes()
    assert {name: one.status for name, one in first.items()} == {
        "scan.pdf": FileStatus.REJECTED,
        "both.pdf": FileStatus.INGESTED,
        "text.pdf": FileStatus.INGESTED,
    }
    rejection = first["scan.pdf"].rejection
    assert rejection is not None
    assert rejection.reason is RejectReason.NO_TEXT
    assert "scans-not-read" in first["both.pdf"].flags
    again = corpus.statuses()
    assert again == dict.fromkeys(first, FileStatus.UNCHANGED) | {"scan.pdf": FileStatus.REJECTED}

    corpus.settings = WITH
    told: list[IngestProgress] = []
    outcomes = {one.document: one for one in corpus.ingest(on_progress=told.append).outcomes}
    assert outcomes["scan.pdf"].status is FileStatus.INGESTED
    assert outcomes["both.pdf"].status is FileStatus.REPLACED
    assert outcomes["text.pdf"].status is FileStatus.UNCHANGED
    assert "read-from-scan" in outcomes["both.pdf"].flags
    assert "close it by hand" in corpus.texts()["scan.pdf"]
    doing = [one.doing for one in told]
    assert "reading scanned page 1 of 1 of scan" in doing
    assert doing[-1] == ""

    monkeypatch.setattr(recipe, "examine_ocr", lambda _: Installed(version=None, languages=()))
    assert set(corpus.statuses().values()) == {FileStatus.UNCHANGED}


def test_equal_scans_are_read_once(corpus: Corpus) -> None:
    corpus.settings = WITH
    corpus.ingest()
    corpus.write("copy/scan.pdf", (corpus.folder / "scan.pdf").read_bytes())
    assert corpus.statuses()["copy/scan.pdf"] is FileStatus.LINKED


def test_ordinary_files_never_ask_what_reads_scans(
    corpus: Corpus, make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("scan.pdf", "both.pdf"):
        (corpus.folder / name).unlink()
    corpus.write("bad.pdf", make_pdf("Locked.", password="secret"))
    monkeypatch.delattr(recipe, "examine_ocr")
    for _ in range(2):
        assert corpus.statuses()["bad.pdf"] is FileStatus.REJECTED
    assert "pear rust" in corpus.texts()["text.pdf"]
