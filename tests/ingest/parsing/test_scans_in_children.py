"""Scans in parser processes: confined, told of page by page, and never at the others' cost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.sandbox import ParserPool
from ingest.settings import IngestSettings
from ingest.types import RejectReason
from tests.ingest.parsing.scanned_pdf import PAGES, Print, Scanner, printed_pdf, scanned_pdf
from tests.ingest.parsing.test_pdf_scans import after_text_page, needs_tesseract

pytestmark = needs_tesseract

SETTINGS = IngestSettings(parser_processes=1)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    source = printed_pdf(tmp_path / "printed.pdf", [(PAGES[2], Print())])
    return scanned_pdf(tmp_path / "scan.pdf", source, [Scanner(degrees=1.0)])


def test_confined_process_reads_a_scan_and_tells_of_each_page(scan: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with ParserPool(SETTINGS) as pool:
        document = pool.parse(scan, on_scan=lambda number, of: told.append((number, of)))
        mixed = pool.parse(after_text_page(tmp_path / "both.pdf", scan))
    assert "close it by hand" in document.pages[0].text
    assert document.pages[0].scan is not None
    assert told == [(1, 1)]
    assert [page.scan is None for page in mixed.pages] == [True, False]


def test_scan_that_ends_its_process_costs_the_other_pages_nothing(
    scan: Path, tmp_path: Path
) -> None:
    with ParserPool(SETTINGS) as pool:

        def kill(_number: int, _of: int) -> None:
            for child in pool._busy:
                os.kill(child.pid, signal.SIGSEGV)

        mixed = pool.parse(after_text_page(tmp_path / "both.pdf", scan), on_scan=kill)
        assert "Berths" in mixed.pages[0].text
        assert mixed.flags == ("pages-without-text", "scans-not-read")
        with pytest.raises(RejectedFileError, match="SIGSEGV") as caught:
            pool.parse(scan, on_scan=kill)
        assert caught.value.reason == RejectReason.CRASHED
        assert pool.parse(scan).pages[0].scan is not None
