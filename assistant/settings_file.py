"""Where settings come from: `plinth.toml` of a data dir, and the environment over it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistant.errors import SettingsError

PREFIX = "PLINTH_"


def read_settings_file(path: Path) -> dict[str, Any]:
    """Return the sections of `plinth.toml`; of a missing file, none.

    Raises:
        SettingsError: the file is not TOML or cannot be read.
    """
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML ({error}); correct or remove it") from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}); check its rights"
        ) from error


def settings_variables(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Map environment variables `PLINTH_SECTION__KEY` to (section, key)."""
    return {
        name: (parts[0].lower(), parts[1].lower())
        for name in environ
        if name.startswith(PREFIX) and len(parts := name.removeprefix(PREFIX).split("__", 1)) == 2
    }
