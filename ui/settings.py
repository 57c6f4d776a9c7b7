"""All settings of a data dir: composed from the sections that each package defines for itself."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.errors import SettingsError
from assistant.settings import AnswerSettings, RetrievalSettings, SignInSettings
from ingest.settings import IngestSettings
from models.settings import ModelsSettings

FILE_NAME = "plinth.toml"
PREFIX = "PLINTH_"
MODELS_DIR = "PLINTH_MODELS_DIR"
DATA_DIR = "PLINTH_DATA_DIR"


class Settings(BaseModel):
    """The effective settings; passed to constructors, never global."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: ModelsSettings = ModelsSettings()
    ingest: IngestSettings = IngestSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answer: AnswerSettings = AnswerSettings()
    sign_in: SignInSettings = SignInSettings()


def default_data_dir() -> Path:
    """Return `PLINTH_DATA_DIR`, else the platform's folder for a user's data."""
    return Path(os.environ.get(DATA_DIR) or user_data_path("plinth"))


def load_settings(data_dir: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read `plinth.toml` of a data dir, then the environment over it.

    Raises:
        SettingsError: the file is not TOML, or keys are unknown, of the wrong type or out of
            range; the message lists every problem with where it was set.
    """
    path = data_dir / FILE_NAME
    values, origins = _from_file(path)
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


def _from_file(path: Path) -> tuple[dict[str, dict[str, Any]], dict[tuple[Any, ...], str]]:
    if not path.exists():
        return {}, {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML ({error}); correct or remove it") from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}); check its rights"
        ) from error
    return values, {}


def _variables(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Map environment variables `PLINTH_SECTION__KEY` to (section, key)."""
    found = {
        name: (parts[0].lower(), parts[1].lower())
        for name in environ
        if name.startswith(PREFIX) and len(parts := name.removeprefix(PREFIX).split("__", 1)) == 2
    }
    if environ.get(MODELS_DIR):
        found[MODELS_DIR] = ("models", "dir")
    return found
