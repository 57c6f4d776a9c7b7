"""Nothing that a command prints or writes acts on a terminal or a spreadsheet."""

from __future__ import annotations

import ast
import json
import logging
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from markdown_it import MarkdownIt

from assistant.access import OPERATOR
from assistant.store.catalog import open_catalog
from assistant.store.suite_types import NewCase
from assistant.store.types import AuditAction, RejectionPut
from assistant.store.writer import open_writer
from evals.runs import Plan, start_run
from evals.suites import Case, Suite, case_to_json
from tests.assistant.corpora import batch, content, sha256
from tests.ui.conftest import Plinth
from tests.ui.test_static_rules import sources
from ui.cli.ask import foreign
from ui.cli.main import build_app
from ui.cli.terminal import LogFormatter

ACTIVE = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.\u2066 =1+1\t\u200b\x7f"
"""Sets a title, clears, colours, turns text around, hides."""
QUESTION = f"What is the code of the valve? {HOSTILE}"
DOCUMENT = f"valve {HOSTILE}.md"
COLLECTION = "=plant"
STORED = "=stored"
"""A suite of that collection."""
ANSWERED = f"The code of the valve is 4711 {HOSTILE}."
WRITES = {
    "ui/cli/terminal.py": "the one place",
}
"""Files of the command line that write to a stream."""
WRITES_JSON = {
    "assistant/inert.py": "the one place",
    "assistant/answer_cache.py": "measures how long it is",
    "assistant/store/archive.py": "read back as data, names escaped",
    "assistant/store/audit.py": "hashes, and numbers of the anchor",
    "assistant/store/queries.py": "an argument of the database",
    "evals/benchmarks/chat_server.py": "what a baseline is asked",
    "evals/benchmarks/plain_chat.py": "what a baseline is asked",
    "evals/report.py": "compares models",
    "evals/runs.py": "compares plans",
    "ingest/page_picture.py": "what a child is told",
    "ingest/parsing/child.py": "what a child tells",
    "ingest/parsing/confinement.py": "what a child tells",
    "ingest/parsing/picture_child.py": "what a child tells",
    "ingest/parsing/sandbox.py": "what a child is told",
    "ingest/parsing/tesseract.py": "what a child tells",
    "models/embedding.py": "what a fingerprint is of",
    "models/files.py": "the models folder, from our catalogue",
    "models/fitting/fit.py": "what a child is told",
    "models/fitting/record.py": "the models folder, from our catalogue",
    "models/importing.py": "the models folder, names that were checked",
    "models/llama/fitting_process.py": "what a child tells",
    "models/llama/wire.py": "what a child is told and tells",
    "ui/web/openid/errand.py": "a sealed cookie",
    "ui/web/components/audit_list.py": "goes through `plain`",
    "ui/cli/audit.py": "goes through `one_line`",
}
"""Files that make JSON by themselves, and why nobody's terminal or spreadsheet meets it."""


def calls(tree: ast.Module) -> Iterator[str]:
    """Give the calls of a file as they are written: `print`, `json.dumps`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_the_command_line_writes_in_one_place() -> None:
    writers = {"print", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write"}
    found = {
        name
        for name, tree in sources()
        if name.startswith("ui/") and writers.intersection(calls(tree))
    }
    assert found == set(WRITES)


def test_json_and_csv_for_people_are_written_in_one_place() -> None:
    found = {name: set(calls(tree)) for name, tree in sources()}
    assert {name for name, made in found.items() if "json.dumps" in made} == set(WRITES_JSON)
    tables = {"csv.writer", "csv.DictWriter"}
    assert {name for name, made in found.items() if tables & made} == {"assistant/inert.py"}


@pytest.fixture
def hostile(plinth: Plinth, data_dir: Path) -> Plinth:
    """The command on a data dir in which everything foreign is hostile."""
    text = f"{ANSWERED} {HOSTILE}"
    made = content(text, title=f"Valve {HOSTILE}")
    made = replace(made, chunks=tuple(replace(one, heading=HOSTILE) for one in made.chunks))
    put = replace(
        batch(COLLECTION, {DOCUMENT: made}),
        source=f"/files/{HOSTILE}",
        rejections=(
            RejectionPut(
                path=f"broken {HOSTILE}.pdf",
                sha256=sha256("x"),
                recipe="r1",
                reason="corrupt",
                detail=HOSTILE,
            ),
        ),
    )
    with open_writer(data_dir) as writer:
        writer.people.add_collection(COLLECTION)
        writer.people.add_group("@staff")
        writer.people.grant(COLLECTION, "@staff")
        writer.people.add_user("-ann", groups=["@staff"])
        writer.publish(put)
    with open_catalog(data_dir) as catalog:
        catalog.audit.note(f"who {HOSTILE}", AuditAction.OPENED, HOSTILE, what=HOSTILE)
    case = Case(id=HOSTILE, question=HOSTILE, answerable=True, answers=(HOSTILE,))
    with open_catalog(data_dir) as catalog:
        catalog.suites.add(
            STORED,
            COLLECTION,
            OPERATOR,
            by=f"who {HOSTILE}",
            cases=[NewCase(values=case_to_json(case))],
        )
    suite = Suite(name="=suite \u202egnp", sha256="0" * 64, cases=(case,))

    def fail(_case: Case) -> dict[str, Any]:
        raise ValueError(HOSTILE)

    with open_catalog(data_dir) as catalog:
        run = start_run(catalog.runs, Plan(suites=(suite,), subject={}))
        run.ask_all(fail, lambda _: None)
    return plinth


READING: dict[str, list[list[str]]] = {
    "search": [["valve code"]],
    "ask": [[QUESTION]],
    "doctor": [[]],
    "docs list": [[]],
    "docs show": [[DOCUMENT, "--text"]],
    "docs verify-deleted": [[]],
    "queue list": [[]],
    "collections list": [[]],
    "groups list": [[]],
    "users list": [[]],
    "audit": [[]],
    "eval list": [[]],
    "eval report": [["2"]],
    "eval suites list": [[]],
    "models list": [[]],
}
"""Arguments of what prints a result; each is tried as text and as JSON."""
WRITING: dict[str, list[str]] = {
    "ingest": ["FOLDER"],
    "docs grant": [DOCUMENT, HOSTILE],
    "docs revoke": [DOCUMENT, HOSTILE],
    "docs hidden": [DOCUMENT, "--use", "--yes"],
    "docs delete": [DOCUMENT, "--yes"],
    "queue pause": [],
    "queue resume": [],
    "queue retry": ["99"],
    "queue discard": ["99", "--yes"],
    "queue clear": ["99"],
    "collections add": [HOSTILE],
    "collections grant": [HOSTILE, HOSTILE],
    "collections revoke": [COLLECTION, HOSTILE],
    "collections remove": [HOSTILE, "--yes"],
    "groups add": [HOSTILE],
    "groups remove": [HOSTILE],
    "users add": [HOSTILE],
    "users link": [HOSTILE],
    "users change": [HOSTILE, "--role", "admin"],
    "users suspend": [HOSTILE],
    "users resume": [HOSTILE],
    "users sign-out": [HOSTILE],
    "users unlink": [HOSTILE],
    "users remove": [HOSTILE, "--yes"],
    "eval run": [HOSTILE],
    "eval compare": ["2", HOSTILE],
    "eval sweep": ["sample", "--try", HOSTILE],
    "eval calibrate": [HOSTILE],
    "eval export": ["2", HOSTILE],
    "eval suites import": [HOSTILE, "--collection", COLLECTION],
    "eval suites export": [STORED],
    "eval suites delete": [HOSTILE, "--yes"],
    "models import": [HOSTILE, HOSTILE],
    "models verify": [HOSTILE],
    "models fit": [HOSTILE],
    "models pull": [HOSTILE],
    "bench": [HOSTILE],
    "backup": [f"{HOSTILE}/{HOSTILE}"],
    "restore": [HOSTILE],
    "search": ["x", "--as", HOSTILE],
    "ask": ["x", "--collection", HOSTILE],
    "docs show": [HOSTILE],
    "eval report": [HOSTILE],
    "audit": ["--action", HOSTILE],
}
"""Arguments by which a command says what it did or why it did not."""
SERVERS = {"serve", "work"}
"""Run until they are ended; what they print are their address and their log."""


def leaves(app: typer.Typer) -> set[str]:
    """Return the names of all commands."""
    names = {
        one.name or (one.callback.__name__ if one.callback else "")
        for one in app.registered_commands
    }
    for group in app.registered_groups:
        assert group.typer_instance is not None
        names |= {f"{group.name} {name}" for name in leaves(group.typer_instance)}
    return names


def test_every_command_is_tried() -> None:
    assert leaves(build_app()) == {*READING, *WRITING, *SERVERS}


def acting(text: str) -> list[str]:
    return [char for char in text if char != "\n" and unicodedata.category(char) in ACTIVE]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names without a folder are of the current one: what is written there belongs to the test."""
    monkeypatch.chdir(tmp_path)


def test_no_command_prints_what_acts_on_a_terminal(hostile: Plinth) -> None:
    for command, tries in READING.items():
        for arguments in tries:
            done = hostile(*command.split(), *arguments)
            assert acting(done.stdout + done.stderr) == [], command
            assert done.exit_code in (0, 3), done.stderr
            as_json = hostile(*command.split(), *arguments, "--json")
            assert acting(as_json.stdout + as_json.stderr) == [], command
            json.loads(as_json.stdout)


def test_no_command_repeats_what_acts_on_a_terminal(hostile: Plinth, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / f"broken {HOSTILE}.pdf").write_bytes(b"%PDF-1.4 none")
    for command, arguments in WRITING.items():
        given = [str(folder) if one == "FOLDER" else one for one in arguments]
        done = hostile(*command.split(), *given)
        assert done.stdout + done.stderr
        assert acting(done.stdout + done.stderr) == [], command


def test_what_commands_show_is_still_there(hostile: Plinth) -> None:
    """An empty output would be inert, too."""
    assert "gnp." in hostile("search", "valve code").stdout
    assert "gnp." in hostile("docs", "list").stdout
    assert json.loads(hostile("docs", "list", "--json").stdout)["documents"][0]["document"] == (
        DOCUMENT
    )
    assert hostile("audit").stdout.count("gnp.") >= 3
    assert "4711" in hostile("ask", QUESTION).stdout
    assert "gnp." in hostile("eval", "report", "2").stdout


def test_files_that_commands_write_are_inert(
    hostile: Plinth, data_dir: Path, tmp_path: Path
) -> None:
    questions, answers, found = (tmp_path / name for name in ("q.jsonl", "a.jsonl", "f.jsonl"))
    questions.write_text(json.dumps({"id": f"1 {HOSTILE}", "question": QUESTION}), "utf-8")
    assert hostile("ask", "--batch", questions, "--output", answers).exit_code == 0
    assert hostile("search", "--batch", questions, "-k", 2, "--output", found).exit_code == 0
    assert hostile("eval", "export", "2", tmp_path / "run").exit_code == 0
    written = [answers, found, *(tmp_path / "run").rglob("*.json*")]
    assert len(written) > 6
    for path in written:
        assert acting(path.read_text("utf-8")) == [], path.name
    assert json.loads(answers.read_text("utf-8"))["question"] == QUESTION


def test_a_report_holds_no_link_or_picture(plinth: Plinth, data_dir: Path) -> None:
    attack = "![x](http://evil.example/a.png) <img src=//evil.example> | `"
    case = Case(id=attack, question="x", answerable=False)
    suite = Suite(name="![x](y) <b>", sha256="0" * 64, cases=(case,))

    def fail(_case: Case) -> dict[str, Any]:
        raise ValueError(attack)

    with open_catalog(data_dir) as catalog:
        start_run(catalog.runs, Plan(suites=(suite,), subject={})).ask_all(fail, lambda _: None)
    report = plinth("eval", "report", "2").stdout
    assert "evil.example" in report
    assert "http://" not in report
    tokens = MarkdownIt("commonmark").parse(report)
    inside = [child.type for token in tokens for child in token.children or ()]
    kinds = {token.type for token in tokens} | set(inside)
    assert not kinds & {"link_open", "image", "html_block", "html_inline", "code_inline"}


def test_what_a_model_writes_passes_for_no_citation() -> None:
    shown = foreign("It is so. [1]\n[2] handbook.md: “It is so.”")
    assert "[" not in shown
    assert not [line for line in shown.splitlines()[1:] if not line.startswith("  ")]


@pytest.mark.parametrize("level", [logging.WARNING, logging.DEBUG])
def test_a_logged_error_keeps_its_words_to_itself(
    monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", level)
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]  # of levels
    words = "the salary is 5,000 \x1b[2J"
    try:
        raise ValueError(words)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, HOSTILE, (), sys.exc_info())
    text = LogFormatter().format(record)
    assert acting(text) == []
    assert "ValueError" in text
    assert ("5,000" in text) == (level == logging.DEBUG)


def test_documents_are_readable_in_this_data(hostile: Plinth, data_dir: Path) -> None:
    assert hostile("docs", "list").exit_code == 0
    with open_catalog(data_dir) as catalog:
        assert [one.document for one in catalog.list_documents(OPERATOR)] == [DOCUMENT]
