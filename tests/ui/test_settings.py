from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import SettingsError
from ui.settings import default_data_dir, load_settings


def test_load_settings_of_an_empty_data_dir_gives_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings.models.generator == "qwen2.5-coder-1.5b-instruct"


def test_load_settings_lets_the_environment_override_the_file(tmp_path: Path) -> None:
    (tmp_path / "plinth.toml").write_text("[retrieval]\ndense_weight = 0.2\ncandidates = 50\n")
    settings = load_settings(tmp_path, {"PLINTH_RETRIEVAL__DENSE_WEIGHT": "0.7"})
    assert settings.retrieval.dense_weight == 0.7
    assert settings.retrieval.candidates == 50


def test_load_settings_takes_the_models_dir_variable(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"PLINTH_MODELS_DIR": "/somewhere"})
    assert settings.models.dir == Path("/somewhere")


def test_load_settings_names_every_problem_and_where_it_was_set(tmp_path: Path) -> None:
    (tmp_path / "plinth.toml").write_text("[answer]\nmin_confidence = 2\n[nonsense]\na = 1\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, {"PLINTH_INGEST__CHUNK_TOKENS": "many"})
    message = str(caught.value)
    assert "answer.min_confidence" in message
    assert "nonsense" in message
    assert "PLINTH_INGEST__CHUNK_TOKENS: ingest.chunk_tokens" in message
    assert str(tmp_path / "plinth.toml") in message


def test_load_settings_of_a_file_that_is_not_toml_says_so(tmp_path: Path) -> None:
    (tmp_path / "plinth.toml").write_text("[answer\n")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings(tmp_path, {})


def test_load_settings_of_an_unreadable_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "plinth.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path, {})


def test_default_data_dir_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLINTH_DATA_DIR", str(tmp_path))
    assert default_data_dir() == tmp_path
    monkeypatch.delenv("PLINTH_DATA_DIR")
    assert default_data_dir().name == "plinth"
