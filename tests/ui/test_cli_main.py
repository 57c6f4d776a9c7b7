from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ui.conftest import Plinth

COMMANDS = [
    ("ingest",),
    ("search",),
    ("ask",),
    ("doctor",),
    ("backup",),
    ("restore",),
    ("bench",),
    ("docs", "list"),
    ("docs", "show"),
    ("docs", "delete"),
    ("collections", "list"),
    ("collections", "add"),
    ("collections", "grant"),
    ("collections", "revoke"),
    ("groups", "add"),
    ("groups", "list"),
    ("groups", "remove"),
    ("models", "list"),
    ("models", "pull"),
    ("models", "fit"),
    ("models", "verify"),
    ("models", "import"),
    ("eval", "run"),
    ("eval", "list"),
    ("eval", "report"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(plinth: Plinth, command: tuple[str, ...]) -> None:
    done = plinth(*command, "--help")
    assert done.exit_code == 0
    assert "Example" in done.stdout


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; sys.argv=['plinth','--help']\n"
        "from ui.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy={'torch','faiss','llama_cpp','sentence_transformers','sqlalchemy','pypdf'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_option_is_a_usage_error(plinth: Plinth) -> None:
    assert plinth("ask", "x?", "--nonsense").exit_code == 2


def test_an_unwritable_data_dir_is_a_known_error(plinth: Plinth, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = plinth("search", "x", "--data-dir", tmp_path / "file" / "data")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert "unexpected" not in done.stderr


def test_an_unknown_model_is_a_known_error(plinth: Plinth, data_dir: Path) -> None:
    (data_dir / "plinth.toml").write_text('[models]\nembedder = "word2vec"\n')
    done = plinth("search", "x")
    assert done.exit_code == 1
    assert "word2vec" in done.stderr
    assert "unexpected" not in done.stderr


def test_missing_weights_are_a_known_error_that_names_the_command(
    plinth: Plinth, data_dir: Path, tmp_path: Path
) -> None:
    (data_dir / "plinth.toml").write_text(f'[models]\ndir = "{tmp_path / "none"}"\n')
    done = plinth("ask", "x?")
    assert done.exit_code == 1
    assert "plinth models pull" in done.stderr


def test_what_commands_make_only_its_owner_can_read(
    plinth: Plinth, folder: Path, data_dir: Path, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.jsonl"
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"id": "1", "question": "How many days of leave?"}\n', encoding="utf-8")
    before = set(data_dir.iterdir())  # the settings, which the operator made
    assert plinth("ingest", folder).exit_code == 0
    assert plinth("ask", "--batch", questions, "--output", answers).exit_code == 0
    made = [answers, *(path for path in data_dir.rglob("*") if path not in before)]
    assert len(made) > 5
    assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
