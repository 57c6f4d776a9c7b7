from __future__ import annotations

import json
from pathlib import Path

import pytest

import ui.cli.models as models_command
from tests.ui.conftest import Plinth

GGUF = b"GGUF" + bytes(100)


@pytest.fixture(autouse=True)
def models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("PLINTH_MODELS_DIR", str(folder))
    return folder


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "brought.gguf"
    path.write_bytes(GGUF)
    return path


def test_list_shows_what_is_known_and_what_is_here(plinth: Plinth, gguf: Path) -> None:
    plinth("models", "import", "our-model", gguf)
    rows = {
        row["name"]: row for row in json.loads(plinth("models", "list", "--json").stdout)["models"]
    }
    assert rows["our-model"]["state"] == "ready"
    assert rows["all-minilm-l6-v2"]["state"] == "absent"
    assert rows["all-minilm-l6-v2"]["licence"] == "Apache-2.0"
    lines = plinth("models", "list").stdout
    assert "our-model" in lines
    assert "absent" in lines


def test_list_marks_the_models_of_the_settings(
    plinth: Plinth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLINTH_MODELS__GENERATOR", "smollm2-135m-instruct")
    lines = plinth("models", "list").stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("*")] == ["smollm2-135m-instruct"]


def test_pull_of_stand_ins_has_nothing_to_do(plinth: Plinth) -> None:
    done = plinth("models", "pull", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"models": []}


def test_pull_of_an_unknown_name_fetches_nothing(plinth: Plinth, models_folder: Path) -> None:
    done = plinth("models", "pull", "all-minilm-l6-v2", "nope")
    assert done.exit_code == 1
    assert "'nope' is not in the catalogue" in done.stderr
    assert not models_folder.exists()


def test_pull_of_what_is_here_says_so(plinth: Plinth, gguf: Path) -> None:
    plinth("models", "import", "our-model", gguf)
    assert plinth("models", "pull", "our-model").stdout == "our-model: already here\n"
    done = plinth("models", "pull", "our-model", "--json")
    assert json.loads(done.stdout) == {"models": [{"name": "our-model", "status": "present"}]}


def test_verify_finds_damage_and_exits_with_one(
    plinth: Plinth, gguf: Path, models_folder: Path
) -> None:
    plinth("models", "import", "our-model", gguf)
    good = plinth("models", "verify")
    assert (good.exit_code, good.stdout) == (0, "ok       our-model/model.gguf\n")
    (models_folder / "our-model" / "model.gguf").write_bytes(GGUF[:-1] + b"!")
    bad = plinth("models", "verify", "our-model", "--json")
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)["files"][0]["state"] == "damaged"
    assert "plinth models pull our-model" in bad.stderr
    rows = json.loads(plinth("models", "list", "--json").stdout)["models"]
    assert rows[-1]["state"] == "damaged"


def test_verify_without_models_has_nothing_to_say(plinth: Plinth) -> None:
    assert plinth("models", "verify").stdout == ""


def test_import_prints_what_it_registered(plinth: Plinth, gguf: Path) -> None:
    done = plinth("models", "import", "ours", gguf, "--prompt-format", "llama3", "--json")
    assert json.loads(done.stdout)["prompt_format"] == "llama3"
    assert "imported from" in plinth("models", "import", "ours", gguf).stdout


def test_import_of_something_else_is_refused(plinth: Plinth, tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_bytes(b"<html>")
    done = plinth("models", "import", "our-model", path)
    assert done.exit_code == 1
    assert "not a GGUF file" in done.stderr


def test_progress_off_a_terminal_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 1.0, 2.0, 11.0])
    monkeypatch.setattr(models_command.time, "monotonic", lambda: next(clock))
    show = models_command._line_printer("tiny")
    for done_bytes in (10_000_000, 20_000_000, 30_000_000):
        show(done_bytes=done_bytes, total_bytes=40_000_000, message="part")
    # 20 MB in 11 s leave 10 MB for 5.5 s.
    assert capsys.readouterr().err.splitlines() == [
        "tiny: part, 10 of 40 MB",
        "tiny: part, 30 of 40 MB, about 6 s left",
    ]


def test_progress_on_a_terminal_is_a_bar(plinth: Plinth, monkeypatch: pytest.MonkeyPatch) -> None:
    def pull(model, models_dir, on_progress) -> bool:
        on_progress(done_bytes=0, total_bytes=0, message="waiting")
        on_progress(done_bytes=5, total_bytes=10, message="part")
        return True

    monkeypatch.setattr("models.pull.pull", pull)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    done = plinth("models", "pull", "all-minilm-l6-v2")
    assert done.stdout == "all-minilm-l6-v2: fetched and verified\n"
