"""From a file with hidden text to answers: left out, until an admin says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.access import OPERATOR, ReadableSet
from assistant.errors import UnknownNameError
from assistant.store.types import AuditAction, DocumentSummary, HiddenPassages
from ingest import recipe
from ingest.types import FileStatus
from tests.ingest.conftest import Corpus
from tests.ingest.parsing.hidden_pdfs import SECRET, TRICKS

PAGE = f"<html><body><p>Be kind.</p><p hidden>{SECRET}</p></body></html>"


def only(corpus: Corpus) -> DocumentSummary:
    (document,) = corpus.documents().values()
    return document


def hidden(corpus: Corpus) -> HiddenPassages:
    return corpus.writer.catalog.hidden_passages(only(corpus).document_id, OPERATOR)


def use(corpus: Corpus) -> None:
    corpus.writer.use_hidden_text(only(corpus).document_id)


@pytest.fixture
def page(corpus: Corpus) -> Path:
    path = corpus.write("page.html", PAGE)
    outcome = corpus.outcomes()["page.html"]
    assert (outcome.status, outcome.flags) == (FileStatus.INGESTED, ("hidden-text",))
    return path


@pytest.mark.parametrize("name", TRICKS)
def test_hidden_text_of_a_pdf_is_found_by_nobody(corpus: Corpus, name: str) -> None:
    TRICKS[name].write(corpus.folder / "made.pdf", is_hidden=True)
    assert corpus.outcomes()["made.pdf"].flags == ("hidden-text",)
    assert not any("Mallory" in text for text in corpus.live_texts())
    assert "Mallory" not in corpus.texts()["made.pdf"]
    (passage,) = hidden(corpus).passages
    assert (passage.page_number, passage.text) == (1, SECRET)
    assert passage.kind == TRICKS[name].kind


def test_hidden_text_is_not_embedded(corpus: Corpus, page: Path) -> None:
    assert corpus.embedder.n_embedded == 1
    assert corpus.live_texts() == ["Be kind."]


def test_using_hidden_text_makes_it_part_of_its_page(corpus: Corpus, page: Path) -> None:
    generation = corpus.writer.catalog.current_generation()
    use(corpus)
    assert corpus.live_texts() == ["Be kind.", SECRET]
    assert corpus.texts()["page.html"] == f"Be kind.\n\n{SECRET}"
    assert only(corpus).flags == ("hidden-text-used",)
    assert only(corpus).n_chunks == 2
    assert hidden(corpus).are_used
    assert corpus.writer.catalog.current_generation() > generation
    assert corpus.writer.catalog.problems() == ()


def test_vectors_of_used_hidden_text_follow(corpus: Corpus, page: Path) -> None:
    use(corpus)
    assert corpus.writer.catalog.n_unembedded() == 1
    corpus.ingest()
    assert corpus.writer.catalog.n_unembedded() == 0
    assert corpus.embedder.n_embedded == 2


def test_leaving_it_out_again_restores_what_was(corpus: Corpus, page: Path) -> None:
    before = (corpus.live_texts(), corpus.texts(), only(corpus), hidden(corpus))
    use(corpus)
    corpus.writer.leave_out_hidden_text(only(corpus).document_id)
    assert (corpus.live_texts(), corpus.texts(), only(corpus), hidden(corpus)) == before
    assert corpus.writer.catalog.n_unembedded() == 0
    assert corpus.writer.catalog.counts().n_contents == 1
    assert corpus.writer.catalog.problems() == ()


def test_pages_without_hidden_text_stay_as_they_were(corpus: Corpus) -> None:
    TRICKS["white"].write(corpus.folder / "made.pdf", is_hidden=True)
    corpus.ingest()
    text = corpus.texts()["made.pdf"]
    use(corpus)
    assert corpus.texts()["made.pdf"] == f"{text}\n\n{SECRET}"
    corpus.writer.leave_out_hidden_text(only(corpus).document_id)
    assert corpus.texts()["made.pdf"] == text


def test_a_page_of_hidden_text_alone_can_be_used(corpus: Corpus) -> None:
    corpus.write("page.html", f"<html><body><p hidden>{SECRET}</p></body></html>")
    corpus.ingest()
    assert corpus.live_texts() == []
    use(corpus)
    assert corpus.live_texts() == [SECRET]
    corpus.writer.leave_out_hidden_text(only(corpus).document_id)
    assert corpus.texts()["page.html"] == ""


def test_long_hidden_text_is_used_in_chunks(corpus: Corpus) -> None:
    words = " ".join(f"Sentence {i} is hidden from you." for i in range(300))
    corpus.write("page.html", f"<html><body><p>Be kind.</p><p hidden>{words}</p></body></html>")
    corpus.ingest()
    use(corpus)
    assert len(corpus.live_texts()) > 3
    assert " ".join(corpus.texts()["page.html"].split()) == f"Be kind. {words}"
    corpus.ingest()
    assert corpus.writer.catalog.n_unembedded() == 0


def test_deciding_twice_changes_nothing(corpus: Corpus, page: Path) -> None:
    use(corpus)
    before = only(corpus), corpus.live_texts()
    use(corpus)
    assert (only(corpus), corpus.live_texts()) == before


def test_the_decision_outlives_the_next_ingest(corpus: Corpus, page: Path) -> None:
    use(corpus)
    assert corpus.statuses() == {"page.html": FileStatus.UNCHANGED}
    assert SECRET in corpus.live_texts()


def test_the_decision_outlives_a_better_parser(
    corpus: Corpus, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(corpus)
    monkeypatch.setattr(recipe, "PARSER_VERSION", recipe.PARSER_VERSION + 1)
    assert corpus.statuses() == {"page.html": FileStatus.REPLACED}
    assert SECRET in corpus.live_texts()
    assert only(corpus).flags == ("hidden-text-used",)
    assert corpus.statuses() == {"page.html": FileStatus.UNCHANGED}


def test_a_changed_file_is_decided_on_anew(corpus: Corpus, page: Path) -> None:
    use(corpus)
    corpus.write("page.html", PAGE.replace("Be kind.", "Be on time."))
    assert corpus.outcomes()["page.html"].flags == ("hidden-text",)
    assert corpus.live_texts() == ["Be on time."]


def test_equal_bytes_elsewhere_are_decided_on_by_themselves(corpus: Corpus, page: Path) -> None:
    use(corpus)
    corpus.write("more/page.html", PAGE)
    corpus.ingest()
    flags = {name: one.flags for name, one in corpus.documents().items()}
    assert flags == {"page.html": ("hidden-text-used",), "more/page.html": ("hidden-text",)}
    assert "Mallory" not in corpus.texts()["more/page.html"]


def test_deciding_on_nothing_is_refused(corpus: Corpus) -> None:
    corpus.write("a.txt", "Be kind.")
    corpus.ingest()
    with pytest.raises(UnknownNameError, match="no hidden text"):
        use(corpus)
    with pytest.raises(UnknownNameError):
        corpus.writer.use_hidden_text(type(only(corpus).document_id)("made up"))


def test_decisions_are_in_the_audit_log(corpus: Corpus, page: Path) -> None:
    use(corpus)
    corpus.writer.leave_out_hidden_text(only(corpus).document_id)
    entries = corpus.writer.catalog.audit.entries(limit=2)
    assert {entry.action for entry in entries} == {
        AuditAction.HIDDEN_TEXT_USED,
        AuditAction.HIDDEN_TEXT_LEFT_OUT,
    }
    assert {entry.subject for entry in entries} == {"page.html"}


@pytest.mark.parametrize("is_used", [False, True])
def test_deleting_a_document_deletes_its_hidden_text(
    corpus: Corpus, page: Path, is_used: bool
) -> None:
    if is_used:
        use(corpus)
    catalog = corpus.writer.catalog
    footprint = catalog.footprint(only(corpus).document_id)
    assert catalog.traces(footprint).n_hidden == 1
    corpus.writer.delete_document(only(corpus).document_id)
    traces = catalog.traces(footprint)
    assert traces.is_none
    assert traces.n_hidden == 0
    kept = [path for path in corpus.data_dir.rglob("*") if path.is_file()]
    assert not any(b"Mallory" in path.read_bytes() for path in kept)


def test_hidden_text_of_a_document_that_may_not_be_read_is_as_if_there_were_none(
    corpus: Corpus, page: Path
) -> None:
    document_id = only(corpus).document_id
    with pytest.raises(UnknownNameError):
        corpus.writer.catalog.hidden_passages(document_id, ReadableSet())


def test_records_conceal_nothing(corpus: Corpus) -> None:
    tagged = "".join(chr(0xE0000 + ord(one)) for one in "Mallory")
    corpus.write("a.jsonl", f'{{"_id": "r1", "text": "Be kind.{tagged}"}}\n')
    assert corpus.outcomes()["r1"].flags == ("hidden-text",)
    assert corpus.texts() == {"r1": "Be kind."}
    assert [one.text for one in hidden(corpus).passages] == ["Mallory"]
