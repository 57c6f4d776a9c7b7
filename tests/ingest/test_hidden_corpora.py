"""Ordinary documents hide nothing; all of them are read by `tests.ingest.hidden_corpora`."""

from __future__ import annotations

from pathlib import Path

from tests.ingest.hidden_corpora import files_of, parsed

N_FILES = 3
CORPORA = ("contoso-benefits", "handbook-18f", "cuad-dev", "xquad-dev-zh")


def test_ordinary_documents_are_no_alarm(shared_data: Path) -> None:
    files = [
        path
        for name in CORPORA
        for path in sorted(
            files_of(shared_data / "corpora" / name), key=lambda p: p.stat().st_size
        )[:N_FILES]
    ]
    documents = [document for _, document in parsed(files) if document is not None]
    assert len(documents) > len(CORPORA)
    assert [document.title for document in documents if document.hidden] == []
