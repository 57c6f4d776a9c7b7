from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path

import pytest

import ui.cli.models as models_command
from tests.models.fitting.child import ORIGINAL, Outcomes, a_trial, set_outcomes
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


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> Outcomes:
    return partial(set_outcomes, monkeypatch)


@pytest.fixture
def fittable(
    plinth: Plinth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcomes: Outcomes
) -> str:
    """An imported generator, in the settings, of which one good candidate can be made."""
    path = tmp_path / "fittable.gguf"
    path.write_bytes(ORIGINAL)
    monkeypatch.setenv("PLINTH_MODELS__GENERATOR", "our-model")
    assert plinth("models", "import", "our-model", path).exit_code == 0
    outcomes(
        near_output=a_trial("near-output", prefill=1.3, decode=1.4),
        q4_0=a_trial("q4_0", prefill=1.6, decode=1.6, kl=0.4),
    )
    return "our-model"


def test_fit_says_what_was_tried_and_what_is_in_use(plinth: Plinth, fittable: str) -> None:
    done = plinth("models", "fit")
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            "our-model: near-output: prefill 1.30 x, decode 1.40 x, mean KL 0.020, "
            "same token 0.900; good enough",
            "our-model: near: not fast enough: prefill 1.00 x, decode 1.00 x, "
            "a question 1.00 x (predicted)",
            "our-model: output: not fast enough: prefill 1.00 x, decode 1.00 x, "
            "a question 1.00 x (predicted)",
            "our-model: q4_0: prefill 1.60 x, decode 1.60 x, mean KL 0.400, same token 0.900; "
            "predicts differently: mean KL 0.400 (at most 0.06), same token where the original is "
            "sure 1.000 (at least 0.97)",
            "our-model: q4_0-output: not fast enough: prefill 1.00 x, decode 1.00 x, "
            "a question 1.00 x (predicted)",
            "our-model: fitted to this processor (near-output): prefill 1.30 x, decode 1.40 x",
        ],
    )
    assert "our-model: process " in done.stderr


def test_fit_as_json_holds_figures_and_the_file_in_use(
    plinth: Plinth, fittable: str, models_folder: Path
) -> None:
    (row,) = json.loads(plinth("models", "fit", "our-model", "--json").stdout)["models"]
    assert row["name"] == "our-model"
    assert row["recipe"] == "near-output"
    assert row["attempts"][0]["figures"]["prefill_ratio"] == 1.3
    assert row["file"]["fitted"] is True
    path = Path(row["file"]["path"])
    assert path.parent == models_folder / "our-model"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == row["file"]["sha256"]


def test_pull_fits_a_generator_unless_the_settings_forbid_it(
    plinth: Plinth, fittable: str, models_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLINTH_MODELS__FITTED", "off")
    assert "fitted" not in plinth("models", "pull", fittable).stderr
    assert list((models_folder / fittable).glob("fitted-*")) == []
    monkeypatch.setenv("PLINTH_MODELS__FITTED", "auto")
    done = plinth("models", "pull", fittable)
    assert done.stdout == "our-model: already here\n"
    assert "fitted to this processor (near-output)" in done.stderr
    assert len(list((models_folder / fittable).glob("fitted-*.gguf"))) == 1


def test_pull_of_a_generator_that_cannot_be_fitted_is_done_all_the_same(
    plinth: Plinth, gguf: Path
) -> None:
    plinth("models", "import", "our-model", gguf)
    done = plinth("models", "pull", "our-model")
    assert done.exit_code == 0
    assert "not fitted to this processor: cannot read the header" in done.stderr


def test_fit_of_a_file_that_cannot_be_fitted_exits_with_one(plinth: Plinth, gguf: Path) -> None:
    plinth("models", "import", "our-model", gguf)
    done = plinth("models", "fit", "our-model")
    assert done.exit_code == 1
    assert "cannot read the header" in done.stderr


def test_fit_that_is_interrupted_exits_with_130(
    plinth: Plinth, fittable: str, outcomes: Outcomes
) -> None:
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    outcomes(near_output="wait")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models_command, "_line_printer", lambda _: interrupt)
        assert plinth("models", "fit").exit_code == 130


def test_fit_again_measures_anew(plinth: Plinth, fittable: str, outcomes: Outcomes) -> None:
    plinth("models", "fit")
    outcomes(near_output="x", near="x", output="x", q4_0="x")
    assert "near-output" in plinth("models", "fit").stdout
    done = plinth("models", "fit", "--again")
    assert done.stdout.endswith(
        "original: no candidate was both faster and as good on this processor\n"
    )


def test_verify_reads_the_fitted_file_too_and_pull_mends_it(
    plinth: Plinth, fittable: str, models_folder: Path
) -> None:
    plinth("models", "fit")
    (path,) = (models_folder / fittable).glob("fitted-*.gguf")
    assert f"ok       our-model/{path.name}" in plinth("models", "verify").stdout
    path.write_bytes(path.read_bytes()[::-1])
    done = plinth("models", "verify")
    assert done.exit_code == 1
    assert f"damaged  our-model/{path.name}" in done.stdout
    plinth("models", "pull", "our-model")
    assert plinth("models", "verify").exit_code == 0


def test_list_and_doctor_say_which_file_is_in_use(
    plinth: Plinth, fittable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hint = "original: not fitted to this processor; run `plinth models fit our-model`"
    assert f"    {hint}\n" in plinth("models", "list").stdout
    assert hint in plinth("doctor").stdout
    plinth("models", "fit")
    gain = "fitted to this processor (near-output): prefill 1.30 x, decode 1.40 x"
    assert gain in plinth("models", "list").stdout
    assert gain in plinth("doctor").stdout
    rows = json.loads(plinth("models", "list", "--json").stdout)["models"]
    assert {row["name"]: row["file"] for row in rows}["our-model"]["fitted"] is True
    monkeypatch.setenv("PLINTH_MODELS__FITTED", "off")
    assert "original: models.fitted is off" in plinth("models", "list").stdout


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
