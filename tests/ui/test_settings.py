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


@pytest.mark.parametrize("bits", [8, 16])
def test_load_settings_takes_a_choice_of_numbers_from_the_environment(
    tmp_path: Path, bits: int
) -> None:
    settings = load_settings(tmp_path, {"PLINTH_MODELS__KEPT_BITS": str(bits)})
    assert settings.models.kept_bits == bits
    with pytest.raises(SettingsError, match="kept_bits: Input should be 8 or 16"):
        load_settings(tmp_path, {"PLINTH_MODELS__KEPT_BITS": "some"})


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


def test_load_settings_takes_a_provider_and_shows_no_secret(tmp_path: Path) -> None:
    (tmp_path / "plinth.toml").write_text(
        '[openid]\nissuer = "https://id.example/realms/a"\nclient_id = "plinth"\n'
    )
    settings = load_settings(tmp_path, {"PLINTH_OPENID__CLIENT_SECRET": "s3cret"})
    assert settings.openid.is_on
    assert settings.openid.client_secret.get_secret_value() == "s3cret"
    for shown in (repr(settings), str(settings.openid), settings.model_dump_json()):
        assert "s3cret" not in shown
    assert not load_settings(tmp_path / "none", {}).openid.is_on


@pytest.mark.parametrize(
    "issuer",
    [
        "http://id.example",
        "http://10.0.0.1",
        "ftp://id.example",
        "id.example",
        "https://",
        "https://ann@id.example",
        "https://id.example?a=1",
        "https://id.example#a",
        "https://id.example/a b",
        "https://id.example/a|b",
        "https://id.example\\a",
        "https://[",
        "https://id.example:x",
        "https://ïd.example",
    ],
)
def test_load_settings_refuses_a_provider_that_secrets_must_not_be_sent_to(
    tmp_path: Path, issuer: str
) -> None:
    environ = {"PLINTH_OPENID__ISSUER": issuer, "PLINTH_OPENID__CLIENT_ID": "plinth"}
    with pytest.raises(SettingsError, match=r"OPENID__ISSUER: openid\.issuer: .*https address"):
        load_settings(tmp_path, environ)


def test_load_settings_of_half_a_provider_shows_no_secret(tmp_path: Path) -> None:
    environ = {
        "PLINTH_OPENID__ISSUER": "http://127.0.0.1:9000",
        "PLINTH_OPENID__CLIENT_SECRET": "s3cret",
        "PLINTH_OPENID__LABEL": "",
    }
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path, environ)
    del environ["PLINTH_OPENID__LABEL"]
    with pytest.raises(SettingsError, match="client_id must be") as other:
        load_settings(tmp_path, environ)
    for error in (caught.value, other.value):
        assert "s3cret" not in f"{error} {error.__cause__}"


def test_default_data_dir_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PLINTH_DATA_DIR", str(tmp_path))
    assert default_data_dir() == tmp_path
    monkeypatch.delenv("PLINTH_DATA_DIR")
    assert default_data_dir().name == "plinth"


def test_without_a_home_settings_say_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home(_name: str) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("ui.settings.user_data_path", no_home)
    monkeypatch.setattr("models.settings.user_cache_path", no_home)
    monkeypatch.delenv("PLINTH_DATA_DIR", raising=False)
    with pytest.raises(SettingsError, match="set PLINTH_DATA_DIR"):
        default_data_dir()
    with pytest.raises(SettingsError, match="set PLINTH_MODELS_DIR"):
        load_settings(tmp_path, {})
    assert load_settings(tmp_path, {"PLINTH_MODELS_DIR": "/m"}).models.dir == Path("/m")
