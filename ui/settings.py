"""All settings of a data dir: composed from the sections that each package defines for itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import SettingsError
from assistant.settings import (
    AnswerSettings,
    CatalogSettings,
    MonitoringSettings,
    OpenIdSettings,
    RetrievalSettings,
    SignInSettings,
)
from assistant.settings_file import read_settings_file, settings_variables
from assistant.store.layout import Layout
from ingest.settings import IngestSettings
from models.settings import ModelsSettings

MODELS_DIR = "PLINTH_MODELS_DIR"
DATA_DIR = "PLINTH_DATA_DIR"


class Settings(BaseModel):
    """The effective settings; passed to constructors, never global."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    models: ModelsSettings = Field(default_factory=ModelsSettings)  # its folder needs a home
    ingest: IngestSettings = IngestSettings()
    catalog: CatalogSettings = CatalogSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answer: AnswerSettings = AnswerSettings()
    sign_in: SignInSettings = SignInSettings()
    openid: OpenIdSettings = OpenIdSettings()
    monitoring: MonitoringSettings = MonitoringSettings()


def default_data_dir() -> Path:
    """Return `PLINTH_DATA_DIR`, else the platform's folder for a user's data.

    Raises:
        SettingsError: neither is known.
    """
    try:
        return Path(os.environ.get(DATA_DIR) or user_data_path("plinth"))
    except RuntimeError as error:
        raise SettingsError(f"where are the data? ({error}); set {DATA_DIR}") from error


def load_settings(data_dir: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read `plinth.toml` of a data dir, then the environment over it.

    Raises:
        SettingsError: the file is not TOML, or keys are unknown, of the wrong type or out of
            range; the message lists every problem with where it was set.
    """
    path = Layout(data_dir).settings
    values = read_settings_file(path)
    origins: dict[tuple[Any, ...], str] = {}
    for variable, (section, key) in _variables(environ).items():
        values.setdefault(section, {})[key] = environ[variable]
        origins[section, key] = variable
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{origins.get((problem['loc'] + ('',))[:2], str(path))}: "
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise SettingsError("settings are not valid; correct: " + "; ".join(problems)) from error
    except RuntimeError as error:  # no home, and so no cache folder
        raise SettingsError(f"where are the models? ({error}); set {MODELS_DIR}") from error


def _variables(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    found = settings_variables(environ)
    if environ.get(MODELS_DIR):
        found[MODELS_DIR] = ("models", "dir")
    return found
