from __future__ import annotations

from pathlib import Path

import pytest

import models.fitting.record as records
from models.catalog import ModelEntry
from models.factory import build_generator
from models.fitting.fit import fit
from models.fitting.record import Record, file_in_use, library_build, read_record, record_path
from models.settings import ModelsSettings
from tests.models.fitting.child import Outcomes, a_trial


@pytest.fixture
def record(generator: ModelEntry, folder: Path, outcomes: Outcomes) -> Record:
    """Of a fit that found a better file."""
    outcomes(
        near_output=a_trial("near-output", prefill=1.25, decode=1.4),
        q4_0=a_trial("q4_0", kl=9.0),
    )
    return fit(generator, folder)


def rewrite(generator: ModelEntry, folder: Path, record: Record, **changes: object) -> None:
    records.write_record(record_path(generator, folder), record.model_copy(update=changes))


def test_the_fitted_file_is_used_and_says_what_it_gains(
    generator: ModelEntry, folder: Path, record: Record
) -> None:
    file = file_in_use(generator, folder, use_fitted=True)
    assert file.is_fitted
    assert file.reason == ("fitted to this processor (near-output): prefill 1.25 x, decode 1.40 x")


def test_the_setting_switches_it_off(generator: ModelEntry, folder: Path, record: Record) -> None:
    file = file_in_use(generator, folder, use_fitted=False)
    assert (file.path.name, file.is_fitted) == ("weight.gguf", False)
    assert file.sha256 == record.original.sha256
    assert "models.fitted is off" in file.reason


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("processor_key", "0" * 16, "another processor"),
        ("build", "0.0.1", "another build"),
        ("rules", "0" * 16, "rules of another release"),
    ],
)
def test_a_record_of_other_circumstances_is_not_used(
    generator: ModelEntry, folder: Path, record: Record, field: str, value: str, reason: str
) -> None:
    rewrite(generator, folder, record, **{field: value})
    file = file_in_use(generator, folder, use_fitted=True)
    assert not file.is_fitted
    assert reason in file.reason
    assert "plinth models fit tiny" in file.reason


def test_a_record_of_another_original_is_not_used(
    generator: ModelEntry, folder: Path, record: Record
) -> None:
    other = record.original.model_copy(update={"sha256": "0" * 64})
    rewrite(generator, folder, record, original=other)
    assert "another original" in file_in_use(generator, folder, use_fitted=True).reason


def test_a_damaged_or_missing_fitted_file_is_not_used(
    generator: ModelEntry, folder: Path, record: Record
) -> None:
    assert record.fitted is not None
    path = folder / "tiny" / record.fitted.path
    path.write_bytes(path.read_bytes()[::-1])
    assert "is damaged" in file_in_use(generator, folder, use_fitted=True).reason
    path.unlink()
    file = file_in_use(generator, folder, use_fitted=True)
    assert "is missing" in file.reason
    assert file.path.name == "weight.gguf"


def test_a_record_that_cannot_be_read_counts_as_none(
    generator: ModelEntry, folder: Path, record: Record
) -> None:
    path = record_path(generator, folder)
    for text in ("{", "[]", '{"fitted": {"path": "../../elsewhere.gguf"}}'):
        path.write_text(text)
        assert read_record(path) is None
        assert "not fitted" in file_in_use(generator, folder, use_fitted=True).reason


def test_a_record_cannot_name_a_file_elsewhere(
    generator: ModelEntry, folder: Path, record: Record
) -> None:
    path = record_path(generator, folder)
    assert record.fitted is not None
    text = path.read_text()
    path.write_text(text.replace(record.fitted.path, "../tiny/weight.gguf"))
    assert read_record(path) is None


def test_the_build_names_version_and_compiled_library() -> None:
    release, digest = library_build().split()
    assert release.count(".") == 2
    assert len(digest) == 12


def test_the_factory_s_generator_is_of_the_file_in_use(
    generator: ModelEntry, folder: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.factory.find_model", lambda *_: generator)
    fitted = build_generator(ModelsSettings(dir=folder, generator="tiny")).info
    original = build_generator(ModelsSettings(dir=folder, generator="tiny", fitted="off")).info
    assert record.fitted is not None
    assert fitted.sha256 == record.fitted.sha256
    assert original.sha256 == record.original.sha256
    assert fitted.fingerprint != original.fingerprint
