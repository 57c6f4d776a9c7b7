"""A site's own calibration, a file in its data dir."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.confidence import SHIPPED, Calibration
from assistant.errors import SettingsError
from assistant.inert import json_text
from assistant.store.files import write_durably


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    bias: float
    coefficients: dict[str, float]
    least: float = Field(ge=0, le=1)
    generator: str = Field(min_length=1)
    prompt_version: str = Field(min_length=1)
    fitted: dict[str, Any]


def read_calibration(path: Path) -> Calibration | None:
    """Return a site's own calibration; None where there is none.

    Raises:
        SettingsError: the file cannot be read or is not a calibration.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}); check its rights"
        ) from error
    try:
        return Calibration(**_File.model_validate_json(data).model_dump())
    except ValidationError as error:
        raise SettingsError(
            f"{path} is not a calibration ({error.error_count()} problems, the first: "
            f"{error.errors()[0]['msg']}); fit a new one (`plinth eval calibrate`) or remove it"
        ) from error


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Put a calibration in the place of an earlier one, durably.

    Raises:
        StoreError: the disk is full or refuses.
    """
    text = json_text(asdict(calibration), indent=2) + "\n"
    write_durably(path.parent, [text.encode()], path.name)


def calibration_in_use(
    path: Path, *, generator: str, prompt_version: str
) -> tuple[Calibration, str | None]:
    """Return what confidences are computed with, and why that should be fitted anew, if it should.

    Args:
        path: Of a site's own calibration.
        generator: Name of the model that answers.
        prompt_version: Of the prompts that it is given.

    Raises:
        SettingsError: the site's file is not a calibration.
    """
    own = read_calibration(path)
    if own is not None and own.is_for(generator, prompt_version):
        return own, None
    if own is not None:
        what = "another model" if own.generator != generator else "other prompts"
        return SHIPPED, f"the calibration was fitted with {what}; fit it again"
    if SHIPPED.is_for(generator, prompt_version):
        return SHIPPED, None
    if SHIPPED.generator == generator:
        return SHIPPED, "the shipped calibration was fitted with other prompts; fit one"
    return SHIPPED, f"no calibration was fitted to {generator}; confidences are rough"
