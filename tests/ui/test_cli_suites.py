from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.ui.conftest import Plinth

CSV = "question,answer,document,page\nHow many days of annual leave?,25 days,leave.md,\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "own.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


@pytest.fixture
def holding(asking: Plinth, suite: Path) -> Plinth:
    """The command on a data dir whose collection `documents` has the suite `own`."""
    done = asking("eval", "suites", "import", suite, "--collection", "documents")
    assert done.exit_code == 0, done.stderr
    return asking


def test_a_suite_is_imported_listed_exported_and_deleted(
    holding: Plinth, suite: Path, tmp_path: Path
) -> None:
    assert holding("eval", "suites", "list").stdout.startswith("documents/own: 1 cases, version 1")
    suite.write_text(CSV + "Who may use the helicopter?,,,\n", encoding="utf-8")
    arguments = ("eval", "suites", "import", suite, "--collection", "documents")
    told = json.loads(holding(*arguments, "--json").stdout)
    assert (told["suite"], told["version"], told["cases"]) == ("own", 2, 2)
    assert json.loads(holding("eval", "suites", "list", "--json").stdout)["suites"] == [told]
    output = tmp_path / "out.jsonl"
    done = holding("eval", "suites", "export", "own", "--output", output)
    assert "2 cases" in done.stderr
    assert hashlib.sha256(output.read_bytes()).hexdigest() == told["sha256"]
    assert holding("eval", "suites", "export", "documents/own").stdout == output.read_text("utf-8")
    first = holding("eval", "suites", "export", "own", "--version", 1).stdout
    assert [json.loads(line)["answers"] for line in first.splitlines()] == [["25 days"]]
    assert holding("eval", "suites", "export", "own", "--version", 3).exit_code == 1
    assert holding("eval", "suites", "delete", "own").exit_code == 2  # no terminal to ask on
    assert holding("eval", "suites", "delete", "own", "--yes").exit_code == 0
    assert "No suites" in holding("eval", "suites", "list").stdout


def test_an_import_may_name_the_suite(holding: Plinth, suite: Path, tmp_path: Path) -> None:
    other = suite.rename(tmp_path / ".oddly named")
    arguments = ("eval", "suites", "import", other, "--collection", "documents")
    assert holding(*arguments, "--name", "other").exit_code == 1  # it is read as JSON Lines
    named = other.rename(tmp_path / ".oddly named.csv")
    arguments = ("eval", "suites", "import", named, "--collection", "documents")
    assert holding(*arguments).exit_code == 1
    assert holding(*arguments, "--name", "other").exit_code == 0
    assert "documents/other" in holding("eval", "list").stdout


def test_a_bad_file_is_refused_with_its_line_and_nothing_is_saved(
    holding: Plinth, suite: Path
) -> None:
    suite.write_text(CSV + "Q?,x,a.pdf,iv\n", encoding="utf-8")
    done = holding("eval", "suites", "import", suite, "--collection", "documents")
    assert done.exit_code == 1
    assert "own.csv, line 3: page 'iv' is not a number" in done.stderr
    (stored,) = json.loads(holding("eval", "suites", "list", "--json").stdout)["suites"]
    assert stored["version"] == 1
    wrong = holding("eval", "suites", "import", suite.with_suffix(".txt"), "--collection", "x")
    assert "is no suite" in wrong.stderr


def test_commands_ask_a_stored_suite_by_its_name_and_the_run_names_its_version(
    holding: Plinth, suite: Path, data_dir: Path
) -> None:
    suite.unlink()
    done = holding("eval", "run", "own", "--json")
    assert done.exit_code == 0, done.stderr
    run = json.loads(done.stdout)
    (stored,) = json.loads(holding("eval", "list", "--json").stdout)["stored"]
    assert run["plan"]["suites"] == {"own": stored["sha256"]}
    assert run["plan"]["versions"] == {"own": 1}
    assert run["suites"]["own"]["n"] == 1
    assert "few to fit" in holding("eval", "calibrate", "documents/own").stderr
    swept = holding("eval", "sweep", "own", "--try", "answer.passages=3", "--json")
    assert swept.exit_code == 0, swept.stderr
