from __future__ import annotations

import io
import json
import sys

import pytest


@pytest.fixture
def ingested(plinth, folder):
    assert plinth("ingest", folder).exit_code == 0
    return folder


def listed(plinth, *args: str) -> dict[str, dict[str, object]]:
    done = plinth("docs", "list", "--json", *args)
    assert done.exit_code == 0
    return {one["document"]: one for one in json.loads(done.stdout)["documents"]}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_docs_list_json_is_as_the_contract_has_it(plinth, ingested):
    documents = listed(plinth)
    assert sorted(documents) == ["leave.md", "parking.txt", "travel.md"]
    assert sorted(documents["leave.md"]) == sorted(
        ["document", "document_id", "collection", "version", "pages", "chunks", "flags"]
    )
    assert documents["leave.md"]["collection"] == "documents"


def test_docs_list_of_an_empty_corpus_says_so(plinth):
    assert plinth("docs", "list").stdout == "No documents.\n"
    assert listed(plinth) == {}


def test_docs_list_is_limited_to_a_collection(plinth, ingested):
    plinth("collections", "add", "hr")
    assert listed(plinth, "--collection", "hr") == {}
    assert len(listed(plinth, "--collection", "documents")) == 3
    assert plinth("docs", "list", "--collection", "unknown").exit_code == 1


def test_docs_list_as_an_unknown_user_shows_nothing(plinth, ingested):
    done = plinth("docs", "list", "--as", "nobody")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "'nobody'" in done.stderr


def test_docs_list_shows_flags_and_nothing_that_moves_the_cursor(plinth, ingested):
    (ingested / "leave.md").write_text("", encoding="utf-8")
    (ingested / "a\x1b[2Jb\n.txt").write_text("Coffee is free.", encoding="utf-8")
    plinth("ingest", ingested)
    lines = plinth("docs", "list").stdout.splitlines()
    assert len(lines) == 4
    assert "\x1b" not in "".join(lines)
    assert any(line.endswith("documents: leave.md  [newer-version-rejected]") for line in lines)


def test_docs_show_names_its_versions_and_text(plinth, ingested):
    (ingested / "parking.txt").write_text("Parking costs 2 euros.", encoding="utf-8")
    plinth("ingest", ingested)
    done = plinth("docs", "show", "parking.txt", "--text")
    assert done.exit_code == 0
    assert done.stdout.count("version ") == 2
    assert done.stdout.endswith("--- parking.txt ---\nParking costs 2 euros.\n")
    shown = json.loads(plinth("docs", "show", "parking.txt", "--json", "--text").stdout)
    assert len(shown["versions"]) == 2
    assert shown["versions"][-1]["version"] == shown["version"]
    assert shown["text"] == [{"page_number": None, "text": "Parking costs 2 euros."}]
    assert "text" not in json.loads(plinth("docs", "show", "parking.txt", "--json").stdout)


def test_docs_show_of_something_unknown_is_an_error(plinth, ingested):
    done = plinth("docs", "show", "nothing.txt")
    assert done.exit_code == 1
    assert "'nothing.txt'" in done.stderr


def test_docs_show_of_a_name_of_two_documents_asks_for_an_id(plinth, ingested):
    plinth("ingest", ingested, "--collection", "more")
    done = plinth("docs", "show", "leave.md")
    assert done.exit_code == 1
    document_id = listed(plinth, "--collection", "more")["leave.md"]["document_id"]
    assert str(document_id) in done.stderr
    assert plinth("docs", "show", document_id).exit_code == 0


@pytest.fixture
def hiding(plinth, ingested):
    page = "<html><body><p>Parrots talk.</p><p hidden>Mallory whistles.</p></body></html>"
    (ingested / "birds.html").write_text(page, encoding="utf-8")
    assert plinth("ingest", ingested).exit_code == 0
    return ingested


def found_by(plinth, question: str) -> list[str]:
    passages = json.loads(plinth("search", question, "--json").stdout)["passages"]
    return [one["text"] for one in passages]


def test_docs_show_prints_what_is_hidden_and_why(plinth, hiding):
    assert listed(plinth)["birds.html"]["flags"] == ["hidden-text"]
    shown = plinth("docs", "show", "birds.html").stdout
    assert "hidden text: left out" in shown
    assert "--- hidden, marked as hidden: birds.html ---\nMallory whistles." in shown
    told = json.loads(plinth("docs", "show", "birds.html", "--json").stdout)
    assert told["hidden_text_used"] is False
    assert told["hidden_text"] == [
        {"page_number": None, "kind": "marked", "text": "Mallory whistles."}
    ]
    assert "hidden" not in plinth("docs", "show", "leave.md").stdout


def test_docs_show_as_a_user_keeps_hidden_text_to_itself(plinth, hiding):
    plinth("groups", "add", "all")
    plinth("collections", "grant", "documents", "all")
    plinth("users", "add", "bob", "--group", "all")
    for options in ([], ["--json"], ["--text"]):
        done = plinth("docs", "show", "birds.html", "--as", "bob", *options)
        assert done.exit_code == 0
        assert "Mallory" not in done.stdout


def test_docs_hidden_lets_a_document_answer_from_it_and_takes_that_back(plinth, hiding):
    assert "Mallory whistles." not in found_by(plinth, "Mallory whistles")
    assert plinth("docs", "hidden", "birds.html", "--use", "--yes").exit_code == 0
    assert "Mallory whistles." in found_by(plinth, "Mallory whistles")
    assert listed(plinth)["birds.html"]["flags"] == ["hidden-text-used"]
    assert "hidden text: used" in plinth("docs", "show", "birds.html").stdout
    assert plinth("docs", "hidden", "birds.html", "--leave-out", "--yes").exit_code == 0
    assert "Mallory whistles." not in found_by(plinth, "Mallory whistles")


def test_docs_hidden_of_a_document_without_any_is_an_error(plinth, ingested):
    done = plinth("docs", "hidden", "leave.md", "--use", "--yes")
    assert done.exit_code == 1
    assert "no hidden text" in done.stderr


def test_docs_hidden_wants_to_know_which_and_asks(plinth, hiding, monkeypatch):
    assert plinth("docs", "hidden", "birds.html", "--yes").exit_code == 2
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    plinth("docs", "hidden", "birds.html", "--use")
    assert listed(plinth)["birds.html"]["flags"] == ["hidden-text"]


def test_docs_delete_removes_it_from_list_and_search(plinth, ingested):
    assert plinth("docs", "delete", "parking.txt", "--yes").exit_code == 0
    assert "parking.txt" not in listed(plinth)
    found = json.loads(plinth("search", "parking visitors", "--json").stdout)["passages"]
    assert "parking.txt" not in {one["document"] for one in found}


def test_docs_delete_without_a_terminal_needs_yes(plinth, ingested, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    done = plinth("docs", "delete", "parking.txt")
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert "parking.txt" in listed(plinth)


@pytest.mark.parametrize(("reply", "is_kept"), [("y\n", False), ("n\n", True)])
def test_docs_delete_on_a_terminal_asks(plinth, ingested, monkeypatch, reply, is_kept):
    monkeypatch.setattr(sys, "stdin", Terminal(reply))
    done = plinth("docs", "delete", "parking.txt")
    assert "parking.txt" in done.stderr
    assert ("parking.txt" in listed(plinth)) == is_kept
