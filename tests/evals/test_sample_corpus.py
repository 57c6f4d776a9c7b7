from __future__ import annotations

import re

import pytest

from assistant.text import words
from evals.suites import SAMPLE, load_suite
from ingest.errors import RejectedFileError
from ingest.settings import IngestSettings

CORPUS = SAMPLE / "corpus"
LOCKED = CORPUS / "archive" / "payroll-summary-2022.locked.pdf"
SUITE = load_suite(SAMPLE / "suite.jsonl")


@pytest.fixture(scope="module")
def documents():
    from ingest.parsing.sandbox import ParserPool

    files = [path for path in sorted(CORPUS.rglob("*")) if path.is_file() and path != LOCKED]
    with ParserPool(IngestSettings(parser_processes=1)) as pool:
        return {path.relative_to(CORPUS).as_posix(): pool.parse(path) for path in files}


def plain(text):
    return " ".join(["", *re.findall(r"[^\W_]+", text.casefold()), ""])


def test_sample_suite_has_the_kinds_of_question_that_matter():
    tags = {tag for case in SUITE.cases for tag in case.tags}
    assert {"table", "superseded", "near-copy", "multi-document", "follow-up", "list"} <= tags
    assert len(SUITE.cases) == 30
    assert sum(not case.answerable for case in SUITE.cases) == 8
    assert sum(bool(case.history) for case in SUITE.cases) == 2


@pytest.mark.parametrize(
    "case", [case for case in SUITE.cases if case.answerable], ids=lambda case: case.id
)
def test_gold_quote_is_found_on_its_page_and_holds_an_answer(documents, case):
    quotes = ""
    for evidence in case.evidence:
        pages = documents[evidence.document].pages
        texts = [page.text for page in pages if evidence.page in (None, page.page_number)]
        assert any(plain(evidence.quote) in plain(text) for text in texts)
        quotes += evidence.quote
    held = [answer for answer in case.answers if set(words(answer)) <= set(words(quotes))]
    assert held or all(plain(fact).strip() in plain(quotes) for fact in case.facts)


def test_every_document_has_text_and_the_formatted_ones_a_title(documents):
    assert len(documents) == 15
    for name, document in documents.items():
        assert any(page.text for page in document.pages)
        assert document.title or name.endswith((".csv", ".txt"))


def test_locked_file_is_rejected():
    from ingest.parsing.sandbox import ParserPool

    with (
        ParserPool(IngestSettings(parser_processes=1)) as pool,
        pytest.raises(RejectedFileError) as caught,
    ):
        pool.parse(LOCKED)
    assert caught.value.reason == "encrypted"


def test_suggested_questions_are_three():
    lines = (SAMPLE / "questions.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert all(line.endswith("?") for line in lines)


def test_corpus_is_what_its_sources_say(tmp_path, monkeypatch):
    from pypdfium2 import PdfDocument

    from evals.sample.make_corpus import make_corpus

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")  # making sets it; undone with the test
    make_corpus(tmp_path)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(made) == 11
    for name in made:
        assert (CORPUS / name).is_file()
        if name.suffix == ".pdf" and name.name != LOCKED.name:
            with PdfDocument(tmp_path / name) as fresh, PdfDocument(CORPUS / name) as kept:
                assert page_texts(fresh) == page_texts(kept)


def page_texts(pdf):
    return [page.get_textpage().get_text_range() for page in pdf]
