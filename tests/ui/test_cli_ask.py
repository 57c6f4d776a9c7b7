from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ui.conftest import Plinth

QUESTION = "How many days of annual leave do employees receive?"


def test_ask_prints_the_answer_and_its_numbered_proof(asking: Plinth) -> None:
    done = asking("ask", QUESTION)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "Employees receive 25 days of annual leave. [1]",
        "",
        "[1] leave.md: “Employees receive 25 days of annual leave.”",
    ]


def test_ask_json_is_one_answer_object(asking: Plinth) -> None:
    value = json.loads(asking("ask", QUESTION, "--json").stdout)
    assert value["status"] == "answered"
    assert value["citations"][0]["document"] == "leave.md"
    assert value["index_generation"] >= 1


def test_ask_without_an_answer_shows_the_nearest_passages(
    asking: Plinth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLINTH_ANSWER__MIN_CONFIDENCE", "1")
    done = asking("ask", "Zebra?")
    assert done.exit_code == 0
    assert done.stdout.startswith("The documents do not say. I looked for: Zebra?")
    assert "Nearest passages" in done.stdout


def test_ask_batch_writes_answers_and_continues_where_it_stopped(
    asking: Plinth, tmp_path: Path
) -> None:
    batch, output = tmp_path / "q.jsonl", tmp_path / "out" / "a.jsonl"
    lines = [{"id": "1", "question": QUESTION}, {"id": "2", "question": "Is parking free?"}]
    batch.write_text("\n".join(map(json.dumps, lines)))
    assert asking("ask", "--batch", batch, "--output", output).exit_code == 0
    whole = output.read_text()
    first = whole.splitlines(keepends=True)[0]
    output.write_text(first + '{"id": "2", "cut')
    again = asking("ask", "--batch", batch, "--output", output)
    assert "1 answers are in" in again.stderr
    assert [json.loads(line)["id"] for line in output.read_text().splitlines()] == ["1", "2"]


def test_every_question_is_recorded_with_what_it_showed_to_whom(
    asking: Plinth, tmp_path: Path
) -> None:
    batch, output = tmp_path / "q.jsonl", tmp_path / "a.jsonl"
    batch.write_text(json.dumps({"id": "1", "question": QUESTION}))
    assert asking("ask", QUESTION).exit_code == 0
    assert asking("ask", "--batch", batch, "--output", output).exit_code == 0
    assert asking("users", "add", "ann").exit_code == 0
    assert asking("ask", QUESTION, "--as", "ann").exit_code == 0
    entries = json.loads(asking("audit", "--json", "--action", "asked").stdout)["entries"]
    assert [(one["actor"], one["subject"]) for one in entries] == [
        ("operator", "ann"),
        ("operator", ""),
        ("operator", ""),
    ]
    nothing, batched, asked = (one["details"] for one in entries)
    assert nothing == {"status": "abstained", "shown": []}
    assert (asked, asked["status"]) == (batched, "answered")
    listed = json.loads(asking("docs", "list", "--json").stdout)["documents"]
    (leave,) = (one["document_id"] for one in listed if one["document"] == "leave.md")
    assert leave in asked["shown"]
    assert QUESTION not in str(entries)


@pytest.mark.parametrize(
    "args",
    [("ask",), ("ask", "x?", "--batch", "q.jsonl"), ("ask", "--batch", "q.jsonl"), ("search",)],
)
def test_ask_and_search_without_one_clear_task_are_usage_errors(
    plinth: Plinth, args: tuple[str, ...]
) -> None:
    assert plinth(*args).exit_code == 2


@pytest.mark.parametrize("question", ["", "  ", "a" * 100_000])
def test_ask_of_no_question_is_a_known_error(asking: Plinth, question: str) -> None:
    done = asking("ask", question)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: the question ")
    assert len(done.stderr.splitlines()) == 1


def test_ask_as_an_unknown_user_sees_nothing(asking: Plinth) -> None:
    done = asking("ask", QUESTION, "--as", "nobody")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "nobody" in done.stderr


def test_ask_in_an_unknown_collection_is_a_known_error(asking: Plinth) -> None:
    assert asking("ask", QUESTION, "--collection", "none").exit_code == 1


def test_ask_of_an_empty_corpus_abstains(plinth: Plinth) -> None:
    done = plinth("ask", QUESTION, "--json")
    assert json.loads(done.stdout)["reason"] == "no_evidence"


def test_search_prints_passages_best_first(asking: Plinth) -> None:
    done = asking("search", "hotel limit", "-k", "2")
    assert "travel.md" in done.stdout.splitlines()[0]
    value = json.loads(asking("search", "hotel limit", "-k", "2", "--json").stdout)
    assert value["passages"][0]["document"] == "travel.md"
    assert len(value["passages"]) == 2


def test_search_of_an_empty_corpus_says_so(plinth: Plinth) -> None:
    assert "Nothing found" in plinth("search", "x").stdout


def test_search_batch_writes_trec_with_one_line_a_document(asking: Plinth, tmp_path: Path) -> None:
    batch, output = tmp_path / "q.jsonl", tmp_path / "run.trec"
    batch.write_text('{"id": "q1", "question": "hotel limit"}\n')
    assert asking("search", "--batch", batch, "-k", "3", "--output", output).exit_code == 0
    rows = [line.split() for line in output.read_text().splitlines()]
    assert [row[3] for row in rows] == ["1", "2", "3"]
    assert rows[0][:3] == ["q1", "Q0", "travel.md"]
    assert len({row[2] for row in rows}) == 3
    assert rows[0][5] == "plinth"


def test_search_batch_writes_passages_as_jsonl(asking: Plinth, tmp_path: Path) -> None:
    batch, output = tmp_path / "q.jsonl", tmp_path / "run.jsonl"
    batch.write_text('{"id": "q1", "question": "hotel limit"}\n')
    asking("search", "--batch", batch, "-k", "1", "--output", output)
    (line,) = map(json.loads, output.read_text().splitlines())
    assert line["id"] == "q1"
    assert len(line["passages"]) == 1


def test_search_batch_refuses_an_unknown_kind_of_output(plinth: Plinth, tmp_path: Path) -> None:
    done = plinth("search", "--batch", tmp_path / "q.jsonl", "--output", tmp_path / "run.txt")
    assert done.exit_code == 2
