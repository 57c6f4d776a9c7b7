from __future__ import annotations

import fcntl
import os
import re
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

import models.fitting.fit as fitting
from models.catalog import ModelEntry
from models.errors import ModelError, ModelFileError, ModelFitError
from models.fitting.fit import fit
from models.fitting.recipes import RECIPES
from models.fitting.record import Record, file_in_use, read_record, record_path
from models.staging import PARTIAL
from tests.models.conftest import a_model
from tests.models.fitting.child import ORIGINAL, SLOW, Outcomes, a_trial

WRONG = a_trial("", kl=0.5)


def fitted_files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "tiny").glob("fitted-*.gguf"))


def scratch(folder: Path) -> Path:
    return folder / PARTIAL / ".fit-tiny"


def reasons(record: Record) -> dict[str, str | None]:
    return {attempt.recipe: attempt.refusal for attempt in record.attempts}


def test_fit_takes_a_faster_and_close_candidate_and_keeps_the_original(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(near_output=a_trial("near-output", prefill=1.3), q4_0=a_trial("q4_0"))
    record = fit(generator, folder, threads=3)
    assert record.recipe == "near-output"
    found = reasons(record)
    assert found["near-output"] is None
    assert "no more than near-output" in str(found["q4_0"])  # and so it was not made
    assert record.threads == 3
    assert record.fitted is not None
    assert (folder / "tiny" / record.fitted.path).read_text() == "GGUFnear-output"
    assert fitted_files(folder) == [record.fitted.path]
    assert (folder / "tiny" / "weight.gguf").read_bytes() == ORIGINAL
    assert not scratch(folder).exists()
    assert read_record(record_path(generator, folder)) == record
    file = file_in_use(generator, folder, use_fitted=True)
    assert (file.path.name, file.sha256) == (record.fitted.path, record.fitted.sha256)


def test_fit_makes_no_file_where_no_candidate_is_predicted_to_gain(
    generator: ModelEntry, folder: Path, outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not even space for one is asked for.
    monkeypatch.setattr(fitting.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    outcomes()
    record = fit(generator, folder)
    assert record.fitted is None
    assert set(reasons(record).values()) == {
        "not fast enough: prefill 1.00 x, decode 1.00 x, a question 1.00 x (predicted)"
    }
    assert all(attempt.predicted and not attempt.figures for attempt in record.attempts)


def test_fit_records_what_was_predicted_and_what_was_measured(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(
        predicted={recipe.name: SLOW for recipe in RECIPES} | {"near": a_trial(prefill=1.4)},
        near=a_trial("near", prefill=1.3),
    )
    (attempt,) = (one for one in fit(generator, folder).attempts if one.recipe == "near")
    assert attempt.predicted is not None
    assert attempt.predicted["prefill_ratio"] == 1.4
    assert attempt.figures is not None
    assert attempt.figures["prefill_ratio"] == 1.3


def test_fit_that_was_promised_more_than_is_measured_keeps_the_original(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(
        predicted={recipe.name: SLOW for recipe in RECIPES} | {"near": a_trial(prefill=1.4)},
        near=SLOW,
    )
    record = fit(generator, folder)
    assert record.fitted is None
    assert (
        reasons(record)["near"]
        == "not fast enough: prefill 1.00 x, decode 1.00 x, a question 1.00 x"
    )


def test_fit_prefers_a_later_candidate_only_where_it_is_clearly_faster(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(near_output=a_trial("near-output"), q4_0=a_trial("q4_0", prefill=1.21))
    assert fit(generator, folder).recipe == "near-output"
    outcomes(near_output=a_trial("near-output"), q4_0=a_trial("q4_0", prefill=1.5))
    assert fit(generator, folder, again=True).recipe == "q4_0"
    assert len(fitted_files(folder)) == 1  # the earlier one is gone


def test_fit_tries_the_next_one_where_the_most_promising_is_refused(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(near_output=a_trial(prefill=1.5, kl=0.5), near=a_trial("near"))
    record = fit(generator, folder)
    assert record.recipe == "near"
    assert "predicts differently" in str(reasons(record)["near-output"])
    assert reasons(record)["near"] is None


def test_fit_without_a_good_candidate_keeps_the_original_and_says_why(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(near=WRONG, output="no such type", q4_0="abort")
    record = fit(generator, folder)
    assert record.fitted is None
    found = reasons(record)
    assert "(predicted)" in str(found["near-output"])
    assert "predicts differently" in str(found["near"])
    assert found["output"] == "no such type"
    assert re.search("ended with signal SIGABRT: something was wrong", str(found["q4_0"]))
    assert fitted_files(folder) == []
    file = file_in_use(generator, folder, use_fitted=True)
    assert file.path.name == "weight.gguf"
    assert "no candidate was both faster and as good" in file.reason


def test_fit_whose_speeds_cannot_be_predicted_keeps_the_original_and_says_why(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(predicted="abort", near=a_trial())
    record = fit(generator, folder)
    assert record.fitted is None
    assert len(record.attempts) == len(RECIPES)
    for attempt in record.attempts:
        assert "could not be predicted: its process ended with signal SIGABRT" in str(
            attempt.refusal
        )
    file = file_in_use(generator, folder, use_fitted=True)
    assert file.path.name == "weight.gguf"
    assert "not fitted, its speed could not be predicted" in file.reason


def test_fit_that_could_not_measure_is_tried_again(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(predicted="abort")
    assert fit(generator, folder).fitted is None
    outcomes(near_output=a_trial("near-output"))
    assert fit(generator, folder).recipe == "near-output"


def test_fit_again_measures_only_when_something_has_changed(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(near_output=a_trial("near-output"), q4_0=SLOW)
    first = fit(generator, folder)
    outcomes(near_output="asked again")
    assert fit(generator, folder) == first
    assert first.fitted is not None
    (folder / "tiny" / first.fitted.path).write_bytes(b"damaged")
    assert fit(generator, folder).attempts[0].refusal == "asked again"


def test_fit_that_is_interrupted_ends_its_process_and_leaves_nothing(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(near_output="wait")
    processes = []

    def interrupt(*, done_bytes: int, total_bytes: int, message: str) -> None:
        processes.append(int(message.split()[-1]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(generator, folder, on_progress=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(processes[0], 0)
    assert not scratch(folder).exists()
    assert fitted_files(folder) == []
    assert not record_path(generator, folder).exists()


def test_fit_removes_what_a_killed_one_left(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    scratch(folder).mkdir(parents=True)
    (scratch(folder) / "near.gguf").write_bytes(b"half")
    orphan = folder / "tiny" / "fitted-near-000000000000.gguf"  # killed before its record
    orphan.write_bytes(b"GGUF")
    outcomes(near_output=a_trial("near-output"), q4_0=SLOW)
    fit(generator, folder)
    assert not scratch(folder).exists()
    assert not orphan.exists()
    assert len(fitted_files(folder)) == 1


def test_fit_waits_for_another_one_and_takes_its_result(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    outcomes(near_output=a_trial("near-output"), q4_0=SLOW)
    first = fit(generator, folder)
    outcomes(near_output="asked again")
    waiting = threading.Event()
    results = []

    def on_progress(*, done_bytes: int, total_bytes: int, message: str) -> None:
        assert "waiting" in message
        waiting.set()

    with (folder / PARTIAL / "tiny.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(
            target=lambda: results.append(fit(generator, folder, on_progress=on_progress))
        )
        second.start()
        assert waiting.wait(30)
        assert results == []
    second.join(30)
    assert results == [first]


def test_fit_on_a_full_disk_says_so_before_anything_is_made(
    generator: ModelEntry, folder: Path, outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes(near_output="asked")
    monkeypatch.setattr(fitting.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ModelFitError, match=r"needs .* bytes of disk.*plinth models fit tiny"):
        fit(generator, folder)
    assert not record_path(generator, folder).exists()


def test_fit_that_cannot_write_is_a_known_error(
    generator: ModelEntry, folder: Path, outcomes: Outcomes
) -> None:
    (folder / PARTIAL).write_text("a file where a folder belongs")
    with pytest.raises(ModelFitError, match="cannot fit 'tiny'"):
        fit(generator, folder)


def test_fit_of_what_is_not_there_or_no_model_is_refused(
    generator: ModelEntry, folder: Path
) -> None:
    (folder / "tiny" / "weight.gguf").unlink()
    with pytest.raises(ModelFileError, match="missing"):
        fit(generator, folder)
    embedder = a_model(*generator.files).model_copy(update={"task": "embed"})
    with pytest.raises(ModelError, match="only generators"):
        fit(embedder, folder)
